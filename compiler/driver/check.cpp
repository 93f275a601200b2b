#include "compiler/driver/commands.h"
#include "compiler/driver/compilation.h"
#include "compiler/driver/report.h"
#include "compiler/lsp/analysis.h"

#include <cstdio>

namespace dl::driver {
namespace {

// `x @ w1`, on one line.
std::string quoted(std::string_view text) {
  std::string out;
  for (char c : text.substr(0, text.find('\n')))
    out += c;
  return out.size() < text.size() ? out + " …" : out;
}

// Prints the type of the innermost expression at the place, once per instance of a generic function.
bool printTypes(const lsp::PlaceName &name, const std::string &where, const Settings &settings) {
  std::optional<std::string> text = readFile(name.file);
  if (!text) {
    report(cannotRead(name.file), settings);
    return false;
  }
  lsp::Analysis analysis(name.file, *text);
  for (const Diagnostic &diagnostic : analysis.diagnostics())
    report(diagnostic, analysis.sources(), settings);
  std::optional<uint32_t> offset = analysis.sources().offset(analysis.facts().file, name.place);
  std::vector<sema::TypedPlace> types = offset ? analysis.typesAt(*offset) : std::vector<sema::TypedPlace>();
  if (types.empty()) {
    // After errors the type is missing because of them.
    if (!analysis.hasErrors()) {
      Diagnostic nothing{
          Code::FileError, Severity::Error, "no expression with a known type stands here", {}, {}, {}, ""};
      if (offset)
        nothing.span = {analysis.facts().file, *offset, *offset};
      report(nothing, analysis.sources(), settings);
    }
    return false;
  }
  LineColumn begin = analysis.sources().lineColumn(types[0].span.file, types[0].span.begin);
  std::printf("%s:%d:%d: %s\n", name.file.c_str(), begin.line, begin.column,
              quoted(analysis.sources().text(types[0].span)).c_str());
  for (const sema::TypedPlace &place : types)
    std::printf("  %s%s%s\n", place.type.c_str(), place.instance.empty() ? "" : "  in ", place.instance.c_str());
  return !analysis.hasErrors();
}

} // namespace

int check(const CheckCommand &command, const Settings &settings) {
  std::optional<lsp::PlaceName> place = lsp::parsePlace(command.types);
  if (!command.types.empty() && !place) {
    report("--types takes FILE:LINE:COLUMN, not `" + command.types + "`", settings);
    return 2;
  }
  bool ok = command.types.empty() || printTypes(*place, command.types, settings);
  for (const std::string &path : expandFolders(command.files)) {
    Compilation compilation(settings);
    // A derivative that does not exist is found by differentiating: that needs no running either.
    ok &= compilation.addFile(path) && compilation.check() && compilation.generate() &&
          compilation.lowering.differentiate();
    report(compilation.diagnostics, settings);
  }
  return ok ? 0 : 1;
}

} // namespace dl::driver
