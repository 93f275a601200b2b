#include "compiler/driver/commands.h"

#include "compiler/driver/files.h"
#include "compiler/driver/report.h"
#include "compiler/syntax/parse.h"

#include <algorithm>
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

// A program that reads our diagnostics gets one with the first line that differs.
void tellDifference(const std::string &name, const std::string &text, const std::string &wanted,
                    const Settings &settings) {
  if (!settings.json) {
    std::printf("%s would change\n", name.c_str());
    return;
  }
  SourceManager sources;
  Diagnostics diagnostics(sources);
  size_t same = std::mismatch(text.begin(), text.begin() + static_cast<ptrdiff_t>(std::min(text.size(), wanted.size())),
                              wanted.begin())
                    .first -
                text.begin();
  uint32_t at = static_cast<uint32_t>(same);
  diagnostics.warning(Code::FileError, {sources.add(name, text), at, at}, name + " would change");
  report(diagnostics, settings);
}

bool formatStandardInput(const FmtCommand &command, const Settings &settings) {
  std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  std::optional<std::string> result = laidOut("<stdin>", text, settings);
  if (!result)
    return false;
  if (command.check) {
    if (*result != text)
      tellDifference("<stdin>", text, *result, settings);
    return *result == text;
  }
  std::fwrite(result->data(), 1, result->size(), stdout);
  return true;
}

bool formatFile(const std::string &path, const FmtCommand &command, const Settings &settings) {
  std::optional<std::string> text = readFile(path);
  if (!text) {
    report(cannotRead(path), settings);
    return false;
  }
  std::optional<std::string> result = laidOut(path, *text, settings);
  if (!result)
    return false;
  if (*result == *text)
    return true;
  if (command.check) {
    tellDifference(path, *text, *result, settings);
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
  for (const std::string &path : expandFolders(command.files))
    ok &= path == "-" ? formatStandardInput(command, settings) : formatFile(path, command, settings);
  return ok ? 0 : 1;
}

} // namespace dl::driver
