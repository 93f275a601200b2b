// Philox 4x32 with 10 rounds: J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC
// 2011.
#pragma once

#include <cstdint>

#include "runtime/kernels/targets.h"

namespace dl::rt {

// A word is a uint32_t, or a vector of them that holds the same word of several blocks.
template <class Word> struct PhiloxWords {
  Word word[4];
};
using PhiloxBlock = PhiloxWords<uint32_t>;

constexpr int kPhiloxLanes = 16;
typedef uint32_t WordVector __attribute__((vector_size(4 * kPhiloxLanes)));
typedef uint64_t WideVector __attribute__((vector_size(8 * kPhiloxLanes)));

DL_INLINE void multiply(uint32_t factor, uint32_t word, uint32_t &high, uint32_t &low) {
  uint64_t product = uint64_t{factor} * word;
  high = static_cast<uint32_t>(product >> 32);
  low = static_cast<uint32_t>(product);
}

DL_INLINE void multiply(uint32_t factor, WordVector word, WordVector &high, WordVector &low) {
  WideVector product = __builtin_convertvector(word, WideVector) * uint64_t{factor};
  high = __builtin_convertvector(product >> 32, WordVector);
  low = __builtin_convertvector(product, WordVector);
}

// The four random words that belong to a counter under a key.
template <class Word> DL_INLINE void philox(PhiloxWords<Word> &counter, uint32_t key0, uint32_t key1) {
  Word *w = counter.word;
  for (int round = 0; round < 10; ++round) {
    Word high0, low0, high1, low1;
    multiply(0xD2511F53, w[0], high0, low0);
    multiply(0xCD9E8D57, w[2], high1, low1);
    w[0] = high1 ^ w[1] ^ key0;
    w[1] = low1;
    w[2] = high0 ^ w[3] ^ key1;
    w[3] = low0;
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
}

// A generator: block i of the stream is philox({i, i >> 32, 0, 0}, seed). Copies continue independently.
struct Generator {
  uint64_t seed = 0;
  uint64_t next = 0; // the first block not yet used
};

// The calling thread's generator.
Generator &defaultGenerator();

} // namespace dl::rt
