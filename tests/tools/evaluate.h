// Single ops without regions or effects, on arrays of doubles.
#pragma once

#include "tests/tools/interpret.h"

namespace dl::test {

std::vector<Array> evaluate(mlir::Operation *op, const std::vector<Array> &operands);
// Convolution, pooling and their derivatives, by definition.
std::vector<Array> evaluateWindow(mlir::Operation *op, const std::vector<Array> &operands);

// The static sizes of the type, and `sizes` for the others.
std::vector<int64_t> shapeWith(mlir::Type type, llvm::ArrayRef<Array> sizes);

// Calls `visit` with every index of an array of the shape, in row-major order.
template <class F> void forEachIndex(llvm::ArrayRef<int64_t> shape, F visit) {
  for (int64_t size : shape)
    if (size == 0)
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

inline int64_t flat(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> index) {
  int64_t at = 0;
  for (size_t k = 0; k < shape.size(); ++k) {
    if (index[k] < 0 || index[k] >= shape[k])
      throw InterpretError("index out of range");
    at = at * shape[k] + index[k];
  }
  return at;
}

} // namespace dl::test
