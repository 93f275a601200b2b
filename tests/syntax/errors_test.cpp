// What is reported about texts that are no programs, and that the rest of the file is still read.
#include "tests/syntax/parsing.h"

namespace dl::testing {

TEST(Recovery, SeveralErrorsAreAllReportedAndTheRestIsKept) {
  Parsed p("let a = * 2\nlet b = 1\nfn f(x) {\n  let = 3\n  let c = 4\n  d e\n}\nlet g = )\nlet h = 5\n");
  EXPECT_EQ(p.report().find("expecting"), std::string::npos);
  EXPECT_EQ(p.ast(), "(let b 1)\n(fn f (x)\n  (let c 4))\n(let h 5)\n");
  EXPECT_EQ(errors("let a = * 2\nlet b = 1\nfn f(x) {\n  let = 3\n  let c = 4\n  d e\n}\nlet g = )\nlet h = 5\n"),
            "1:9 expected an expression, found `*`\n"
            "4:7 expected a name or `(`, found `=`\n"
            "6:5 expected the end of the statement, found `e`\n"
            "8:9 `)` closes nothing\n");
}

TEST(Recovery, MembersOfAModule) {
  Parsed p("module M {\n  param w 3\n  let a = 1\n  x = 2\n  fn f(x) = x\n}\n");
  EXPECT_EQ(p.ast(), "(module M ()\n  (let a 1)\n  (fn f (x)\n    x))\n");
  EXPECT_EQ(p.diagnostics.errorCount(), 2u);
}

TEST(Brackets, AnUnclosedOneIsReportedWhereItOpens) {
  EXPECT_EQ(errors("let x = f(a, b\nlet y = 1"), "1:10 `(` is never closed\n");
  EXPECT_EQ(errors("x = f(a, b\ny = 1"), "1:6 `(` is never closed\n");
  EXPECT_EQ(errors("fn f(x) {\n  x\n\nfn g(x) = x"), "1:9 `{` is never closed\n");
  EXPECT_EQ(errors("let q = [1, (2, 3]\nlet r = 1"), "1:13 `(` is never closed\n");
  Parsed p("let x = f(a, b\nlet y = 1");
  EXPECT_EQ(p.diagnostics.all()[0].code, Code::UnclosedBracket);
  EXPECT_EQ(p.ast(), "(let x (call f a b))\n(let y 1)\n");
}

TEST(Brackets, AMissingBraceIsFoundByIndentation) {
  Parsed p("fn f(x) {\n  if x {\n    y\n}\n\nfn g(x) {\n  x\n}\n");
  EXPECT_EQ(p.diagnostics.errorCount(), 1u);
  EXPECT_EQ(p.sources.lineColumn(1, p.diagnostics.all()[0].span.begin).line, 2);
  EXPECT_EQ(p.file.stmts.size(), 2u);
}

TEST(Brackets, WrongAndSuperfluousOnes) {
  EXPECT_EQ(errors("f(a]\nb"), "1:4 expected `)`, found `]`\n");
  EXPECT_EQ(errors("a\n}\nb"), "2:1 `}` closes nothing\n");
}

TEST(Messages, SayWhatIsExpectedInPlainWords) {
  EXPECT_EQ(errors("f(a b)"), "1:5 expected `)` or `,`, found `b`\n");
  EXPECT_EQ(errors("let x: = 1"), "1:8 expected a type, found `=`\n");
  EXPECT_EQ(errors("let for = 1"), "1:5 expected a name or `(`, found the keyword `for`\n");
  EXPECT_EQ(errors("if a = b { c }"), "1:6 expected `{`, found `=`\n");
  EXPECT_EQ(errors("import"), "1:7 expected a name, found the end of the line\n");
  EXPECT_EQ(errors("fn"), "1:3 there cannot be the end of the line after `fn`\n");
  EXPECT_EQ(errors("x $ y"), "1:3 unexpected character `$`\n");
  EXPECT_EQ(errors("let x = [1, 2, }"), "1:16 expected `]`, found `}`\n");
  EXPECT_EQ(errors("fn g(x)"), "1:8 expected the body of `g`: `= expression` or `{ … }`\n");
  EXPECT_EQ(errors("extern fn g(x) = x"), "1:18 an `extern fn` has no body; the runtime implements it\n");
  EXPECT_EQ(errors("f(x) = 3"), "1:1 this cannot be assigned\n");
  EXPECT_EQ(errors("x |> 3"), "1:6 the right side of `|>` must be a function or a call\n");
  EXPECT_EQ(errors("let a = 3 }"), "1:11 `}` closes nothing\n");
}

TEST(Messages, HelpThoseWhoComeFromOtherLanguages) {
  auto help = [](const std::string &text) {
    Parsed p(text);
    return p.diagnostics.all().empty() ? "" : p.diagnostics.all()[0].help;
  };
  EXPECT_EQ(help("def f(x): return x"), "functions begin with `fn`");
  EXPECT_EQ(help("if x: y"), "blocks are written in braces: `{ … }`");
  EXPECT_EQ(help("if x\n{ y }"), "the `{` belongs on the same line");
  EXPECT_EQ(help("if x == 1 { y } elif z { w }"), "write `else if`");
  EXPECT_EQ(help("let f = lambda x: x"), "`fn(x) = x * 2.0` is a function without a name");
  EXPECT_EQ(help("let y = 3 if x else 4"), "`if c { a } else { b }` is an expression");
  EXPECT_EQ(help("let y = x ? 3 : 4"), "`if c { a } else { b }` is an expression");
  EXPECT_EQ(help("let y = [i for i in 0..3]"), "the loop comes first: `[for i in 0..n: i * i]`");
  EXPECT_EQ(help("for (i in 0..3) { }"), "`for` has no parentheses: `for i in 0..n { … }`");
  EXPECT_EQ(help("fn f(x: int): int { x }"), "a result's type stands after `->`");
  EXPECT_EQ(help("with no_grad() { }"), "`no_grad { … }` is a block");
  EXPECT_EQ(help("print 1"), "a call has parentheses: `print(x)`");
  EXPECT_EQ(help("print(f\"{x}\")"), "every string takes `{…}`; there is no `f` before it");
  EXPECT_EQ(help("import nn, optim"), "each file has an `import` of its own");
  EXPECT_EQ(help("from nn import *"), "the names are listed: `from nn import Linear, ReLU`");
  EXPECT_EQ(help("i++"), "there is no `++` or `--`; write `+= 1`");
  EXPECT_EQ(help("let x = (1 +)"), "");
  EXPECT_EQ(help("a && b"), "`and` is the logical operator, of tensors too; `bitwise_and(a, b)` is that of bits");
  EXPECT_EQ(help("a << b"), "`bitwise_left_shift(a, n)` shifts bits");
  EXPECT_EQ(help("a || b"), "`or` is the logical operator, `bitwise_or(a, b)` that of bits, `|>` passes a value on, "
                            "`fn(x) = x * 2.0` is a function without a name");
  EXPECT_EQ(help("a, b = b, a"), "a tuple is written in parentheses: `(a, b)`");
  EXPECT_EQ(help("x |> fn(y) = y"), "a function literal inside an expression needs parentheses: `(fn(x) = …)`");
  EXPECT_EQ(help("let x = .5"), "fractions begin with a digit: `0.5`");
}

TEST(Limits, NestingIsAnErrorAndNoCrash) {
  auto code = [](const std::string &text) {
    Parsed p(text);
    return p.diagnostics.all().empty() ? Code::InternalError : p.diagnostics.all()[0].code;
  };
  auto repeat = [](const std::string &s, int n) {
    std::string out;
    for (int i = 0; i < n; ++i)
      out += s;
    return out;
  };
  EXPECT_EQ(code(repeat("(", 100000)), Code::NestedTooDeep);
  EXPECT_EQ(code(repeat("(", 300) + "x" + repeat(")", 300)), Code::NestedTooDeep);
  EXPECT_EQ(code("x" + repeat(" + x", 100000)), Code::NestedTooDeep);
  EXPECT_EQ(code(repeat("-", 100000) + "x"), Code::NestedTooDeep);
  EXPECT_EQ(code("f" + repeat("(x)", 100000)), Code::NestedTooDeep);
  EXPECT_EQ(code("x" + repeat(".y", 100000)), Code::NestedTooDeep);
  EXPECT_EQ(code("if a { b }" + repeat(" else if a { b }", 100000)), Code::NestedTooDeep);
  EXPECT_EQ(code("let f = " + repeat("fn(x) = ", 100000) + "x"), Code::NestedTooDeep);
  EXPECT_EQ(code(repeat("\"{", 50) + "x" + repeat("}\"", 50)), Code::NestedTooDeep);
  EXPECT_EQ(tree(repeat("(", 150) + "x" + repeat(")", 150)), "x");
  Parsed wide("x" + repeat(" + x", 400) + "\n" + repeat("f(x)\n", 20000));
  EXPECT_FALSE(wide.diagnostics.hasErrors());
}

TEST(Limits, BytesThatAreNoTextAreReportedOnce) {
  EXPECT_EQ(errors("let x = \xff\xfe + \x80"), "1:9 the file is not valid UTF-8 here\n");
  EXPECT_EQ(errors(std::string("a\0b", 3)), "1:2 unexpected control character 0\n");
  EXPECT_EQ(tree("\xEF\xBB\xBFlet x = 1"), "(let x 1)");
}

} // namespace dl::testing
