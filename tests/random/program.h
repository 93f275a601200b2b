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

  // Differentiable programs: the function that is differentiated by its first `wrt` parameters, and the declaration of
  // a further entry point, `entry`_again, that differentiates its derivative once more, as `dl grad` prints that. It
  // gives what is result number `again` of the entry point.
  std::string loss, againText;
  int wrt = 0;
  size_t again = 0;
};

} // namespace dl::testing
