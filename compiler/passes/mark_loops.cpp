#include "compiler/passes/passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;

namespace dl::passes {
namespace {

// Attributes of a loop do not survive its lowering to branches; a call in its body does.
struct MarkLoopsPass : PassWrapper<MarkLoopsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(MarkLoopsPass)
  StringRef getArgument() const override { return "dl-mark-loops"; }

  void runOnOperation() override {
    bool any = false;
    getOperation().walk([&](scf::ForOp loop) {
      if (!loop->hasAttr(kIndependent))
        return;
      OpBuilder b = OpBuilder::atBlockBegin(loop.getBody());
      b.create<func::CallOp>(loop.getLoc(), kIndependentMarker, TypeRange(), ValueRange());
      any = true;
    });
    if (!any)
      return;
    OpBuilder b = OpBuilder::atBlockBegin(getOperation().getBody());
    b.create<func::FuncOp>(getOperation().getLoc(), kIndependentMarker, b.getFunctionType({}, {})).setPrivate();
  }
};

} // namespace

PassPtr createMarkLoopsPass() { return std::make_unique<MarkLoopsPass>(); }

} // namespace dl::passes
