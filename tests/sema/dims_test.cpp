// Sizes: the normal form and what it proves.
#include "compiler/sema/types.h"

#include <gtest/gtest.h>

namespace dl::sema {
namespace {

Dim c(int64_t v) { return Dim(v); }

TEST(Dims, SumsAndProductsHaveOneForm) {
  Dim n = Dim::fresh("N"), m = Dim::fresh("M");
  EXPECT_EQ((n + m) * (n - m), n * n - m * m);
  EXPECT_EQ((n * m + m).str(), "N * M + M");
  EXPECT_EQ((c(2) * n - n - n).str(), "0");
  EXPECT_FALSE(n == m);
}

TEST(Dims, DivisionTakesOutWholeParts) {
  Dim n = Dim::fresh("N"), m = Dim::fresh("M");
  EXPECT_EQ(Dim::floorDiv(c(6) * n, c(3)), c(2) * n);
  EXPECT_EQ(Dim::floorDiv(n * m, m), n);
  EXPECT_EQ(Dim::floorDiv(c(3) * n + c(5), c(2)), n + c(2) + Dim::floorDiv(n + c(1), c(2)));
  EXPECT_EQ(Dim::floorDiv(c(-7), c(2)), c(-4));
  EXPECT_EQ(Dim::mod(c(-7), c(3)), c(2));
  EXPECT_EQ(Dim::mod(c(4) * n + c(6), c(4)), c(2));
  EXPECT_EQ(Dim::mod(n, c(2)).str(), "N % 2");
}

TEST(Dims, MinAndMaxDecideWhatIsProvable) {
  Dim n = Dim::fresh("N"), k = Dim::fresh("k", false);
  EXPECT_EQ(Dim::min(n, n + c(1)), n);
  EXPECT_EQ(Dim::max(n, c(0)), n);
  EXPECT_EQ(Dim::max(k, c(0)).str(), "max(0, k)");
  EXPECT_EQ(Dim::min(n, Dim::min(n, k)), Dim::min(k, n));
}

TEST(Dims, CompareKnowsThatSizesAreNotNegative) {
  Dim n = Dim::fresh("N"), m = Dim::fresh("M"), k = Dim::fresh("k", false);
  EXPECT_EQ(compare(n, n), Proof::Equal);
  EXPECT_EQ(compare(n, m), Proof::Unknown);
  EXPECT_EQ(compare(n, n + c(1)), Proof::Different);
  EXPECT_EQ(compare(n, n + m + c(1)), Proof::Different);
  EXPECT_EQ(compare(n, n + k + c(1)), Proof::Unknown); // k may be -1
  EXPECT_EQ(compare(c(2) * n, c(2) * m + c(1)), Proof::Different);
  EXPECT_EQ(compare(c(784), c(512)), Proof::Different);
}

TEST(Dims, SubstitutionSimplifies) {
  Dim n = Dim::fresh("N"), k = Dim::fresh("k", false);
  Dim form = Dim::floorDiv(n - k, c(2)) + Dim::min(n, k);
  auto replace = [&](uint32_t id) -> std::optional<Dim> {
    if (id == n.symbolId())
      return c(10);
    return c(3);
  };
  EXPECT_EQ(form.substitute(replace), c(6));
}

} // namespace
} // namespace dl::sema
