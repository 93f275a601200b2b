#include "compiler/autodiff/activity.h"

#include "compiler/dialect/Dl.h"
#include "compiler/dialect/builder.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace dl::autodiff {

Activity::Activity(func::FuncOp function, ArrayRef<int64_t> wrt, std::optional<unsigned> result) {
  Block &body = function.getBody().front();
  for (int64_t i : wrt)
    vary(body.getArgument(i));
  spread(body);
  for (OpOperand &operand : body.getTerminator()->getOpOperands())
    if (!result || operand.getOperandNumber() == *result)
      use(operand.get());
  collect(body);
}

Activity::Activity(func::FuncOp function, ArrayRef<Value> sources, Value target) {
  Block &body = function.getBody().front();
  for (Value source : sources)
    vary(source);
  spread(body);
  use(target);
  collect(body);
}

void Activity::vary(Value value) {
  if (ir::isFloat(value.getType()))
    varied_.insert(value);
}
void Activity::use(Value value) {
  if (ir::isFloat(value.getType()))
    useful_.insert(value);
}

void Activity::spread(Block &block) {
  for (Operation &op : block)
    spread(op);
}

void Activity::spread(Operation &op) {
  if (auto branch = dyn_cast<scf::IfOp>(op)) {
    for (Region *region : {&branch.getThenRegion(), &branch.getElseRegion()})
      if (!region->empty()) {
        spread(region->front());
        for (auto [result, value] : llvm::zip_equal(op.getResults(), region->front().getTerminator()->getOperands()))
          varyIf(result, value);
      }
  } else if (auto loop = dyn_cast<scf::ForOp>(op)) {
    for (auto [arg, init] : llvm::zip_equal(loop.getRegionIterArgs(), loop.getInits()))
      varyIf(arg, init);
    untilStable([&] {
      spread(*loop.getBody());
      for (auto [arg, value] : llvm::zip_equal(loop.getRegionIterArgs(), loop.getYieldedValues()))
        varyIf(arg, value);
    });
    for (auto [result, arg] : llvm::zip_equal(loop.getResults(), loop.getRegionIterArgs()))
      varyIf(result, arg);
  } else if (auto loop = dyn_cast<scf::WhileOp>(op)) {
    for (auto [arg, init] : llvm::zip_equal(loop.getBeforeArguments(), loop.getInits()))
      varyIf(arg, init);
    untilStable([&] {
      spread(*loop.getBeforeBody());
      for (auto [arg, value] : llvm::zip_equal(loop.getAfterArguments(), loop.getConditionOp().getArgs()))
        varyIf(arg, value);
      spread(*loop.getAfterBody());
      for (auto [arg, value] : llvm::zip_equal(loop.getBeforeArguments(), loop.getYieldOp().getResults()))
        varyIf(arg, value);
    });
    for (auto [result, value] : llvm::zip_equal(loop.getResults(), loop.getConditionOp().getArgs()))
      varyIf(result, value);
  } else if (auto leaf = dyn_cast<ir::LeafOp>(op)) {
    varyIf(leaf.getResult(), leaf.getMark());
    if (!leaf.getCut())
      varyIf(leaf.getResult(), leaf.getInput());
  } else if (!isa<ir::StopGradOp, ir::ParamTokenOp>(op) &&
             llvm::any_of(op.getOperands(), [&](Value operand) { return varied_.contains(operand); })) {
    for (Value result : op.getResults())
      vary(result);
  }
}

void Activity::collect(Block &block) {
  for (Operation &op : llvm::reverse(block))
    if (!op.hasTrait<OpTrait::IsTerminator>())
      collect(op);
}

void Activity::collect(Operation &op) {
  if (auto branch = dyn_cast<scf::IfOp>(op)) {
    for (Region *region : {&branch.getThenRegion(), &branch.getElseRegion()})
      if (!region->empty()) {
        for (auto [result, value] : llvm::zip_equal(op.getResults(), region->front().getTerminator()->getOperands()))
          useIf(value, result);
        collect(region->front());
      }
  } else if (auto loop = dyn_cast<scf::ForOp>(op)) {
    untilStable([&] {
      for (auto [result, arg, value, init] :
           llvm::zip_equal(loop.getResults(), loop.getRegionIterArgs(), loop.getYieldedValues(), loop.getInits())) {
        useIf(arg, result);
        useIf(value, arg);
        useIf(init, arg);
      }
      collect(*loop.getBody());
    });
  } else if (auto loop = dyn_cast<scf::WhileOp>(op)) {
    untilStable([&] {
      for (auto [arg, value, init] :
           llvm::zip_equal(loop.getBeforeArguments(), loop.getYieldOp().getResults(), loop.getInits())) {
        useIf(value, arg);
        useIf(init, arg);
      }
      collect(*loop.getAfterBody());
      for (auto [result, arg, value] :
           llvm::zip_equal(loop.getResults(), loop.getAfterArguments(), loop.getConditionOp().getArgs())) {
        useIf(value, result);
        useIf(value, arg);
      }
      collect(*loop.getBeforeBody());
    });
  } else if (auto leaf = dyn_cast<ir::LeafOp>(op)) {
    useIf(leaf.getMark(), leaf.getResult());
    if (!leaf.getCut())
      useIf(leaf.getInput(), leaf.getResult());
  } else if (!isa<ir::StopGradOp, ir::ParamTokenOp>(op) &&
             llvm::any_of(op.getResults(), [&](Value result) { return useful_.contains(result); })) {
    for (Value operand : op.getOperands())
      use(operand);
  }
}

} // namespace dl::autodiff
