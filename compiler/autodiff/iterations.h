// The iterations of a counted loop, numbered from 0.
#pragma once

#include "compiler/dialect/builder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace dl::autodiff {

// Iteration n of 0 … trip - 1 has the induction value lower + n * step.
struct Iterations {
  mlir::Value lower, step, trip;

  Iterations(mlir::OpBuilder &b, mlir::scf::ForOp loop);

  // The number of the iteration that iteration k of the reverse loop is about.
  mlir::Value reversed(mlir::OpBuilder &b, mlir::Location loc, mlir::Value k) const;
  mlir::Value induction(mlir::OpBuilder &b, mlir::Location loc, mlir::Value n) const;
  mlir::Value number(mlir::OpBuilder &b, mlir::Location loc, mlir::Value induction) const;
};

} // namespace dl::autodiff
