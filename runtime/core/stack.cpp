#include "runtime/core/stack.h"

#include <pthread.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace dl::rt {
namespace {

constexpr size_t kReserve = size_t{512} << 10;

// The lowest address that the calling thread may use in good conscience; 1 where the stack is not known.
uintptr_t findLimit() {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0)
    return 1;
  void *lowest = nullptr;
  size_t size = 0;
  bool known = pthread_attr_getstack(&attributes, &lowest, &size) == 0;
  pthread_attr_destroy(&attributes);
  return known ? reinterpret_cast<uintptr_t>(lowest) + std::min(kReserve, size / 4) : 1;
}

} // namespace

bool stackIsNearlyFull() {
  static thread_local uintptr_t limit = 0;
  if (limit == 0)
    limit = findLimit();
  return reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) < limit;
}

} // namespace dl::rt
