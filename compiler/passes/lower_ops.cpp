// dl ops to linalg, tensor, arith, math, scf and kernel calls, each by its own lowering.
#include "compiler/passes/passes.h"

#include "compiler/dialect/Dl.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace dl::passes {
namespace {

struct LowerOps : PassWrapper<LowerOps, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerOps)

  StringRef getArgument() const override { return "dl-lower-ops"; }
  StringRef getDescription() const override { return "Lower dl ops to linalg on tensors and arith on scalars"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, linalg::LinalgDialect, math::MathDialect, scf::SCFDialect,
                    tensor::TensorDialect>();
  }

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    // A lowering may build dl ops of its own; they are found in the next round.
    while (true) {
      SmallVector<ir::DlOp> ops;
      getOperation()->walk([&](ir::DlOp op) { ops.push_back(op); });
      if (ops.empty())
        return;
      for (ir::DlOp op : ops) {
        rewriter.setInsertionPoint(op);
        if (failed(op.lower(rewriter)))
          return signalPassFailure();
      }
    }
  }
};

} // namespace

PassPtr createLowerOpsPass() { return std::make_unique<LowerOps>(); }

} // namespace dl::passes
