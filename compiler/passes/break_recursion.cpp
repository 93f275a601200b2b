#include "compiler/dialect/Dl.h"
#include "compiler/passes/call_graph.h"
#include "compiler/passes/passes.h"

using namespace mlir;

namespace dl::passes {
namespace {

// Bufferisation needs a call graph without cycles. A recursive call goes through the callee's packed entry point
// instead: its arguments are only read and its results are fresh, as for any function of the runtime. Behind
// bufferisation it becomes a plain call again (runtime_calls.cpp).
struct BreakRecursionPass : PassWrapper<BreakRecursionPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(BreakRecursionPass)
  StringRef getArgument() const override { return "dl-break-recursion"; }
  void getDependentDialects(DialectRegistry &registry) const override { registry.insert<ir::DlDialect>(); }

  void runOnOperation() override {
    CallGraph graph(getOperation());
    SmallVector<func::CallOp> calls(graph.cyclic.begin(), graph.cyclic.end());
    // What is computed again in a reverse pass stays a computation of its own.
    for (func::FuncOp func : graph.order)
      if (func->hasAttr(kCheckpoint) && !func.isExternal())
        for (func::CallOp call : graph.callers[func])
          if (!llvm::is_contained(calls, call))
            calls.push_back(call);
    for (func::CallOp call : calls) {
      func::FuncOp callee = graph.calleeOf(call);
      OpBuilder builder(call);
      std::string entry = (kEntryPrefix + callee.getName()).str();
      callee->setAttr(kEntryName, builder.getStringAttr(entry));
      callee.setPublic(); // called by the name of its entry alone, it would count as unused
      // Not pure: the callee may print or fail.
      auto packed = builder.create<ir::ExternOp>(call.getLoc(), call.getResultTypes(), builder.getStringAttr(entry),
                                                 call.getOperands(), UnitAttr());
      call.replaceAllUsesWith(packed.getResults());
      call.erase();
    }
  }
};

} // namespace

PassPtr createBreakRecursionPass() { return std::make_unique<BreakRecursionPass>(); }

} // namespace dl::passes
