#include <algorithm>
#include <cmath>
#include <numeric>

#include "runtime/random/math.h"
#include "runtime/random/philox.h"
#include "tests/runtime/support.h"

namespace dl::test {
namespace {

using rt::PhiloxBlock;

void seed(int64_t value) { ASSERT_EQ(call("seed", {integer(value)}, {}).error, ""); }

// The known answers that come with Random123 for philox4x32-10.
TEST(Philox, KnownAnswers) {
  struct Case {
    PhiloxBlock counter;
    uint32_t key0, key1;
    PhiloxBlock answer;
  };
  const Case cases[] = {
      {{{0, 0, 0, 0}}, 0, 0, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}}},
      {{{~0u, ~0u, ~0u, ~0u}}, ~0u, ~0u, {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}}},
      {{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
       0xa4093822,
       0x299f31d0,
       {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}},
  };
  for (const Case &c : cases) {
    PhiloxBlock block = c.counter;
    rt::philox(block, c.key0, c.key1);
    for (int i = 0; i < 4; ++i)
      EXPECT_EQ(block.word[i], c.answer.word[i]);
  }
}

TEST(Philox, TensorsHoldTheStream) {
  int64_t s = 0x123456789ABCDEF;
  seed(s);
  Tensor x = result("rand", {}, {DType::f32, {1000}, true});
  for (uint32_t i = 0; i < 1000; ++i) {
    PhiloxBlock block{{i / 4, 0, 0, 0}};
    rt::philox(block, static_cast<uint32_t>(s), static_cast<uint32_t>(s >> 32));
    EXPECT_EQ(x.data<float>()[i], static_cast<float>(block.word[i % 4] >> 8) * 0x1p-24f);
  }
}

TEST(PortableMath, AgreesWithTheLibrary) {
  for (int i = 1; i < 20000; ++i) {
    double x = std::pow(10.0, -12 + i * 0.001), want = std::log(x);
    EXPECT_NEAR(rt::portableLog(x), want, 4e-16 * std::max(1.0, std::fabs(want)));
    double t = i / 20000.0;
    EXPECT_NEAR(rt::portableTurn(t).cosine, std::cos(2 * M_PI * t), 1e-15);
    EXPECT_NEAR(rt::portableTurn(t).sine, std::sin(2 * M_PI * t), 1e-15);
  }
  EXPECT_EQ(rt::portableLog(1), 0);
}

TEST(PortableMath, ExponentialsAndGammaAgreeWithTheLibrary) {
  for (int i = -7400; i < 7090; ++i) {
    double x = i * 0.1, want = std::exp(x);
    EXPECT_NEAR(rt::portableExp(x), want, 2e-15 * want) << x;
  }
  EXPECT_EQ(rt::portableExp(-800), 0);
  EXPECT_EQ(rt::portableExp(710), INFINITY);
  EXPECT_TRUE(std::isnan(rt::portableExp(NAN)));
  for (int i = 1; i < 4000; ++i) {
    double x = std::pow(10.0, -2 + i * 0.002), want = std::lgamma(x);
    EXPECT_NEAR(rt::portableLogGamma(x), want, 2e-14 * std::max(1.0, std::fabs(want))) << x;
    double small = -1 / (1 + x);
    EXPECT_NEAR(rt::portableLog1p(small), std::log1p(small), -1e-15 * std::log1p(small)) << small;
  }
}

TEST(Random, DoesNotDependOnThreads) {
  int32_t threads = dl_num_threads();
  for (const char *name : {"rand", "randn"})
    for (DType type : {DType::f32, DType::f64}) {
      std::vector<Tensor> drawn;
      for (int n : {1, 3}) {
        dl_set_num_threads(n);
        seed(7);
        drawn.push_back(result(name, {}, {type, {100003}, true}));
      }
      EXPECT_EQ(std::memcmp(drawn[0].raw(), drawn[1].raw(), static_cast<size_t>(drawn[0].bytes())), 0) << name;
    }
  dl_set_num_threads(threads);
}

TEST(Random, APrefixDoesNotDependOnTheLength) {
  seed(3);
  Tensor shorter = result("randn", {}, {DType::f64, {10}, true});
  seed(3);
  Tensor longer = result("randn", {}, {DType::f64, {5000}, true});
  EXPECT_EQ(std::memcmp(shorter.raw(), longer.raw(), 80), 0);
}

TEST(Random, StateCanBePutBack) {
  seed(11);
  result("rand", {}, {DType::f32, {13}, true});
  Outcome state = call("rng_get", {}, {kInteger, kInteger});
  Tensor a = result("rand", {}, {DType::f32, {5}, true}), b = result("rand", {}, {DType::f32, {5}, true});
  EXPECT_NE(a.data<float>()[0], b.data<float>()[0]);
  call("rng_set", {state.results[0], state.results[1]}, {});
  Tensor again = result("rand", {}, {DType::f32, {5}, true});
  EXPECT_EQ(std::memcmp(a.raw(), again.raw(), 20), 0);
}

