#include "compiler/passes/passes.h"

#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Transforms/DialectConversion.h"

using namespace mlir;

namespace dl::passes {
namespace {

// MLIR's pass takes the operations from the first to the last, and each time moves all that follow into a new block: a
// time quadratic in their number. Here the last one comes first.
struct ControlFlowPass : PassWrapper<ControlFlowPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ControlFlowPass)
  StringRef getArgument() const override { return "dl-control-flow"; }
  void getDependentDialects(DialectRegistry &registry) const override { registry.insert<cf::ControlFlowDialect>(); }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateSCFToControlFlowConversionPatterns(patterns);
    FrozenRewritePatternSet frozen(std::move(patterns));
    SmallVector<Operation *> ops; // what is in an operation before it
    getOperation().walk([&](Operation *op) {
      if (isa<scf::SCFDialect>(op->getDialect()) && !op->hasTrait<OpTrait::IsTerminator>())
        ops.push_back(op);
    });
    for (Operation *next : llvm::reverse(ops)) {
      ConversionTarget target(getContext());
      target.markUnknownOpDynamicallyLegal([next](Operation *op) { return op != next; });
      if (failed(applyPartialConversion(next, target, frozen)))
        return signalPassFailure();
    }
  }
};

} // namespace

PassPtr createControlFlowPass() { return std::make_unique<ControlFlowPass>(); }

} // namespace dl::passes
