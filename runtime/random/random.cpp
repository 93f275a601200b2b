// Random tensors. Element i of a draw depends on the seed, the generator's position and i alone, so neither the machine nor the number of
// threads shows in the numbers. A draw moves the generator on by the blocks it used.
#include <algorithm>
#include <cmath>

#include "runtime/core/arguments.h"
#include "runtime/core/threads.h"
#include "runtime/kernels/targets.h"
#include "runtime/random/math.h"
#include "runtime/random/philox.h"

namespace dl::rt {

Generator &defaultGenerator() {
  thread_local Generator generator;
  return generator;
}

namespace {

constexpr int64_t kGroup = 64;    // blocks made at a time, so that the rounds vectorise
constexpr int64_t kGrain = 4096;  // blocks worth a thread

struct alignas(64) Words {
  uint32_t w0[kGroup], w1[kGroup], w2[kGroup], w3[kGroup];
};

DL_INLINE void makeWords(const Generator &generator, int64_t first, Words &words) {
  WideVector lane{};
  for (int i = 0; i < kPhiloxLanes; ++i)
    lane[i] = static_cast<uint64_t>(i);
  for (int64_t i = 0; i < kGroup; i += kPhiloxLanes) {
    WideVector counter = lane + (generator.next + static_cast<uint64_t>(first + i));
    PhiloxWords<WordVector> block{{__builtin_convertvector(counter, WordVector),
                                   __builtin_convertvector(counter >> 32, WordVector), WordVector{}, WordVector{}}};
    philox(block, static_cast<uint32_t>(generator.seed), static_cast<uint32_t>(generator.seed >> 32));
    *reinterpret_cast<WordVector *>(words.w0 + i) = block.word[0];
    *reinterpret_cast<WordVector *>(words.w1 + i) = block.word[1];
    *reinterpret_cast<WordVector *>(words.w2 + i) = block.word[2];
    *reinterpret_cast<WordVector *>(words.w3 + i) = block.word[3];
  }
}

DL_INLINE uint64_t join(uint32_t high, uint32_t low) { return uint64_t{high} << 32 | low; }
// [0, 1) in steps of 2^-24 and 2^-53.
DL_INLINE float unitFloat(uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }
DL_INLINE double unitDouble(uint32_t high, uint32_t low) {
  return static_cast<double>(static_cast<int64_t>(join(high, low) >> 11)) * 0x1p-53;
}
// (0, 1), never 0, for a logarithm.
DL_INLINE double openUnit(uint32_t word) { return (static_cast<double>(word) + 0.5) * 0x1p-32; }

// Box and Muller: two independent normals from two uniform numbers.
DL_INLINE void normals(double u, double t, double &first, double &second) {
  double radius = __builtin_sqrt(-2 * portableLog(u));
  Turn turn = portableTurn(t);
  first = radius * turn.cosine;
  second = radius * turn.sine;
}

// Each fills one group's elements from its blocks: PER elements a block, in order.
DL_CLONES void uniformGroupF32(const Generator &generator, int64_t first, float *out) {
  Words words;
  makeWords(generator, first, words);
  for (int64_t i = 0; i < kGroup; ++i) {
    out[4 * i] = unitFloat(words.w0[i]);
    out[4 * i + 1] = unitFloat(words.w1[i]);
    out[4 * i + 2] = unitFloat(words.w2[i]);
    out[4 * i + 3] = unitFloat(words.w3[i]);
  }
}

DL_CLONES void uniformGroupF64(const Generator &generator, int64_t first, double *out) {
  Words words;
  makeWords(generator, first, words);
  for (int64_t i = 0; i < kGroup; ++i) {
    out[2 * i] = unitDouble(words.w0[i], words.w1[i]);
    out[2 * i + 1] = unitDouble(words.w2[i], words.w3[i]);
  }
}

DL_CLONES void normalGroupF32(const Generator &generator, int64_t first, float *out) {
  Words words;
  makeWords(generator, first, words);
  for (int64_t i = 0; i < kGroup; ++i) {
    double a, b, c, d;
    normals(openUnit(words.w0[i]), static_cast<double>(words.w1[i]) * 0x1p-32, a, b);
    normals(openUnit(words.w2[i]), static_cast<double>(words.w3[i]) * 0x1p-32, c, d);
    out[4 * i] = static_cast<float>(a);
    out[4 * i + 1] = static_cast<float>(b);
    out[4 * i + 2] = static_cast<float>(c);
    out[4 * i + 3] = static_cast<float>(d);
  }
}

DL_CLONES void normalGroupF64(const Generator &generator, int64_t first, double *out) {
  Words words;
  makeWords(generator, first, words);
  for (int64_t i = 0; i < kGroup; ++i) {
    double u = (static_cast<double>(static_cast<int64_t>(join(words.w0[i], words.w1[i]) >> 12)) + 0.5) * 0x1p-52;
    normals(u, unitDouble(words.w2[i], words.w3[i]), out[2 * i], out[2 * i + 1]);
  }
}

DL_CLONES void wordGroup(const Generator &generator, int64_t first, uint64_t *out) {
  Words words;
  makeWords(generator, first, words);
  for (int64_t i = 0; i < kGroup; ++i) {
    out[2 * i] = join(words.w0[i], words.w1[i]);
    out[2 * i + 1] = join(words.w2[i], words.w3[i]);
  }
}

// Fills count elements, PER to a block, group by group; store(i, values, n) takes elements i … i + n.
template <int Per, class T, class Store>
void draw(int64_t count, void (*group)(const Generator &, int64_t, T *), const Store &store) {
  Generator &state = defaultGenerator();
  const Generator generator = state;
  int64_t blocks = (count + Per - 1) / Per;
  state.next += static_cast<uint64_t>(blocks);
  int64_t groups = (blocks + kGroup - 1) / kGroup;
  parallelFor(0, groups, kGrain / kGroup, [&](int64_t from, int64_t to) {
    T values[kGroup * Per];
    for (int64_t g = from; g < to; ++g) {
      group(generator, g * kGroup, values);
      int64_t first = g * kGroup * Per;
      store(first, values, std::min<int64_t>(kGroup * Per, count - first));
    }
  });
}

// Writes random floats into result 0, which may be f32, f64, bf16 or a scalar of these.
void drawFloats(const Call &call, void (*f32)(const Generator &, int64_t, float *),
                void (*f64)(const Generator &, int64_t, double *)) {
  dl_value &out = call.shapedResult(0);
  int64_t count = numel(out);
  if (out.dtype == DL_F64) {
    double *to = out.rank ? elements<double>(out) : &out.f;
    draw<2, double>(count, f64, [&](int64_t first, const double *v, int64_t n) { std::copy_n(v, n, to + first); });
  } else if (out.dtype == DL_F32 && out.rank) {
    float *to = elements<float>(out);
    draw<4, float>(count, f32, [&](int64_t first, const float *v, int64_t n) { std::copy_n(v, n, to + first); });
  } else if (out.dtype == DL_BF16 && out.rank) {
    auto *to = elements<BFloat16>(out);
    draw<4, float>(count, f32, [&](int64_t first, const float *v, int64_t n) {
      for (int64_t i = 0; i < n; ++i)
        to[first + i] = BFloat16(v[i]);
    });
  } else if (isFloat(out.dtype)) {
    draw<4, float>(1, f32, [&](int64_t, const float *v, int64_t) { out.f = v[0]; });
  } else {
    call.failHere("elements must be floating-point, not ", dtypeName(out.dtype));
  }
}

// A word mapped to [0, range): the high half of word * range. The bias is below range / 2^64.
DL_INLINE uint64_t below(uint64_t word, uint64_t range) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(word) * range >> 64);
}

