// Which function is differentiated with respect to which flat positions, and the gradient's type.
#include "tests/sema/checking.h"

namespace dl {
namespace {

TEST(Gradients, OfTensors) {
  Checked c = check(
      "fn f(n: int, x: f32[N], y: f32[N]) = sum(x * y) * f32(n)\nlet g = grad(f, wrt=(1, 2))(3, ones(2), ones(2))\n"
      "let (v, d) = value_and_grad(fn(x) = x * x)(3.0)\n");
  EXPECT_EQ(c.errors, "");
  EXPECT_CONTAINS(c.tree, "grad f(ones(dtype=f32): f32[2], ones(dtype=f32): f32[2]) wrt 0 1: (f32[2], f32[2])");
  EXPECT_CONTAINS(c.tree, "value_and_grad fn(3f32) wrt 0: (f32, f32)");
}

TEST(Gradients, OfModulesAreRecords) {
  Checked c = check(R"(
module M(h: int) {
  param w = zeros(h, 2)
  buffer steps = 0.0
  param b = zeros(h)
  fn forward(x) = x @ w.T + b + steps
}
fn loss(m, x) = sum(m(x))
let g = grad(loss)(M(3), ones(4, 2))
print(g.w, g.b.shape)
)");
  EXPECT_EQ(c.errors, "");
  EXPECT_CONTAINS(c.tree, "wrt 0 2: {w: f32[3, 2], b: f32[3]}");
}

TEST(Gradients, Nest) {
  EXPECT_EQ(
      check("let h = grad(grad(fn(x) = x ** 3))(2.0)\nlet k = grad(fn(x) = grad(fn(y) = y * y * x)(x))(3.0)\n").errors,
      "");
}

TEST(Gradients, ForwardAndPullback) {
  Checked c = check("let (y, back) = vjp(fn(x) = x * x, ones(3))\nlet d = back(ones(3))\nlet (v, t) = jvp(fn(x) = "
                    "sum(x), ones(3), ones(3))\n");
  EXPECT_EQ(c.errors, "");
  EXPECT_CONTAINS(c.tree, "let d: f32[3]");
  EXPECT_CONTAINS(c.tree, "jvp fn");
  EXPECT_CONTAINS(check("let (y, back) = vjp(fn(x) = x * x, ones(3))\nlet d = back(ones(4))\n").errors,
                  "the cotangent is f32[4], expected f32[3]");
}

TEST(Gradients, ThatDoNotExist) {
  EXPECT_EQ(check("fn f(x: f32[N]) = x\nlet g = grad(f)(ones(2))\n").errors,
            "E0602 2:9 only a scalar float function has a gradient; `f` gives f32[2]\n");
  EXPECT_EQ(check("fn f(x, y) = sum(x)\nlet g = grad(f, wrt=1)(ones(2), arange(2))\n").errors,
            "E0602 2:33 there is no gradient with respect to `y`, which is i64[2]\n");
  EXPECT_EQ(check("fn f(x) = sum(x)\nlet g = grad(f, wrt=1)(ones(2))\n").errors,
            "E0602 2:9 `f` has no argument 1 (they count from 0)\n");
  EXPECT_CONTAINS(check("fn f(x) = sum(x)\nlet g = grad(f(ones(2)))\n").full,
                  "help: write `grad(f)(x)`, not `grad(f(x))`");
}

TEST(Gradients, VmapIsOneLoop) {
  Checked c = check("let y = vmap(fn(a, b) = sum(a * b), dims=(1, none))(ones(3, 5), ones(3))\n");
  EXPECT_EQ(c.errors, "");
  EXPECT_CONTAINS(c.tree, "for i in 0..5");
  EXPECT_CONTAINS(c.tree, "let y: f32[5]");
}

TEST(Gradients, RulesOfTheUser) {
  Checked c = check("derivative fn f(x: f32[N], k: int) -> f32[N] {\n  let s = x * x\n  (s, fn(dy) = (2.0 * x * "
                    "dy,))\n}\nlet g = grad(fn(x) = sum(f(x, 3)))(ones(2))\n");
  EXPECT_EQ(c.errors, "");
  EXPECT_CONTAINS(c.tree, "cotangent: f32[2]) -> (f32[2],)");
  EXPECT_CONTAINS(
      check("derivative fn f(x: f32[N]) -> f32[N] {\n  (x, fn(dy) = (dy, dy))\n}\nlet g = f(ones(2))\n").errors,
      "expected the gradients of 1 argument: x");
}

TEST(Gradients, RulesOfForwardMode) {
  Checked c = check("derivative fn f(x: f64, y: f64[2], k: int) -> f64 {\n  (x, none, fn(dx, dy) = dx + sum(dy))\n}\n"
                    "let z = f(1.0f64, [1.0f64, 2.0], 3)\n");
  EXPECT_EQ(c.errors, "");
  EXPECT_CONTAINS(c.tree, "dx: f64, dy: f64[2]) -> (f64,)");
  EXPECT_CONTAINS(
      check("derivative fn f(x: f64) -> f64 {\n  (x, none, fn(dx) = [dx, dx])\n}\nlet z = f(1.0f64)\n").errors,
      "what the pushforward of `f` gives is f64[2], expected f64");
  EXPECT_CONTAINS(check("derivative fn f(x: f64) -> f64 {\n  (x, none)\n}\nlet z = f(1.0f64)\n").errors,
                  "ends with its value and its pullback");
  EXPECT_CONTAINS(
      check("derivative fn f(mut x: f64) -> f64 {\n  (x, fn(dy) = dy)\n}\nvar a = 1.0f64\nlet z = f(&a)\n").errors,
      "changes none of its arguments");
}

} // namespace
} // namespace dl
