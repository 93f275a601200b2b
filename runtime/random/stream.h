// Random numbers for a single element, as many as it needs: samplers that reject take a number of words that is not
// known.
#pragma once

#include "runtime/random/draw.h"

namespace dl::rt {

// The stream of element `element` of the draw at the generator's position. A draw of streams takes one position. Its
// blocks are philox({position, position >> 32, element, element >> 32 | block + 1}), which no plain draw uses: there
// the last two are 0.
class Stream {
public:
  Stream(const Generator &generator, int64_t element) : generator(generator), element(static_cast<uint64_t>(element)) {}

  double open() { // (0, 1)
    uint32_t high = word();
    return openUnit(high, word());
  }
  double unit() { // [0, 1)
    uint32_t high = word();
    return unitDouble(high, word());
  }
  double normal() {
    double u = open(), first, second;
    normals(u, unit(), first, second);
    return first;
  }

private:
  uint32_t word() {
    if (used == 4) {
      ++block;
      words = {{static_cast<uint32_t>(generator.next), static_cast<uint32_t>(generator.next >> 32),
                static_cast<uint32_t>(element), static_cast<uint32_t>(element >> 32 << 20) | block}};
      philox(words, static_cast<uint32_t>(generator.seed), static_cast<uint32_t>(generator.seed >> 32));
      used = 0;
    }
    return words.word[used++];
  }

  const Generator &generator;
  uint64_t element;
  PhiloxBlock words{};
  uint32_t block = 0;
  int used = 4;
};

// Calls sample(stream, i) for every i below count, on all threads, and moves the generator on.
template <class Sample> void drawStreams(int64_t count, const Sample &sample) {
  const Generator generator = defaultGenerator();
  ++defaultGenerator().next;
  parallelFor(0, count, 256, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i) {
      Stream stream(generator, i);
      sample(stream, i);
    }
  });
}

} // namespace dl::rt
