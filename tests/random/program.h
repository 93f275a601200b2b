// A random program as the tests see it.
#pragma once

#include "compiler/sema/types.h"

#include <cstdint>
#include <string>
#include <vector>

namespace dl::testing {

// An argument that the entry point is called with.
struct Argument {
  sema::Elem elem = sema::Elem::F32;
  std::vector<int64_t> shape;
  std::vector<double> data; // exact in the element type
};

struct Program {
  uint64_t seed = 0;
  std::string text;  // declarations, and an `export fn` with the name `entry`
  std::string entry; // every name at the top level begins with it, so that programs can stand in one file
  std::vector<Argument> arguments;
};

} // namespace dl::testing
