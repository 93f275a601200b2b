// The copy of a function that differentiation works on: calls inlined, active while loops turned into counted ones.
#pragma once

#include "compiler/autodiff/activity.h"

#include "mlir/IR/BuiltinOps.h"

namespace dl::autodiff {

// A new private function that does what `callee` does, with calls inlined except those of functions that have their own
// derivative, are recursive, are to be computed again or have no body. `everything`: only those with a derivative that
// differs from that of their body, recursive and external ones stay calls. The caller erases or keeps it.
mlir::func::FuncOp inlinedCopy(mlir::func::FuncOp callee, mlir::StringRef name, bool everything = false);

// Inserts a call-free clone of the body of `callee` before `call`'s place; gives what the clone returns.
llvm::SmallVector<mlir::Value> inlineBody(mlir::OpBuilder &b, mlir::Location call, mlir::func::FuncOp callee,
                                          mlir::ValueRange arguments);

// Rewrites each scf.while of `function` that takes part in the derivative: a first loop, without the outside effects
// and with whatever does not bear on the condition left to be removed, counts the iterations; a second one, counted,
// does the work.
mlir::LogicalResult countActiveWhiles(mlir::func::FuncOp function, llvm::ArrayRef<int64_t> wrt,
                                      std::optional<unsigned> result = {});

// Around code that runs for the second time: puts the random generator back to where it was.
struct RandomState {
  mlir::Value seed, position;
};
RandomState saveRandomState(mlir::OpBuilder &b, mlir::Location loc);
void restoreRandomState(mlir::OpBuilder &b, mlir::Location loc, const RandomState &state);

} // namespace dl::autodiff
