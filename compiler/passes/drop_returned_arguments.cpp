#include "compiler/passes/call_graph.h"
#include "compiler/passes/passes.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace dl::passes {
namespace {

// The argument that a returned buffer is, or -1.
int64_t argumentOf(func::FuncOp func, Value value) {
  while (auto cast = value.getDefiningOp<memref::CastOp>())
    value = cast.getSource();
  auto argument = dyn_cast<BlockArgument>(value);
  return argument && argument.getOwner() == &func.getBody().front() ? int64_t(argument.getArgNumber()) : -1;
}

struct DropReturnedArgumentsPass : PassWrapper<DropReturnedArgumentsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(DropReturnedArgumentsPass)
  StringRef getArgument() const override { return "dl-drop-returned-arguments"; }

  void runOnOperation() override {
    CallGraph graph(getOperation());
    for (func::FuncOp func : graph.order) {
      // An entry point's results are new buffers of their own.
      if (func.isExternal() || func->hasAttr(kEntryName) || !func.getBody().hasOneBlock())
        continue;
      Operation *terminator = func.getBody().front().getTerminator();
      llvm::BitVector dropped(terminator->getNumOperands());
      SmallVector<int64_t> arguments;
      for (auto [i, value] : llvm::enumerate(terminator->getOperands())) {
        int64_t argument = isa<MemRefType>(value.getType()) ? argumentOf(func, value) : -1;
        if (argument >= 0 && func.getArgument(argument).getType() == value.getType()) {
          dropped.set(i);
          arguments.push_back(argument);
        } else {
          arguments.push_back(-1);
        }
      }
      if (dropped.none())
        continue;
      terminator->eraseOperands(dropped);
      func.eraseResults(dropped);
      for (func::CallOp call : graph.callers[func]) {
        OpBuilder builder(call);
        auto slim = builder.create<func::CallOp>(call.getLoc(), func, call.getOperands());
        unsigned kept = 0;
        for (auto [i, result] : llvm::enumerate(call.getResults())) {
          Value value = dropped[i] ? call.getOperand(arguments[i]) : slim.getResult(kept++);
          result.replaceAllUsesWith(value);
        }
        call.erase();
      }
    }
  }
};

} // namespace

PassPtr createDropReturnedArgumentsPass() { return std::make_unique<DropReturnedArgumentsPass>(); }

} // namespace dl::passes
