// `dl grad`: the derivative of a function as dl source.
#pragma once

#include "compiler/driver/lowering.h"

#include <optional>
#include <string>
#include <vector>

namespace dl::driver {

struct DerivativeWish {
  std::string function;
  // Parameters by number or by name, or parts of them: `0`, `x`, `model.fc1.weight`. A part that has parts of its own
  // stands for all that can be differentiated by: numbers, and of modules the params that are trained.
  // Without any the first parameter that holds such.
  std::vector<std::string> wrt = {};
  bool forward = false;
  int order = 1;
  bool onlyValues = false; // not what stands beside params in a session
};

// Changes the program, which is good for more derivatives of the function but for nothing else. `help` says what to do
// when no instance of the function is known. Nothing after an error in the diagnostics.
std::optional<std::string> printDerivative(Lowering &lowering, const DerivativeWish &wish, Diagnostics &diagnostics,
                                           const std::string &help);
// Of several functions that are all there: one of each wish, or nothing where an error says why.
std::vector<std::optional<std::string>> printDerivatives(Lowering &lowering, const std::vector<DerivativeWish> &wishes,
                                                         Diagnostics &diagnostics);

} // namespace dl::driver
