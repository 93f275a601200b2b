// What generated derivatives look like, what they run and keep, and the errors of programs that have none.
#include "tests/autodiff/module.h"
#include "tests/autodiff/programs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dl::test {

namespace {

using testing::HasSubstr;

std::string errorOf(const std::string &text, std::vector<int64_t> wrt = {0}) {
  Module module(text);
  module.addGradient("f", "g", wrt);
  EXPECT_FALSE(module.differentiate()) << module.text();
  return module.errors();
}

TEST(Autodiff, NamesAnUnusedArgument) {
  const char *text = R"(
func.func @f(%x: f64, %w: tensor<2xf64> {dl.name = "weights"}) -> f64 {
  %0 = dl.mul %x, %x : f64
  return %0 : f64
})";
  EXPECT_THAT(errorOf(text, {0, 1}), HasSubstr("the result does not depend on argument `weights`"));
  Module module(text);
  module.addGradient("f", "g", {0, 1}, /*unusedOk=*/true);
  ASSERT_TRUE(module.differentiate()) << module.errors();
  std::vector<Array> gradients = module.call("g", {3.0, numbers({2})});
  EXPECT_EQ(gradients[0].scalar(), 6);
  EXPECT_EQ(gradients[1].data, (std::vector<double>{0, 0}));
}

TEST(Autodiff, StopGradIsAConstant) {
  const char *text = R"(
func.func @f(%x: f64) -> f64 {
  %0 = dl.stop_grad %x : f64
  %1 = dl.mul %0, %x : f64
  return %1 : f64
})";
  Module module(text);
  module.addGradient("f", "g", {0});
  ASSERT_TRUE(module.differentiate()) << module.errors();
  EXPECT_EQ(module.call("g", {3.0})[0].scalar(), 3);
}

TEST(Autodiff, GeneratesADerivativeOnce) {
  Module module(straightPrograms()[0].text);
  module.addGradient("f", "g", {0, 1});
  module.addGradient("f", "h", {0, 1});
  module.addGradient("f", "k", {1});
  ASSERT_TRUE(module.differentiate()) << module.errors();
  EXPECT_TRUE(module.get().lookupSymbol("f__vjp"));
  EXPECT_TRUE(module.get().lookupSymbol("f__vjp_1"));
  EXPECT_FALSE(module.get().lookupSymbol("f__vjp_2"));
}

TEST(Autodiff, UsesTheRuleOfAFunction) {
  const char *text = R"(
func.func private @clip(%x: f64, %n: i64) -> f64 attributes {dl.derivative = @rule} {
  %0 = dl.sin %x : f64
  return %0 : f64
}
func.func private @rule(%x: f64, %n: i64, %d: f64) -> f64 {
  %0 = dl.mul %d, %x : f64
  %1 = dl.mul %0, %x : f64
  return %1 : f64
}
func.func @f(%x: f64) -> f64 {
  %n = arith.constant 3 : i64
  %0 = func.call @clip(%x, %n) : (f64, i64) -> f64
  %1 = dl.add %0, %0 : f64
  return %1 : f64
})";
  Module module(text);
  module.addGradient("f", "g", {0});
  module.addGradient("g", "second", {0}); // of the rule, as of any function
  ASSERT_TRUE(module.differentiate()) << module.errors();
  EXPECT_EQ(module.call("g", {3.0})[0].scalar(), 18);
  EXPECT_EQ(module.call("second", {3.0})[0].scalar(), 12);
}

TEST(Autodiff, RefusesEffectsOfRecursion) {
  EXPECT_THAT(errorOf(R"(
func.func @f(%x: f64) -> f64 {
  %zero = arith.constant 0.0 : f64
  %c = dl.cmp gt %x, %zero : f64 -> i1
  %t = dl.extern "tick"() : () -> f64
  %r = scf.if %c -> (f64) {
    %0 = func.call @f(%x) : (f64) -> f64
    scf.yield %0 : f64
  } else {
    scf.yield %t : f64
  }
  return %r : f64
})"),
              HasSubstr("tick is not differentiable: it has an effect"));
}

TEST(Autodiff, RefusesAFunctionOfItsOwnDerivative) {
  Module module(R"(
func.func @f(%x: f64) -> f64 {
  %one = arith.constant 1.0 : f64
  %v, %g = dl.vjp @f(%x) cotangents(%one) wrt = [0] : (f64), (f64) -> f64, f64
  return %g : f64
})");
  EXPECT_FALSE(module.differentiate());
  EXPECT_THAT(module.errors(), HasSubstr("it calls itself through its own derivative"));
}

TEST(Autodiff, RefusesValuesOfTheRuntime) {
  EXPECT_THAT(errorOf(R"(
func.func @f(%x: f64) -> f64 {
  %0 = dl.extern "dl_rt_special"(%x) {pure} : (f64) -> f64
  return %0 : f64
})"),
              HasSubstr("special is not differentiable: it is computed by the runtime"));
}

const char *noisy = R"(
func.func @f(%x: f64) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %zero = arith.constant 0.0 : f64
  %r = scf.for %i = %c0 to %c3 step %c1 iter_args(%a = %x) -> (f64) {
    dl.extern "print"(%a) : (f64) -> ()
    %t = dl.extern "clock"() : () -> f64
    %c = dl.cmp gt %a, %zero : f64 -> i1
    dl.assert %c, "positive"
    %b = scf.for %j = %c0 to %c1 step %c1 iter_args(%b = %a) -> (f64) {
      dl.extern "print"(%b) : (f64) -> ()
      %u = dl.extern "clock"() : () -> f64
      %0 = dl.mul %b, %u : f64
      %1 = dl.mul %0, %t : f64
      scf.yield %1 : f64
    }
    scf.yield %b : f64
  }
  %s = dl.mul %r, %r : f64
  return %s : f64
})";

