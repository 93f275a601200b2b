// Programs that would never end to be specialised, or nest without measure, end with an error.
#include "tests/sema/checking.h"

namespace dl {
namespace {

TEST(Limits, PolymorphicRecursion) {
  Checked c = check("fn f(x) -> f32 = f((x, 1.0))\nprint(f(2.0))\n");
  EXPECT_CONTAINS(c.errors, "E0801");
  Checked d = check("fn g(x: f32[*S]) -> f32 = g(x.unsqueeze(0))\nprint(g(zeros(2)))\n");
  EXPECT_CONTAINS(d.errors, "E0801");
}

TEST(Limits, TypesThatDouble) {
  Checked c = check("fn f(x) -> f32 = f((x, x))\nprint(f(2.0))\n");
  EXPECT_FALSE(c.errors.empty());
}

TEST(Limits, LongChains) {
  std::string sum = "let x = 1.0";
  for (int i = 0; i < 200; ++i)
    sum += " + 1.0";
  EXPECT_EQ(check(sum + "\n").errors, "");
  std::string chain = "fn f0(x) = x\n";
  for (int i = 1; i < 200; ++i)
    chain += "fn f" + std::to_string(i) + "(x) = f" + std::to_string(i - 1) + "(x) + 1.0\n";
  EXPECT_EQ(check(chain + "let y = f199(ones(2))\n").errors, "");
}

} // namespace
} // namespace dl
