// Sizes of values, followed back to where they come from, so that asking for a size does not keep a tensor alive.
#pragma once

#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"

#include <optional>

namespace dl::autodiff {

// A number, an index value, or the size of a tensor along a dimension.
struct Dim {
  std::optional<int64_t> constant = {};
  mlir::Value index = {};
  mlir::Value tensor = {};
  int64_t dim = 0;

  bool operator==(const Dim &) const = default;
};

Dim traceDim(mlir::Value tensor, int64_t dim);
mlir::Value makeDim(mlir::OpBuilder &b, mlir::Location loc, const Dim &dim);

// Replaces tensor.dim ops under `root` whose tensor need not exist for its size to be known.
void resolveDims(mlir::Operation *root);

// The sizes that a `?` in the type of `value` stands for, as values available before `loop`, in which `value` lives;
// nothing when a size may change from one iteration to the next.
std::optional<llvm::SmallVector<mlir::Value>> invariantSizes(mlir::Value value, mlir::Operation *loop,
                                                             mlir::OpBuilder &before);

} // namespace dl::autodiff
