// Times the ADBench objectives and their derivatives, in turn with the same in C++: a line `NAME<tab>dl ms<tab>C++ ms`
// each, the least of many runs. The numbers of threads are the caller's (--threads of the engine is one).
// usage: adbench_bench [FOLDER [PART OF THE NAMES]]
#include "tests/adbench/cases.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>

namespace {

// Other programs on the machine only ever make a run longer.
double least(const std::vector<double> &times) { return *std::min_element(times.begin(), times.end()); }

template <class F> double milliseconds(F &&run) {
  auto start = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

} // namespace

int main(int argc, char **argv) {
  std::vector<dl::adbench::Case> all =
      dl::adbench::cases(argc > 1 ? argv[1] : "examples/adbench", dl::adbench::Size::Published);
  std::string part = argc > 2 ? argv[2] : "";
  for (const dl::adbench::Case &one : all) {
    if (one.name.find(part) == std::string::npos)
      continue;
    double once = milliseconds([&] { one.dl(); }) + milliseconds([&] { one.reference(); });
    int repeat = std::clamp(static_cast<int>(1500 / once), 5, 200);
    std::vector<double> ours, theirs;
    for (int i = 0; i < repeat; ++i) {
      ours.push_back(milliseconds([&] { one.dl(); }));
      theirs.push_back(milliseconds([&] { one.reference(); }));
    }
    std::printf("%s\t%.3f\t%.3f\n", one.name.c_str(), least(ours), least(theirs));
    std::fflush(stdout);
  }
  return all.empty();
}