template <class T> void bernoulli(const Call &call, dl_value &out) {
  const dl_value &p = call.argument(0);
  T *to = elements<T>(out);
  if (p.rank == 0) {
    double probability = call.number(0);
    if (!(probability >= 0 && probability <= 1))
      call.failHere("the probability ", probability, " is not in [0, 1]");
    draw<2, double>(numel(out), uniformGroupF64, [&](int64_t first, const double *v, int64_t n) {
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
    draw<2, double>(numel(out), uniformGroupF64, [&](int64_t first, const double *v, int64_t n) {
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
  drawFloats(call, uniformGroupF32, uniformGroupF64);
}

// Kernel. out: a tensor (or scalar) of f32, f64 or bf16, normal with mean 0 and variance 1.
DL_RUNTIME_FUNCTION(randn) {
  call.expect(0, 1);
  drawFloats(call, normalGroupF32, normalGroupF64);
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
    draw<2, uint64_t>(1, wordGroup, [&](int64_t, const uint64_t *v, int64_t) { call.setInteger(0, value(v[0])); });
    return;
  }
  dispatch(out.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T *to = elements<T>(out);
    draw<2, uint64_t>(numel(out), wordGroup, [&](int64_t first, const uint64_t *v, int64_t n) {
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
  uint64_t words[2 * kGroup];
  for (int64_t i = 0; i + 1 < n; ++i) {
    if (i % (2 * kGroup) == 0)
      wordGroup(generator, i / 2, words);
    std::swap(to[i], to[i + static_cast<int64_t>(below(words[i % (2 * kGroup)], static_cast<uint64_t>(n - i)))]);
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
