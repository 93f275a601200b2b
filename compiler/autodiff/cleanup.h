// Removes from a generated function what nothing reads, values carried only for their own sake included.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace dl::autodiff {

// Afterwards the canonicaliser drops the carried values and results that became trivial.
void cutDeadValues(mlir::func::FuncOp function);

} // namespace dl::autodiff
