#include "compiler/autodiff/residuals.h"

#include "compiler/autodiff/info.h"
#include "compiler/autodiff/prepare.h"
#include "compiler/dialect/cost.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;

namespace dl::autodiff {

namespace {

// So many parts of a tensor are taken to be less than all of it.
constexpr size_t kFewParts = 4;

// What has no result counts only for its effects, which a re-run does without. Draws of the re-run block itself are
// kept or wrapped one by one; nested ones need the generator set as the first run had it.
bool isLeftOut(Operation *op, bool nested) {
  if (op->getNumResults() != 0 || op->hasTrait<OpTrait::IsTerminator>())
    return false;
  unsigned effects = effectsOf(op);
  if (op->getNumRegions() == 0 && (effects & Poll))
    return false;
  return !nested || !(effects & Random);
}

void stripEffects(Operation *op) {
  SmallVector<Operation *> leftOut;
  op->walk<WalkOrder::PreOrder>([&](Operation *nested) {
    if (!isLeftOut(nested, true))
      return WalkResult::advance();
    leftOut.push_back(nested);
    return WalkResult::skip();
  });
  for (Operation *nested : leftOut)
    nested->erase();
}

bool mustRunOnce(Operation *op) {
  WalkResult result = op->walk([](Operation *nested) {
    bool once = nested->getNumRegions() == 0 && nested->getNumResults() != 0 && (effectsOf(nested) & Other);
    return once ? WalkResult::interrupt() : WalkResult::advance();
  });
  return result.wasInterrupted();
}

class Selection {
public:
  Selection(Block &block, IRMapping &forward, IRMapping &rerun, Block &reverse, ResidualSink &sink, bool keepsMath)
      : forward_(forward), rerun_(rerun), reverse_(reverse), sink_(sink), keepsMath_(keepsMath) {
    for (Value arg : block.getArguments())
      if (Value value = rerun.lookupOrNull(arg))
        originals_[value] = arg;
    for (Operation &op : block.without_terminator())
      if (Operation *again = rerun.lookupOrNull(&op)) {
        reruns_[again] = &op;
        for (auto [original, result] : llvm::zip(op.getResults(), again->getResults()))
          originals_[result] = original;
      }
  }

  LogicalResult run() {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(reverse_))) {
      if (isa<UnrealizedConversionCastOp>(op)) // a placeholder
        continue;
      Operation *original = reruns_.lookup(&op);
      if (original && isLeftOut(&op, false)) {
        remove(&op, original);
        continue;
      }
      if (op.use_empty() && op.getNumResults() != 0 && (original || effectsOf(&op) == NoEffect))
        remove(&op, original);
      else if (original && op.getNumResults() != 0 && failed(decide(&op, original)))
        return failure();
    }
    return success();
  }

private:
  void remove(Operation *op, Operation *original) {
    if (original) {
      rerun_.erase(original);
      reruns_.erase(op);
      for (Value result : original->getResults())
        rerun_.erase(result);
    }
    op->erase();
  }

  LogicalResult decide(Operation *again, Operation *original) {
    bool random = effectsOf(again) & Random, once = mustRunOnce(again);
    SmallVector<unsigned> used;
    for (OpResult result : again->getResults())
      if (!result.use_empty())
        used.push_back(result.getResultNumber());
    bool ownOnly = used.back() < original->getNumResults();
    bool wanted = random || once || isHeavy(again) || (keepsMath_ && ir::isMath(again)) || isAllThatIsRead(again) ||
                  (ownOnly && isa<scf::ForOp>(again));
    if (wanted && keepResults(again, original, used, once))
      return success();
    if (once)
      return notDifferentiable(original, "it has an effect, and its result can be neither computed again nor kept");
    stripEffects(again);
    if (random)
      repeatDraws(again, original);
    return success();
  }

