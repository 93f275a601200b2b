// scf.for in reverse mode: a loop over the iterations from last to first. It carries the adjoints of the carried values
// and of what the body captures; the forward values that it reads lie in stacks, tensors with the trip count in front
// that the forward loop fills.
#include "compiler/autodiff/dims.h"
#include "compiler/autodiff/iterations.h"
#include "compiler/autodiff/residuals.h"
#include "compiler/autodiff/reverse.h"

#include "compiler/dialect/builder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace dl::autodiff {

namespace {

void leaveEmpty(OpBuilder &, Location, Value, ValueRange) {}

// A kept value lies on a stack: a tensor with the trip count in front. One whose size changes between iterations is
// appended to a tensor of rank 1 instead, which costs a copy of that tensor in each iteration.
class LoopStacks final : public ResidualSink {
public:
  LoopStacks(scf::ForOp first, scf::ForOp reverse, const Iterations &iterations)
      : first_(first), reverse_(reverse), iterations_(iterations) {}

  bool canKeep(Value value) override {
    if (!ir::elementOf(value.getType()).isIntOrIndexOrFloat())
      return false;
    OpBuilder before(first_);
    return invariantSizes(value, first_, before).has_value();
  }

  Value keep(Value value) override {
    for (const Kept &kept : kept_)
      if (kept.value == value || isSameSize(kept.value, value))
        return kept.standIn;
    bool fixed = canKeep(value);
    SmallVector<Value> sizes;
    if (!fixed) {
      OpBuilder b(first_);
      b.setInsertionPointAfterValue(value);
      for (Value size : ir::dynamicSizes(b, value.getLoc(), value))
        sizes.push_back(keep(size));
    }
    OpBuilder b = OpBuilder::atBlockBegin(reverse_.getBody());
    kept_.push_back({value, placeholder(b, value.getLoc(), value.getType()), fixed, sizes});
    return kept_.back().standIn;
  }

  // Gives the forward loop its stacks, and the reverse loop what lies on them.
  void finish(Frame &frame, scf::ForOp original) {
    if (kept_.empty())
      return;
    OpBuilder b = OpBuilder::atBlockBegin(reverse_.getBody());
    n_ = iterations_.reversed(b, reverse_.getLoc(), reverse_.getInductionVar());
    if (llvm::any_of(kept_, [](const Kept &kept) { return !kept.fixed; }))
      addAppended(frame, original);
    addStacks(frame, original);
  }

private:
  struct Kept {
    Value value, standIn;
    bool fixed;
    SmallVector<Value> sizes; // stand-ins of the dynamic sizes, when these are not fixed
  };

  static bool isSameSize(Value a, Value b) {
    auto x = a.getDefiningOp<tensor::DimOp>(), y = b.getDefiningOp<tensor::DimOp>();
    return x && y && x.getSource() == y.getSource() && x.getConstantIndex() == y.getConstantIndex();
  }

  // Extends the forward loop; `next` makes what an added argument hands on.
  scf::ForOp extend(Frame &frame, scf::ForOp original, ValueRange added, function_ref<Value(unsigned, Value)> next) {
    OpBuilder before(first_);
    SmallVector<Value> inits(first_.getInits());
    llvm::append_range(inits, added);
    auto extended = before.create<scf::ForOp>(first_.getLoc(), first_.getLowerBound(), first_.getUpperBound(),
                                              first_.getStep(), inits, leaveEmpty);
    extended->setAttrs(first_->getAttrs());
    extended.getRegion().takeBody(first_.getRegion());
    Block &body = *extended.getBody();
    SmallVector<Value> yielded(body.getTerminator()->getOperands());
    for (auto [i, init] : llvm::enumerate(added))
      yielded.push_back(next(i, body.addArgument(init.getType(), init.getLoc())));
    body.getTerminator()->setOperands(yielded);
    replaceForward(frame, original, extended);
    first_ = extended;
    return extended;
  }

  static void replaceStandIn(Kept kept, Value value) {
    kept.standIn.replaceAllUsesWith(value);
    kept.standIn.getDefiningOp()->erase();
  }

