// The builtin ops on arrays, by definition.
#pragma once

#include "compiler/sema/typed.h"
#include "tests/reference/arithmetic.h"

namespace dl::reference {

// What an op computes from: its arguments, its compile-time arguments, and the type of its result with the sizes known.
struct Operation {
  const std::string &name;
  const std::vector<Array> &args;
  const sema::Attrs &attrs;
  sema::Elem elem;
  const std::vector<int64_t> &shape;
  Trace &trace;

  const sema::Attr *attr(const std::string &key) const;
  int64_t integer(const std::string &key, int64_t otherwise = 0) const;
  bool flag(const std::string &key) const;
};

// The result; its shape is computed from the arguments where they say what it is. Unsupported for an op that is not
// known.
Array apply(const Operation &op);

// The families: nothing when the op belongs to another.
bool reduction(const Operation &op, Array &result);
bool reshaping(const Operation &op, Array &result);
bool ordering(const Operation &op, Array &result);
bool windowed(const Operation &op, Array &result);

// Sums in any order; the largest or smallest of some numbers; and sum over k of a[k] b[k], where each product rounds,
// too.
Number sum(sema::Elem elem, const std::vector<Number> &parts);
Number extremum(const std::vector<Number> &parts, bool largest, Trace &trace);
Number dot(sema::Elem elem, const std::vector<std::pair<Number, Number>> &pairs);

// A dimension counted from the end is one from the start.
inline size_t dimension(int64_t dim, size_t rank) {
  return static_cast<size_t>(dim < 0 ? dim + static_cast<int64_t>(rank) : dim);
}

} // namespace dl::reference
