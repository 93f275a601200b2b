// Random programs that are correct by construction: the generator knows the type of everything that it writes.
#pragma once

#include "tests/random/program.h"

#include <random>

namespace dl::testing {

struct GeneratorOptions {
  int size = 1;                // statements per function, times about 3; 0: one, and little beside it
  bool differentiable = false; // f64, smooth almost everywhere, and with derivatives of all kinds
};

// The same seed and options, the same program. `entry` is the name of its entry point.
Program generateProgram(uint64_t seed, const std::string &entry, const GeneratorOptions &options = {});

} // namespace dl::testing
