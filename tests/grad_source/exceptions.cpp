#include "tests/grad_source/exceptions.h"

namespace dl::test {

std::string exceptionOf(const std::string &function) {
  static const std::map<std::string, std::string> exceptions = {
      {"data.read_idx", "reads a file"},
      {"data.read_npy", "reads a file"},
      {"data.read_npz", "reads a file"},
      {"data.read_csv", "reads a file"},
      {"data.write_csv", "writes a file and gives nothing"},
      {"files.sleep", "gives nothing"},
      {"list_functions.list_sort_texts", "gives texts"},
      {"list_functions.stands_before", "takes texts alone"},
      {"optim.SGD.zero_grad", "gives nothing"},
      {"optim.Adam.zero_grad", "gives nothing"},
      {"optim.AdamW.zero_grad", "gives nothing"},
  };
  auto found = exceptions.find(function);
  return found == exceptions.end() ? "" : found->second;
}

const Choice &choiceFor(const std::string &function) {
  static const Choice any, packed{{{"D", 3}, {"P", 6}}, {}}; // P = D (D + 1) / 2
  static const std::map<std::string, Choice> choices = {
      {"examples/adbench/gmm.dl:gmm", packed},
      {"examples/adbench/gmm.dl:gmm_objective", packed},
      {"examples/adbench/gmm.dl:gmm_gradient", packed},
      {"tests/lang/batched_loops.dl:parts", {{{"N", 9}}, {}}},
      {"tests/lang/batched_loops.dl:ordered", {{{"N", 9}}, {}}},
      {"tests/lang/batched_loops.dl:looped", {{{"N", 9}}, {}}},
      {"tests/lang/batched_loops.dl:gradient", {{{"N", 9}}, {}}},
      {"tests/lang/recursion_gradients.dl:odd", {{}, {{"n", {3}}}}},
      {"tests/lang/implicit.dl:limit", {{}, {{"m", {0.2, 0.1, 0.1, 0.3, 0.2, 0.1, 0.2, 0.1, 0.1}}}}},
      {"tests/lang/match.dl:activation", {{}, {{"kind", {'s', 'i', 'n'}}}}},
  };
  auto found = choices.find(function);
  return found == choices.end() ? any : found->second;
}

} // namespace dl::test
