// What reading a file yields: a value, or why there is none.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "runtime/core/failure.h"

namespace dl::rt {

struct Error {
  std::string message;
};

template <class... Parts> Error error(const Parts &...parts) { return {concat(parts...)}; }

template <class T> class [[nodiscard]] Result {
public:
  Result(T value) : state(std::move(value)) {}
  Result(Error failure) : state(std::move(failure)) {}

  explicit operator bool() const { return state.index() == 0; }
  T &operator*() { return std::get<0>(state); }
  const T &operator*() const { return std::get<0>(state); }
  T *operator->() { return &std::get<0>(state); }
  const T *operator->() const { return &std::get<0>(state); }
  const std::string &message() const { return std::get<1>(state).message; }
  Error failure() const { return std::get<1>(state); }

  // The value; throws Failure when there is none.
  T orFail() && {
    if (!*this)
      throw Failure{message()};
    return std::move(**this);
  }

private:
  std::variant<T, Error> state;
};

struct Done {};

} // namespace dl::rt
