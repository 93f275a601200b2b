// The ADBench objectives as pairs: the compiled dl function on an instance, and the reference on the same.
#pragma once

#include "dl/dl.h"
#include "tests/adbench/problems.h"

#include <functional>
#include <string>
#include <vector>

namespace dl::adbench {

struct Case {
  std::string name;                        // "gmm d=10 k=25: gradient"
  std::function<std::vector<Tensor>()> dl; // empty when it failed, with the reason on standard error
  std::function<std::vector<Numbers>()> reference;
};

enum class Size { Small, Published };

// Compiles examples/adbench and makes the instances. Prints what went wrong and gives nothing when it cannot.
std::vector<Case> cases(const std::string &folder, Size size);

} // namespace dl::adbench
