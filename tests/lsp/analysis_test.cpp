// What stands at a place, without an editor around it.
#include "compiler/lsp/analysis.h"
#include "compiler/lsp/completion.h"

#include <gtest/gtest.h>

#include <algorithm>

using namespace dl;
using namespace dl::lsp;

namespace {

// The text with the offset of `|` in it.
struct Marked {
  explicit Marked(std::string marked) : text(std::move(marked)) {
    offset = static_cast<uint32_t>(text.find('|'));
    text.erase(offset, 1);
  }
  std::string text;
  uint32_t offset;
};

std::vector<std::string> typesIn(const std::string &marked) {
  Marked m(marked);
  Analysis analysis("script.dl", m.text);
  std::vector<std::string> out;
  for (const sema::TypedPlace &place : analysis.typesAt(m.offset))
    out.push_back(std::string(analysis.sources().text(place.span)) + ": " + place.type +
                  (place.instance.empty() ? "" : " in " + place.instance));
  return out;
}

sema::Symbol symbolIn(const std::string &marked) {
  Marked m(marked);
  Analysis analysis("script.dl", m.text);
  const sema::Meaning *meaning = analysis.meaningAt(m.offset);
  return meaning ? meaning->symbol : sema::Symbol{};
}

bool completes(const std::string &marked, const std::string &name) {
  Marked m(marked);
  std::vector<Candidate> candidates = completionsAt({"script.dl", m.text, driver::readFile}, m.offset);
  return std::any_of(candidates.begin(), candidates.end(), [&](const Candidate &c) { return c.text == name; });
}

using Lines = std::vector<std::string>;

} // namespace

TEST(Analysis, TypesOfTheInnermostExpression) {
  EXPECT_EQ(typesIn("let x = ones(2, 3)\nprint(x |@ x.T)\n"), Lines{"x @ x.T: f32[2, 2]"});
  EXPECT_EQ(typesIn("let x = ones(2, 3)\nprint(|x @ x.T)\n"), Lines{"x: f32[2, 3]"});
  EXPECT_EQ(typesIn("let x = ones(2, 3)\nlet n = x.shape[0] |+ 1\n"), Lines{"x.shape[0] + 1: i64 = 3"});
  EXPECT_EQ(typesIn("fn f(x: f32[N]) = x |* f32(N + 1)\n"), Lines{"x * f32(N + 1): f32[N] in f(x: f32[N])"});
  EXPECT_EQ(typesIn("print(\"{1 |+ 1}\")\n"), Lines{"1 + 1: i64 = 2"});
}

TEST(Analysis, EveryInstanceOfAGenericFunction) {
  EXPECT_EQ(typesIn("fn f(x) = x |* x\nprint(f(1.0), f([1.0, 2.0]))\n"),
            (Lines{"x * x: f32 in f(x: f32)", "x * x: f32[2] in f(x: f32[2])"}));
  EXPECT_TRUE(typesIn("fn f(x) = x |* x\n").empty()) << "nobody calls it";
}

TEST(Analysis, TypesBesideMistakes) {
  EXPECT_EQ(typesIn("let a = nobody\nlet b = |ones(3)\n"), Lines{"ones: function ones"});
  EXPECT_EQ(typesIn("let = 3\nlet b = 1 |+ 1\n"), Lines{"1 + 1: i64 = 2"}) << "a statement that does not parse";
}

TEST(Analysis, MeaningsOfNames) {
  sema::Symbol symbol = symbolIn("## Doc.\nfn f(x) = x\nprint(|f(1))\n");
  EXPECT_EQ(symbol.kind, sema::Symbol::Function);
  EXPECT_EQ(symbol.signature, "fn f(x)");
  EXPECT_EQ(symbol.doc, "Doc.");
  EXPECT_EQ(symbolIn("fn f(x: f32[N]) = |N\nprint(f([1.0]))\n").name, "N");
  EXPECT_EQ(symbolIn("print(|exp(1.0))\n").kind, sema::Symbol::Builtin);
  EXPECT_EQ(symbolIn("print(|grad(exp)(1.0))\n").signature,
            "fn grad(f, wrt = 0, has_aux = false, allow_unused = false)");
  EXPECT_EQ(symbolIn("var v = 1\n|v = 2\n").name, "v");
  EXPECT_EQ(symbolIn("module M { param w = ones(2)\nfn forward(x) = |w * x }\nprint(M()(1.0))\n").signature,
            "param w: f32[2]");
  symbol = symbolIn("import nn\nprint(nn.|Linear(1, 2))\n");
  EXPECT_EQ(symbol.kind, sema::Symbol::Module);
  EXPECT_TRUE(symbol.span.valid());
}

TEST(Analysis, EveryFunctionOfTheLanguageHasAText) {
  Analysis analysis("script.dl", "");
  ASSERT_GT(analysis.facts().library.size(), 100u);
  for (const sema::Symbol &symbol : analysis.facts().library)
    if (symbol.kind == sema::Symbol::Builtin) {
      EXPECT_NE(symbol.signature.find('('), std::string::npos) << symbol.name;
      EXPECT_FALSE(symbol.doc.empty()) << symbol.name;
    }
}

TEST(Completion, Names) {
  EXPECT_TRUE(completes("fn f(alpha) {\n  let beta = 1\n  |\n}\n", "alpha"));
  EXPECT_TRUE(completes("fn f(alpha) {\n  let beta = 1\n  b|\n}\n", "beta"));
  EXPECT_FALSE(completes("fn f(alpha) { }\n|\n", "alpha"));
  EXPECT_FALSE(completes("fn f() {\n  |\n  let later = 1\n}\n", "later"));
  EXPECT_TRUE(completes("let f = fn(inner) = |\n", "inner"));
  EXPECT_TRUE(completes("for index in 0..3 {\n  print(|)\n}\n", "index"));
  EXPECT_TRUE(completes("let a = [for k in 0..3: |]\n", "k"));
  EXPECT_TRUE(completes("wh|", "while"));
  EXPECT_FALSE(completes("\"wh|\"", "while"));
}

TEST(Completion, MembersOfValues) {
  EXPECT_TRUE(completes("var xs: list[f32] = [1.0]\nxs.|\n", "append"));
  EXPECT_FALSE(completes("let x = 1.0\nx.|\n", "append"));
  EXPECT_TRUE(completes("module M { param w = 1.0\nfn forward(x) = x }\nlet m = M()\nm.|\n", "forward"));
  EXPECT_TRUE(completes("let g = grad(fn(x) = x * x)(1.0)\ng.|\n", "exp"))
      << "a function that may be called as a method";
  EXPECT_TRUE(completes("fn f(x) {\n  x.re|\n}\n", "reshape")) << "of a parameter whose type nobody knows";
  EXPECT_TRUE(completes("import nn\nfn f(x) = nn.|\n", "Linear"));
  EXPECT_FALSE(completes("import nn\nfn f(x) = nn.|\n", "while"));
}