  void addAppended(Frame &frame, scf::ForOp original) {
    SmallVector<Kept> appended;
    llvm::copy_if(kept_, std::back_inserter(appended), [](const Kept &kept) { return !kept.fixed; });
    llvm::erase_if(kept_, [](const Kept &kept) { return !kept.fixed; });
    OpBuilder before(first_);
    SmallVector<Value> inits;
    for (const Kept &kept : appended)
      inits.push_back(before.create<tensor::EmptyOp>(kept.value.getLoc(), ArrayRef<int64_t>{ShapedType::kDynamic},
                                                     ir::elementOf(kept.value.getType()),
                                                     ir::indexConstant(before, first_.getLoc(), 0)));
    SmallVector<Value> offsets;
    unsigned slot = first_.getNumResults();
    scf::ForOp extended = extend(frame, original, inits, [&](unsigned i, Value all) -> Value {
      Value value = appended[i].value;
      Location loc = value.getLoc();
      OpBuilder b(first_);
      b.setInsertionPointAfterValue(value);
      offsets.push_back(b.create<tensor::DimOp>(loc, all, 0));
      Value flat = ir::reshapeTo(b, loc, value, all.getType(), elementCount(b, value, ir::dynamicSizes(b, loc, value)));
      return b.create<ir::ConcatOp>(loc, all.getType(), ValueRange{all, flat}, 0);
    });
    OpBuilder out(reverse_->getContext());
    out.setInsertionPointAfterValue(n_);
    for (auto [i, kept] : llvm::enumerate(appended)) {
      Location loc = kept.value.getLoc();
      Value all = extended.getResult(slot + i), offset = keep(offsets[i]);
      Value count = elementCount(out, kept.value, kept.sizes);
      Value flat =
          out.create<ir::SliceOp>(loc, all.getType(), all, offset, count, ArrayRef<int64_t>{1}, ArrayRef<int64_t>());
      replaceStandIn(kept, ir::reshapeTo(out, loc, flat, kept.value.getType(), kept.sizes));
    }
  }

  void addStacks(Frame &frame, scf::ForOp original) {
    OpBuilder before(first_);
    SmallVector<Value> inits;
    SmallVector<SmallVector<Value>> sizes;
    for (const Kept &kept : kept_) {
      sizes.push_back(*invariantSizes(kept.value, first_, before));
      SmallVector<Value> stackSizes = sizes.back();
      std::optional<int64_t> count = getConstantIntValue(iterations_.trip);
      if (!count)
        stackSizes.insert(stackSizes.begin(), iterations_.trip);
      SmallVector<int64_t> shape{count.value_or(ShapedType::kDynamic)};
      llvm::append_range(shape, ir::shapeOf(kept.value.getType()));
      Type element = ir::elementOf(kept.value.getType());
      inits.push_back(before.create<tensor::EmptyOp>(kept.value.getLoc(), shape,
                                                     element.isIndex() ? before.getI64Type() : element, stackSizes));
    }
    OpBuilder in = OpBuilder::atBlockBegin(first_.getBody());
    Value n = iterations_.number(in, first_.getLoc(), first_.getInductionVar());
    unsigned slot = first_.getNumResults();
    scf::ForOp extended = extend(frame, original, inits, [&](unsigned i, Value stack) {
      Value value = kept_[i].value;
      Operation *after = isa<OpResult>(value) ? value.getDefiningOp() : n.getDefiningOp();
      if (staysAsItIs(value))
        in.setInsertionPoint(value.getParentBlock()->getTerminator());
      else if (after && after->getBlock() == value.getParentBlock())
        in.setInsertionPointAfter(after);
      else
        in.setInsertionPointToStart(value.getParentBlock());
      return push(in, value, stack, n);
    });
    // The loads precede everything that was put behind n for appended values.
    OpBuilder out(reverse_->getContext());
    out.setInsertionPointAfterValue(n_);
    for (auto [i, kept] : llvm::enumerate(kept_))
      replaceStandIn(kept, load(out, kept.value, extended.getResult(slot + i), sizes[i]));
  }

  static Value elementCount(OpBuilder &b, Value value, ValueRange sizes) {
    Location loc = value.getLoc();
    Value count;
    for (int64_t size : ir::shapeOf(value.getType())) {
      Value next;
      if (ShapedType::isDynamic(size)) {
        next = sizes.front();
        sizes = sizes.drop_front();
      } else {
        next = ir::indexConstant(b, loc, size);
      }
      count = count ? Value(b.create<arith::MulIOp>(loc, count, next)) : next;
    }
    return count;
  }