template <class T> void moments(const Tensor &x, double &mean, double &variance, double &fourth) {
  mean = variance = fourth = 0;
  for (T v : x.span<T>())
    mean += static_cast<double>(v);
  mean /= static_cast<double>(x.numel());
  for (T v : x.span<T>()) {
    double d = static_cast<double>(v) - mean;
    variance += d * d;
    fourth += d * d * d * d;
  }
  variance /= static_cast<double>(x.numel());
  fourth /= static_cast<double>(x.numel());
}

TEST(Random, MomentsAreRight) {
  seed(1);
  double mean, variance, fourth;
  moments<float>(result("rand", {}, {DType::f32, {400000}, true}), mean, variance, fourth);
  EXPECT_NEAR(mean, 0.5, 2e-3);
  EXPECT_NEAR(variance, 1.0 / 12, 5e-4);
  moments<float>(result("randn", {}, {DType::f32, {400000}, true}), mean, variance, fourth);
  EXPECT_NEAR(mean, 0, 7e-3);
  EXPECT_NEAR(variance, 1, 1e-2);
  EXPECT_NEAR(fourth, 3, 0.1);
  moments<double>(result("randn", {}, {DType::f64, {400000}, true}), mean, variance, fourth);
  EXPECT_NEAR(mean, 0, 7e-3);
  EXPECT_NEAR(variance, 1, 1e-2);
  EXPECT_NEAR(fourth, 3, 0.1);
}

TEST(Random, UniformStaysBelowOne) {
  seed(2);
  Tensor x = result("rand", {}, {DType::f32, {1000000}, true});
  auto [least, most] = std::minmax_element(x.span<float>().begin(), x.span<float>().end());
  EXPECT_GE(*least, 0);
  EXPECT_LT(*most, 1);
}

TEST(Random, IntegersFillTheirRange) {
  seed(5);
  Tensor x = result("randint", {integer(-2), integer(3)}, {DType::i64, {10000}, true});
  int counts[5] = {};
  for (int64_t v : x.span<int64_t>()) {
    ASSERT_GE(v, -2);
    ASSERT_LT(v, 3);
    ++counts[v + 2];
  }
  for (int count : counts)
    EXPECT_NEAR(count, 2000, 200);
  EXPECT_EQ(call("randint", {integer(3), integer(3)}, {{DType::i64, {2}, true}}).error,
            "randint: the range from 3 to 3 is empty");
  Tensor wide = result("randint", {integer(INT64_MIN), integer(INT64_MAX)}, {DType::i64, {4}, true});
  EXPECT_NE(wide.data<int64_t>()[0], wide.data<int64_t>()[1]);
  result("randint", {integer(0), integer(10)}, kInteger);
}

TEST(Random, PermutationsHoldEveryNumberOnce) {
  seed(9);
  int64_t fixed = 0;
  for (int64_t n : {0, 1, 2, 127, 128, 129, 5000}) {
    Tensor p = result("randperm", {integer(n)}, {DType::i64, {-1}});
    ASSERT_EQ(p.numel(), n);
    std::vector<int64_t> sorted(p.span<int64_t>().begin(), p.span<int64_t>().end());
    std::sort(sorted.begin(), sorted.end());
    for (int64_t i = 0; i < n; ++i) {
      EXPECT_EQ(sorted[static_cast<size_t>(i)], i);
      fixed += n == 5000 && p.data<int64_t>()[i] == i;
    }
  }
  EXPECT_LT(fixed, 12);
  EXPECT_EQ(call("randperm", {integer(-1)}, {{DType::i64, {-1}}}).error, "randperm: cannot permute -1 numbers");
}

TEST(Random, Bernoulli) {
  seed(4);
  Tensor x = result("bernoulli", {Tensor(0.3)}, {DType::f32, {100000}, true});
  EXPECT_NEAR(std::accumulate(x.span<float>().begin(), x.span<float>().end(), 0.0), 30000, 600);
  Tensor p = Tensor::from<float>({0, 1, 0, 1}, {4});
  Tensor drawn = result("bernoulli", {p}, {DType::boolean, {4}, true});
  EXPECT_EQ(std::vector<bool>(drawn.data<bool>(), drawn.data<bool>() + 4),
            (std::vector<bool>{false, true, false, true}));
  EXPECT_NE(call("bernoulli", {Tensor(1.5)}, {{DType::f32, {4}, true}}).error, "");
  EXPECT_NE(call("bernoulli", {Tensor(std::nan(""))}, {{DType::f32, {4}, true}}).error, "");
}

