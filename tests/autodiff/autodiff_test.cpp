// Derivatives by the autodiff pass against central differences, to the second order, and against each other; the shape
// of the generated code; the errors.
#include "tests/autodiff/module.h"
#include "tests/autodiff/programs.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace mlir;

namespace dl::test {

namespace {

// Gradients of `function` by central differences.
std::vector<Array> differences(Module &module, const std::string &function, std::vector<Array> arguments,
                               ArrayRef<int64_t> wrt) {
  std::vector<Array> gradients;
  for (int64_t i : wrt) {
    Array gradient = arguments[i];
    for (size_t k = 0; k < gradient.data.size(); ++k) {
      double x = arguments[i].data[k], h = 1e-5;
      arguments[i].data[k] = x + h;
      double above = module.call(function, arguments)[0].scalar();
      arguments[i].data[k] = x - h;
      double below = module.call(function, arguments)[0].scalar();
      arguments[i].data[k] = x;
      gradient.data[k] = (above - below) / (2 * h);
    }
    gradients.push_back(gradient);
  }
  return gradients;
}

void expectClose(const std::vector<Array> &found, const std::vector<Array> &wanted, const std::string &what) {
  ASSERT_EQ(found.size(), wanted.size()) << what;
  for (size_t i = 0; i < found.size(); ++i) {
    ASSERT_EQ(found[i].shape, wanted[i].shape) << what;
    for (size_t k = 0; k < found[i].data.size(); ++k)
      EXPECT_NEAR(found[i].data[k], wanted[i].data[k], 1e-6 * (1 + std::fabs(wanted[i].data[k])))
          << what << ", argument " << i << ", element " << k;
  }
}

class Derivatives : public testing::TestWithParam<Program> {};

TEST_P(Derivatives, ToTheSecondOrder) {
  const Program &p = GetParam();
  try {
    Module module(p.text);
    module.addGradient("f", "first", p.wrt);
    module.addSquares("first", "squares");
    module.addGradient("squares", "second", p.wrt);
    module.addTangent("f", "tangent", p.wrt);
    module.addTangent("squares", "second_tangent", p.wrt);
    ASSERT_TRUE(module.differentiate()) << module.errors() << module.text();
    std::vector<Array> first = module.call("first", p.arguments), second = module.call("second", p.arguments);
    expectClose(first, differences(module, "f", p.arguments, p.wrt), "first order");
    expectClose(second, differences(module, "squares", p.arguments, p.wrt), "second order");

    // Forward mode: the tangent is the product of gradient and direction.
    std::vector<Array> arguments = p.arguments;
    double along = 0, alongSecond = 0;
    for (size_t i = 0; i < p.wrt.size(); ++i) {
      Array direction = numbers(p.arguments[p.wrt[i]].shape, 7 + static_cast<double>(i));
      for (size_t k = 0; k < direction.data.size(); ++k) {
        along += direction.data[k] * first[i].data[k];
        alongSecond += direction.data[k] * second[i].data[k];
      }
      arguments.push_back(direction);
    }
    EXPECT_NEAR(module.call("tangent", arguments)[0].scalar(), along, 1e-9 * (1 + std::fabs(along)));
    EXPECT_NEAR(module.call("second_tangent", arguments)[0].scalar(), alongSecond, 1e-9 * (1 + std::fabs(alongSecond)));
    if (HasFailure())
      std::cerr << module.text();
  } catch (const InterpretError &error) {
    FAIL() << error.what();
  }
}

std::string nameOf(const testing::TestParamInfo<Program> &info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Straight, Derivatives, testing::ValuesIn(straightPrograms()), nameOf);
INSTANTIATE_TEST_SUITE_P(ControlFlow, Derivatives, testing::ValuesIn(controlFlowPrograms()), nameOf);

} // namespace
} // namespace dl::test
