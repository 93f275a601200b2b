// What is known when compiled of how values come from params: tokens, leaves, calls that lead to them.
#pragma once

#include "compiler/autodiff/activity.h"
#include "compiler/dialect/Dl.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace dl::autodiff {

// Where a token comes from, followed through loops and branches that hand it on; null where it may be one of several.
mlir::Value tokenRoot(mlir::Value token);
// Whether the token is that of a param without a gradient.
bool isFrozen(mlir::Value tokenRoot);
// What the param began with, where that was computed, by tree_map for instance; else null.
mlir::Value computedValue(mlir::Value tokenRoot);

// Brings params, their reads and the backwards that differentiate by them into one function: inlines what leads to
// them into every function with a backward, and drops what nobody calls any more.
mlir::LogicalResult inlineImperative(mlir::ModuleOp module);

// What lies between the reads of params that count as sources and a value. A param is a leaf whatever gave it its
// value.
Activity analyseLeaves(mlir::func::FuncOp function, llvm::function_ref<bool(ir::LeafOp)> isSource, mlir::Value target);

// Replaces the question by its answer.
mlir::LogicalResult answer(ir::GraphInfoOp op);

// The last step: leaves are the values that they read.
void dropLeaves(mlir::ModuleOp module);

} // namespace dl::autodiff
