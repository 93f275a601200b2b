#include "compiler/driver/commands.h"

#include "compiler/driver/files.h"
#include "compiler/driver/report.h"
#include "compiler/syntax/parse.h"

#include <cstdio>
#include <iostream>
#include <iterator>

namespace dl::driver {
namespace {

// The text in its usual layout, or nothing after reporting why not.
std::optional<std::string> laidOut(const std::string &name, const std::string &text, const Settings &settings) {
  SourceManager sources;
  ast::AstContext context;
  Diagnostics diagnostics(sources);
  ast::File file = parse(sources.add(name, text), sources, context, diagnostics);
  if (diagnostics.hasErrors()) {
    report(diagnostics, settings);
    return std::nullopt;
  }
  return format(file, sources);
}

bool formatStandardInput(const FmtCommand &command, const Settings &settings) {
  std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  std::optional<std::string> result = laidOut("<stdin>", text, settings);
  if (!result)
    return false;
  if (command.check)
    return *result == text;
  std::fwrite(result->data(), 1, result->size(), stdout);
  return true;
}

bool formatFile(const std::string &path, const FmtCommand &command, const Settings &settings) {
  std::optional<std::string> text = readFile(path);
  if (!text) {
    report("cannot read " + path, settings);
    return false;
  }
  std::optional<std::string> result = laidOut(path, *text, settings);
  if (!result)
    return false;
  if (*result == *text)
    return true;
  if (command.check) {
    std::printf("%s would change\n", path.c_str());
    return false;
  }
  std::string problem = writeFile(path, *result);
  if (!problem.empty())
    report("cannot write " + path + ": " + problem, settings);
  return problem.empty();
}

} // namespace

int fmt(const FmtCommand &command, const Settings &settings) {
  bool ok = true;
  for (const std::string &path : command.files)
    ok &= path == "-" ? formatStandardInput(command, settings) : formatFile(path, command, settings);
  return ok ? 0 : 1;
}

} // namespace dl::driver
