// The values of the reference evaluation: numbers of high precision that know how far a correct program may be from
// them.
#pragma once

#include "compiler/sema/types.h"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace dl::reference {

// `value` is what exact arithmetic gives (integers of all types are exact in it). A program that rounds every operation
// to its element type, in whatever order it adds, is within `error` of it: to first order, so leave a factor of 2.
struct Number {
  long double value = 0;
  long double error = 0;
};

// A scalar (rank 0) or a tensor in row-major order; a str is a u8 array of rank 1.
struct Array {
  sema::Elem elem = sema::Elem::F32;
  std::vector<int64_t> shape;
  std::vector<Number> data;

  static Array scalar(sema::Elem elem, long double value) { return {elem, {}, {{value, 0}}}; }
  static Array filled(sema::Elem elem, std::vector<int64_t> shape, Number number);
  static Array text(const std::string &text);
  std::string text() const;
  int64_t integer() const { return static_cast<int64_t>(data.at(0).value); }
};

// A value of any type as its leaves, in the order that typed.h describes.
using Value = std::vector<Array>;

// The program failed, as it should: an assertion, an index out of range.
struct Fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// What the program does depends on how numbers are rounded, or leaves the range of floats: nothing to compare.
struct Unstable : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// The evaluation lacks something.
struct Unsupported : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// The typed tree contradicts itself: a value has not the type that the checker gave it.
struct Contradiction : std::runtime_error {
  using std::runtime_error::runtime_error;
};

int64_t countOf(const std::vector<int64_t> &shape);

// Calls `visit` with every index of an array of the shape, in row-major order.
template <class F> void forEachIndex(const std::vector<int64_t> &shape, F visit) {
  if (countOf(shape) == 0)
    return;
  std::vector<int64_t> index(shape.size(), 0);
  while (true) {
    visit(index);
    size_t k = shape.size();
    while (k > 0 && ++index[k - 1] == shape[k - 1])
      index[--k] = 0;
    if (k == 0)
      return;
  }
}

// The place of an index, of which only the last shape.size() parts count and where sizes of 1 are stretched.
inline size_t stretched(const std::vector<int64_t> &shape, const std::vector<int64_t> &index) {
  size_t at = 0, skip = index.size() - shape.size();
  for (size_t k = 0; k < shape.size(); ++k)
    at = at * static_cast<size_t>(shape[k]) + static_cast<size_t>(shape[k] == 1 ? 0 : index[k + skip]);
  return at;
}

} // namespace dl::reference
