// Derivatives of the reverse derivative of a recursive function.
//
// For y = f(x), the reverse derivative g(x, v) = (y, Jᵀv) of a function that calls itself calls both f and itself:
// differentiated as it stands, each level would run f again. The forward derivative F(x, t) = (y, J t) calls only
// itself, and its reverse derivative, with cotangents u for y and v for J t, holds all that the derivatives of g need:
//
//   R(x, t; u, v) = (y, J t, Jᵀu + ∂(v·J t)/∂x, Jᵀv)
//
// Forward mode, directions t of x and u of v:  g' = (y, Jᵀv) and its change (J t, Jᵀu + ∂(v·J t)/∂x).
// Reverse mode, cotangents u of y and t of Jᵀv:  by x: Jᵀu + ∂(v·J t)/∂x, by v: J t.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace dl::autodiff {

// Builds the derivative of g by the listed arguments, in either mode; `function` is f and `reverse` R.
void buildBySymmetry(mlir::func::FuncOp generated, mlir::func::FuncOp function, mlir::func::FuncOp reverse,
                     llvm::ArrayRef<int64_t> wrt, bool forward);

} // namespace dl::autodiff
