// Literals, constants, strings, tuples, assignment.
#include "tests/sema/checking.h"

namespace dl {
namespace {

TEST(Values, LiteralsTakeTheTypeOfTheirContext) {
  Checked c = check("let x = zeros(2, dtype=f64)\nlet y = 2 * x + 0.5\nlet z: f64 = 1\n");
  EXPECT_EQ(bodyOf(c, "main"), "let x: f64[2] = zeros(dtype=f64): f64[2]\n"
                               "let y: f64[2] = add(mul(2f64, x): f64[2], 0.5f64): f64[2]\n"
                               "let z: f64 = 1f64\n");
}

TEST(Values, NothingButLiteralsConverts) {
  EXPECT_EQ(check("let n = arange(3)\nlet y = n * zeros(3)\n").errors,
            "E0304 2:11 `*` does not take i64[3] and f32[3]\n");
  EXPECT_EQ(check("let a = f32(1) + f64(1)\n").errors, "E0304 1:16 `+` does not take f32 and f64\n");
  EXPECT_EQ(check("let a = 1.5 * arange(3)\n").errors, "E0304 1:13 `*` does not take f32 and i64[3]\n");
}

TEST(Values, KnownConditionsChooseABranch) {
  Checked c = check("fn f(x, bias) = if bias == none { x } else { x + bias }\nlet a = f(ones(2), none)\nlet b = "
                    "f(ones(2), ones(2))\n");
  EXPECT_EQ(bodyOf(c, "f"), "=> x\n");
  EXPECT_EQ(bodyOf(c, "f$1"), "=> add(x, bias): f32[2]\n");
}

TEST(Values, BranchesMeet) {
  EXPECT_EQ(check("let c = sum(zeros(2)) > 0\nlet x = if c { 1.0 } else { \"one\" }\n").errors,
            "E0306 2:9 the branches of this `if` have different types, f32 and str\n");
  EXPECT_EQ(check("let c = sum(zeros(2)) > 0\nlet x = if c { zeros(3) } else { zeros(4) }\n").errors,
            "E0306 2:9 the branches of this `if` have different types, f32[3] and f32[4]\n");
  // A literal takes the other branch's type.
  EXPECT_CONTAINS(check("let c = sum(zeros(2)) > 0\nlet x = if c { 1 } else { 2.5 }\n").tree, "let x: f32 = if");
}

TEST(Values, PartsAreReplaced) {
  Checked c = check("var t = (1, zeros(2, 3))\nt[1][0, :] = 2\nt[0] += 1\n");
  EXPECT_EQ(bodyOf(c, "main"), "var t: (i64, f32[2, 3]) = (1, zeros(dtype=f32): f32[2, 3])\n"
                               "t = with(t, 1, update(t.1[0, :], expand(2f32): f32[3]))\n"
                               "t = with(t, 0, add(t.0, 1): i64)\n");
}

TEST(Values, AVariableMayTakeANewShapeWhereTheProgramRunsStraightOn) {
  EXPECT_EQ(check("var h = zeros(3)\nh = zeros(4)\nlet s = h + ones(4)\n").errors, "");
  EXPECT_EQ(check("var h = zeros(3)\nfor i in 0..2 {\n  h = zeros(4)\n}\n").errors,
            "E0401 3:7 the value of `h` is f32[4], expected f32[3]: size 4 of dimension 0 is not 3\n");
  EXPECT_EQ(check("var h: f32[_] = zeros(3)\nfor i in 0..2 {\n  h = cat((h, ones(1)))\n}\n").errors, "");
  EXPECT_EQ(check("var n = 1\nn = 2.5\n").errors, "E0301 2:5 the value of `n` is f32, expected i64\n");
}

TEST(Values, StringsAreJoined) {
  Checked c = check("let x = zeros(2)\nprint(\"n {x.ndim} {x:.2f}\", (1, true))\n");
  EXPECT_CONTAINS(c.tree, "extern dl_rt_concat_str(extern dl_rt_concat_str(\"n 1 \", extern dl_rt_format(x, \".2f\"): "
                          "str): str, \" (1, true)\"): str");
}

TEST(Values, Patterns) {
  EXPECT_EQ(check("let (a, (b, c)) = (1, (2.0, zeros(3)))\nlet d = b + c\n").errors, "");
  EXPECT_EQ(check("let (a, b) = (1, 2, 3)\n").errors, "E0307 1:5 this takes 2 values, the tuple has 3\n");
}

TEST(Values, Comprehensions) {
  Checked c =
      check("let a = zeros(3)\nlet x = [for i in 0..3, j in 0..2: a[i] * f32(j)]\nlet y = sum(for i in 0..3: a[i])\n");
  EXPECT_CONTAINS(c.tree, "let x: f32[3, 2] = ");
  EXPECT_CONTAINS(c.tree, "let y: f32 = ");
}

TEST(Values, LoopsOverTuplesAreWrittenOut) {
  Checked c = check("var s = 0.0\nfor x in (1.0, zeros(2)) {\n  s += sum(x)\n}\n");
  EXPECT_EQ(c.errors, "");
  EXPECT_FALSE(contains(c.tree, "for "));
  // Each copy is a loop by itself where it may be left; after a certain break there are no more.
  Checked left = check("for x in (1.0, zeros(2)) {\n  if sum(x) > 0.0 { break }\n}\n");
  EXPECT_EQ(left.errors, "");
  EXPECT_CONTAINS(left.tree, "for once");
  EXPECT_CONTAINS(left.tree, "not(left)");
  EXPECT_FALSE(contains(check("for x in (1, zeros(2)) {\n  break\n}\n").tree, "not(left)"));
}

TEST(Values, APairOfTheProgramsOwnIsTakenApart) {
  EXPECT_EQ(check("fn max(x, k: int) = (x + k, k)\nlet (a, b) = max(2, 1)\n").errors, "");
}

} // namespace
} // namespace dl
