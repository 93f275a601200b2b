// Operations on numbers, with the bound on what rounding may have done to them.
#pragma once

#include "tests/reference/value.h"

#include <functional>
#include <string>

namespace dl::reference {

// Half the distance from 1 to the next number of the type; 0 for integers.
long double unitRoundoff(sema::Elem elem);
// The number after rounding by an operation that is correct to `ulps` units of roundoff. Unstable beyond the range of
// the type.
Number rounded(sema::Elem elem, Number number, long double ulps = 1);
// The number of a literal: the nearest of the type, exactly.
long double nearest(sema::Elem elem, long double value);
// An integer of more bits cut to the type's.
long double wrapped(sema::Elem elem, int64_t value);

// Which of several ways a computation took: differences of two evaluations that went different ways say nothing about
// a derivative.
class Trace {
public:
  void add(int choice) { hash_ = (hash_ ^ static_cast<uint64_t>(choice + 2)) * 1099511628211u; }
  uint64_t hash() const { return hash_; }
  void reset() { hash_ = 14695981039346656037u; }

private:
  uint64_t hash_ = 14695981039346656037u;
};

// -1, 0 or 1 as a is below, equal to or above b. Unstable when rounding could change that.
int compare(const Number &a, const Number &b, Trace &trace);
bool isTrue(const Number &condition, Trace &trace);

// Elementwise functions by the name of their op; `type` is the operands' element type. Unsupported for an unknown name.
using UnaryFunction = std::function<Number(sema::Elem type, const Number &x, Trace &trace)>;
using BinaryFunction = std::function<Number(sema::Elem type, const Number &x, const Number &y, Trace &trace)>;
const UnaryFunction *findUnary(const std::string &name);
const BinaryFunction *findBinary(const std::string &name);
Number convert(sema::Elem from, sema::Elem to, const Number &x, Trace &trace);

} // namespace dl::reference
