// Counts what a program takes from the system's heap, in whatever library: malloc and its kin, and with them operator
// new. For one source file of a test program.
#pragma once

#include "runtime/core/sanitizer.h"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>

#if defined(__GLIBC__) && !DL_ADDRESS_SANITIZER
#define DL_COUNTS_ALLOCATIONS 1

namespace dl::test {
inline std::atomic<uint64_t> allocations{0};
} // namespace dl::test

extern "C" {
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

void *malloc(size_t size) {
  ++dl::test::allocations;
  return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
  ++dl::test::allocations;
  return __libc_calloc(count, size);
}
void *realloc(void *block, size_t size) {
  ++dl::test::allocations;
  return __libc_realloc(block, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  ++dl::test::allocations;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void **block, size_t alignment, size_t size) {
  ++dl::test::allocations;
  *block = __libc_memalign(alignment, size);
  return *block ? 0 : ENOMEM;
}
}
#else
#define DL_COUNTS_ALLOCATIONS 0
#endif