  static SmallVector<Value> offsets(OpBuilder &b, Value value, Value n) {
    SmallVector<Value> result{n};
    for (int64_t i = 0, rank = ir::rankOf(value.getType()); i < rank; ++i)
      result.push_back(ir::indexConstant(b, value.getLoc(), 0));
    return result;
  }
  static SmallVector<int64_t> steps(Value value) { return SmallVector<int64_t>(ir::rankOf(value.getType()) + 1, 1); }

  // A carried value has the place of what the iteration before computed.
  static Location placeOf(Value value) {
    auto arg = dyn_cast<BlockArgument>(value);
    auto loop = arg ? dyn_cast<scf::ForOp>(arg.getOwner()->getParentOp()) : scf::ForOp();
    if (!loop || arg.getArgNumber() == 0)
      return value.getLoc();
    Operation *next = loop.getYieldedValues()[arg.getArgNumber() - 1].getDefiningOp();
    return next ? next->getLoc() : value.getLoc();
  }

  // Whether the value is only read by elementwise ops. Behind them all it can be stored by the loop that computes it
  // together with them; what may be changed in place is stored before that.
  static bool staysAsItIs(Value value) {
    return isa<OpResult>(value) && value.getDefiningOp()->hasTrait<OpTrait::Elementwise>() &&
           llvm::all_of(value.getUsers(), [](Operation *user) { return user->hasTrait<OpTrait::Elementwise>(); });
  }

  static Value push(OpBuilder &b, Value value, Value stack, Value n) {
    Location loc = placeOf(value);
    SmallVector<Value> at = offsets(b, value, n);
    Value stored = value.getType().isIndex() ? Value(b.create<arith::IndexCastOp>(loc, b.getI64Type(), value)) : value;
    return b.create<ir::UpdateSliceOp>(loc, stack.getType(), stack, stored, at, steps(value), ArrayRef<int64_t>{0});
  }

  Value load(OpBuilder &b, Value value, Value stack, ValueRange sizes) const {
    Location loc = value.getLoc();
    bool isIndex = value.getType().isIndex();
    Value loaded = b.create<ir::SliceOp>(loc, isIndex ? b.getI64Type() : value.getType(), stack, offsets(b, value, n_),
                                         sizes, steps(value), ArrayRef<int64_t>{0});
    return isIndex ? Value(b.create<arith::IndexCastOp>(loc, b.getIndexType(), loaded)) : loaded;
  }

  scf::ForOp first_, reverse_;
  const Iterations &iterations_;
  Value n_; // the number of the iteration in the reverse loop
  SmallVector<Kept> kept_;
};

// Sizes of a carried value are asked of its loop where the loop does not change them.
void resolveSizes(Value placeholder, Value carried, scf::ForOp loop) {
  for (Operation *user : llvm::make_early_inc_range(placeholder.getUsers()))
    if (auto size = dyn_cast<tensor::DimOp>(user); size && size.getConstantIndex()) {
      Dim dim = traceDim(carried, *size.getConstantIndex());
      if (dim.tensor && loop.getRegion().isAncestor(dim.tensor.getParentRegion()))
        continue;
      OpBuilder b(size);
      size.getResult().replaceAllUsesWith(makeDim(b, size.getLoc(), dim));
      if (size->getBlock() != placeholder.getParentBlock()) // else as in resolveDims()
        size.erase();
    }
}

} // namespace

