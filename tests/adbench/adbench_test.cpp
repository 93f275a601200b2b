// Values and derivatives of the ADBench objectives against references written by hand, to 1e-8 of the largest number.
#include "tests/adbench/cases.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace dl::adbench {

TEST(AdBench, AgreesWithTheReference) {
  std::vector<Case> all = cases(DL_ADBENCH, Size::Small);
  ASSERT_EQ(all.size(), 18u);
  for (const Case &one : all) {
    SCOPED_TRACE(one.name);
    std::vector<Tensor> got = one.dl();
    std::vector<Numbers> want = one.reference();
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(got[i].numel(), static_cast<int64_t>(want[i].size())) << "result " << i;
      double largest = 0;
      for (double x : want[i])
        largest = std::max(largest, std::abs(x));
      EXPECT_GT(largest, 0) << "result " << i;
      for (size_t j = 0; j < want[i].size(); ++j)
        ASSERT_NEAR(got[i].data<double>()[j], want[i][j], 1e-8 * largest) << "result " << i << ", element " << j;
    }
  }
}

} // namespace dl::adbench
