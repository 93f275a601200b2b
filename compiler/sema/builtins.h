// Builtin functions as the checker sees them. The op library owns the table; the checker is handed it.
#pragma once

#include <span>
#include <string_view>

namespace dl::sema {

// One builtin. The signature is a dl declaration without `fn`; its type rule in full:
//   "exp(x: F[*S]) -> F[*S]"
//   "add(a: T[*S], b: T[*R]) -> T[broadcast(S, R)]"
//   "sum(x: T[*S], dim: ints = none, keepdim: bool = false) -> T[reduce(S, dim, keepdim)]"
// T is any one element type, N one of numbers, F any float, I any integer and B an integer or bool; the same letter,
// the same type. A parameter that is a `bool`, an `int`, `ints` (an int or a tuple of them) or a `dtype` is known when
// the program is compiled and reaches irgen as an attribute under its name (absent when none). `shape` is a tuple of
// ints (or one int) and `size` an int; these may be known only symbolically. Result shapes may apply the functions of
// shape_functions.h.
struct Builtin {
  std::string_view signature;
  std::string_view doc;   // one line: what it computes, with the source of a formula
  bool broadcast = false; // operands are broadcast to the result's shape, and literals take the other's element type,
                          // before the op is applied
  double (*ofNumber)(double) = nullptr; // of one operand: what it makes of a number as written, which stays one
};

using Builtins = std::span<const Builtin>;

} // namespace dl::sema
