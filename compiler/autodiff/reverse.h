// Reverse mode. A block is reversed after its forward ops exist in the generated code: ops last to first, each adding
// to the adjoints of its operands. A region op's reverse runs the region's forward ops again, and then what proves
// costly to repeat is kept by the forward op instead (residuals.h).
#pragma once

#include "compiler/autodiff/activity.h"
#include "compiler/dialect/Dl.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

namespace dl::autodiff {

using Adjoints = llvm::DenseMap<mlir::Value, mlir::Value>;

// Where reverse code is being built, and what stands there for the values of the original function.
struct Frame {
  mlir::OpBuilder &builder;
  mlir::IRMapping &forward; // original value or op -> the one of the generated code
  Adjoints &adjoints;       // original value -> its adjoint so far
  bool again = false;       // the forward ops are run again for the reverse ones
};

// Puts `replacement`, whose first results are those of the forward op, into the place of the forward op of `original`.
void replaceForward(Frame &frame, mlir::Operation *original, mlir::Operation *replacement);

// Gives the derivative of a function by the listed arguments, generated or about to be.
using DerivativeOf =
    llvm::function_ref<mlir::FailureOr<mlir::func::FuncOp>(mlir::func::FuncOp, llvm::ArrayRef<int64_t>)>;

class Reverser {
public:
  Reverser(const Activity &activity, DerivativeOf derivativeOf) : activity_(activity), derivativeOf_(derivativeOf) {}

  // Reverses the ops of `block`, whose results' adjoints the frame holds.
  mlir::LogicalResult reverseBlock(mlir::Block &block, Frame &frame);

  bool isActive(mlir::Value value) const { return activity_.isActive(value); }
  // adjoint(original) += contribution, for an active value.
  void accumulate(Frame &frame, mlir::Location loc, mlir::Value original, mlir::Value contribution) const;
  // The adjoint so far, or zeros.
  mlir::Value adjointOrZero(Frame &frame, mlir::Location loc, mlir::Value original) const;

private:
  mlir::LogicalResult reverseOp(mlir::Operation *op, Frame &frame);
  mlir::LogicalResult reverseIf(mlir::scf::IfOp op, Frame &frame);
  mlir::LogicalResult reverseFor(mlir::scf::ForOp op, Frame &frame);
  // Calls that were not inlined: of functions with a rule of their own, and recursive ones.
  mlir::LogicalResult reverseCall(mlir::func::CallOp op, Frame &frame);
  // Ops of upstream dialects; false when the op is not one that has a derivative.
  bool reverseUpstream(mlir::Operation *op, Frame &frame);
  // The active values that the regions of `op` use from outside.
  llvm::SmallVector<mlir::Value> mapCaptured(mlir::Operation *op, Frame &frame, mlir::IRMapping &inner) const;

  const Activity &activity_;
  DerivativeOf derivativeOf_;
};

// A result that is differentiated, and the result that is its cotangent (1 when there is none).
struct Seed {
  unsigned result;
  std::optional<unsigned> cotangent;
};

// Builds `generated`(arguments, cotangents of float results) -> (results, gradients of wrt) from the prepared function;
// with a seed `generated`(arguments) -> (results, gradients of wrt).
mlir::LogicalResult buildReverse(mlir::func::FuncOp prepared, mlir::func::FuncOp generated, llvm::ArrayRef<int64_t> wrt,
                                 const Activity &activity, DerivativeOf derivativeOf, std::optional<Seed> seed = {});

} // namespace dl::autodiff
