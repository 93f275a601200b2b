#include "compiler/dialect/cost.h"

#include "compiler/dialect/Dl.h"

namespace dl::ir {

bool isMath(mlir::Operation *op) {
  return mlir::isa<ExpOp, Exp2Op, Expm1Op, LogOp, Log2Op, Log10Op, Log1pOp, SinOp, CosOp, TanOp, AsinOp, AcosOp, AtanOp,
                   SinhOp, CoshOp, TanhOp, SigmoidOp, ErfOp, LgammaOp, DigammaOp, PowOp, Atan2Op, ZetaOp>(op);
}

bool alwaysFails(mlir::Block &block) {
  return llvm::any_of(block, [](mlir::Operation &op) {
    auto call = mlir::dyn_cast<ExternOp>(op);
    return call && call.getCallee() == "dl_rt_error";
  });
}

} // namespace dl::ir
