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

  // Differentiable programs: the function that is differentiated by its first `wrt` parameters, and two further entry
  // points. `entry`_expected is what is evaluated in the place of the entry point, which gives some of its results in
  // several ways: `expects` tells which each of them must be. `entry`_again differentiates the derivative of the loss,
  // as `dl grad` prints it (`printsForward`: that of forward mode, by the first parameter), once more; it gives the
  // last result of `entry`_expected.
  std::string loss, expectedText, againText;
  int wrt = 0;
  bool printsForward = false;
  std::vector<size_t> expects;
};

} // namespace dl::testing
