#include "compiler/dialect/cost.h"
#include "compiler/passes/call_graph.h"
#include "compiler/passes/passes.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace dl::passes {
namespace {

// A callee up to this size goes everywhere; a larger one only as long as all copies together stay below the other
// bound.
constexpr int64_t kSmall = 40;
constexpr int64_t kAllCopies = 1500;

int64_t sizeOf(func::FuncOp func) {
  int64_t count = 0;
  func.walk([&](Operation *) { ++count; });
  return count;
}

void inlineCall(func::CallOp call, func::FuncOp callee) {
  OpBuilder builder(call);
  IRMapping mapping;
  Block &body = callee.getBody().front();
  mapping.map(body.getArguments(), call.getOperands());
  for (Operation &op : body.without_terminator()) {
    Operation *copy = builder.clone(op, mapping);
    copy->walk([&](Operation *inner) { inner->setLoc(CallSiteLoc::get(inner->getLoc(), call.getLoc())); });
  }
  for (auto [result, value] : llvm::zip(call.getResults(), body.getTerminator()->getOperands()))
    result.replaceAllUsesWith(mapping.lookupOrDefault(value));
  call.erase();
}

struct InlinePass : PassWrapper<InlinePass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(InlinePass)
  StringRef getArgument() const override { return "dl-inline"; }

  void runOnOperation() override {
    CallGraph graph(getOperation());
    for (func::FuncOp callee : graph.order) {
      if (callee->hasAttr(kCheckpoint) || // what is computed again would become one with the first computation
          callee.isExternal() || graph.recursive.contains(callee) || !callee.getBody().hasOneBlock())
        continue;
      // Inlining into the callee itself has happened already, and copies of its callers' calls do not exist yet:
      // callees come first.
      SmallVector<func::CallOp> calls;
      llvm::copy_if(graph.callers[callee], std::back_inserter(calls),
                    [](func::CallOp call) { return !ir::alwaysFails(*call->getBlock()); });
      int64_t size = sizeOf(callee);
      bool everywhere = size <= kSmall || calls.size() == 1 || size * static_cast<int64_t>(calls.size()) <= kAllCopies;
      if (!everywhere)
        continue;
      for (func::CallOp call : calls)
        inlineCall(call, callee);
      if (callee.isPrivate() && calls.size() == graph.callers[callee].size())
        callee.erase();
    }
  }
};

} // namespace

PassPtr createInlinePass() { return std::make_unique<InlinePass>(); }

} // namespace dl::passes
