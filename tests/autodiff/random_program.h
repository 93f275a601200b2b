// Random functions with nested control flow, for comparing the modes of differentiation with each other.
#pragma once

#include "tests/autodiff/programs.h"

namespace dl::test {

// `draws`: with random numbers.
Program randomProgram(unsigned seed, bool draws = true);

} // namespace dl::test
