// Random functions with nested control flow, for comparing the modes of differentiation with each other.
#pragma once

#include "tests/autodiff/programs.h"

namespace dl::test {

Program randomProgram(unsigned seed);

} // namespace dl::test
