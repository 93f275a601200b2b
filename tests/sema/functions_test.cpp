// Specialisation, signatures, closures, recursion.
#include "tests/sema/checking.h"

namespace dl {
namespace {

TEST(Functions, AreSpecialisedPerArgumentTypes) {
  Checked c = check("fn twice(x) = x * 2\nlet a = twice(ones(3))\nlet b = twice(ones(3))\nlet d = twice(arange(2))\n");
  EXPECT_EQ(c.tree, "fn twice(x: f32[3]) -> f32[3]\n  => mul(x, 2f32): f32[3]\n"
                    "fn twice$1(x: i64[2]) -> i64[2]\n  => mul(x, 2): i64[2]\n"
                    "fn main() -> ()\n"
                    "  let a: f32[3] = twice(ones(dtype=f32): f32[3]): f32[3]\n"
                    "  let b: f32[3] = twice(ones(dtype=f32): f32[3]): f32[3]\n"
                    "  let d: i64[2] = twice$1(arange(): i64[2]): i64[2]\n");
}

TEST(Functions, ShapeVariablesBindAndCheck) {
  const std::string fn = "fn add(a: f32[N], b: f32[N]) -> f32[N] = a + b\n";
  EXPECT_EQ(check(fn + "let x = add(ones(3), ones(3))\n").errors, "");
  EXPECT_EQ(check(fn + "let x = add(ones(3), ones(4))\n").errors,
            "E0401 2:22 `b` of `add` is f32[4], expected f32[N]: size 4 of dimension 0 is not 3\n");
  // Sizes that are known only when the program runs are checked then, once.
  Checked c = check(fn + "export fn f(a: f32[N], b: f32[M]) -> f32[N] {\n  let c = add(a, b)\n  add(b, c)\n}\n");
  EXPECT_EQ(c.errors, "");
  size_t first = c.tree.find("check M == N");
  ASSERT_NE(first, std::string::npos) << c.tree;
  EXPECT_EQ(c.tree.find("check", first + 1), std::string::npos) << c.tree;
}

TEST(Functions, ResultShapesAreDeclared) {
  EXPECT_EQ(check("fn f(x: f32[N]) -> f32[N, 2] = x\nlet y = f(ones(3))\n").errors.substr(0, 10), "E0402 1:32");
  EXPECT_EQ(check("fn f(x: f32[N]) -> f32[n] = x[x > 0.0]\nlet y = f(ones(3))\n").errors, "");
  EXPECT_EQ(check("fn f(x: f32[N], k: int) -> f32[N - k + 1] = x[:x.shape[0] - k + 1]\nlet y: f32[3] = f(ones(4), 2)\n")
                .errors,
            "");
}

TEST(Functions, ArgumentsByNameAndDefault) {
  const std::string fn = "fn f(x, scale = 2.0, shift = 0.0) = x * scale + shift\n";
  EXPECT_EQ(check(fn + "let y = f(ones(2), shift=1.0)\n").errors, "");
  EXPECT_EQ(check(fn + "let y = f(ones(2), shfit=1.0)\n").errors, "E0303 2:20 `f` has no parameter `shfit`\n");
  EXPECT_EQ(check(fn + "let y = f()\n").errors, "E0303 2:9 `f` needs the argument `x`\n");
  EXPECT_EQ(check(fn + "let y = f(1, 2, 3, 4)\n").errors, "E0303 2:20 `f` takes 3 arguments, not 4\n");
}

TEST(Functions, ClosuresCaptureWhatTheyRead) {
  Checked c = check("let a = ones(3)\nlet b = 2.0\nlet f = fn(x) = x * a + b\nlet y = f(ones(3))\n");
  EXPECT_CONTAINS(c.tree, "fn fn(a: f32[3], x: f32[3]) -> f32[3]\n  => add(mul(x, a): f32[3], 2f32): f32[3]\n");
  // Parameters hide outer names.
  Checked d = check("let w = ones(3)\nfn f(w) = w + 1.0\nlet y = f(ones(2))\n");
  EXPECT_CONTAINS(d.tree, "fn f(w: f32[2]) -> f32[2]\n");
}

TEST(Functions, RecursionMakesIntsRunTimeValues) {
  Checked c = check("fn fact(n: int) -> int = if n <= 1 { 1 } else { n * fact(n - 1) }\nprint(fact(20))\n");
  EXPECT_EQ(c.errors, "");
  EXPECT_CONTAINS(c.tree, "fn fact$1(n: i64 = n) -> i64");
  EXPECT_FALSE(contains(c.tree, "fact$2"));
  EXPECT_EQ(check("fn f(n: int) = if n <= 1 { 1 } else { f(n - 1) }\nprint(f(4))\n").errors,
            "E0801 1:39 `f` calls itself, so it must declare the type of its result\n");
}

TEST(Functions, MutParametersNeedAReference) {
  const std::string fn = "fn clear(mut x: f32[N]) {\n  x *= 0.0\n}\nvar v = ones(3)\n";
  Checked c = check(fn + "clear(&v)\n");
  EXPECT_CONTAINS(c.tree, "clear(v) &v: ()");
  EXPECT_EQ(check(fn + "clear(v)\n").errors, "E0502 5:7 `x` is changed by `clear`, so it is passed as `&v`\n");
  EXPECT_EQ(check("let w = ones(3)\nfn clear(mut x: f32[N]) {\n  x *= 0.0\n}\nclear(&w)\n").errors,
            "E0501 5:7 `w` is not a `var`\n");
}

TEST(Functions, UncalledOnesAreCheckedForAllSizes) {
  EXPECT_EQ(check("fn f(a: f32[N], b: f32[N + 1]) = a + b\n").errors,
            "E0403 1:36 add: shapes [N] and [N + 1] do not broadcast, N and N + 1 differ\n");
  EXPECT_EQ(check("fn f(x: f32[2, 3], d: int) = sum(x, dim=d)\n").errors, "");
}

TEST(Functions, EarlyReturns) {
  EXPECT_EQ(check("fn f(x: f32) -> f32 {\n  if x > 0.0 { return x }\n  -x\n}\nlet y = f(2.0)\n").errors, "");
  EXPECT_EQ(check("fn f(x: f32) -> f32 {\n  let y = x\n}\nlet y = f(2.0)\n").errors,
            "E0309 2:3 `f` must give f32, but its body ends without a value\n");
  EXPECT_EQ(check("fn f(x) {\n  if x > 0.0 { return 1 }\n  \"no\"\n}\nlet y = f(sum(ones(2)))\n").errors,
            "E0301 3:3 `f` gives str here and i64 elsewhere\n");
}

TEST(Functions, ExportedOnesAreFullyTyped) {
  EXPECT_EQ(check("export fn f(x) -> f32 = sum(x)\n").errors,
            "E0301 1:13 an exported function declares the types of all its parameters\n");
  EXPECT_CONTAINS(check("export fn f(x: f32[N, 3]) -> f32[N] = sum(x, dim=1)\n").tree,
                  "export fn f(x: f32[N, 3]) -> f32[N]");
}

} // namespace
} // namespace dl
