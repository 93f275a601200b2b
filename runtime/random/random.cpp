// Random tensors whose elements take a fixed number of random words.
#include <cmath>

#include "runtime/random/draw.h"

namespace dl::rt {

Generator &defaultGenerator() {
  thread_local Generator generator;
  return generator;
}

DL_CLONES void fillWords(const Generator &generator, int64_t first, Words &words) {
  makeWords(generator, first, words);
}

// A program that draws number by number makes one group for many draws.
void fewWords(const Generator &generator, int64_t blocks, Words &words) {
  struct Recent {
    Generator from;
    bool filled = false;
    Words words;
  };
  thread_local Recent recent;
  uint64_t offset = generator.next - recent.from.next;
  if (!recent.filled || recent.from.seed != generator.seed || offset > static_cast<uint64_t>(kGroup - blocks)) {
    recent.from = generator;
    recent.filled = true;
    fillWords(generator, 0, recent.words);
    offset = 0;
  }
  std::copy_n(recent.words.w0 + offset, blocks, words.w0);
  std::copy_n(recent.words.w1 + offset, blocks, words.w1);
  std::copy_n(recent.words.w2 + offset, blocks, words.w2);
  std::copy_n(recent.words.w3 + offset, blocks, words.w3);
}

namespace {

// Each makes the elements of some blocks: PER elements a block, in order.
DL_CLONES void uniformF32(const Words &words, int64_t blocks, float *out) {
  for (int64_t i = 0; i < blocks; ++i) {
    out[4 * i] = unitFloat(words.w0[i]);
    out[4 * i + 1] = unitFloat(words.w1[i]);
    out[4 * i + 2] = unitFloat(words.w2[i]);
    out[4 * i + 3] = unitFloat(words.w3[i]);
  }
}

DL_CLONES void uniformF64(const Words &words, int64_t blocks, double *out) {
  for (int64_t i = 0; i < blocks; ++i) {
    out[2 * i] = unitDouble(words.w0[i], words.w1[i]);
    out[2 * i + 1] = unitDouble(words.w2[i], words.w3[i]);
  }
}

DL_CLONES void normalF32(const Words &words, int64_t blocks, float *out) {
  for (int64_t i = 0; i < blocks; ++i) {
    double a, b, c, d;
    normals(openUnit(words.w0[i]), static_cast<double>(words.w1[i]) * 0x1p-32, a, b);
    normals(openUnit(words.w2[i]), static_cast<double>(words.w3[i]) * 0x1p-32, c, d);
    out[4 * i] = static_cast<float>(a);
    out[4 * i + 1] = static_cast<float>(b);
    out[4 * i + 2] = static_cast<float>(c);
    out[4 * i + 3] = static_cast<float>(d);
  }
}

DL_CLONES void normalF64(const Words &words, int64_t blocks, double *out) {
  for (int64_t i = 0; i < blocks; ++i) {
    normals(openUnit(words.w0[i], words.w1[i]), unitDouble(words.w2[i], words.w3[i]), out[2 * i], out[2 * i + 1]);
  }
}

// Transforms of one number in (0, 1); the same for both element types.
template <class T, double (*transform)(double)> void transformed(const Words &words, int64_t blocks, T *out) {
  for (int64_t i = 0; i < blocks; ++i) {
    out[2 * i] = static_cast<T>(transform(openUnit(words.w0[i], words.w1[i])));
    out[2 * i + 1] = static_cast<T>(transform(openUnit(words.w2[i], words.w3[i])));
  }
}
double toExponential(double u) { return -portableLog(u); }
double toLaplace(double u) { return u < 0.5 ? portableLog(2 * u) : -portableLog(2 - 2 * u); }
double toCauchy(double u) {
  Turn turn = portableTurn(u / 2);
  return -turn.cosine / turn.sine;
}

DL_CLONES void words64(const Words &words, int64_t blocks, uint64_t *out) {
  for (int64_t i = 0; i < blocks; ++i) {
    out[2 * i] = join(words.w0[i], words.w1[i]);
    out[2 * i + 1] = join(words.w2[i], words.w3[i]);
  }
}

template <class T> void bernoulli(const Call &call, dl_value &out) {
  const dl_value &p = call.argument(0);
  T *to = elements<T>(out);
  if (p.rank == 0) {
    double probability = call.number(0);
    if (!(probability >= 0 && probability <= 1))
      call.failHere("the probability ", probability, " is not in [0, 1]");
    draw<2, double>(numel(out), uniformF64, [&](int64_t first, const double *v, int64_t n) {
      for (int64_t i = 0; i < n; ++i)
        to[first + i] = T(static_cast<float>(v[i] < probability));
    });
    return;
  }
  if (numel(p) != numel(out))
    call.failHere("probabilities ", shapeText(p), " for ", shapeText(out));
  dispatchFloat(p.dtype, "bernoulli", [&](auto tag) {
    auto *probability = elements<const typename decltype(tag)::type>(p);
    for (int64_t i = 0, n = numel(p); i < n; ++i)
      if (!(probability[i] >= 0 && probability[i] <= 1))
        call.failHere("the probability ", probability[i], " is not in [0, 1]");
    draw<2, double>(numel(out), uniformF64, [&](int64_t first, const double *v, int64_t n) {
      for (int64_t i = 0; i < n; ++i)
        to[first + i] = T(static_cast<float>(v[i] < static_cast<double>(probability[first + i])));
    });
  });
}

} // namespace
} // namespace dl::rt

