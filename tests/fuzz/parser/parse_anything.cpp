#include "tests/fuzz/parser/parse_anything.h"

#include "compiler/syntax/parse.h"

#include <cstdio>
#include <cstdlib>

namespace dl::testing {
namespace {

void require(bool holds, const char *promise, std::string_view text) {
  if (holds)
    return;
  std::fprintf(stderr, "broken promise: %s\n%.*s\n", promise, static_cast<int>(text.size()), text.data());
  std::abort();
}

struct Result {
  explicit Result(std::string_view text)
      : diagnostics(sources), file(parse(sources.add("f.dl", std::string(text)), sources, context, diagnostics)) {}
  SourceManager sources;
  ast::AstContext context;
  Diagnostics diagnostics;
  ast::File file;
};

} // namespace

void parseAnything(std::string_view text) {
  Result first(text);
  std::string tree = ast::print(first.file);
  for (const Diagnostic &d : first.diagnostics.all()) {
    require(d.code != Code::InternalError, "the parser itself does not fail", text);
    require(d.span.end <= text.size() && d.span.begin <= d.span.end, "places lie in the text", text);
    require(!render(d, first.sources, true).empty() && !renderJson(d, first.sources).empty(), "errors can be shown",
            text);
  }
  isIncomplete(text);
  if (first.diagnostics.hasErrors())
    return;
  std::string once = format(first.file, first.sources);
  Result second(once);
  require(!second.diagnostics.hasErrors(), "formatted text parses", once);
  require(ast::print(second.file) == tree, "formatting keeps the tree", text);
  require(second.file.comments.size() == first.file.comments.size(), "formatting keeps the comments", once);
  require(format(second.file, second.sources) == once, "formatting twice changes nothing", once);
}

} // namespace dl::testing
