// scf.while in reverse mode: counted first, so that the rest of reverse mode knows only counted loops. Everything stays
// a value, so derivatives of any order follow.
#include "compiler/autodiff/info.h"
#include "compiler/autodiff/prepare.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace dl::autodiff {

namespace {

// The original loop, extended by a counter of type index; only the count is used.
Value countIterations(OpBuilder &b, scf::WhileOp loop) {
  Location loc = loop.getLoc();
  Value zero = b.create<arith::ConstantIndexOp>(loc, 0), one = b.create<arith::ConstantIndexOp>(loc, 1);
  SmallVector<Value> inits(loop.getInits());
  inits.push_back(zero);
  SmallVector<Type> types(loop.getResultTypes());
  types.push_back(b.getIndexType());
  bool random = effectsOf(loop) & Random;
  RandomState state = random ? saveRandomState(b, loc) : RandomState();
  auto build = [&](Block &original, auto finish) {
    return [&, finish](OpBuilder &b, Location loc, ValueRange args) {
      IRMapping map;
      map.map(original.getArguments(), args.drop_back());
      for (Operation &op : original.without_terminator())
        if (op.getNumResults() != 0 || !(effectsOf(&op) & Other) || op.getNumRegions() != 0)
          b.clone(op, map)->walk([](Operation *nested) {
            if (nested->getNumResults() == 0 && nested->getNumRegions() == 0 && (effectsOf(nested) & Other))
              nested->erase();
          });
      finish(b, loc, map, args.back());
    };
  };
  auto counting = b.create<scf::WhileOp>(
      loc, types, inits,
      build(*loop.getBeforeBody(),
            [&](OpBuilder &b, Location loc, IRMapping &map, Value count) {
              SmallVector<Value> values;
              for (Value value : loop.getConditionOp().getArgs())
                values.push_back(map.lookupOrDefault(value));
              values.push_back(count);
              b.create<scf::ConditionOp>(loc, map.lookupOrDefault(loop.getConditionOp().getCondition()), values);
            }),
      build(*loop.getAfterBody(), [&](OpBuilder &b, Location loc, IRMapping &map, Value count) {
        SmallVector<Value> values;
        for (Value value : loop.getYieldOp().getResults())
          values.push_back(map.lookupOrDefault(value));
        values.push_back(b.create<arith::AddIOp>(loc, count, one));
        b.create<scf::YieldOp>(loc, values);
      }));
  if (random)
    restoreRandomState(b, loc, state);
  return counting.getResults().back();
}

// Clones the block before the condition; gives what it hands on.
SmallVector<Value> cloneBefore(OpBuilder &b, scf::WhileOp loop, ValueRange args, IRMapping &map) {
  map.map(loop.getBeforeArguments(), args);
  for (Operation &op : loop.getBeforeBody()->without_terminator())
    b.clone(op, map);
  SmallVector<Value> values;
  for (Value value : loop.getConditionOp().getArgs())
    values.push_back(map.lookupOrDefault(value));
  return values;
}

LogicalResult makeCounted(scf::WhileOp loop) {
  WalkResult effects = loop.walk([](Operation *op) {
    if (op->getNumRegions() == 0 && op->getNumResults() != 0 && (effectsOf(op) & Other)) {
      (void)notDifferentiable(op, "it has an effect inside a while loop, whose iterations are counted by a first run");
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  if (effects.wasInterrupted())
    return failure();
  OpBuilder b(loop);
  Location loc = loop.getLoc();
  Value count = countIterations(b, loop);
  Value zero = b.create<arith::ConstantIndexOp>(loc, 0), one = b.create<arith::ConstantIndexOp>(loc, 1);
  auto counted = b.create<scf::ForOp>(loc, zero, count, one, loop.getInits(),
                                      [&](OpBuilder &b, Location loc, Value, ValueRange args) {
                                        IRMapping map;
                                        SmallVector<Value> values = cloneBefore(b, loop, args, map);
                                        map.map(loop.getAfterArguments(), values);
                                        for (Operation &op : loop.getAfterBody()->without_terminator())
                                          b.clone(op, map);
                                        SmallVector<Value> next;
                                        for (Value value : loop.getYieldOp().getResults())
                                          next.push_back(map.lookupOrDefault(value));
                                        b.create<scf::YieldOp>(loc, next);
                                      });
  IRMapping map;
  loop.replaceAllUsesWith(cloneBefore(b, loop, counted.getResults(), map));
  loop.erase();
  return success();
}

} // namespace

LogicalResult countActiveWhiles(func::FuncOp function, ArrayRef<int64_t> wrt, std::optional<unsigned> result) {
  while (true) {
    Activity activity(function, wrt, result);
    scf::WhileOp found;
    function.walk<WalkOrder::PreOrder>([&](scf::WhileOp loop) {
      if (!llvm::any_of(loop.getResults(), [&](Value result) { return activity.isActive(result); }))
        return WalkResult::advance();
      found = loop;
      return WalkResult::interrupt();
    });
    if (!found)
      return success();
    if (failed(makeCounted(found)))
      return failure();
  }
}

} // namespace dl::autodiff
