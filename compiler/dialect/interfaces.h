// What the derivative rules of ops are written against. Autodiff implements these.
#pragma once

#include "mlir/IR/Builders.h"
#include "mlir/Support/LogicalResult.h"

namespace dl::ir {

// Handed to DlOp::vjp. Values named by an op (its operands and results) are those of the original program; `primal`
// gives the value that stands for one of them where the reverse code is being built.
class AdjointBuilder {
public:
  virtual ~AdjointBuilder() = default;
  mlir::OpBuilder &builder() { return builder_; }
  mlir::Location loc() const { return loc_; }

  virtual mlir::Value primal(mlir::Value original) = 0;
  // The adjoint of a result: zeros of its shape when nothing flowed into it.
  virtual mlir::Value adjoint(mlir::Value originalResult) = 0;
  // Whether the adjoint of this operand is wanted at all (float and on a path from an input of interest).
  virtual bool wants(mlir::Value originalOperand) = 0;
  // adjoint(operand) += contribution (of the operand's type). Does nothing for an operand that is not wanted.
  virtual void add(mlir::Value originalOperand, mlir::Value contribution) = 0;
  // adjoint(operand) = update(adjoint(operand)), for rules that add into a part; the accumulator starts as zeros.
  virtual void update(mlir::Value originalOperand, llvm::function_ref<mlir::Value(mlir::Value)> update) = 0;
  // The op has no derivative: reported at the user's line as "<what> is not differentiable: <reason>".
  virtual mlir::LogicalResult notDifferentiable(llvm::StringRef reason) = 0;

protected:
  AdjointBuilder(mlir::OpBuilder &builder, mlir::Location loc) : builder_(builder), loc_(loc) {}
  mlir::OpBuilder &builder_;
  mlir::Location loc_;
};

// Handed to DlOp::jvp. The tangent code is built right after the original op, so originals may be used directly.
class TangentBuilder {
public:
  virtual ~TangentBuilder() = default;
  mlir::OpBuilder &builder() { return builder_; }
  mlir::Location loc() const { return loc_; }

  virtual mlir::Value primal(mlir::Value original) = 0;
  virtual mlir::Value tangent(mlir::Value originalOperand) = 0;          // null: zero
  virtual void set(mlir::Value originalResult, mlir::Value tangent) = 0; // never set: zero
  virtual mlir::LogicalResult notDifferentiable(llvm::StringRef reason) = 0;

protected:
  TangentBuilder(mlir::OpBuilder &builder, mlir::Location loc) : builder_(builder), loc_(loc) {}
  mlir::OpBuilder &builder_;
  mlir::Location loc_;
};

} // namespace dl::ir
