#include "compiler/dialect/cost.h"

#include "compiler/dialect/Dl.h"

namespace dl::ir {

bool isMath(mlir::Operation *op) {
  return mlir::isa<ExpOp, Expm1Op, LogOp, Log1pOp, SinOp, CosOp, TanOp, AsinOp, AcosOp, AtanOp, SinhOp, CoshOp, TanhOp,
                   SigmoidOp, ErfOp, LgammaOp, DigammaOp, PowOp, Atan2Op, ZetaOp>(op);
}

} // namespace dl::ir
