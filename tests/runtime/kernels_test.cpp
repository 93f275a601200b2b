#include <cmath>
#include <limits>

#include "tests/runtime/support.h"

namespace dl::test {
namespace {

template <class T> double at(const Tensor &t, int64_t i) { return static_cast<double>(t.data<T>()[i]); }

template <class T>
std::vector<double> naiveProduct(const Tensor &a, const Tensor &b, int64_t m, int64_t n, int64_t k, bool ta, bool tb,
                                 int64_t batch = 1) {
  std::vector<double> c;
  for (int64_t s = 0; s < batch; ++s)
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (int64_t p = 0; p < k; ++p)
          sum +=
              at<T>(a, s * m * k + (ta ? p * m + i : i * k + p)) * at<T>(b, s * k * n + (tb ? j * k + p : p * n + j));
        c.push_back(sum);
      }
  return c;
}

template <class T> void checkProducts(double tolerance) {
  struct Size {
    int64_t m, n, k;
  };
  for (Size s : {Size{1, 1, 1}, Size{3, 5, 7}, Size{64, 10, 33}, Size{97, 130, 70}, Size{200, 37, 300},
                 Size{600, 50, 20}, Size{1, 50, 90}, Size{3, 1200, 40}, Size{90, 1, 530}, Size{4, 0, 2}, Size{2, 3, 0}})
    for (bool ta : {false, true})
      for (bool tb : {false, true}) {
        Tensor a = numbers<T>(ta ? std::vector{s.k, s.m} : std::vector{s.m, s.k}, 1);
        Tensor b = numbers<T>(tb ? std::vector{s.n, s.k} : std::vector{s.k, s.n}, 2);
        Tensor c = result("matmul", {a, b, integer(ta), integer(tb)}, {dtypeOf<T>(), {s.m, s.n}, true});
        expectClose<T>(c, naiveProduct<T>(a, b, s.m, s.n, s.k, ta, tb), tolerance * static_cast<double>(s.k + 1));
      }
}

TEST(Matmul, F32) { checkProducts<float>(1e-6); }
TEST(Matmul, F64) { checkProducts<double>(1e-15); }

TEST(Matmul, IntegersAndBatches) {
  Tensor a = Tensor::from<int64_t>({1, 2, 3, 4}, {2, 2}), b = Tensor::from<int64_t>({5, 6, 7, 8}, {2, 2});
  expectClose<int64_t>(result("matmul", {a, b}, {DType::i64, {2, 2}}), {19, 22, 43, 50}, 0);
  for (int64_t batch : {1, 3, 40}) {
    Tensor x = numbers<float>({batch, 5, 6}, 3), y = numbers<float>({batch, 6, 4}, 4);
    expectClose<float>(result("matmul", {x, y, integer(0), integer(0)}, {DType::f32, {batch, 5, 4}, true}),
                       naiveProduct<float>(x, y, 5, 4, 6, false, false, batch), 1e-5);
  }
}

TEST(Matmul, WrongShapesAreErrors) {
  Want any{DType::f32, {-1, -1}};
  EXPECT_EQ(call("matmul", {numbers<float>({2, 3}), numbers<float>({4, 2})}, {any}).error,
            "matmul: inner dimensions differ, 3 and 4");
  EXPECT_EQ(call("matmul", {numbers<float>({2, 3}), numbers<double>({3, 2})}, {any}).error,
            "matmul: element types differ, f32 and f64");
  EXPECT_EQ(call("matmul", {numbers<float>({2}), numbers<float>({2})}, {any}).error,
            "matmul: shapes f32[2] and f32[2] do not multiply");
}

template <class T> void checkLinear(double tolerance) {
  for (bool bias : {false, true})
    for (bool relu : {false, true}) {
      Tensor x = numbers<T>({17, 23}, 1), w = numbers<T>({9, 23}, 2), b = numbers<T>({9}, 3);
      std::vector<Tensor> arguments{x, w};
      if (bias)
        arguments.push_back(b);
      arguments.push_back(integer(relu));
      std::vector<double> want = naiveProduct<T>(x, w, 17, 9, 23, false, true);
      for (size_t i = 0; i < want.size(); ++i) {
        want[i] += bias ? at<T>(b, static_cast<int64_t>(i % 9)) : 0;
        want[i] = relu ? std::max(want[i], 0.0) : want[i];
      }
      expectClose<T>(result("linear", arguments, {dtypeOf<T>(), {17, 9}, true}), want, tolerance);
    }
}

TEST(Linear, BiasAndRelu) {
  checkLinear<float>(1e-5);
  checkLinear<double>(1e-14);
}

TEST(Linear, ReluKeepsNaN) {
  Tensor x = Tensor::from<float>({NAN}, {1, 1}), w = Tensor::from<float>({1}, {1, 1}),
         b = Tensor::from<float>({0}, {1});
  EXPECT_TRUE(std::isnan(result("linear", {x, w, b, integer(1)}, {DType::f32, {1, 1}}).item()));
}

struct Conv {
  int64_t n, c, h, w, o, kh, kw, sh, sw, ph, pw, dh, dw, groups;
  int64_t oh() const { return (h + 2 * ph - dh * (kh - 1) - 1) / sh + 1; }
  int64_t ow() const { return (w + 2 * pw - dw * (kw - 1) - 1) / sw + 1; }
  std::vector<Tensor> parameters() const { return integers({sh, sw, ph, pw, dh, dw, groups}); }
  std::vector<int64_t> x() const { return {n, c, h, w}; }
  std::vector<int64_t> weight() const { return {o, c / groups, kh, kw}; }
  std::vector<int64_t> y() const { return {n, o, oh(), ow()}; }

