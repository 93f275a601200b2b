// How tightly operators bind: the one table for reading and for printing.
#pragma once

#include "compiler/syntax/ast.h"

namespace dl::ast {

// From loose to tight. `**` is right-associative and binds tighter than a sign on its left, looser than one on its
// right; everything else is left-associative. Comparisons chain: `a < b < c`.
enum Level { kLambda, kOr, kAnd, kNot, kCompare, kPipe, kSum, kProduct, kSign, kPower, kPostfix };

inline Level levelOf(BinaryOp op) {
  switch (op) {
  case BinaryOp::Add:
  case BinaryOp::Sub:
    return kSum;
  case BinaryOp::Pow:
    return kPower;
  default:
    return kProduct;
  }
}

} // namespace dl::ast
