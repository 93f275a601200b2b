// Functions of the dl dialect whose derivatives are checked: @f of float arguments, one scalar f64 result.
#pragma once

#include "tests/tools/interpret.h"

#include <string>
#include <vector>

namespace dl::test {

struct Program {
  std::string name;
  std::string text;
  std::vector<Array> arguments; // floats and, where an integer follows, what it is
  std::vector<int64_t> wrt;
};

std::vector<Program> straightPrograms();
std::vector<Program> controlFlowPrograms();

// 0.3, -0.7 … : numbers without pattern, away from kinks.
Array numbers(std::vector<int64_t> shape, double seed = 1);

inline std::ostream &operator<<(std::ostream &out, const Program &program) { return out << program.name; }

} // namespace dl::test