LogicalResult Reverser::reverseFor(scf::ForOp op, Frame &frame) {
  Location loc = op.getLoc();
  OpBuilder &b = frame.builder;
  auto first = cast<scf::ForOp>(frame.forward.lookup(op.getOperation()));
  SmallVector<unsigned> carried;
  for (BlockArgument arg : op.getRegionIterArgs())
    if (isActive(arg))
      carried.push_back(arg.getArgNumber() - 1);
  IRMapping rerun;
  SmallVector<Value> captured = mapCaptured(op, frame, rerun);
  OpBuilder atFirst(first);
  Iterations iterations(atFirst, first);

  // The body is built with every adjoint that may change; those that do not are then left out.
  Value zero = ir::indexConstant(b, loc, 0), one = ir::indexConstant(b, loc, 1);
  auto draft = b.create<scf::ForOp>(loc, zero, iterations.trip, one, ValueRange(), leaveEmpty);
  Block &body = *op.getBody(), &draftBody = *draft.getBody();
  OpBuilder in = OpBuilder::atBlockBegin(&draftBody);
  Value n = iterations.reversed(in, loc, draft.getInductionVar());
  rerun.map(op.getInductionVar(), iterations.induction(in, loc, n));
  SmallVector<Value> starts; // of the iteration, one per carried value of the original
  for (BlockArgument arg : op.getRegionIterArgs()) {
    starts.push_back(placeholder(in, arg.getLoc(), arg.getType()));
    rerun.map(Value(arg), starts.back());
  }
  for (Operation &nested : body.without_terminator())
    in.clone(nested, rerun);
  Adjoints inner;
  Frame innerFrame{in, rerun, inner, /*again=*/true};
  SmallVector<Value> arguments, inits, targets; // of the reverse loop; targets: whose adjoint each one is
  for (Value value : captured) {
    inner[value] = draftBody.addArgument(value.getType(), loc);
    arguments.push_back(inner[value]);
  }
  for (unsigned i : carried) {
    Value adjoint = draftBody.addArgument(op.getRegionIterArg(i).getType(), loc);
    arguments.push_back(adjoint);
    accumulate(innerFrame, loc, op.getYieldedValues()[i], adjoint);
  }
  if (failed(reverseBlock(body, innerFrame)))
    return failure();

  SmallVector<Value> next, kept;
  for (auto [i, value] : llvm::enumerate(captured)) {
    if (inner.lookup(value) == arguments[i]) {
      if (!arguments[i].use_empty())
        arguments[i].replaceAllUsesWith(adjointOrZero(frame, loc, value));
      continue;
    }
    kept.push_back(arguments[i]);
    inits.push_back(adjointOrZero(frame, loc, value));
    next.push_back(inner.lookup(value));
    targets.push_back(value);
  }
  for (auto [k, i] : llvm::enumerate(carried)) {
    kept.push_back(arguments[captured.size() + k]);
    inits.push_back(adjointOrZero(frame, loc, op.getResult(i)));
    next.push_back(adjointOrZero(innerFrame, loc, op.getRegionIterArg(i)));
  }
  auto reverse = b.create<scf::ForOp>(loc, zero, iterations.trip, one, inits, leaveEmpty);
  Block &reverseBody = *reverse.getBody();
  reverseBody.getOperations().splice(reverseBody.end(), draftBody.getOperations());
  in.setInsertionPointToEnd(&reverseBody);
  in.create<scf::YieldOp>(loc, next);
  draft.getInductionVar().replaceAllUsesWith(reverse.getInductionVar());
  for (auto [from, to] : llvm::zip_equal(kept, reverse.getRegionIterArgs()))
    from.replaceAllUsesWith(to);
  draft.erase();
  for (auto [value, result] : llvm::zip(targets, reverse.getResults()))
    frame.adjoints[value] = result;
  for (auto [k, i] : llvm::enumerate(carried))
    accumulate(frame, loc, op.getInits()[i], reverse.getResult(targets.size() + k));

  resolveDims(reverse);
  for (auto [start, arg] : llvm::zip_equal(starts, first.getRegionIterArgs()))
    resolveSizes(start, arg, first);
  LoopStacks stacks(first, reverse, iterations);
  if (failed(keepResiduals(body, frame.forward, rerun, reverseBody, stacks, frame.again)))
    return failure();
  for (auto [start, arg] : llvm::zip_equal(starts, first.getRegionIterArgs())) {
    for (Operation *user : llvm::make_early_inc_range(start.getUsers()))
      if (auto size = dyn_cast<tensor::DimOp>(user); size && size.getConstantIndex()) {
        OpBuilder atStart = OpBuilder::atBlockBegin(first.getBody());
        size.getResult().replaceAllUsesWith(stacks.keep(ir::sizeOf(atStart, loc, arg, *size.getConstantIndex())));
        size.erase();
      }
    if (!start.use_empty())
      start.replaceAllUsesWith(stacks.keep(arg));
    start.getDefiningOp()->erase();
  }
  stacks.finish(frame, op);
  return success();
}

} // namespace dl::autodiff
