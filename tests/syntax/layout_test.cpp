// Where statements end, and when the REPL waits for more.
#include "tests/syntax/parsing.h"

namespace dl::testing {

TEST(Newlines, EndStatements) {
  EXPECT_EQ(tree("a\nb"), "a\nb");
  EXPECT_EQ(tree("a; b;\n;c"), "a\nb\nc");
  EXPECT_EQ(tree("\n\n# nothing\n\n"), "");
  EXPECT_EQ(tree("a\r\nb\r\n"), "a\nb");
}

TEST(Newlines, DoNotCountInParenthesesAndBrackets) {
  EXPECT_EQ(tree("f(\n  a,\n  b\n)"), "(call f a b)");
  EXPECT_EQ(tree("[\n1\n,\n2\n]"), "(bracket 1 2)");
  EXPECT_EQ(tree("f(a\n  - b)"), "(call f (- a b))");
}

TEST(Newlines, CountInBracesInsideParentheses) {
  EXPECT_EQ(tree("f(fn(x) {\n  let y = x\n  y\n}, z)"), "(call f (fn (x)\n  (let y x)\n  y) z)");
}

TEST(Newlines, DoNotCountBehindAnOperatorOrAComma) {
  EXPECT_EQ(tree("let x =\n  a +\n  b"), "(let x (+ a b))");
  EXPECT_EQ(tree("a and\nb"), "(and a b)");
  EXPECT_EQ(tree("a |> # comment\n\n  f"), "(|> a f)");
  EXPECT_EQ(tree("from m import a,\n  b"), "(from m a b)");
  EXPECT_EQ(tree("fn f(x) ->\n  f32 = x"), "(fn f (x) -> f32\n  x)");
}

TEST(Newlines, DoNotCountBeforeADotAPipeOrABinaryOperator) {
  EXPECT_EQ(tree("a\n  .b()\n  # why\n  |> f\n  |> g"), "(|> (|> (call (. a b)) f) g)");
  EXPECT_EQ(tree("a\n  * b\n  / c"), "(/ (* a b) c)");
  EXPECT_EQ(tree("a\n  and b\n  or c\n == d"), "(or (and a b) (== c d))");
  EXPECT_EQ(tree("fn f(x)\n  -> f32\n  = x"), "(fn f (x) -> f32\n  x)");
}

TEST(Newlines, CountBeforeASign) {
  EXPECT_EQ(tree("a\n-b"), "a\n(- b)");
  EXPECT_EQ(tree("a\n+b"), "a\n(+ b)");
}

TEST(Newlines, ElseMayStandOnItsOwnLine) { EXPECT_EQ(tree("if a { b }\nelse { c }"), "(if a (do\n  b) (do\n  c))"); }

TEST(Newlines, AParenthesisOnANewLineBeginsAStatement) {
  EXPECT_EQ(tree("f\n(a, b) = c\n[d]"), "f\n(= (tuple a b) c)\n(bracket d)");
}

TEST(Newlines, StatementsMayShareALineWithBraces) { EXPECT_EQ(tree("while a { b; c } ; d"), "(while a\n  b\n  c)\nd"); }

TEST(Incomplete, OpenBracketsAndTrailingOperators) {
  for (const char *text : {"f(a,", "fn f(x) {", "let x = [1,\n2", "a +", "a |>", "let x =", "if a { b } else",
                           "f(\"x\", # c\n", "fn f() {\n  let y = 1\n", "not"})
    EXPECT_TRUE(isIncomplete(text)) << text;
  for (const char *text :
       {"", "a", "f(a)", "fn f(x) { x }", "\"(\"", "# (", "a )", "f(a]", "a + b\n", "\"abc", "let x"})
    EXPECT_FALSE(isIncomplete(text)) << text;
}

} // namespace dl::testing
