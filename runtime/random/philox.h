// Philox 4x32 with 10 rounds: J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include <cstdint>

namespace dl::rt {

struct PhiloxBlock {
  uint32_t word[4];
};

// The four random words that belong to a counter under a key.
inline PhiloxBlock philox(PhiloxBlock counter, uint32_t key0, uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    uint64_t product0 = uint64_t{0xD2511F53} * counter.word[0];
    uint64_t product1 = uint64_t{0xCD9E8D57} * counter.word[2];
    counter = {{static_cast<uint32_t>(product1 >> 32) ^ counter.word[1] ^ key0, static_cast<uint32_t>(product1),
                static_cast<uint32_t>(product0 >> 32) ^ counter.word[3] ^ key1, static_cast<uint32_t>(product0)}};
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  return counter;
}

// A generator: block i of the stream is philox({i, i >> 32, 0, 0}, seed). Copies continue independently.
struct Generator {
  uint64_t seed = 0;
  uint64_t next = 0; // the first block not yet used

  PhiloxBlock block(uint64_t offset) const {
    uint64_t i = next + offset;
    return philox({{static_cast<uint32_t>(i), static_cast<uint32_t>(i >> 32), 0, 0}}, static_cast<uint32_t>(seed),
                  static_cast<uint32_t>(seed >> 32));
  }
};

// The calling thread's generator.
Generator &defaultGenerator();

} // namespace dl::rt
