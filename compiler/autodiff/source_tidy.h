// What a derivative loses before it is printed: checks and corrections that the language makes by itself.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace dl::autodiff {

// Range checks of indices, and the turning of negative ones, which `x[i]` implies; what shows how far a loop has come;
// and what only they needed. Afterwards the function is good for printing only.
void tidyForPrinting(mlir::func::FuncOp function);

} // namespace dl::autodiff
