// What each step of a compilation took, for --time-passes.
#pragma once

#include <chrono>
#include <cstdio>

namespace dl::driver {

// Tells on stderr, when it goes out of scope, how long it lived.
class Timer {
public:
  Timer(bool enabled, const char *step) : enabled(enabled), step(step) {}
  Timer(const Timer &) = delete;
  Timer &operator=(const Timer &) = delete;
  ~Timer() {
    if (enabled)
      std::fprintf(stderr, "%9.2f ms  %s\n",
                   std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count(), step);
  }

private:
  bool enabled;
  const char *step;
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
};

} // namespace dl::driver