  // Whether the op takes a part of a carried tensor of which only a few such parts are read: they are kept instead of
  // it.
  bool isAllThatIsRead(Operation *again) const {
    auto isPart = [](Operation *user) {
      auto slice = dyn_cast<ir::SliceOp>(user);
      return slice && !slice.getDropped().empty();
    };
    if (!isPart(again))
      return false;
    Value whole = again->getOperand(0);
    if (!isa_and_nonnull<BlockArgument>(originals_.lookup(whole)))
      return false;
    SmallVector<Operation *> readers;
    llvm::copy_if(whole.getUsers(), std::back_inserter(readers),
                  [](Operation *user) { return !isa<tensor::DimOp>(user); });
    return readers.size() <= kFewParts && llvm::all_of(readers, isPart);
  }

  // `must`: also what is kept at a greater cost, because its size changes.
  bool keepResults(Operation *again, Operation *original, ArrayRef<unsigned> used, bool must) {
    Operation *first = forward_.lookup(original);
    Operation *source = first;
    if (used.back() >= first->getNumResults()) {
      // The nested op keeps values of its own, which exist only in the re-run: the forward pass takes that form too.
      source = copyToForward(again, first);
      if (!source)
        return false;
    }
    if (!must && !llvm::all_of(used, [&](unsigned i) { return sink_.canKeep(source->getResult(i)); })) {
      if (source != first)
        source->erase();
      return false;
    }
    if (source != first) {
      forward_.map(original, source);
      for (auto [value, result, old] : llvm::zip(original->getResults(), source->getResults(), first->getResults())) {
        forward_.map(value, result);
        old.replaceAllUsesWith(result);
      }
      first->erase();
    }
    for (unsigned i : used)
      again->getResult(i).replaceAllUsesWith(sink_.keep(source->getResult(i)));
    remove(again, original);
    return true;
  }

  // The counterpart in the forward block of a value of the re-run block, made there if need be.
  Value inForward(Value value, OpBuilder &b) {
    if (Value original = originals_.lookup(value))
      return forward_.lookupOrNull(original);
    Operation *op = value.getDefiningOp();
    if (value.getParentBlock() != &reverse_)
      return value;
    if (!op || op->getNumRegions() != 0 || !isMemoryEffectFree(op))
      return {};
    IRMapping map;
    for (Value operand : op->getOperands()) {
      Value counterpart = inForward(operand, b);
      if (!counterpart)
        return {};
      map.map(operand, counterpart);
    }
    return b.clone(*op, map)->getResult(cast<OpResult>(value).getResultNumber());
  }

  Operation *copyToForward(Operation *again, Operation *first) {
    OpBuilder b(first);
    llvm::SetVector<Value> needed(again->operand_begin(), again->operand_end());
    getUsedValuesDefinedAbove(again->getRegions(), needed);
    IRMapping map;
    for (Value value : needed) {
      Value counterpart = inForward(value, b);
      if (!counterpart)
        return nullptr;
      map.map(value, counterpart);
    }
    return b.clone(*again, map);
  }

  void repeatDraws(Operation *again, Operation *original) {
    Location loc = again->getLoc();
    OpBuilder atFirst(forward_.lookup(original));
    RandomState before = saveRandomState(atFirst, loc);
    OpBuilder b(again);
    RandomState kept{sink_.keep(before.seed), sink_.keep(before.position)};
    RandomState current = saveRandomState(b, loc);
    restoreRandomState(b, loc, kept);
    b.setInsertionPointAfter(again);
    restoreRandomState(b, loc, current);
  }

  IRMapping &forward_, &rerun_;
  Block &reverse_;
  ResidualSink &sink_;
  bool keepsMath_;
  llvm::DenseMap<Value, Value> originals_;          // value of the re-run block -> original
  llvm::DenseMap<Operation *, Operation *> reruns_; // op of the re-run block -> original
};

} // namespace

LogicalResult keepResiduals(Block &block, IRMapping &forward, IRMapping &rerun, Block &reverse, ResidualSink &sink,
                            bool again) {
  return Selection(block, forward, rerun, reverse, sink, again).run();
}

Value placeholder(OpBuilder &b, Location loc, Type type) {
  return b.create<UnrealizedConversionCastOp>(loc, type, ValueRange()).getResult(0);
}

} // namespace dl::autodiff
