// Derivatives that follow from what an op is: linear, bilinear or applied to each element.
#pragma once

#include "compiler/ops/calculus.h"

namespace dl::ops {

// Forward mode of an op that is linear in the listed operands taken together: the op applied to their tangents.
// Operands without a tangent count as zeros when another one has some.
mlir::LogicalResult linearJvp(mlir::Operation *op, ir::TangentBuilder &tangents, llvm::ArrayRef<unsigned> operands);

// Forward mode of an op that is linear in each of the two operands: the sum of the two applications.
mlir::LogicalResult bilinearJvp(mlir::Operation *op, ir::TangentBuilder &tangents, unsigned first, unsigned second);

// Marks a select that keeps a contribution 0 where the adjoint is 0, for the sides of a `where` that are not taken. It
// stands for the contribution itself: its derivative is that of the contribution, also where the adjoint happens to be
// 0, but for what is not finite.
inline constexpr llvm::StringLiteral kGuard = "dl.guard";
mlir::LogicalResult guardVjp(ir::SelectOp op, ir::AdjointBuilder &adjoints);
mlir::LogicalResult guardJvp(ir::SelectOp op, ir::TangentBuilder &tangents);

// The op has no float result that depends on float operands.
inline mlir::LogicalResult noDerivative() { return mlir::success(); }

// The program's values around an elementwise op, fetched when a rule names them: what is not named need not be kept.
class Primals {
public:
  Primals(mlir::Operation *op, mlir::OpBuilder &builder, mlir::Location loc,
          llvm::function_ref<mlir::Value(mlir::Value)> primal)
      : op_(op), builder_(builder), loc_(loc), primal_(primal) {}
  Expr x() const { return at(op_->getOperand(0)); }
  Expr y() const { return at(op_->getOperand(1)); }
  Expr result() const { return at(op_->getResult(0)); }
  // The constant that y is, if it is one.
  std::optional<double> constantY() const { return ir::constantValue(op_->getOperand(1)); }

private:
  Expr at(mlir::Value original) const { return {&builder_, loc_, primal_(original)}; }
  mlir::Operation *op_;
  mlir::OpBuilder &builder_;
  mlir::Location loc_;
  llvm::function_ref<mlir::Value(mlir::Value)> primal_;
};

// What one operand contributes to a derivative: `d` times the partial derivative by it. The Jacobian of an elementwise
// op is diagonal, so the same rule serves both modes: `d` is the adjoint of the result or the tangent of the operand.
// Nothing: the partial derivative is zero.
using Contribution = std::optional<Expr> (*)(Expr d, const Primals &p);

mlir::LogicalResult elementwiseVjp(mlir::Operation *op, ir::AdjointBuilder &adjoints,
                                   llvm::ArrayRef<Contribution> contributions);
mlir::LogicalResult elementwiseJvp(mlir::Operation *op, ir::TangentBuilder &tangents,
                                   llvm::ArrayRef<Contribution> contributions);

} // namespace dl::ops
