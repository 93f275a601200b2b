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

// Gives oneDNN, called next from this thread, so many threads, or one inside a parallel loop. Returns how many those
// are: a primitive must run with the number that it was made with, or its threads wait for each other forever.
int32_t useThreadsForOneDnn(int32_t threads);
// What the calling thread has given it last.
int32_t oneDnnThreads();

// From now on parallel loops run on the threads of core/pool.h; oneDNN has to as well.
void useOwnThreads();

} // namespace dl::rt
