// Parallel loops for the runtime's own C++ code.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

#include "dl/abi.h"

namespace dl::rt {

// dl_parallel_for for a body that cannot fail.
void parallelForRaw(int64_t begin, int64_t end, int64_t grain, dl_range_fn fn, void *context);

template <class Body> void parallelFor(int64_t begin, int64_t end, int64_t grain, const Body &body) {
  parallelForRaw(
      begin, end, grain,
      [](int64_t from, int64_t to, void *context) { (*static_cast<const Body *>(context))(from, to); },
      const_cast<Body *>(std::addressof(body)));
}

// Gives oneDNN, called next from this thread, the number of threads in force.
void useThreadsForOneDnn();

} // namespace dl::rt
