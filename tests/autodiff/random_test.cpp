// On random programs, reverse mode and forward mode agree to the second order: two transformations that share the rules
// of the ops and nothing else.
#include "tests/autodiff/module.h"
#include "tests/autodiff/random_program.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

namespace dl::test {

namespace {

void compareModes(const Program &p) {
  Module module(p.text);
  module.addGradient("f", "first", p.wrt, /*unusedOk=*/true);
  module.addSquares("first", "squares");
  module.addGradient("squares", "second", p.wrt, /*unusedOk=*/true);
  module.addTangent("f", "tangent", p.wrt);
  module.addTangent("squares", "second_tangent", p.wrt);
  ASSERT_TRUE(module.differentiate()) << module.errors();
  std::vector<Array> arguments = p.arguments, directions;
  for (int64_t i : p.wrt)
    directions.push_back(numbers(p.arguments[i].shape, 7 + static_cast<double>(i)));
  arguments.insert(arguments.end(), directions.begin(), directions.end());
  for (auto [reverse, forward] : {std::pair("first", "tangent"), std::pair("second", "second_tangent")}) {
    std::vector<Array> gradients = module.call(reverse, p.arguments);
    double along = 0, scale = 1;
    for (size_t i = 0; i < gradients.size(); ++i)
      for (size_t k = 0; k < gradients[i].data.size(); ++k) {
        along += directions[i].data[k] * gradients[i].data[k];
        scale += std::fabs(directions[i].data[k] * gradients[i].data[k]);
      }
    double tangent = module.call(forward, arguments)[0].scalar();
    EXPECT_NEAR(tangent, along, 1e-9 * scale) << reverse;
  }
}

TEST(RandomPrograms, ReverseAndForwardModeAgree) {
  const char *wanted = std::getenv("DL_RANDOM_PROGRAMS"); // how many, for a longer run
  unsigned count = wanted ? std::atoi(wanted) : 150;
  for (unsigned seed = 0; seed < count && !testing::Test::HasFailure(); ++seed) {
    Program program = randomProgram(seed);
    SCOPED_TRACE(program.name + "\n" + program.text);
    try {
      compareModes(program);
    } catch (const InterpretError &error) {
      FAIL() << error.what();
    }
  }
}

} // namespace
} // namespace dl::test