// What each sampler gives for seed 11: the numbers must stay these on every machine.
TEST(Samplers, GiveTheSameNumbersEverywhere) {
  auto sample = [](const char *name, const std::vector<Tensor> &parameters) {
    seed(11);
    Tensor x = result(name, parameters, {DType::f64, {3}, true});
    return std::vector<double>(x.data<double>(), x.data<double>() + 3);
  };
  using Numbers = std::vector<double>;
  Tensor small = Tensor::from<double>({0.25, 1, 3}, {3}), large = Tensor::from<double>({20, 100, 1e5}, {3});
  Tensor half = Tensor::from<double>({0.5, 0.125, 0.75}, {3});
  EXPECT_EQ(sample("standard_exponential", {}), (Numbers{0.1097613252944255, 1.039264808798695, 0.9273362167170648}));
  EXPECT_EQ(sample("standard_laplace", {}), (Numbers{1.5706785918878956, -0.3461176282387498, -0.23418903615711953}));
  EXPECT_EQ(sample("standard_cauchy", {}), (Numbers{2.952444234967657, -0.4949121240435861, -0.34025052607667833}));
  EXPECT_EQ(sample("standard_gamma", {small}), (Numbers{4.523353435956006e-06, 0.07274670422616131, 4.1004454397917}));
  EXPECT_EQ(sample("standard_gamma", {large}), (Numbers{22.72393890665701, 87.43575471245875, 100238.7684013721}));
  EXPECT_EQ(sample("poisson", {small}), (Numbers{0.0, 0.0, 1.0}));
  EXPECT_EQ(sample("poisson", {large}), (Numbers{25.0, 96.0, 100242.0}));
  EXPECT_EQ(sample("binomial", {large, half}), (Numbers{5.0, 11.0, 74895.0}));
}

TEST(Samplers, DoNotDependOnThreads) {
  int32_t threads = dl_num_threads();
  Tensor a = Tensor::uninitialised(DType::f64, {10007}), p = Tensor::uninitialised(DType::f64, {10007});
  for (int i = 0; i < 10007; ++i) {
    a.data<double>()[i] = 1 + i % 50;
    p.data<double>()[i] = i % 11 / 10.0;
  }
  for (const char *name : {"standard_gamma", "poisson", "binomial"}) {
    std::vector<Tensor> drawn;
    for (int n : {1, 3}) {
      dl_set_num_threads(n);
      seed(7);
      drawn.push_back(result(name, name == std::string("binomial") ? std::vector{a, p} : std::vector{a},
                             {DType::f64, {10007}, true}));
    }
    EXPECT_EQ(std::memcmp(drawn[0].raw(), drawn[1].raw(), static_cast<size_t>(drawn[0].bytes())), 0) << name;
  }
  dl_set_num_threads(threads);
}

TEST(Samplers, RefuseWrongParameters) {
  auto failure = [](const char *name, std::vector<Tensor> parameters) {
    return call(name, parameters, {{DType::f32, {1}, true}}).error;
  };
  auto one = [](float x) { return Tensor::from<float>({x}, {1}); };
  EXPECT_EQ(failure("standard_gamma", {one(0)}), "standard_gamma: the concentration must be positive, not 0.0");
  EXPECT_NE(failure("standard_gamma", {one(NAN)}), "");
  EXPECT_EQ(failure("poisson", {one(-1)}), "poisson: the rate must be 0 or more, not -1.0");
  EXPECT_NE(failure("binomial", {one(2.5), one(0.5)}), "");
  EXPECT_NE(failure("binomial", {one(2), one(1.5)}), "");
  Tensor weights = Tensor::from<float>({0, 1, 0, 2}, {1, 4});
  EXPECT_EQ(call("multinomial", {weights, integer(0), integer(3)}, {{DType::i64, {1, 3}, true}}).error,
            "multinomial: cannot draw 3 different positions, 2 of the 4 weights are positive");
  Tensor negative = Tensor::from<float>({1, -1}, {1, 2});
  EXPECT_EQ(call("multinomial", {negative, integer(1), integer(3)}, {{DType::i64, {1, 3}, true}}).error,
            "multinomial: the weight -1.0 is not a number from 0 on");
}

TEST(Digits, AreDeterministicAndSpread) {
  int32_t threads = dl_num_threads();
  std::vector<Want> wants{{DType::f32, {-1, 784}}, {DType::i64, {-1}}};
  dl_set_num_threads(1);
  Outcome few = call("synthetic_digits", {integer(50), integer(1)}, wants);
  dl_set_num_threads(3);
  Outcome many = call("synthetic_digits", {integer(2000), integer(1)}, wants);
  dl_set_num_threads(threads);
  ASSERT_EQ(many.error, "");
  EXPECT_EQ(std::memcmp(few.results[0].raw(), many.results[0].raw(), 50 * 784 * 4), 0);
  int counts[10] = {};
  for (int64_t label : many.results[1].span<int64_t>())
    ++counts[label];
  for (int count : counts)
    EXPECT_NEAR(count, 200, 60);
  double ink = 0;
  for (float v : many.results[0].span<float>()) {
    ASSERT_GE(v, 0);
    ASSERT_LE(v, 1);
    ink += static_cast<double>(v);
  }
  EXPECT_GT(ink / (2000 * 784), 0.05);
  EXPECT_LT(ink / (2000 * 784), 0.3);
  EXPECT_NE(call("synthetic_digits", {integer(-1), integer(1)}, wants).error, "");
}

} // namespace
} // namespace dl::test
