// Times the ADBench objectives and their derivatives, in turn with the same in C++: a line `NAME<tab>dl ms<tab>C++ ms`
// each, medians. The numbers of threads are the caller's (--threads of the engine is one).
#include "tests/adbench/cases.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace {

double median(std::vector<double> times) {
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  return times[times.size() / 2];
}

template <class F> double milliseconds(F &&run) {
  auto start = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

} // namespace

int main(int argc, char **argv) {
  std::vector<dl::adbench::Case> all =
      dl::adbench::cases(argc > 1 ? argv[1] : "examples/adbench", dl::adbench::Size::Published);
  for (const dl::adbench::Case &one : all) {
    double once = milliseconds([&] { one.dl(); }) + milliseconds([&] { one.reference(); });
    int repeat = std::clamp(static_cast<int>(1500 / once), 5, 200);
    std::vector<double> ours, theirs;
    for (int i = 0; i < repeat; ++i) {
      ours.push_back(milliseconds([&] { one.dl(); }));
      theirs.push_back(milliseconds([&] { one.reference(); }));
    }
    std::printf("%s\t%.3f\t%.3f\n", one.name.c_str(), median(ours), median(theirs));
    std::fflush(stdout);
  }
  return all.empty();
}