  // Calls visit(xIndex, weightIndex, yIndex) for every product of the convolution.
  template <class Visit> void forEach(const Visit &visit) const {
    int64_t cg = c / groups, og = o / groups;
    for (int64_t b = 0; b < n; ++b)
      for (int64_t f = 0; f < o; ++f)
        for (int64_t i = 0; i < oh(); ++i)
          for (int64_t j = 0; j < ow(); ++j)
            for (int64_t ch = 0; ch < cg; ++ch)
              for (int64_t r = 0; r < kh; ++r)
                for (int64_t s = 0; s < kw; ++s) {
                  int64_t row = i * sh - ph + r * dh, column = j * sw - pw + s * dw;
                  if (row < 0 || row >= h || column < 0 || column >= w)
                    continue;
                  visit(((b * c + f / og * cg + ch) * h + row) * w + column, ((f * cg + ch) * kh + r) * kw + s,
                        ((b * o + f) * oh() + i) * ow() + j);
                }
  }
};

const std::vector<Conv> kConvs = {
    {2, 3, 8, 9, 4, 3, 3, 1, 1, 1, 1, 1, 1, 1},   {1, 1, 28, 28, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1},
    {3, 4, 11, 10, 6, 3, 2, 2, 3, 1, 0, 1, 1, 2}, {2, 6, 9, 9, 6, 3, 3, 1, 1, 2, 2, 2, 2, 6},
    {2, 5, 7, 7, 3, 1, 1, 1, 1, 0, 0, 1, 1, 1},   {1, 2, 6, 6, 3, 5, 5, 2, 2, 4, 4, 1, 1, 1},
};

template <class T> void checkConvolution(double tolerance) {
  for (const Conv &s : kConvs) {
    Tensor x = numbers<T>(s.x(), 1), w = numbers<T>(s.weight(), 2), b = numbers<T>({s.o}, 3), dy = numbers<T>(s.y(), 4);
    std::vector<double> y(static_cast<size_t>(numel(s.y()))), dx(static_cast<size_t>(x.numel())),
        dw(static_cast<size_t>(w.numel())), db(static_cast<size_t>(s.o));
    s.forEach([&](int64_t xi, int64_t wi, int64_t yi) {
      y[static_cast<size_t>(yi)] += at<T>(x, xi) * at<T>(w, wi);
      dx[static_cast<size_t>(xi)] += at<T>(dy, yi) * at<T>(w, wi);
      dw[static_cast<size_t>(wi)] += at<T>(dy, yi) * at<T>(x, xi);
    });
    int64_t plane = s.oh() * s.ow();
    for (int64_t i = 0; i < dy.numel(); ++i)
      db[static_cast<size_t>(i / plane % s.o)] += at<T>(dy, i);
    DType type = dtypeOf<T>();
    expectClose<T>(
        result("conv2d", joinArguments({x, w}, joinArguments(s.parameters(), {integer(0)})), {type, s.y(), true}), y,
        tolerance);
    for (size_t i = 0; i < y.size(); ++i)
      y[i] = std::max(0.0, y[i] + at<T>(b, static_cast<int64_t>(i) / plane % s.o));
    expectClose<T>(result("conv2d", joinArguments({x, w, b}, joinArguments(s.parameters(), {integer(1)})),
                          {type, {-1, -1, -1, -1}}),
                   y, tolerance);
    expectClose<T>(result("conv2d_grad_input", joinArguments({dy, w}, s.parameters()), {type, s.x(), true}), dx,
                   tolerance);
    Outcome gradients = call("conv2d_grad_weight", joinArguments({x, dy}, s.parameters()),
                             {{type, s.weight(), true}, {type, {s.o}, true}});
    ASSERT_EQ(gradients.error, "");
    expectClose<T>(gradients.results[0], dw, tolerance * 100);
    expectClose<T>(gradients.results[1], db, tolerance * 100);
    expectClose<T>(result("conv2d_grad_weight", joinArguments({x, dy}, s.parameters()), {type, s.weight(), true}), dw,
                   tolerance * 100);
  }
}

TEST(Conv2d, F32MatchesPlainLoops) { checkConvolution<float>(2e-5); }
TEST(Conv2d, F64MatchesPlainLoops) { checkConvolution<double>(1e-13); }

TEST(Conv2d, EmptyBatch) {
  Tensor x = numbers<float>({0, 3, 8, 8}), w = numbers<float>({4, 3, 3, 3});
  EXPECT_EQ(
      result("conv2d", joinArguments({x, w}, integers({1, 1, 1, 1, 1, 1, 1, 0})), {DType::f32, {0, 4, 8, 8}, true})
          .numel(),
      0);
  Tensor dw =
      result("conv2d_grad_weight", joinArguments({x, numbers<float>({0, 4, 8, 8})}, integers({1, 1, 1, 1, 1, 1, 1})),
             {DType::f32, {4, 3, 3, 3}, true});
  EXPECT_EQ(dw.data<float>()[5], 0);
}

TEST(Conv2d, WrongArgumentsAreErrors) {
  Want any{DType::f32, {-1, -1, -1, -1}};
  Tensor x = numbers<float>({1, 3, 4, 4}), w = numbers<float>({4, 3, 5, 5});
  EXPECT_EQ(call("conv2d", joinArguments({x, w}, integers({1, 1, 0, 0, 1, 1, 1, 0})), {any}).error,
            "conv2d: a kernel of 5 (dilation 1) does not fit an input of 4 padded by 0");
  EXPECT_EQ(call("conv2d", joinArguments({x, w}, integers({0, 1, 1, 1, 1, 1, 1, 0})), {any}).error,
            "conv2d: strides, dilations and groups must be positive and paddings not negative");
  EXPECT_EQ(call("conv2d", joinArguments({x, w}, integers({1, 1, 1, 1, 1, 1, 2, 0})), {any}).error,
            "conv2d: 2 groups do not divide 3 input and 4 output channels");
}

TEST(Conv2d, ASteadyLoopAllocatesNothing) {
  Conv s = kConvs[0];
  Tensor x = numbers<float>(s.x()), w = numbers<float>(s.weight()), y = Tensor::zeros(DType::f32, s.y());
  auto step = [&] {
    call("conv2d", joinArguments({x, w}, joinArguments(s.parameters(), {integer(0)})), {{DType::f32, s.y(), true}});
  };
  step();
  uint64_t before = dl_heap_allocations();
  for (int i = 0; i < 20; ++i)
    step();
  EXPECT_EQ(dl_heap_allocations(), before);
}

// Runs a function with 1, 2 and 4 threads and expects the same bits.
void expectSameBits(const std::function<std::vector<Tensor>()> &run) {
  int32_t threads = dl_num_threads();
  dl_set_num_threads(1);
  std::vector<Tensor> first = run();
  for (int32_t n : {2, 4}) {
    dl_set_num_threads(n);
    std::vector<Tensor> other = run();
    for (size_t i = 0; i < first.size(); ++i)
      EXPECT_EQ(std::memcmp(first[i].raw(), other[i].raw(), static_cast<size_t>(first[i].bytes())), 0)
          << n << " threads, result " << i;
  }
  dl_set_num_threads(threads);
}

TEST(Determinism, ProductsDoNotDependOnThreads) {
  for (std::vector<int64_t> s : {std::vector<int64_t>{1, 300, 800}, {300, 1, 800}, {64, 10, 2000}, {200, 300, 100}}) {
    Tensor a = numbers<float>({s[0], s[2]}, 1), b = numbers<float>({s[2], s[1]}, 2);
    expectSameBits([&] { return call("matmul", {a, b}, {{DType::f32, {s[0], s[1]}}}).results; });
  }
}

TEST(Determinism, ConvolutionsDoNotDependOnThreads) {
  Conv s{13, 8, 12, 12, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1};
  Tensor x = numbers<float>(s.x(), 1), w = numbers<float>(s.weight(), 2), dy = numbers<float>(s.y(), 3);
  expectSameBits([&] {
    return call("conv2d", joinArguments({x, w}, joinArguments(s.parameters(), {integer(0)})),
                {{DType::f32, s.y(), true}})
        .results;
  });
  expectSameBits([&] {
    return call("conv2d_grad_input", joinArguments({dy, w}, s.parameters()), {{DType::f32, s.x(), true}}).results;
  });
  expectSameBits([&] {
    return call("conv2d_grad_weight", joinArguments({x, dy}, s.parameters()),
                {{DType::f32, s.weight(), true}, {DType::f32, {s.o}, true}})
        .results;
  });
}

TEST(Determinism, KernelsRunInsideParallelLoops) {
  static const Conv s{4, 3, 8, 8, 5, 3, 3, 1, 1, 1, 1, 1, 1, 1};
  int32_t threads = dl_num_threads();
  dl_set_num_threads(3);
  for (int round = 0; round < 3; ++round)
    dl_parallel_for(
        0, 12, 1,
        [](int64_t begin, int64_t end, void *) {
          for (int64_t i = begin; i < end; ++i) {
            Tensor x = numbers<float>(s.x(), 1), dy = numbers<float>(s.y(), 3), a = numbers<float>({40, 40}, 4);
            EXPECT_EQ(
                call("conv2d_grad_weight", joinArguments({x, dy}, s.parameters()), {{DType::f32, s.weight(), true}})
                    .error,
                "");
            EXPECT_EQ(call("matmul", {a, a}, {{DType::f32, {40, 40}}}).error, "");
          }
        },
        nullptr);
  dl_set_num_threads(threads);
}

TEST(Nonzero, GivesThePositions) {
  Want any{DType::i64, {-1}};
  expectClose<int64_t>(result("nonzero", {Tensor::from<bool>({false, true, true, false, true}, {5})}, any), {1, 2, 4},
                       0);
  EXPECT_EQ(result("nonzero", {Tensor::zeros(DType::boolean, {0})}, any).numel(), 0);
  EXPECT_EQ(call("nonzero", {numbers<float>({2})}, {any}).error, "nonzero: the mask is f32[2], not bool");
}

struct Pool {
  int64_t n, c, h, w, kh, kw, sh, sw, ph, pw, dh, dw, ceil;
};

int64_t pooled(int64_t size, int64_t k, int64_t s, int64_t p, int64_t d, int64_t ceil) {
  int64_t room = size + 2 * p - d * (k - 1) - 1, out = (ceil ? (room + s - 1) / s : room / s) + 1;
  return ceil && (out - 1) * s >= size + p ? out - 1 : out;
}

template <class T> void checkMaxPool() {
  for (Pool s : {Pool{2, 3, 8, 8, 2, 2, 2, 2, 0, 0, 1, 1, 0}, Pool{1, 2, 7, 9, 2, 2, 2, 2, 0, 0, 1, 1, 0},
                 Pool{1, 2, 7, 9, 2, 2, 2, 2, 0, 0, 1, 1, 1}, Pool{2, 1, 9, 10, 3, 3, 2, 2, 1, 1, 1, 1, 0},
                 Pool{1, 1, 12, 12, 3, 2, 1, 3, 1, 0, 2, 3, 1}, Pool{1, 4, 40, 70, 2, 2, 2, 2, 0, 0, 1, 1, 0}}) {
    Tensor x = numbers<T>({s.n, s.c, s.h, s.w}, 5);
    x.data<T>()[3] = std::numeric_limits<T>::quiet_NaN();
    int64_t oh = pooled(s.h, s.kh, s.sh, s.ph, s.dh, s.ceil), ow = pooled(s.w, s.kw, s.sw, s.pw, s.dw, s.ceil);
    std::vector<int64_t> out{s.n, s.c, oh, ow};
    Outcome outcome =
        call("max_pool2d", joinArguments({x}, integers({s.kh, s.kw, s.sh, s.sw, s.ph, s.pw, s.dh, s.dw, s.ceil})),
             {{dtypeOf<T>(), out, true}, {DType::i64, out, true}});
    ASSERT_EQ(outcome.error, "");
    Tensor dy = numbers<T>(out, 6);
    std::vector<double> dx(static_cast<size_t>(x.numel()));
    for (int64_t i = 0; i < numel(out); ++i) {
      int64_t plane = i / (oh * ow), row = i / ow % oh, column = i % ow, where = -1;
      for (int64_t r = 0; r < s.kh; ++r)
        for (int64_t q = 0; q < s.kw; ++q) {
          int64_t y = row * s.sh - s.ph + r * s.dh, z = column * s.sw - s.pw + q * s.dw;
          if (y < 0 || y >= s.h || z < 0 || z >= s.w)
            continue;
          double v = at<T>(x, plane * s.h * s.w + y * s.w + z);
          if (where < 0 || v > at<T>(x, plane * s.h * s.w + where) || std::isnan(v))
            where = y * s.w + z;
        }
      ASSERT_EQ(outcome.results[1].template data<int64_t>()[i], where) << i;
      double got = at<T>(outcome.results[0], i), want = at<T>(x, plane * s.h * s.w + where);
      ASSERT_TRUE(got == want || (std::isnan(got) && std::isnan(want)));
      dx[static_cast<size_t>(plane * s.h * s.w + where)] += at<T>(dy, i);
    }
    expectClose<T>(result("max_pool2d_grad", {dy, outcome.results[1]}, {dtypeOf<T>(), x.shape(), true}), dx, 1e-5);
  }
}

TEST(MaxPool2d, F32) { checkMaxPool<float>(); }
TEST(MaxPool2d, F64) { checkMaxPool<double>(); }

TEST(MaxPool2d, TheFirstOfEqualsWins) {
  Tensor x = Tensor::zeros(DType::f32, {1, 1, 2, 2});
  Outcome outcome = call("max_pool2d", joinArguments({x}, integers({2, 2, 2, 2, 0, 0, 1, 1, 0})),
                         {{DType::f32, {1, 1, 1, 1}}, {DType::i64, {1, 1, 1, 1}}});
  EXPECT_EQ(outcome.results[1].item(), 0);
}

TEST(MaxPool2d, WildIndicesAreAnError) {
  EXPECT_EQ(call("max_pool2d_grad", {numbers<float>({1, 1, 1, 1}), Tensor::from<int64_t>({4}, {1, 1, 1, 1})},
                 {{DType::f32, {1, 1, 2, 2}, true}})
                .error,
            "max_pool2d_grad: an index lies outside the plane of 4 elements");
}

TEST(AvgPool2d, ValuesAndGradient) {
  for (Pool s : {Pool{2, 3, 8, 8, 2, 2, 2, 2, 0, 0, 1, 1, 0}, Pool{1, 2, 7, 9, 3, 3, 2, 2, 1, 1, 1, 1, 0},
                 Pool{1, 2, 7, 9, 3, 2, 2, 2, 1, 1, 1, 1, 1}, Pool{1, 1, 5, 5, 2, 2, 2, 2, 0, 0, 1, 1, 0}})
    for (int64_t countPadding : {0, 1})
      for (int64_t divisor : {0, 7}) {
        Tensor x = numbers<double>({s.n, s.c, s.h, s.w}, 7);
        int64_t oh = pooled(s.h, s.kh, s.sh, s.ph, 1, s.ceil), ow = pooled(s.w, s.kw, s.sw, s.pw, 1, s.ceil);
        std::vector<int64_t> out{s.n, s.c, oh, ow};
        Tensor dy = numbers<double>(out, 8);
        std::vector<double> y(static_cast<size_t>(numel(out))), dx(static_cast<size_t>(x.numel()));
        for (int64_t i = 0; i < numel(out); ++i) {
          int64_t plane = i / (oh * ow), top = i / ow % oh * s.sh - s.ph, left = i % ow * s.sw - s.pw;
          double inside = 0, padded = 0;
          std::vector<int64_t> hits;
          for (int64_t r = top; r < std::min(top + s.kh, s.h + s.ph); ++r)
            for (int64_t c = left; c < std::min(left + s.kw, s.w + s.pw); ++c) {
              ++padded;
              if (r < 0 || r >= s.h || c < 0 || c >= s.w)
                continue;
              ++inside;
              hits.push_back((plane * s.h + r) * s.w + c);
            }
          double by = divisor ? static_cast<double>(divisor) : countPadding ? padded : inside;
          for (int64_t hit : hits) {
            y[static_cast<size_t>(i)] += at<double>(x, hit) / by;
            dx[static_cast<size_t>(hit)] += at<double>(dy, i) / by;
          }
        }
        std::vector<Tensor> parameters = integers({s.kh, s.kw, s.sh, s.sw, s.ph, s.pw, s.ceil, countPadding, divisor});
        expectClose<double>(result("avg_pool2d", joinArguments({x}, parameters), {DType::f64, out, true}), y, 1e-14);
        expectClose<double>(result("avg_pool2d_grad", joinArguments({dy}, parameters), {DType::f64, x.shape(), true}),
                            dx, 1e-14);
      }
}

} // namespace
} // namespace dl::test
