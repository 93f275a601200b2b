#include "compiler/autodiff/prepare.h"

#include "compiler/autodiff/info.h"
#include "compiler/dialect/cost.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace dl::autodiff {

SmallVector<Value> inlineBody(OpBuilder &b, Location call, func::FuncOp callee, ValueRange arguments) {
  IRMapping map;
  Block &body = callee.getBody().front();
  map.map(body.getArguments(), arguments);
  for (Operation &op : body.without_terminator())
    b.clone(op, map)->walk([&](Operation *inlined) { inlined->setLoc(CallSiteLoc::get(inlined->getLoc(), call)); });
  SmallVector<Value> results;
  for (Value result : body.getTerminator()->getOperands())
    results.push_back(map.lookupOrDefault(result));
  return results;
}

namespace {

class Inlining {
public:
  explicit Inlining(bool everything) : everything_(everything) {}

  bool allows(func::FuncOp callee) {
    if (!callee || callee.isExternal() || hasOwnDerivative(callee))
      return false;
    if (!everything_ && (callee->hasAttr(kCheckpointAttr) || callee->hasAttr(kOptionalRuleAttr)))
      return false;
    auto [entry, isNew] = recursive_.try_emplace(callee, false);
    if (isNew)
      entry->second = isRecursive(callee);
    return !entry->second;
  }

private:
  bool everything_;
  llvm::DenseMap<Operation *, bool> recursive_;
};

} // namespace

func::FuncOp inlinedCopy(func::FuncOp callee, StringRef name, bool everything) {
  OpBuilder b(callee->getContext());
  auto copy = func::FuncOp::create(callee.getLoc(), name, callee.getFunctionType());
  copy.setPrivate();
  if (ArrayAttr attrs = callee.getAllArgAttrs())
    copy.setAllArgAttrs(attrs);
  SymbolTable::getNearestSymbolTable(callee)->getRegion(0).front().push_back(copy);
  Block *entry = copy.addEntryBlock();
  b.setInsertionPointToStart(entry);
  auto call = b.create<func::CallOp>(callee.getLoc(), callee, entry->getArguments());
  b.create<func::ReturnOp>(callee.getLoc(), call.getResults());
  if (!hasOwnDerivative(callee)) { // the body itself, its places not seen through a call
    b.setInsertionPoint(call);
    IRMapping map;
    Block &body = callee.getBody().front();
    map.map(body.getArguments(), entry->getArguments());
    for (Operation &op : body.without_terminator())
      b.clone(op, map);
    for (auto [result, value] : llvm::zip_equal(call.getResults(), body.getTerminator()->getOperands()))
      result.replaceAllUsesWith(map.lookupOrDefault(value));
    call.erase();
  }
  Inlining inlining(everything);
  for (bool changed = true; changed;) {
    changed = false;
    SmallVector<func::CallOp> calls;
    copy.walk([&](func::CallOp call) { calls.push_back(call); });
    for (func::CallOp call : calls) {
      func::FuncOp target = calleeOf(call);
      if (!inlining.allows(target) || ir::alwaysFails(*call->getBlock()))
        continue;
      b.setInsertionPoint(call);
      call.replaceAllUsesWith(inlineBody(b, call.getLoc(), target, call.getOperands()));
      call.erase();
      changed = true;
    }
  }
  return copy;
}

RandomState saveRandomState(OpBuilder &b, Location loc) {
  auto get = b.create<ir::ExternOp>(loc, TypeRange{b.getI64Type(), b.getI64Type()}, b.getStringAttr("dl_rt_rng_get"),
                                    ValueRange(), UnitAttr());
  return {get.getResult(0), get.getResult(1)};
}

void restoreRandomState(OpBuilder &b, Location loc, const RandomState &state) {
  b.create<ir::ExternOp>(loc, TypeRange(), b.getStringAttr("dl_rt_rng_set"), ValueRange{state.seed, state.position},
                         UnitAttr());
}

} // namespace dl::autodiff
