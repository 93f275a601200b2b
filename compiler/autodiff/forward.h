// Forward mode: tangents are computed beside the values, control flow carries them along.
#pragma once

#include "compiler/autodiff/reverse.h"

namespace dl::autodiff {

// Builds `generated`(arguments, tangents of wrt) -> (results, tangents of the float results) from the prepared
// function. `derivativeOf` gives forward derivatives, `reverseOf` those of reverse mode, which turn a rule around.
mlir::LogicalResult buildForward(mlir::func::FuncOp prepared, mlir::func::FuncOp generated, llvm::ArrayRef<int64_t> wrt,
                                 const Activity &activity, DerivativeOf derivativeOf, DerivativeOf reverseOf);

} // namespace dl::autodiff
