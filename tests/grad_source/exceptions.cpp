#include "tests/grad_source/exceptions.h"

namespace dl::test {

std::string exceptionOf(const std::string &function) {
  static const std::map<std::string, std::string> exceptions = {
      // A size that is 1 in the script's calls is stretched: for all sizes at once it fails.
      {"tests/lang/kept_parts.dl:mixed", "mul: sizes {0} (min(N, 1)) and {1} (N) must be equal"},
      {"data.read_idx", "reads a file"},
      {"data.read_npy", "reads a file"},
      {"data.read_npz", "reads a file"},
      {"data.read_csv", "reads a file"},
      {"data.write_csv", "writes a file and gives nothing"},
      {"files.sleep", "gives nothing"},
      {"init.kaiming_uniform", "takes sizes and a type"},
      {"init.xavier_uniform", "takes sizes and a type"},
      {"optim.SGD.zero_grad", "gives nothing"},
      {"optim.Adam.zero_grad", "gives nothing"},
      {"optim.AdamW.zero_grad", "gives nothing"},
  };
  auto found = exceptions.find(function);
  return found == exceptions.end() ? "" : found->second;
}

// A list of an element of one part and one of two, as the program names its parts and as the printed derivative does.
static std::map<std::string, std::vector<double>> listed(const std::string &name, const std::vector<double> &data) {
  const std::vector<double> ends = {1, 3};
  return {{name + ".data", data}, {name + "_data", data}, {name + ".ends", ends}, {name + "_ends", ends}};
}

const Choice &choiceFor(const std::string &function) {
  static const Choice any, packed{{{"D", 3}, {"P", 6}}, {}}; // P = D (D + 1) / 2
  static const std::map<std::string, Choice> choices = {
      {"examples/adbench/gmm.dl:gmm", packed},
      {"examples/adbench/gmm.dl:gmm_objective", packed},
      {"examples/adbench/gmm.dl:gmm_gradient", packed},
      {"examples/gpt.dl:loss", {{{"n", 3}}, {{"model_characters", {3}}}}},
      {"tests/lang/recursion_gradients.dl:odd", {{}, {{"n", {3}}}}},
      {"tests/lang/implicit.dl:limit", {{}, {{"m", {0.2, 0.1, 0.1, 0.3, 0.2, 0.1, 0.2, 0.1, 0.1}}}}},
      {"tests/lang/sizes_solved.dl:blocks", {{{"K * N", 6}, {"N * K", 6}, {"K", 3}, {"N", 2}}, {{"K", {3}}}}},
      {"tests/lang/text_gradients.dl:sorted", {{}, listed("names", {'x', 'b', 'a'})}},
      {"tests/lang/nested_lists.dl:mark", {{{"i", 1}}, listed("ys", {0.1, 0.2, 0.3})}},
      {"tests/lang/match.dl:activation", {{}, {{"kind", {'s', 'i', 'n'}}}}},
  };
  auto found = choices.find(function);
  return found == choices.end() ? any : found->second;
}

} // namespace dl::test
