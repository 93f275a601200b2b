// Draws: filling tensors with numbers of the thread's generator. Element i of a draw depends on the seed, the
// generator's position and i alone, so neither the machine nor the number of threads shows in the numbers. A draw moves
// the generator on by the blocks it used.
#pragma once

#include <algorithm>

#include "runtime/core/arguments.h"
#include "runtime/core/threads.h"
#include "runtime/kernels/targets.h"
#include "runtime/random/math.h"
#include "runtime/random/philox.h"

namespace dl::rt {

constexpr int64_t kGroup = 64;   // blocks made at a time, so that the rounds vectorise
constexpr int64_t kGrain = 4096; // blocks worth a thread

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
DL_INLINE double openUnit(uint32_t high, uint32_t low) {
  return (static_cast<double>(static_cast<int64_t>(join(high, low) >> 12)) + 0.5) * 0x1p-52;
}

// Box and Muller: two independent normals from two uniform numbers.
DL_INLINE void normals(double u, double t, double &first, double &second) {
  double radius = __builtin_sqrt(-2 * portableLog(u));
  Turn turn = portableTurn(t);
  first = radius * turn.cosine;
  second = radius * turn.sine;
}

// Fills the words of kGroup blocks of the generator, from block `first` on.
void fillWords(const Generator &generator, int64_t first, Words &words);

constexpr int64_t kFew = 8; // blocks that are taken out of a group, which is kept for the draws that follow
void fewWords(const Generator &generator, int64_t blocks, Words &words);

// Makes the elements of some blocks of their words.
template <class T> using Transform = void (*)(const Words &words, int64_t blocks, T *out);

// Fills count elements, PER to a block, group by group; store(i, values, n) takes elements i … i + n.
template <int Per, class T, class Store> void draw(int64_t count, Transform<T> transform, const Store &store) {
  Generator &state = defaultGenerator();
  const Generator generator = state;
  int64_t blocks = (count + Per - 1) / Per;
  state.next += static_cast<uint64_t>(blocks);
  if (blocks <= kFew) {
    Words words;
    T values[kFew * Per];
    fewWords(generator, blocks, words);
    transform(words, blocks, values);
    store(0, values, count);
    return;
  }
  int64_t groups = (blocks + kGroup - 1) / kGroup;
  parallelFor(0, groups, kGrain / kGroup, [&](int64_t from, int64_t to) {
    Words words;
    T values[kGroup * Per];
    for (int64_t g = from; g < to; ++g) {
      fillWords(generator, g * kGroup, words);
      transform(words, kGroup, values);
      int64_t first = g * kGroup * Per;
      store(first, values, std::min<int64_t>(kGroup * Per, count - first));
    }
  });
}

// Writes random floats into result 0, which may be f32, f64, bf16 or a scalar of these. f32 takes PER from a block, f64
// two.
template <int Per> void drawFloats(const Call &call, Transform<float> f32, Transform<double> f64) {
  dl_value &out = call.shapedResult(0);
  int64_t count = numel(out);
  if (out.dtype == DL_F64) {
    double *to = out.rank ? elements<double>(out) : &out.f;
    draw<2, double>(count, f64, [&](int64_t first, const double *v, int64_t n) { std::copy_n(v, n, to + first); });
  } else if (out.dtype == DL_F32 && out.rank) {
    float *to = elements<float>(out);
    draw<Per, float>(count, f32, [&](int64_t first, const float *v, int64_t n) { std::copy_n(v, n, to + first); });
  } else if (out.dtype == DL_BF16 && out.rank) {
    auto *to = elements<BFloat16>(out);
    draw<Per, float>(count, f32, [&](int64_t first, const float *v, int64_t n) {
      for (int64_t i = 0; i < n; ++i)
        to[first + i] = BFloat16(v[i]);
    });
  } else if (isFloat(out.dtype)) {
    draw<Per, float>(1, f32, [&](int64_t, const float *v, int64_t) { out.f = v[0]; });
  } else {
    call.failHere("elements must be floating-point, not ", dtypeName(out.dtype));
  }
}

// A word mapped to [0, range): the high half of word * range. The bias is below range / 2^64.
DL_INLINE uint64_t below(uint64_t word, uint64_t range) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(word) * range >> 64);
}

} // namespace dl::rt
