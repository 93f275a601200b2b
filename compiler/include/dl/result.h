// What a call gives that may fail: a value, or an error with its place. Nothing here throws.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace dl {

struct Error {
  std::string message;      // "matmul: inner dimensions differ, 784 and 512"
  std::string file;         // empty when the error belongs to no place in a script
  int line = 0, column = 0; // from 1; 0 when there is no place
  std::string text;         // the whole diagnostic as a person reads it, with source line and caret
};

template <class T> class [[nodiscard]] Result {
public:
  Result(T value) : content(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : content(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return content.index() == 0; }
  explicit operator bool() const { return ok(); }

  // Precondition: ok().
  T &value() & { return *std::get_if<0>(&content); }
  const T &value() const & { return *std::get_if<0>(&content); }
  T &&value() && { return std::move(*std::get_if<0>(&content)); }
  T &operator*() & { return value(); }
  const T &operator*() const & { return value(); }
  T &&operator*() && { return std::move(*this).value(); }
  T *operator->() { return std::get_if<0>(&content); }
  const T *operator->() const { return std::get_if<0>(&content); }

  // Precondition: !ok().
  const Error &error() const { return *std::get_if<1>(&content); }

private:
  std::variant<T, Error> content;
};

} // namespace dl
