// How diagnostics look.
#include "tests/syntax/parsing.h"

#include <nlohmann/json.hpp>

namespace dl::testing {
namespace {

Span find(const SourceManager &sources, uint32_t id, std::string_view what, size_t from = 0) {
  auto at = static_cast<uint32_t>(sources.file(id).text.find(what, from));
  return {id, at, at + static_cast<uint32_t>(what.size())};
}

TEST(Render, LabelsNotesAndHelp) {
  SourceManager sources;
  uint32_t id = sources.add("mlp.dl", std::string(11, '\n') + "  let h = x @ w1\n");
  Diagnostics diagnostics(sources);
  Diagnostic &d =
      diagnostics.error(Code::ShapeMismatch, find(sources, id, "@"), "matmul: inner dimensions differ, 784 and 512");
  d.label(find(sources, id, "x"), "f32[64, 784]")
      .label(find(sources, id, "w1"), "f32[512, 256], from `rand(512, 256)` at mlp.dl:5:10")
      .note("called from mlp.dl:20:9, loss(model, x, y)")
      .withHelp("`x @ w1.T` would give f32[64, 512] if w1 were f32[512, 784]");
  EXPECT_EQ(render(d, sources, false), R"(error: matmul: inner dimensions differ, 784 and 512
  --> mlp.dl:12:13
   |
12 |   let h = x @ w1
   |           - ^ -- f32[512, 256], from `rand(512, 256)` at mlp.dl:5:10
   |           |
   |           f32[64, 784]
   = called from mlp.dl:20:9, loss(model, x, y)
help: `x @ w1.T` would give f32[64, 512] if w1 were f32[512, 784]
)");
}

TEST(Render, SeveralLinesAndFiles) {
  SourceManager sources;
  uint32_t a = sources.add("a.dl", "let x = 1\n\nlet y = 2\n\n\n\nlet z = x + y\n");
  uint32_t b = sources.add("b.dl", "fn f(x) = x\n");
  Diagnostics diagnostics(sources);
  Diagnostic &d = diagnostics.error(Code::TypeMismatch, find(sources, a, "x + y"), "no");
  d.label(find(sources, a, "1"), "one").label(find(sources, a, "2"), "two").label(find(sources, b, "f("), "here");
  EXPECT_EQ(render(d, sources, false), R"(error: no
  --> a.dl:7:9
   |
 1 | let x = 1
   |         - one
 2 |
 3 | let y = 2
   |         - two
...
 7 | let z = x + y
   |         ^^^^^
  ::: b.dl:1:4
   |
 1 | fn f(x) = x
   |    -- here
)");
}

TEST(Render, TabsUnicodeAndSpansOfSeveralLines) {
  SourceManager sources;
  uint32_t id = sources.add("a.dl", "\tθδ = bad(\n1)\n");
  Diagnostics diagnostics(sources);
  Diagnostic &d = diagnostics.error(Code::SyntaxError, {id, 8, 15}, "no");
  EXPECT_EQ(render(d, sources, false), "error: no\n  --> a.dl:1:7\n   |\n 1 |     θδ = bad(\n   |          ^^^^\n");
}

TEST(Render, LongLinesAreCutAroundThePlace) {
  SourceManager sources;
  std::string text(5000, 'a');
  text[2500] = 'X';
  uint32_t id = sources.add("a.dl", text);
  Diagnostics diagnostics(sources);
  std::string out = render(diagnostics.error(Code::SyntaxError, {id, 2500, 2501}, "no"), sources, false);
  EXPECT_LT(out.size(), 500u);
  size_t line = out.find("…"), caret = out.find('^');
  ASSERT_NE(line, std::string::npos);
  // The caret stands below the X: same column, counting "…" as one.
  size_t lineBegin = out.rfind('\n', line) + 1, caretBegin = out.rfind('\n', caret) + 1;
  EXPECT_EQ(out.find('X') - lineBegin - 2, caret - caretBegin);
}

TEST(Render, NoPlaceNoSource) {
  SourceManager sources;
  Diagnostics diagnostics(sources);
  Diagnostic &d = diagnostics.error(Code::FileError, {}, "cannot read `x.dl`");
  EXPECT_EQ(render(d.note("not found"), sources, false), "error: cannot read `x.dl`\n   = not found\n");
}

TEST(Render, ColourOnlyWhenAsked) {
  Parsed p("let x = )");
  const Diagnostic &d = p.diagnostics.all()[0];
  EXPECT_EQ(render(d, p.sources, false).find('\x1b'), std::string::npos);
  EXPECT_NE(render(d, p.sources, true).find("\x1b[1;31merror\x1b[0m"), std::string::npos);
}

TEST(Json, OneLineWithPlaces) {
  Parsed p("let θ = f(a]\n");
  std::string line = renderJson(p.diagnostics.all()[0], p.sources);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["severity"], "error");
  EXPECT_EQ(json["code"], "E0101");
  EXPECT_EQ(json["place"]["file"], "t.dl");
  EXPECT_EQ(json["place"]["line"], 1);
  EXPECT_EQ(json["place"]["column"], 12);
  EXPECT_EQ(json["place"]["endColumn"], 13);
  EXPECT_EQ(json["labels"][0]["text"], "opened here");
  EXPECT_EQ(json["labels"][0]["place"]["column"], 10);
}

TEST(Diagnostics, TheSameIsSaidOnce) {
  SourceManager sources;
  uint32_t id = sources.add("a.dl", "abc");
  Diagnostics diagnostics(sources);
  diagnostics.error(Code::UnknownName, {id, 0, 1}, "x").label({id, 1, 2}, "first");
  diagnostics.error(Code::UnknownName, {id, 0, 1}, "x").label({id, 1, 2}, "again");
  diagnostics.warning(Code::UnknownName, {id, 1, 2}, "x");
  EXPECT_EQ(diagnostics.all().size(), 2u);
  EXPECT_EQ(diagnostics.all()[0].labels.size(), 1u);
  EXPECT_EQ(diagnostics.errorCount(), 1u);
  EXPECT_EQ(codeName(Code::UnknownName), "E0201");
}

TEST(DidYouMean, FindsSlipsOnly) {
  std::vector<std::string> names = {"matmul", "relu", "softmax", "x", "log_softmax"};
  EXPECT_EQ(didYouMean("matmull", names), "matmul");
  EXPECT_EQ(didYouMean("rleu", names), "relu");
  EXPECT_EQ(didYouMean("softmx", names), "softmax");
  EXPECT_EQ(didYouMean("y", names), "");
  EXPECT_EQ(didYouMean("conv2d", names), "");
}

} // namespace
} // namespace dl::testing