TEST(Autodiff, RunsEffectsOnce) {
  Module module(noisy);
  module.addGradient("f", "g", {0});
  ASSERT_TRUE(module.differentiate()) << module.errors();
  int prints = 0;
  double time = 1;
  Interpreter interpreter(module.get());
  interpreter.define("print", [&](mlir::Operation *, const std::vector<Array> &) {
    ++prints;
    return std::vector<Array>();
  });
  interpreter.define(
      "clock", [&](mlir::Operation *, const std::vector<Array> &) { return std::vector<Array>{Array(time += 1)}; });
  double product = 2.0 * 3 * 4 * 5 * 6 * 7;
  double gradient = interpreter.call("g", {0.5})[0].scalar();
  EXPECT_DOUBLE_EQ(gradient, 2 * product * product * 0.5) << module.text();
  EXPECT_EQ(prints, 6);
  EXPECT_EQ(time, 7);
}

TEST(Autodiff, RefusesToCountIterationsThatDependOnEffects) {
  EXPECT_THAT(errorOf(R"(
func.func @f(%x: f64) -> f64 {
  %r = scf.while (%a = %x) : (f64) -> f64 {
    %t = dl.extern "dl_rt_step"() : () -> f64
    %c = dl.cmp gt %t, %a : f64 -> i1
    scf.condition(%c) %a : f64
  } do {
  ^bb0(%a: f64):
    %0 = dl.mul %a, %a : f64
    scf.yield %0 : f64
  }
  return %r : f64
})"),
              HasSubstr("step is not differentiable: it has an effect inside a while loop"));
}

// Carried by loops of a function, all together.
int carried(Module &module, const std::string &function) {
  int count = 0;
  module.get().lookupSymbol(function)->walk([&](mlir::scf::ForOp loop) { count += loop.getInitArgs().size(); });
  return count;
}

TEST(Autodiff, KeepsNothingOfALinearLoop) {
  Module module(R"(
func.func @f(%x: tensor<4xf64>) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %r = scf.for %i = %c0 to %c3 step %c1 iter_args(%a = %x) -> (tensor<4xf64>) {
    %0 = dl.add %a, %x : tensor<4xf64>
    scf.yield %0 : tensor<4xf64>
  }
  %s = dl.reduce sum %r dims = [0] : tensor<4xf64> -> f64
  return %s : f64
})");
  module.addGradient("f", "g", {0});
  std::vector<autodiff::KeptValue> kept;
  ASSERT_TRUE(module.differentiate(&kept)) << module.errors();
  EXPECT_EQ(carried(module, "f__vjp"), 1 + 1) << module.text("f__vjp"); // the sum and the adjoint of x
  EXPECT_TRUE(kept.empty());
}

TEST(Autodiff, KeepsProductsAndRepeatsTheRest) {
  Module module(R"(
func.func @f(%x: tensor<2x2xf32>, %w: tensor<2x2xf32>) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %r = scf.for %i = %c0 to %c5 step %c1 iter_args(%a = %x) -> (tensor<2x2xf32>) {
    %0 = dl.matmul %a, %w : tensor<2x2xf32>, tensor<2x2xf32> -> tensor<2x2xf32>
    %1 = dl.sin %0 : tensor<2x2xf32>
    %2 = dl.exp %1 : tensor<2x2xf32>
    scf.yield %2 : tensor<2x2xf32>
  }
  %s = dl.reduce sum %r dims = [0, 1] : tensor<2x2xf32> -> f32
  return %s : f32
})");
  module.addGradient("f", "g", {0, 1});
  std::vector<autodiff::KeptValue> kept;
  ASSERT_TRUE(module.differentiate(&kept)) << module.errors();
  EXPECT_EQ(module.count("f__vjp", "dl.matmul"), 3) << module.text("f__vjp");
  EXPECT_EQ(module.count("f__vjp", "dl.exp"), 2);
  ASSERT_EQ(kept.size(), 2u); // the product and the carried value, five times each
  for (const autodiff::KeptValue &value : kept) {
    EXPECT_EQ(value.bytes, 5 * 4 * 4);
    EXPECT_EQ(value.function, "f");
  }
}

TEST(Autodiff, LeavesIntegersAlone) {
  Module module(R"(
func.func @f(%x: tensor<4xf64>, %n: i64) -> (f64, i64) {
  %k = dl.arg_reduce max %x dim = 0 : tensor<4xf64> -> i64
  %i = arith.index_cast %k : i64 to index
  %0 = dl.slice %x[%i] steps = [1] dropped = [0] : tensor<4xf64> -> f64
  %m = dl.add %k, %n : i64
  %f = dl.convert %m : i64 -> f64
  %1 = dl.mul %0, %f : f64
  return %1, %m : f64, i64
}
func.func @g(%x: tensor<4xf64>, %n: i64) -> (f64, i64, tensor<4xf64>) {
  %one = arith.constant 1.0 : f64
  %v, %m, %d = dl.vjp @f(%x, %n) cotangents(%one) wrt = [0] : (tensor<4xf64>, i64), (f64) -> f64, i64, tensor<4xf64>
  return %v, %m, %d : f64, i64, tensor<4xf64>
})");
  ASSERT_TRUE(module.differentiate()) << module.errors();
  std::vector<Array> results = module.call("g", {Array({4}, {1, 5, 2, 3}), 10.0});
  EXPECT_EQ(results[0].scalar(), 55);
  EXPECT_EQ(results[1].scalar(), 11);
  EXPECT_EQ(results[2].data, (std::vector<double>{0, 11, 0, 0}));
}

} // namespace
} // namespace dl::test
