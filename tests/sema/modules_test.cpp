// Modules: members, constants, methods, trees of parameters.
#include "tests/sema/checking.h"

namespace dl {
namespace {

const std::string linear = R"(
module Linear(inputs: int, outputs: int, bias: bool = true) {
  param weight = zeros(outputs, inputs)
  param bias = if bias { zeros(outputs) } else { none }
  fn forward(x: f32[*S, inputs]) -> f32[*S, outputs] {
    let y = x @ weight.T
    if bias == none { y } else { y + bias }
  }
}
module Sequential(*layers) {
  fn forward(x) {
    var h = x
    for layer in layers {
      h = layer(h)
    }
    h
  }
}
)";

TEST(Modules, HyperParametersAreConstants) {
  Checked c = check(linear + "let m = Linear(4, 3)\nlet y = m(zeros(5, 4))\n");
  EXPECT_EQ(c.errors, "");
  EXPECT_CONTAINS(c.tree, "fn Linear() -> Linear(4, 3)");
  EXPECT_CONTAINS(c.tree, "let y: f32[5, 3] = Linear.forward(m");
}

TEST(Modules, SizesOfTheArgumentAreChecked) {
  Checked c = check(linear + "let m = Linear(4, 3)\nlet y = m(zeros(5, 6))\n");
  EXPECT_CONTAINS(c.errors,
                  "`x` of `Linear.forward` is f32[5, 6], expected f32[*S, inputs]: size 6 of dimension 1 is not 4");
}

TEST(Modules, NestAndChain) {
  Checked c = check(
      linear + "let m = Sequential(Linear(4, 8), relu, Linear(8, 2, bias=false))\nlet y: f32[5, 2] = m(zeros(5, 4))\n");
  EXPECT_EQ(c.errors, "");
}

TEST(Modules, MembersAreAssigned) {
  Checked c = check(linear + "var m = Sequential(Linear(2, 2), Linear(2, 2))\nm.layers[1].weight[0, 1] = 3.0\n");
  EXPECT_EQ(c.errors, "");
  EXPECT_CONTAINS(c.tree, "m = with(m, 0, with(m.0, 1, with(m.0.1, 0, update(m.0.1.0[0, 1], 3f32))))");
  EXPECT_CONTAINS(check(linear + "let m = Linear(2, 2)\nm.weight = zeros(2, 2)\n").errors, "`m` is not a `var`");
  EXPECT_CONTAINS(check(linear + "var m = Linear(2, 2)\nm.weight = zeros(2, 3)\n").errors,
                  "size 3 of dimension 1 is not 2");
  EXPECT_CONTAINS(check(linear + "var m = Linear(2, 2)\nm.wieght = zeros(2, 3)\n").errors, "has no member `wieght`");
}

TEST(Modules, OnlyMutMethodsChangeTheirModule) {
  const std::string counter = "module Counter() {\n  buffer n = 0\n  mut fn tick() { n += 1 }\n  mut fn twice() { "
                              "tick(); self.tick() }\n  fn peek() = n\n";
  Checked c = check(counter + "}\nvar c = Counter()\nc.twice()\nprint(c.peek())\n");
  EXPECT_EQ(c.errors, "");
  EXPECT_CONTAINS(c.tree, "Counter.twice(c) &c: ()");
  EXPECT_CONTAINS(check(counter + "  fn cheat() { n += 1 }\n}\nvar c = Counter()\nc.cheat()\n").errors,
                  "does not declare that it changes its module");
  EXPECT_CONTAINS(check(counter + "}\nlet c = Counter()\nc.tick()\n").errors, "`c` is not a `var`");
}

TEST(Modules, TreesOfParameters) {
  Checked c = check(linear + R"(
var m = Sequential(Linear(2, 3), Linear(3, 1, bias=false))
let g = params(m)
let (p, v) = tree_map(fn(p, g) = (p - 0.1 * g, g * g), params(m), g)
m = with_params(m, p)
print(num_parameters(m))
)");
  EXPECT_EQ(c.errors, "");
  EXPECT_CONTAINS(c.tree, "let p: {layers: {0: {weight: f32[3, 2], bias: f32[3]}, 1: {weight: f32[1, 3]}}}");
  EXPECT_CONTAINS(c.tree, "dl_rt_print(\"12\")");
}

TEST(Modules, FilesOfWeightsHavePyTorchsNames) {
  Checked c = check(linear + "var m = Sequential(Linear(2, 3), Linear(3, 1, bias=false))\nsave(\"m\", m)\n");
  EXPECT_CONTAINS(c.tree, "dl_rt_save(\"m\", \"0.weight\n0.bias\n1.weight\"");
}

TEST(Modules, RunTimeHyperParametersServeInSizes) {
  Checked c = check(linear + "export fn f(x: f32[B, N], k: int) -> f32[B, k] {\n  let m = Linear(N, k)\n  m(x)\n}\n");
  EXPECT_EQ(c.errors, "");
  EXPECT_FALSE(contains(c.tree, "check ")) << c.tree;
}

TEST(Modules, IterationGoesThroughLenAndAt) {
  Checked c = check("module Rows(x: f32[N, D]) {\n  fn len() -> int = x.shape[0]\n  fn at(i: int) = (x[i], i)\n}\n"
                    "for (row, k) in Rows(zeros(3, 2)) {\n  print(row, k)\n}\n");
  EXPECT_EQ(c.errors, "");
  EXPECT_CONTAINS(c.tree, "for i in 0..3");
}

} // namespace
} // namespace dl
