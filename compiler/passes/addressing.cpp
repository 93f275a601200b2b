#include "compiler/passes/passes.h"

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace dl::passes {
namespace {

// MLIR's passes for this visit every operation and tidy the control flow of the whole program each time: on programs of
// many blocks that takes longer than code generation. Only what makes or reads views is visited here.
struct AddressingPass : PassWrapper<AddressingPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(AddressingPass)
  StringRef getArgument() const override { return "dl-addressing"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<affine::AffineDialect, arith::ArithDialect, memref::MemRefDialect>();
  }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    memref::populateExpandStridedMetadataPatterns(patterns);
    populateAffineToStdConversionPatterns(patterns);
    SmallVector<Operation *> views;
    getOperation().walk([&](Operation *op) {
      if (isa<affine::AffineDialect>(op->getDialect()) ||
          isa<memref::SubViewOp, memref::ExpandShapeOp, memref::CollapseShapeOp, memref::ExtractStridedMetadataOp,
              memref::ExtractAlignedPointerAsIndexOp>(op))
        views.push_back(op);
    });
    GreedyRewriteConfig config;
    config.strictMode = GreedyRewriteStrictness::ExistingAndNewOps;
    config.enableRegionSimplification = GreedySimplifyRegionLevel::Disabled;
    if (failed(applyOpPatternsAndFold(views, std::move(patterns), config)))
      signalPassFailure();
  }
};

} // namespace

PassPtr createAddressingPass() { return std::make_unique<AddressingPass>(); }

} // namespace dl::passes
