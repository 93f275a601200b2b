// The canonical layout: it keeps the program, and formatting twice changes nothing.
#include "tests/syntax/parsing.h"

namespace dl::testing {
namespace {

std::string formatted(const std::string &text) {
  Parsed p(text);
  EXPECT_EQ(p.report(), "") << text;
  std::string once = format(p.file, p.sources);
  Parsed again(once);
  EXPECT_EQ(again.report(), "") << once;
  EXPECT_EQ(again.ast(), p.ast()) << once;
  EXPECT_EQ(again.file.comments.size(), p.file.comments.size()) << once;
  EXPECT_EQ(format(again.file, again.sources), once);
  return once;
}

TEST(Format, SpacesAndIndentation) {
  EXPECT_EQ(formatted("let   x=1+2*f( a,b )\nif a{\nb\n}else{\n      c\n}"),
            "let x = 1 + 2 * f(a, b)\nif a {\n  b\n} else {\n  c\n}\n");
  EXPECT_EQ(formatted("x[ 1 : 2,new,... ]+=-y"), "x[1:2, new, ...] += -y\n");
  EXPECT_EQ(formatted("fn f( a:f32[ N,*S ],b=1,c:int=2 )->f32[N]=a"),
            "fn f(a: f32[N, *S], b=1, c: int = 2) -> f32[N] = a\n");
  EXPECT_EQ(formatted(""), "");
}

TEST(Format, ParenthesesAreThoseThatAreNeeded) {
  EXPECT_EQ(formatted("((a*b))+(c)"), "a * b + c\n");
  EXPECT_EQ(formatted("(a + b) * c ** (d + 1)"), "(a + b) * c ** (d + 1)\n");
  EXPECT_EQ(formatted("a - (b - c)"), "a - (b - c)\n");
  EXPECT_EQ(formatted("(a ** b) ** c"), "(a ** b) ** c\n");
  EXPECT_EQ(formatted("(-a) ** 2 + 2 ** -a"), "(-a) ** 2 + 2 ** -a\n");
  EXPECT_EQ(formatted("not (a and b) or (not c) == d"), "not (a and b) or (not c) == d\n");
  EXPECT_EQ(formatted("(a < b) == (c < d)"), "(a < b) == (c < d)\n");
  EXPECT_EQ(formatted("a < b <= c and d"), "a < b <= c and d\n");
  EXPECT_EQ(formatted("a < b and b <= c"), "a < b and b <= c\n");
  EXPECT_EQ(formatted("x |> (f(2)) |> (fn(y) = y) |> g(3)"), "x |> (f(2)) |> (fn(y) = y) |> g(3)\n");
  EXPECT_EQ(formatted("(-9223372036854775808) ** 2"), "(-9223372036854775808) ** 2\n");
  EXPECT_EQ(formatted("(if a { b } else { c }).d"), "(if a { b } else { c }).d\n");
}

TEST(Format, LiteralsStayAsWritten) {
  EXPECT_EQ(formatted("f(1_000, 1e-3, 2.0f64, \"a\\n{x:.2f}\")"), "f(1_000, 1e-3, 2.0f64, \"a\\n{x:.2f}\")\n");
}

TEST(Format, BlankLinesAndComments) {
  EXPECT_EQ(formatted("# head\n\n\n\nlet a = 1    # one\n# two\nlet b = 2\n\n\nfn f(x) {  # open\n\n  # first\n  x # "
                      "last\n\n  # end\n}\n# tail"),
            "# head\n\nlet a = 1  # one\n# two\nlet b = 2\n\nfn f(x) {\n  # open\n\n  # first\n  x  # last\n\n  # "
            "end\n}\n# tail\n");
  EXPECT_EQ(formatted("module M {\n  # why\n}\nfn f() {\n  # nothing\n}"),
            "module M {\n  # why\n}\nfn f() {\n  # nothing\n}\n");
}

TEST(Format, ACommentInsideAnExpressionKeepsItsStatementAsItIs) {
  EXPECT_EQ(formatted("fn f() {\n  g(a,   # first\n    b)\n  h( c )\n}"),
            "fn f() {\n  g(a,   # first\n    b)\n  h(c)\n}\n");
}

TEST(Format, BlocksStayOnOneLineWhereTheyWereAndFit) {
  EXPECT_EQ(formatted("if a {b} else {c}"), "if a { b } else { c }\n");
  EXPECT_EQ(formatted("while a {}"), "while a {}\n");
  EXPECT_EQ(formatted("fn f(x) { let y = x; y }"), "fn f(x) {\n  let y = x\n  y\n}\n");
  EXPECT_EQ(formatted("let a = if b { 1 }\n  else if c { 2 } else { 3 }"),
            "let a = if b { 1 } else if c { 2 } else { 3 }\n");
}

TEST(Format, LongCallsBreak) {
  std::string name(30, 'a');
  EXPECT_EQ(formatted("let x = f(" + name + ", " + name + ", k=" + name + ", 1)"),
            "let x = f(\n  " + name + ",\n  " + name + ",\n  k=" + name + ",\n  1\n)\n");
}

TEST(Format, LongOperationsBreakBehindTheirOperatorsAndBeforePipes) {
  std::string name(40, 'a');
  EXPECT_EQ(formatted("let x = " + name + " + " + name + " - " + name),
            "let x =\n  " + name + " +\n    " + name + " -\n    " + name + "\n");
  EXPECT_EQ(formatted("x |> " + name + " |> " + name + " |> " + name),
            "x\n  |> " + name + "\n  |> " + name + "\n  |> " + name + "\n");
}

TEST(Format, TheArgumentsStayAroundTheOneBlockAmongThem) {
  EXPECT_EQ(formatted("f(fn(x) {\n  let y = x\n  y\n}, a)"), "f(fn(x) {\n  let y = x\n  y\n}, a)\n");
  EXPECT_EQ(formatted("f(fn(x) { x; y }, fn(x) { x })"), "f(\n  fn(x) {\n    x\n    y\n  },\n  fn(x) { x }\n)\n");
  EXPECT_EQ(formatted("f(a, fn(x) {\n  let y = x\n  y\n})"), "f(a, fn(x) {\n  let y = x\n  y\n})\n");
}

TEST(Format, LongListsOfNumbersFillTheirLines) {
  std::string text = "let x = [";
  for (int i = 0; i < 60; ++i)
    text += std::to_string(i) + ", ";
  std::string out = formatted(text + "60]");
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 5);
}

TEST(Format, NoLineIsLongerThanItMustBe) {
  std::string out = formatted(
      "fn attention(q: f32[B, H, T, D], k: f32[B, H, S, D], v: f32[B, H, S, D], mask: bool[T, S], scale: f32 = 1.0) -> "
      "f32[B, H, T, D] = softmax(where(mask, (q @ k.transpose(-1, -2)) * scale, full_like(q, -1e30)), dim=-1) @ v\n"
      "let total = sum(for some_long_name in 0..another_long_name_entirely, j in 0..m if j > 2: "
      "matrix_one[some_long_name, j])\n"
      "if first_condition_holds(x) and second_condition_holds(y) or third_condition_holds(z) and fourth(w) { "
      "print(\"a\") }\n");
  size_t begin = 0;
  for (size_t end; (end = out.find('\n', begin)) != std::string::npos; begin = end + 1)
    EXPECT_LE(end - begin, 100u) << out.substr(begin, end - begin);
}

} // namespace
} // namespace dl::testing
