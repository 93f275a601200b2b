// dl.backward: the statements between the reads of params and a value, as a function that is differentiated and put
// back into their place.
#pragma once

#include "compiler/autodiff/reverse.h"
#include "compiler/dialect/Dl.h"

namespace dl::autodiff {

// A stretch of a block as a function.
struct Stretch {
  mlir::func::FuncOp function; // gives the values that are used after the stretch, y, and the weight if there is one
  Seed seed;
  // Per param: the arguments with its token and with the zeros that stand for a change of it.
  llvm::SmallVector<std::pair<int64_t, int64_t>> params;
};
// The derivative of a stretch: takes its arguments, gives its results and the gradient of every param.
struct StretchDerivative {
  mlir::func::FuncOp function;
  llvm::SmallVector<bool> reached; // per param: whether y depends on it
};
using DifferentiateStretch = llvm::function_ref<mlir::FailureOr<StretchDerivative>(Stretch &)>;

// In the copy of a stretch that is differentiated: reads of its params take the changes as marks, and every read of a
// param is a leaf.
mlir::LogicalResult markLeaves(mlir::func::FuncOp copy, llvm::ArrayRef<std::pair<int64_t, int64_t>> params);

// Replaces the backward, before which no other is left in the function, by the gradients.
mlir::LogicalResult expandBackward(ir::BackwardOp op, DifferentiateStretch differentiate);

} // namespace dl::autodiff
