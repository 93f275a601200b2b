// Scratch memory from the pool.
#pragma once

#include "runtime/core/failure.h"
#include "runtime/core/memory.h"

namespace dl::rt {

// Room for `count` elements, not set, given back at the end of the scope. T is a plain type.
template <class T> class Buffer {
public:
  explicit Buffer(int64_t count) : memory(static_cast<T *>(allocate(count * static_cast<int64_t>(sizeof(T))))) {}
  ~Buffer() { release(memory); }
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;

  T *data() const { return memory; }

private:
  T *memory;
};

} // namespace dl::rt
