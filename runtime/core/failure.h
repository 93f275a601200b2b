// How the runtime's C++ code reports errors to compiled code.
//
// Inside the runtime an error is a C++ exception of type Failure. It never leaves the runtime: every function that
// compiled code calls runs its body under `guarded`, which turns the exception into dl_fail after all C++ objects are
// gone.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "dl/abi.h"

namespace dl::rt {

struct Failure {
  std::string message;
};

namespace detail {
inline void append(std::string &out, std::string_view part) { out += part; }
inline void append(std::string &out, const char *part) { out += part; }
inline void append(std::string &out, char part) { out += part; }
template <class T>
  requires std::is_arithmetic_v<T>
void append(std::string &out, T part) {
  out += std::to_string(part);
}
} // namespace detail

// The parts one after another.
template <class... Parts> std::string concat(const Parts &...parts) {
  std::string out;
  (detail::append(out, parts), ...);
  return out;
}

template <class... Parts> [[noreturn]] void fail(const Parts &...parts) { throw Failure{concat(parts...)}; }

// "f32[2, 3]", for messages.
std::string shapeText(const dl_value &value);
std::string sizesText(const int64_t *sizes, int rank);

// The message of the exception that is being handled, in memory from malloc.
char *currentExceptionMessage() noexcept;

// dl_fail with a message from malloc, which it takes over.
[[noreturn]] void failOwned(const dl_site *site, char *message) noexcept(false);

template <class Body> void guarded(const dl_site *site, Body &&body) {
  char *message = nullptr;
  try {
    body();
  } catch (...) {
    message = currentExceptionMessage();
  }
  if (message) [[unlikely]]
    failOwned(site, message);
}

// dl_alloc for C++ code: throws Failure instead of leaving the frame.
void *allocate(int64_t bytes);

} // namespace dl::rt
