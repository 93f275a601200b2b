// Times of the steps of a compilation, printed on stderr when asked for.
#pragma once

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <chrono>

namespace dl::backend {

class Timed {
public:
  Timed(const char *name, bool enabled) : name(name), enabled(enabled), start(std::chrono::steady_clock::now()) {}
  ~Timed() {
    if (!enabled)
      return;
    std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    llvm::errs() << llvm::format("%9.2f ms  %s\n", took.count(), name);
  }

private:
  const char *name;
  bool enabled;
  std::chrono::steady_clock::time_point start;
};

} // namespace dl::backend