using namespace dl::rt;

// in: seed (i64).  Starts the thread's generator afresh.
DL_RUNTIME_FUNCTION(seed) {
  call.expect(1, 0);
  defaultGenerator() = {static_cast<uint64_t>(call.integer(0)), 0};
}

// out: seed, position (i64 each).  What the generator is; rng_set puts it back.
DL_RUNTIME_FUNCTION(rng_get) {
  call.expect(0, 2);
  call.setInteger(0, static_cast<int64_t>(defaultGenerator().seed));
  call.setInteger(1, static_cast<int64_t>(defaultGenerator().next));
}

// in: seed, position (i64 each).
DL_RUNTIME_FUNCTION(rng_set) {
  call.expect(2, 0);
  defaultGenerator() = {static_cast<uint64_t>(call.integer(0)), static_cast<uint64_t>(call.integer(1))};
}

// Kernel. out: a tensor (or scalar) of f32, f64 or bf16, uniform in [0, 1).
DL_RUNTIME_FUNCTION(rand) {
  call.expect(0, 1);
  drawFloats<4>(call, uniformF32, uniformF64);
}

// Kernel. out: a tensor (or scalar) of f32, f64 or bf16, normal with mean 0 and variance 1.
DL_RUNTIME_FUNCTION(randn) {
  call.expect(0, 1);
  drawFloats<4>(call, normalF32, normalF64);
}

// Kernels. out: a tensor (or scalar) of f32, f64 or bf16: exponential with rate 1, Laplace and Cauchy around 0 with
// scale 1.
DL_RUNTIME_FUNCTION(standard_exponential) {
  call.expect(0, 1);
  drawFloats<2>(call, transformed<float, toExponential>, transformed<double, toExponential>);
}
DL_RUNTIME_FUNCTION(standard_laplace) {
  call.expect(0, 1);
  drawFloats<2>(call, transformed<float, toLaplace>, transformed<double, toLaplace>);
}
DL_RUNTIME_FUNCTION(standard_cauchy) {
  call.expect(0, 1);
  drawFloats<2>(call, transformed<float, toCauchy>, transformed<double, toCauchy>);
}

// Kernel. in: low, high (i64).  out: a tensor (or scalar), uniform over low … high - 1.
DL_RUNTIME_FUNCTION(randint) {
  call.expect(2, 1);
  int64_t low = call.integer(0), high = call.integer(1);
  if (low >= high)
    call.failHere("the range from ", low, " to ", high, " is empty");
  uint64_t range = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
  dl_value &out = call.shapedResult(0);
  auto value = [=](uint64_t word) { return static_cast<int64_t>(static_cast<uint64_t>(low) + below(word, range)); };
  if (out.rank == 0) {
    draw<2, uint64_t>(1, words64, [&](int64_t, const uint64_t *v, int64_t) { call.setInteger(0, value(v[0])); });
    return;
  }
  dispatch(out.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T *to = elements<T>(out);
    draw<2, uint64_t>(numel(out), words64, [&](int64_t first, const uint64_t *v, int64_t n) {
      for (int64_t i = 0; i < n; ++i)
        to[first + i] = static_cast<T>(value(v[i]));
    });
  });
}

// in: n (i64; or none when the result has its size).  out: i64[n], the numbers 0 … n - 1 in random order.
DL_RUNTIME_FUNCTION(randperm) {
  int64_t n = call.numIn ? call.integer(0) : call.result(0).sizes[0];
  if (n < 0)
    call.failHere("cannot permute ", n, " numbers");
  dl_value &out = call.tensorResult(0, DL_I64, &n, 1);
  int64_t *to = elements<int64_t>(out);
  for (int64_t i = 0; i < n; ++i)
    to[i] = i;
  // Fisher and Yates, from the front: position i swaps with one of i … n - 1.
  Generator generator = defaultGenerator();
  defaultGenerator().next += static_cast<uint64_t>((n + 1) / 2);
  Words words;
  uint64_t drawn[2 * kGroup];
  for (int64_t i = 0; i + 1 < n; ++i) {
    if (i % (2 * kGroup) == 0) {
      fillWords(generator, i / 2, words);
      words64(words, kGroup, drawn);
    }
    std::swap(to[i], to[i + static_cast<int64_t>(below(drawn[i % (2 * kGroup)], static_cast<uint64_t>(n - i)))]);
  }
}

// Kernel. in: p (a number, or probabilities f32 or f64 of the result's size).  out: a tensor of any element type, or a
// scalar when p is a number: 1 with probability p, else 0.
DL_RUNTIME_FUNCTION(bernoulli) {
  call.expect(1, 1);
  dl_value &out = call.shapedResult(0);
  if (out.rank == 0) {
    uint8_t drawn = 0;
    dl_value one{};
    one.data = &drawn;
    bernoulli<uint8_t>(call, one);
    call.setInteger(0, drawn);
    return;
  }
  dispatch(out.dtype, [&](auto tag) { bernoulli<typename decltype(tag)::type>(call, out); });
}
