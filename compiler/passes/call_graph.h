// Which functions of a module call which.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace dl::passes {

struct CallGraph {
  explicit CallGraph(mlir::ModuleOp module);

  // Callees before callers, as far as there is no cycle.
  llvm::SmallVector<mlir::func::FuncOp> order;
  // Calls whose callee is in a cycle with the caller.
  llvm::SmallVector<mlir::func::CallOp> cyclic;
  llvm::DenseMap<mlir::func::FuncOp, llvm::SmallVector<mlir::func::CallOp>> callers;
  llvm::DenseSet<mlir::func::FuncOp> recursive;

  mlir::func::FuncOp calleeOf(mlir::func::CallOp call) const { return callees.lookup(call); }

private:
  llvm::DenseMap<mlir::Operation *, mlir::func::FuncOp> callees;
};

} // namespace dl::passes
