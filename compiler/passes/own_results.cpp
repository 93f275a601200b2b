// The results of a function are buffers of their own: whoever called it owns each of them and frees each of them.
#include "compiler/passes/passes.h"

#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace dl::passes {
namespace {

struct OwnResultsPass : PassWrapper<OwnResultsPass, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(OwnResultsPass)
  StringRef getArgument() const override { return "dl-own-results"; }

  void runOnOperation() override {
    func::FuncOp func = getOperation();
    if (func.isExternal())
      return;
    BufferOriginAnalysis origins(func);
    for (Block &block : func.getBody()) {
      auto end = dyn_cast<func::ReturnOp>(block.getTerminator());
      if (!end)
        continue;
      for (OpOperand &result : end->getOpOperands())
        if (isa<MemRefType>(result.get().getType()) && mayBeAnEarlierOne(result, end, origins))
          result.set(copied(end, result.get()));
    }
  }

  static bool mayBeAnEarlierOne(OpOperand &result, func::ReturnOp end, BufferOriginAnalysis &origins) {
    return llvm::any_of(end.getOperands().take_front(result.getOperandNumber()), [&](Value earlier) {
      return isa<MemRefType>(earlier.getType()) && origins.isSameAllocation(earlier, result.get()) != false;
    });
  }

  static Value copied(func::ReturnOp end, Value buffer) {
    OpBuilder b(end);
    auto type = cast<MemRefType>(buffer.getType());
    SmallVector<Value> sizes;
    for (int64_t d = 0; d < type.getRank(); ++d)
      if (type.isDynamicDim(d))
        sizes.push_back(b.create<memref::DimOp>(end.getLoc(), buffer, d));
    Value copy = b.create<memref::AllocOp>(end.getLoc(), type, sizes);
    b.create<memref::CopyOp>(end.getLoc(), buffer, copy);
    return copy;
  }
};

} // namespace

PassPtr createOwnResultsPass() { return std::make_unique<OwnResultsPass>(); }

} // namespace dl::passes
