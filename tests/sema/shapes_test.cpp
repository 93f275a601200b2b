// Shapes of the builtin ops' results, and what they refuse.
#include "tests/sema/checking.h"

namespace dl {
namespace {

// The type of an expression, as the checker writes it, or the first error.
std::string typeOf(const std::string &expression, const std::string &before = "") {
  Checked c = check(before + "\nlet result_value = " + expression + "\n");
  if (!c.errors.empty())
    return c.errors.substr(0, c.errors.find('\n'));
  size_t at = c.tree.rfind("let result_value: ");
  std::string line = c.tree.substr(at + 18, c.tree.find('\n', at) - at - 18);
  return line.substr(0, line.find(" = "));
}

TEST(Shapes, Elementwise) {
  EXPECT_EQ(typeOf("exp(zeros(2, 3))"), "f32[2, 3]");
  EXPECT_EQ(typeOf("zeros(2, 3) + ones(3)"), "f32[2, 3]");
  EXPECT_EQ(typeOf("zeros(2, 1) * ones(1, 3)"), "f32[2, 3]");
  EXPECT_EQ(typeOf("zeros(2, 3) > 0"), "bool[2, 3]");
  EXPECT_EQ(typeOf("arange(3) / 2"), "f32[3]");
  EXPECT_EQ(typeOf("zeros(3, dtype=f64) * 2"), "f64[3]");
  EXPECT_EQ(typeOf("zeros(3) + ones(4)"), "E0403 2:29 add: shapes [3] and [4] do not broadcast, 3 and 4 differ");
}

TEST(Shapes, Reductions) {
  EXPECT_EQ(typeOf("sum(zeros(2, 3))"), "f32");
  EXPECT_EQ(typeOf("sum(zeros(2, 3), dim=-1)"), "f32[2]");
  EXPECT_EQ(typeOf("zeros(2, 3, 4).max(dim=(0, 2), keepdim=true)"), "f32[1, 3, 1]");
  EXPECT_EQ(typeOf("argmax(zeros(2, 3), dim=1)"), "i64[2]");
  EXPECT_EQ(typeOf("sum(zeros(2, 3), dim=2)"), "E0404 2:20 sum: dimension 2 is out of range for a tensor of rank 2");
}

TEST(Shapes, Products) {
  EXPECT_EQ(typeOf("zeros(2, 3) @ zeros(3, 4)"), "f32[2, 4]");
  EXPECT_EQ(typeOf("zeros(3) @ zeros(3)"), "f32");
  EXPECT_EQ(typeOf("zeros(5, 2, 3) @ zeros(5, 3, 4)"), "f32[5, 2, 4]");
  EXPECT_EQ(typeOf("zeros(2, 3) @ zeros(4, 3)"), "E0401 2:32 matmul: inner dimensions differ, 3 and 4");
}

TEST(Shapes, Convolutions) {
  EXPECT_EQ(typeOf("conv2d(zeros(8, 3, 32, 30), zeros(16, 3, 5, 3), stride=2, padding=1)"), "f32[8, 16, 15, 15]");
  EXPECT_EQ(typeOf("max_pool2d(zeros(8, 3, 32, 32), 2)"), "f32[8, 3, 16, 16]");
  EXPECT_EQ(typeOf("max_pool2d(zeros(1, 1, 6, 6), 3, stride=2, ceil_mode=true)"), "f32[1, 1, 3, 3]");
  EXPECT_EQ(typeOf("conv2d(zeros(8, 3, 32, 32), zeros(16, 4, 3, 3))"),
            "E0401 2:20 conv2d: the input has 3 channels, the weight takes 4");
}

TEST(Shapes, Rearranging) {
  EXPECT_EQ(typeOf("zeros(2, 3).reshape(-1)"), "f32[6]");
  EXPECT_EQ(typeOf("zeros(4, 6).reshape(2, -1, 3)"), "f32[2, 4, 3]");
  EXPECT_EQ(typeOf("zeros(2, 3).T"), "f32[3, 2]");
  EXPECT_EQ(typeOf("zeros(2, 3, 4).permute(2, 0, 1)"), "f32[4, 2, 3]");
  EXPECT_EQ(typeOf("cat([zeros(2, 3), zeros(4, 3)])"), "f32[6, 3]");
  EXPECT_EQ(typeOf("stack((zeros(2), zeros(2)), dim=1)"), "f32[2, 2]");
  EXPECT_EQ(typeOf("zeros(2, 1, 3).squeeze(1)"), "f32[2, 3]");
  EXPECT_EQ(typeOf("zeros(2, 3, 4).flatten(1)"), "f32[2, 12]");
  EXPECT_EQ(typeOf("zeros(2, 3).reshape(4, 2)"), "E0401 2:20 reshape: [2, 3] has 6 elements, [4, 2] has 8");
}

TEST(Shapes, Indexing) {
  EXPECT_EQ(typeOf("zeros(4, 5)[1]"), "f32[5]");
  EXPECT_EQ(typeOf("zeros(4, 5)[-1, 2]"), "f32");
  EXPECT_EQ(typeOf("zeros(10)[1:8:3]"), "f32[3]");
  EXPECT_EQ(typeOf("zeros(10)[:-3]"), "f32[7]");
  EXPECT_EQ(typeOf("zeros(10)[5:100]"), "f32[5]");
  EXPECT_EQ(typeOf("zeros(2, 3, 4)[..., 0]"), "f32[2, 3]");
  EXPECT_EQ(typeOf("zeros(3)[new, :]"), "f32[1, 3]");
  EXPECT_EQ(typeOf("zeros(4, 5)[[0, 1, 3]]"), "f32[3, 5]");
  EXPECT_EQ(typeOf("zeros(4, 5)[zeros(4) > 0]"), "f32[n, 5]");
  EXPECT_EQ(typeOf("zeros(4)[4]"), "E0404 2:29 index 4 is out of range for dimension 0 of size 4");
}

TEST(Shapes, Literals) {
  EXPECT_EQ(typeOf("[[1.0, 2], [3, 4]]"), "f32[2, 2]");
  EXPECT_EQ(typeOf("[0, 1]"), "i64[2]");
  EXPECT_EQ(typeOf("[true, false]"), "bool[2]");
  EXPECT_EQ(typeOf("[zeros(3), ones(3)]"), "f32[2, 3]");
  EXPECT_EQ(typeOf("[1.0f64, 2]"), "f64[2]");
}

TEST(Shapes, SymbolicSizes) {
  auto resultOf = [&](const std::string &body) {
    Checked c = check("fn f(x: f32[N, M], k: int) = " + body +
                      "\nexport fn g(x: f32[N, M], k: int) -> int { let r = f(x, k); 0 }");
    size_t at = c.tree.find("let r: ");
    return at == std::string::npos ? c.errors : c.tree.substr(at + 7, c.tree.find(" = ", at) - at - 7);
  };
  EXPECT_EQ(resultOf("x.reshape(-1)"), "f32[N * M]");
  EXPECT_EQ(resultOf("cat((x, x))"), "f32[2 * N, M]");
  EXPECT_EQ(resultOf("x[1:]"), "f32[max(0, N - 1), M]");
  EXPECT_EQ(resultOf("x[:, ::2]"), "f32[N, (M + 1) // 2]");
  EXPECT_EQ(resultOf("zeros(k, N + 1)"), "f32[k, N + 1]");
  EXPECT_EQ(resultOf("x @ x.T"), "f32[N, N]");
  EXPECT_EQ(resultOf("x @ x"), "f32[N, N]"); // with a check that N and M are equal
}

// What a loop's variable runs over bounds the slices that it is used in.
TEST(Shapes, LoopVariables) {
  auto sliceIn = [&](const std::string &loop, const std::string &slice) {
    Checked c = check("fn f(x: f32[N], k: int) { for i in " + loop + " { let r = " + slice +
                      " } }\nexport fn g(x: f32[N], k: int) -> int { f(x, k); 0 }");
    size_t at = c.tree.find("let r: ");
    return at == std::string::npos ? c.errors : c.tree.substr(at + 7, c.tree.find(" = ", at) - at - 7);
  };
  EXPECT_EQ(sliceIn("0..N - k + 1", "x[i:i + k]"), "f32[n]"); // k may be negative
  EXPECT_EQ(sliceIn("0..N - 2", "x[i:i + 3]"), "f32[3]");
  EXPECT_EQ(sliceIn("1..N", "x[i - 1:i + 1]"), "f32[2]");
  EXPECT_EQ(sliceIn("0..N // 4", "x[4 * i:4 * (i + 1)]"), "f32[4]");
  EXPECT_EQ(sliceIn("0..N", "x[0:i]"), "f32[i]");
  // Here the last slice may be shorter.
  EXPECT_NE(sliceIn("0..N", "x[i:i + 3]"), "f32[3]");
  EXPECT_NE(sliceIn("0..N // 4 + 1", "x[4 * i:4 * (i + 1)]"), "f32[4]");
  EXPECT_NE(sliceIn("0..N step -1", "x[i:i + 1]"), "f32[1]");
  EXPECT_EQ(typeOf("[for i in 0..3: zeros(4)[i + 4]]").substr(0, 5), "E0404");
  EXPECT_EQ(typeOf("[for i in 3..3: zeros(3)[i]]"), "f32[0]"); // never runs
}

} // namespace
} // namespace dl
