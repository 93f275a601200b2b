// What is particular about some functions: those whose derivative is not printed, each with the reason, and those that
// do not take any arguments of their types.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace dl::test {

// For a function of a program, `examples/mnist.dl:loss`: what the error says. For one of the library,
// `nn.Linear.forward`: why there is none. Nothing for all others.
std::string exceptionOf(const std::string &function);

// Sizes by their names and elements by the names of the parameters, where not all will do.
struct Choice {
  std::map<std::string, int64_t> sizes;
  std::map<std::string, std::vector<double>> elements;
};
const Choice &choiceFor(const std::string &function);

} // namespace dl::test
