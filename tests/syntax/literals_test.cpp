// Numbers and strings.
#include "tests/syntax/parsing.h"

namespace dl::testing {

TEST(Numbers, IntegersAndFractions) {
  EXPECT_EQ(tree("1_000"), "1000");
  EXPECT_EQ(tree("1.5"), "1.5");
  EXPECT_EQ(tree("1e-3"), "0.001");
  EXPECT_EQ(tree("2E+3"), "2000.0");
  EXPECT_EQ(tree("1_0.2_5e1_0"), "1.025e+11");
}

TEST(Numbers, Bases) {
  EXPECT_EQ(tree("0xff"), "255");
  EXPECT_EQ(tree("0XFF_f32"), "1048370");
  EXPECT_EQ(tree("0o17"), "15");
  EXPECT_EQ(tree("0b1010_1010"), "170");
  EXPECT_EQ(tree("0x7fffffffffffffff"), "9223372036854775807");
}

TEST(Numbers, Suffixes) {
  EXPECT_EQ(tree("2.0f64"), "2.0f64");
  EXPECT_EQ(tree("2f32"), "2.0f32");
  EXPECT_EQ(tree("1e2bf16"), "100.0bf16");
  EXPECT_EQ(tree("2i32"), "2i32");
  EXPECT_EQ(tree("255u8"), "255u8");
}

TEST(Numbers, RangesAreNoFractions) {
  EXPECT_EQ(tree("for i in 0..5 { }"), "(for i (range 0 5))");
  EXPECT_EQ(tree("for i in 0 .. n.x { }"), "(for i (range 0 (. n x)))");
  EXPECT_EQ(tree("1.sqrt()"), "(call (. 1 sqrt))");
}

TEST(Numbers, TheLimitsOfInt) {
  EXPECT_EQ(tree("9223372036854775807"), "9223372036854775807");
  EXPECT_EQ(tree("-9223372036854775808"), "-9223372036854775808");
  EXPECT_EQ(errors("9223372036854775808"), "1:1 `9223372036854775808` is too large for int\n");
  EXPECT_EQ(errors("1 - 9223372036854775808"), "1:5 `9223372036854775808` is too large for int\n");
  EXPECT_EQ(errors("-9223372036854775809"), "1:2 `9223372036854775809` is too large for int\n");
}

TEST(Numbers, TooLargeForTheirType) {
  EXPECT_EQ(errors("256u8"), "1:1 `256u8` is too large for u8\n");
  EXPECT_EQ(errors("2147483648i32"), "1:1 `2147483648i32` is too large for i32\n");
  EXPECT_EQ(errors("1e39f32"), "1:1 `1e39f32` is too large for f32\n");
  EXPECT_EQ(errors("1e309"), "1:1 `1e309` is too large for f64\n");
  EXPECT_EQ(errors("1.5i32"), "1:1 `1.5i32` has a fraction or an exponent, i32 has none\n");
  Parsed p("1e309");
  EXPECT_EQ(p.diagnostics.all()[0].code, Code::BadNumber);
}

TEST(Numbers, Malformed) {
  EXPECT_EQ(errors("let x = 1abc + 0b12\nlet y = 1e"),
            "1:9 `1abc` is not a number\n1:16 `0b12` is not a number\n2:9 `1e` is not a number\n");
}

TEST(Strings, Escapes) {
  EXPECT_EQ(tree(R"("a\n\t\"\\\{\}\u{3b8}")"), "\"a\\n\t\\\"\\\\{}θ\"");
  EXPECT_EQ(tree(R"("")"), "\"\"");
  EXPECT_EQ(errors(R"(let x = "a\qb")"), "1:11 unknown escape `\\q`\n");
  EXPECT_EQ(errors(R"("\u{110000}")"), "1:2 `\\u{…}` needs the hexadecimal number of a Unicode character\n");
}

TEST(Strings, Interpolation) {
  EXPECT_EQ(tree(R"("a {b + 1:.4f} c")"), "(str \"a \" (+ b 1) :\".4f\" \" c\")");
  EXPECT_EQ(tree(R"("{a}{b}")"), "(str a b)");
  EXPECT_EQ(tree(R"("{{a}}")"), "\"{a}\"");
  EXPECT_EQ(tree(R"("{{{a}}}")"), "(str \"{\" a \"}\")");
  EXPECT_EQ(tree(R"(f("{{" + "}}"))"), "(call f (+ \"{\" \"}\"))");
}

TEST(Strings, InterpolationMayHoldBracketsStringsAndColons) {
  EXPECT_EQ(tree(R"("{x[1:2]}")"), "(str (index x (slice 1 2 _)))");
  EXPECT_EQ(tree(R"("{f("x: {y:>3}"):>8}")"), "(str (call f (str \"x: \" y :\">3\")) :\">8\")");
  EXPECT_EQ(tree(R"("{if a { b } else { c }}")"), "(str (if a (do\n  b) (do\n  c)))");
  EXPECT_EQ(tree(R"("{f(fn(x: f32) = x)}")"), "(str (call f (fn (x:f32)\n  x)))");
}

TEST(Strings, BadInterpolation) {
  EXPECT_EQ(errors(R"("a {} b")"), "1:4 there is nothing between these braces\n");
  EXPECT_EQ(errors(R"("a } b")"), "1:4 this `}` closes nothing; `}}` stands for a brace\n");
  EXPECT_EQ(errors(R"("{a b}")"), "1:5 expected `}`, found `b`\n");
  EXPECT_EQ(errors("\"abc\nlet y = 1"), "1:1 this string has no end\n");
  EXPECT_EQ(errors("f(\"abc {x)\nlet y = \"d"),
            "1:8 this `{` in a string is not closed before the end of the line\n2:9 this string has no end\n");
}

TEST(Strings, PlacesInInterpolationsAreThoseOfTheFile) {
  Parsed p("let θ = \"θ {x + yy}\"");
  auto *value = ast::as<ast::StrLit>(ast::as<ast::Let>(p.file.stmts[0])->value)->parts[1].value;
  EXPECT_EQ(p.text(value->span), "x + yy");
  EXPECT_EQ(p.text(ast::as<ast::Binary>(value)->rhs->span), "yy");
}

} // namespace dl::testing
