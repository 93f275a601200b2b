#include "tests/fuzz/checker/check_anything.h"

#include "compiler/ops/registry.h"
#include "compiler/sema/check.h"
#include "compiler/syntax/parse.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace dl::testing {
namespace {

void require(bool holds, const char *promise, std::string_view text, const std::string &found = {}) {
  if (holds)
    return;
  std::fprintf(stderr, "broken promise: %s\n%s\n%.*s\n", promise, found.c_str(), static_cast<int>(text.size()),
               text.data());
  std::abort();
}

} // namespace

void checkAnything(std::string_view text, const std::string &library) {
  SourceManager sources;
  Diagnostics diagnostics(sources);
  ast::AstContext context;
  ast::File file = parse(sources.add("f.dl", std::string(text)), sources, context, diagnostics);
  sema::Options options;
  options.builtins = ops::builtins();
  options.findImport = [&](const std::string &name, const std::string &, std::string &path, std::string &found) {
    if (name.find_first_of("./") != std::string::npos)
      return false;
    path = library + "/" + name + ".dl";
    std::ifstream in(path, std::ios::binary);
    found.assign(std::istreambuf_iterator<char>(in), {});
    return bool(in);
  };
  std::unique_ptr<sema::Program> program = sema::check(file, sources, context, diagnostics, options);
  for (const Diagnostic &d : diagnostics.all()) {
    std::string shown = render(d, sources, false);
    require(d.code != Code::InternalError, "the checker itself does not fail", text, shown);
    require(d.span.valid() && d.span.begin <= d.span.end && d.span.end <= sources.file(d.span.file).text.size(),
            "errors have a place that exists", text, shown);
  }
  if (!diagnostics.hasErrors())
    require(program && !sema::print(*program).empty(), "a correct program has a typed tree", text);
}

} // namespace dl::testing
