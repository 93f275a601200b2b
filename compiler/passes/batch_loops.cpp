// Loops that fill the rows of tensors, as vmap and jacobian are: what is the same in all iterations is computed once,
// the rest for many iterations at a time. A loop inside then runs once, over what is the same and over the lanes of
// what is not. So a Jacobian in forward mode costs one evaluation of the function and its tangents.
#include "compiler/dialect/cost.h"
#include "compiler/passes/batch.h"
#include "compiler/passes/passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/RegionUtils.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace dl::passes {
namespace {

// Fewer iterations would make short vectors.
constexpr int64_t kLeastLanes = 8;
// So many iterations are computed at a time: more would only take more memory.
constexpr int64_t kMostLanes = 64;
constexpr int64_t kLanes = 32;
// What is taken for a size or a number of iterations that is not known.
constexpr double kUnknown = 32;
// The part of the work that has to be the same in all iterations.
constexpr double kLeastShared = 0.125;
// Of an element of sin, exp, …
constexpr double kMathWork = 8;

SmallVector<Value> operandsAndCaptures(Operation *op) {
  llvm::SetVector<Value> values(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), values);
  return SmallVector<Value>(values.begin(), values.end());
}

// Finds out what varies in a loop, whether it can be batched, and whether that pays.
class Analysis {
public:
  explicit Analysis(scf::ForOp loop) : loop(loop) { variation.counter = loop.getInductionVar(); }

  Variation variation;
  SmallVector<ir::UpdateSliceOp> rows; // by result: what replaces one row of it in each iteration

  bool run() {
    if (loop.getNumResults() == 0 || getConstantIntValue(loop.getStep()) != 1)
      return false;
    if (auto size = trips(loop); size && *size < kLeastLanes)
      return false;
    mark(variation.counter);
    if (!findRows())
      return false;
    visit(*loop.getBody());
    double same = 0, all = 0;
    return possible(*loop.getBody(), 1, same, all) && same >= kLeastShared * all && same > 0;
  }

  bool isRow(Operation *op) const { return llvm::is_contained(rows, op); }
  // Whether the loop or branch is the same in all lanes but for the values in it.
  bool isOpened(Operation *op) const { return opened.contains(op); }
  bool varies(Operation *op) const {
    return llvm::any_of(operandsAndCaptures(op), [&](Value value) { return variation.varies(value); });
  }

  static std::optional<int64_t> trips(scf::ForOp loop) {
    auto begin = getConstantIntValue(loop.getLowerBound()), end = getConstantIntValue(loop.getUpperBound());
    auto step = getConstantIntValue(loop.getStep());
    if (!begin || !end || !step)
      return std::nullopt;
    return std::max<int64_t>(0, (*end - *begin + *step - 1) / *step);
  }

private:
  scf::ForOp loop;
  llvm::DenseSet<Operation *> opened;

  bool mark(Value value) { return variation.varying.insert(value).second; }

  bool findRows() {
    for (auto [arg, yielded] : llvm::zip(loop.getRegionIterArgs(), loop.getYieldedValues())) {
      auto update = yielded.getDefiningOp<ir::UpdateSliceOp>();
      if (!update || !arg.hasOneUse() || update.getInput() != arg || !update->hasOneUse() ||
          update->getBlock() != loop.getBody() || !variation.isCounter(update.getOffsets().front()) ||
          !llvm::is_contained(update.getDropped(), 0) || update.getSteps().front() != 1)
        return false;
      rows.push_back(update);
    }
    return true;
  }

  void visit(Block &block) {
    for (Operation &op : block.without_terminator())
      visit(&op);
  }

  void visit(Operation *op) {
    bool open = llvm::TypeSwitch<Operation *, bool>(op)
                    .Case<scf::ForOp, scf::WhileOp, scf::IfOp>([&](auto inner) { return this->open(inner); })
                    .Default([](Operation *) { return false; });
    if (open) {
      opened.insert(op);
      return;
    }
    opened.erase(op);
    if (isa<tensor::DimOp>(op) || !varies(op)) // all lanes have one shape
      return;
    bool number =
        isa<arith::ArithDialect>(op->getDialect()) && op->getNumResults() == 1 &&
        op->getResult(0).getType().isIntOrIndex() && llvm::all_of(op->getOperands(), [&](Value operand) {
          return !variation.varies(operand) || operand == variation.counter || variation.numbers.contains(operand);
        });
    for (Value result : op->getResults()) {
      mark(result);
      if (number)
        variation.numbers.insert(result);
    }
  }

  static bool canVary(Value value) { return !isa<IndexType>(value.getType()); }

  // What varies in `from` varies in `to`; whether that is news.
  bool spread(ValueRange from, ValueRange to) {
    bool changed = false;
    for (auto [value, target] : llvm::zip(from, to))
      changed |= variation.varies(value) && mark(target);
    return changed;
  }
  // The same for what a loop or branch hands on; false when such a value cannot have lanes.
  bool handOn(ValueRange from, ValueRange to) {
    spread(from, to);
    return llvm::all_of(to, [&](Value value) { return !variation.varies(value) || canVary(value); });
  }
  bool anyVaries(ValueRange values) const {
    return llvm::any_of(values, [&](Value value) { return variation.varies(value); });
  }

  bool open(scf::ForOp op) {
    if (anyVaries({op.getLowerBound(), op.getUpperBound(), op.getStep()}))
      return false;
    spread(op.getInitArgs(), op.getRegionIterArgs());
    do
      visit(*op.getBody());
    while (spread(op.getYieldedValues(), op.getRegionIterArgs()));
    return handOn(op.getRegionIterArgs(), op.getResults());
  }

  bool open(scf::WhileOp op) {
    spread(op.getInits(), op.getBeforeArguments());
    do {
      visit(*op.getBeforeBody());
      spread(op.getConditionOp().getArgs(), op.getAfterArguments());
      visit(*op.getAfterBody());
    } while (spread(op.getYieldedValues(), op.getBeforeArguments()));
    return !variation.varies(op.getConditionOp().getCondition()) &&
           handOn(op.getBeforeArguments(), op.getBeforeArguments()) && handOn(op.getAfterArguments(), op.getResults());
  }

  bool open(scf::IfOp op) {
    bool possible = !variation.varies(op.getCondition());
    for (Region *region : op.getRegions())
      if (!region->empty()) {
        visit(region->front());
        possible &= handOn(region->front().getTerminator()->getOperands(), op.getResults());
      }
    return possible;
  }

  // Nothing happens but errors, which are the same for all lanes.
  static bool isHarmless(Operation *op) {
    return !op->walk([](Operation *inner) {
                bool structure = isa<scf::SCFDialect>(inner->getDialect());
                return structure || isa<ir::AssertOp, ir::PollOp>(inner) || isMemoryEffectFree(inner)
                           ? WalkResult::advance()
                           : WalkResult::interrupt();
              }).wasInterrupted();
  }

  // Whether the ops of the block can be computed in lanes; adds up their work.
  bool possible(Block &block, double times, double &same, double &all) {
    for (Operation &op : block.without_terminator()) {
      if (isRow(&op))
        continue;
      bool varying = varies(&op);
      if (!varying && !isHarmless(&op))
        return false;
      if (varying && isOpened(&op)) {
        double inside = times;
        if (auto inner = dyn_cast<scf::ForOp>(op); inner && trips(inner))
          inside *= static_cast<double>(*trips(inner));
        else if (!isa<scf::IfOp>(op))
          inside *= kUnknown;
        for (Region &region : op.getRegions())
          if (!region.empty() && !possible(region.front(), inside, same, all))
            return false;
        continue;
      }
      if (varying && !isa<tensor::DimOp>(op) && !canBeBatched(&op))
        return false;
      double work = 0;
      op.walk([&](Operation *inner) { work += times * workOf(inner); });
      all += work;
      same += varying ? 0 : work;
    }
    return true;
  }

  bool canBeBatched(Operation *op) {
    if (!isMemoryEffectFree(op))
      return false;
    if (hasBatchRule(op, variation) ||
        llvm::all_of(op->getResults(), [&](Value result) { return variation.numbers.contains(result); }))
      return true;
    return llvm::all_of(op->getResults(), [&](Value result) {
      if (!canVary(result))
        return false;
      for (auto [dim, size] : llvm::enumerate(ir::shapeOf(result.getType())))
        if (ShapedType::isDynamic(size)) {
          auto [source, sourceDim] = ir::sizeSource(result, dim);
          if (!source || (sourceDim < 0 && variation.varies(source)))
            return false;
        }
      return true;
    });
  }

  static double elementsOf(Type type) {
    double count = 1;
    for (int64_t size : ir::shapeOf(type))
      count *= ShapedType::isDynamic(size) ? kUnknown : static_cast<double>(size);
    return count;
  }
  // About the number of operations on elements.
  static double workOf(Operation *op) {
    if (!isa<ir::DlDialect>(op->getDialect()) || op->getNumResults() == 0)
      return 0;
    return llvm::TypeSwitch<Operation *, double>(op)
        .Case([](ir::MatMulOp product) {
          int64_t k = product.getTransA() ? 2 : 1;
          ArrayRef<int64_t> a = ir::shapeOf(product.getA().getType());
          return elementsOf(product.getType()) *
                 elementsOf(RankedTensorType::get({a[a.size() - k]}, ir::elementOf(product.getType())));
        })
        .Case<ir::BroadcastOp, ir::IotaOp, ir::ReshapeOp, ir::TransposeOp, ir::SliceOp, ir::UpdateSliceOp,
              ir::ConcatOp>([](Operation *) { return 0.0; })
        .Default([](Operation *other) {
          double most = 0, each = ir::isMath(other) ? kMathWork : 1;
          for (Type type : other->getOperandTypes())
            most = std::max(most, elementsOf(type));
          for (Type type : other->getResultTypes())
            most = std::max(most, elementsOf(type));
          return each * most;
        });
  }
};

// Writes the body of a loop for lanes of it.
class Batcher : public BatchBuilder {
public:
  Batcher(OpBuilder &b, const Analysis &analysis, Lanes lanes)
      : BatchBuilder(b, analysis.variation, lanes), analysis(analysis) {}

  void emit(Block &block) {
    for (Operation &op : block.without_terminator())
      if (!analysis.isRow(&op))
        emit(&op);
  }

  Value inLanes(Value original) override {
    if (Value known = batched.lookup(original))
      return known;
    if (variation.varies(original)) { // a number
      Value lanes = perLane(original.getLoc(), original, {},
                            [&](OpBuilder &, IRMapping &lane) { return SmallVector<Value>{lane.lookup(original)}; })[0];
      return batched[original] = lanes;
    }
    Value value = shared(original);
    SmallVector<Value> sizes = batchedSizes(ir::dynamicSizes(b, original.getLoc(), value));
    SmallVector<int64_t> dims = llvm::to_vector(llvm::seq<int64_t>(0, ir::rankOf(original.getType())));
    return b.create<ir::BroadcastOp>(original.getLoc(), batchedType(original.getType()), value, dims, sizes);
  }

private:
  const Analysis &analysis;
  llvm::DenseMap<Value, Value> batched;

  void set(Value original, Value lanes) {
    Type type = batchedType(original.getType());
    batched[original] = lanes.getType() == type ? lanes : b.create<tensor::CastOp>(original.getLoc(), type, lanes);
  }

  void emit(Operation *op) {
    if (!analysis.varies(op)) {
      b.clone(*op, sharedValues);
    } else if (auto dim = dyn_cast<tensor::DimOp>(op)) {
      sharedValues.map(
          dim.getResult(),
          b.create<tensor::DimOp>(op->getLoc(), inLanes(dim.getSource()), shared(dim.getIndex())).getResult());
    } else if (analysis.isOpened(op)) {
      llvm::TypeSwitch<Operation *>(op).Case<scf::ForOp, scf::WhileOp, scf::IfOp>([&](auto inner) { open(inner); });
    } else if (llvm::all_of(op->getResults(), [&](Value result) { return variation.numbers.contains(result); })) {
      return; // where it is wanted
    } else if (hasBatchRule(op, variation)) {
      set(op->getResult(0), batchOp(op, *this));
    } else {
      SmallVector<Value> lanes =
          perLane(op->getLoc(), operandsAndCaptures(op), op->getResults(), [&](OpBuilder &inner, IRMapping &lane) {
            return SmallVector<Value>(inner.clone(*op, lane)->getResults());
          });
      for (auto [result, value] : llvm::zip(op->getResults(), lanes))
        set(result, value);
    }
  }

  // What stands for values that are handed on to `targets`.
  SmallVector<Value> handedOn(ValueRange values, ValueRange targets) {
    SmallVector<Value> result;
    for (auto [value, target] : llvm::zip(values, targets))
      result.push_back(variation.varies(target) ? inLanes(value) : shared(value));
    return result;
  }
  SmallVector<Type> typesOf(ValueRange values) const {
    return llvm::map_to_vector(
        values, [&](Value value) { return variation.varies(value) ? batchedType(value.getType()) : value.getType(); });
  }

  void bind(Value original, Value value) {
    if (variation.varies(original))
      batched[original] = value;
    else
      sharedValues.map(original, value);
  }
  void bind(ValueRange originals, ValueRange values) {
    for (auto [original, value] : llvm::zip(originals, values))
      bind(original, value);
  }

  void open(scf::ForOp op) {
    SmallVector<Value> inits = handedOn(op.getInitArgs(), op.getRegionIterArgs());
    auto copy = b.create<scf::ForOp>(op.getLoc(), shared(op.getLowerBound()), shared(op.getUpperBound()),
                                     shared(op.getStep()), inits);
    copy->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    bind(op.getInductionVar(), copy.getInductionVar());
    bind(op.getRegionIterArgs(), copy.getRegionIterArgs());
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(copy.getBody());
      emit(*op.getBody());
      if (!inits.empty())
        b.create<scf::YieldOp>(op.getLoc(), handedOn(op.getYieldedValues(), op.getResults()));
    }
    bind(op.getResults(), copy.getResults());
  }

  void open(scf::WhileOp op) {
    auto copy =
        b.create<scf::WhileOp>(op.getLoc(), typesOf(op.getResults()), handedOn(op.getInits(), op.getBeforeArguments()));
    copy->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    OpBuilder::InsertionGuard guard(b);
    auto start = [&](Block::BlockArgListType originals, Region &region) {
      SmallVector<Type> types = typesOf(ValueRange(originals));
      b.createBlock(&region, {}, types, SmallVector<Location>(types.size(), op.getLoc()));
      bind(ValueRange(originals), ValueRange(region.getArguments()));
    };
    start(op.getBeforeArguments(), copy.getBefore());
    emit(*op.getBeforeBody());
    scf::ConditionOp condition = op.getConditionOp();
    b.create<scf::ConditionOp>(op.getLoc(), shared(condition.getCondition()),
                               handedOn(condition.getArgs(), op.getAfterArguments()));
    start(op.getAfterArguments(), copy.getAfter());
    emit(*op.getAfterBody());
    b.create<scf::YieldOp>(op.getLoc(), handedOn(op.getYieldedValues(), op.getBeforeArguments()));
    bind(op.getResults(), copy.getResults());
  }

  void open(scf::IfOp op) {
    auto copy = b.create<scf::IfOp>(op.getLoc(), typesOf(op.getResults()), shared(op.getCondition()),
                                    /*withElseRegion=*/true);
    copy->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    for (auto [from, to] : llvm::zip(op.getRegions(), copy->getRegions())) {
      OpBuilder::InsertionGuard guard(b);
      to.front().clear();
      b.setInsertionPointToStart(&to.front());
      SmallVector<Value> values;
      if (!from->empty()) {
        emit(from->front());
        values = handedOn(from->front().getTerminator()->getOperands(), op.getResults());
      }
      b.create<scf::YieldOp>(op.getLoc(), values);
    }
    bind(op.getResults(), copy.getResults());
  }

  // A number computed again from the counter of a lane.
  void computeNumber(OpBuilder &inner, Value number, IRMapping &lane) {
    if (lane.contains(number))
      return;
    Operation *op = number.getDefiningOp();
    for (Value operand : op->getOperands())
      if (variation.varies(operand))
        computeNumber(inner, operand, lane);
    inner.clone(*op, lane);
  }

  // Runs lane by lane what cannot be done at once; the results with their lanes.
  SmallVector<Value> perLane(Location loc, ValueRange uses, ValueRange results,
                             llvm::function_ref<SmallVector<Value>(OpBuilder &, IRMapping &)> body) {
    SmallVector<Value> originals(results.empty() ? uses : results), inits;
    llvm::DenseMap<Value, Value> fronts;
    for (Value use : uses)
      if (Value lanes = batched.lookup(use))
        fronts[use] = lanesFirst(b, loc, lanes);
    for (Value original : originals) {
      SmallVector<int64_t> shape{lanes.size};
      llvm::append_range(shape, ir::shapeOf(original.getType()));
      SmallVector<Value> sizes;
      if (ShapedType::isDynamic(lanes.size))
        sizes.push_back(lanes.count);
      for (auto [dim, size] : llvm::enumerate(ir::shapeOf(original.getType())))
        if (ShapedType::isDynamic(size))
          sizes.push_back(sizeOf(original, dim));
      inits.push_back(ir::zeros(b, loc, ir::typeOf(shape, ir::elementOf(original.getType())), sizes));
    }
    Value begin = ir::indexConstant(b, loc, 0), step = ir::indexConstant(b, loc, 1);
    auto each = b.create<scf::ForOp>(loc, begin, lanes.count, step, inits);
    OpBuilder inner = OpBuilder::atBlockBegin(each.getBody());
    IRMapping lane = sharedValues;
    Value counter = inner.create<arith::AddIOp>(loc, lanes.first, each.getInductionVar());
    lane.map(variation.counter, counter);
    auto rowAt = [&](int64_t rank) {
      SmallVector<Value> offsets(rank, begin);
      offsets[0] = each.getInductionVar();
      return offsets;
    };
    for (Value use : uses) {
      if (Value front = fronts.lookup(use)) {
        int64_t rank = ir::rankOf(front.getType());
        SmallVector<Value> sizes = ir::dynamicSizes(inner, loc, front);
        if (ShapedType::isDynamic(lanes.size))
          sizes.erase(sizes.begin());
        Value row = inner.create<ir::SliceOp>(loc, use.getType(), front, rowAt(rank), sizes,
                                              SmallVector<int64_t>(rank, 1), ArrayRef<int64_t>{0});
        lane.map(use, row);
      } else if (variation.varies(use)) {
        computeNumber(inner, use, lane);
      }
    }
    SmallVector<Value> next;
    for (auto [value, rows] : llvm::zip(body(inner, lane), each.getRegionIterArgs())) {
      int64_t rank = ir::rankOf(rows.getType());
      next.push_back(inner.create<ir::UpdateSliceOp>(loc, rows.getType(), rows, value, rowAt(rank),
                                                     SmallVector<int64_t>(rank, 1), ArrayRef<int64_t>{0}));
    }
    inner.create<scf::YieldOp>(loc, next);
    return llvm::map_to_vector(each.getResults(), [&](Value rows) { return lanesLast(b, loc, rows); });
  }

  // Of a result that is computed lane by lane, from what its operands are here.
  Value sizeOf(Value result, int64_t dim) {
    auto [source, sourceDim] = ir::sizeSource(result, dim);
    return sourceDim < 0 ? shared(source) : ir::sizeOf(b, result.getLoc(), known(source), sourceDim);
  }
  Value known(Value original) { return variation.varies(original) ? inLanes(original) : shared(original); }
};

// The rows of the lanes in the place of those of the loop.
Value writeRows(OpBuilder &b, ir::UpdateSliceOp update, Value into, Batcher &batch) {
  Location loc = update.getLoc();
  Value rows = lanesFirst(b, loc, batch.inLanes(update.getValue()));
  SmallVector<Value> offsets = batch.shared(update.getOffsets());
  offsets[0] = batch.lanes.first;
  SmallVector<int64_t> dropped(update.getDropped());
  dropped.erase(dropped.begin());
  auto isZero = [](Value offset) { return getConstantIntValue(offset) == 0; };
  bool whole = rows.getType() == into.getType() && ir::rankOf(into.getType()) > 0 && llvm::all_of(offsets, isZero) &&
               cast<RankedTensorType>(rows.getType()).hasStaticShape();
  if (whole)
    return rows;
  return b.create<ir::UpdateSliceOp>(loc, into.getType(), into, rows, offsets, update.getSteps(), dropped);
}

void batch(scf::ForOp loop, Analysis &analysis) {
  OpBuilder b(loop);
  Location loc = loop.getLoc();
  std::optional<int64_t> count = Analysis::trips(loop);
  if (count && *count <= kMostLanes) {
    Batcher batcher(b, analysis, {loop.getLowerBound(), ir::indexConstant(b, loc, *count), *count});
    batcher.emit(*loop.getBody());
    for (auto [update, init, result] : llvm::zip(analysis.rows, loop.getInitArgs(), loop.getResults()))
      result.replaceAllUsesWith(writeRows(b, update, init, batcher));
    loop.erase();
    return;
  }
  // Some at a time; as many each time, where their number is known to be a multiple.
  int64_t size = ShapedType::kDynamic, step = kLanes;
  for (int64_t divisor = kMostLanes; count && divisor >= kLanes / 2; --divisor)
    if (*count % divisor == 0) {
      size = step = divisor;
      break;
    }
  auto outer = b.create<scf::ForOp>(loc, loop.getLowerBound(), loop.getUpperBound(), ir::indexConstant(b, loc, step),
                                    loop.getInitArgs());
  b.setInsertionPointToStart(outer.getBody());
  Value first = outer.getInductionVar(), lanes = ir::indexConstant(b, loc, step);
  if (ShapedType::isDynamic(size))
    lanes = b.create<arith::MinSIOp>(loc, lanes, b.create<arith::SubIOp>(loc, loop.getUpperBound(), first));
  Batcher batcher(b, analysis, {first, lanes, size});
  batcher.emit(*loop.getBody());
  SmallVector<Value> next;
  for (auto [update, into] : llvm::zip(analysis.rows, outer.getRegionIterArgs()))
    next.push_back(writeRows(b, update, into, batcher));
  b.create<scf::YieldOp>(loc, next);
  loop.replaceAllUsesWith(outer.getResults());
  loop.erase();
}

struct BatchLoopsPass : PassWrapper<BatchLoopsPass, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(BatchLoopsPass)
  StringRef getArgument() const override { return "dl-batch-loops"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<ir::DlDialect, arith::ArithDialect, scf::SCFDialect, tensor::TensorDialect>();
  }

  void runOnOperation() override { visit(getOperation().getBody()); }

  // Outer loops first: what is inside of one that is batched stays as it is.
  void visit(Region &region) {
    for (Block &block : region)
      for (Operation &op : llvm::make_early_inc_range(block)) {
        if (auto loop = dyn_cast<scf::ForOp>(op)) {
          Analysis analysis(loop);
          if (analysis.run()) {
            batch(loop, analysis);
            continue;
          }
        }
        for (Region &inner : op.getRegions())
          visit(inner);
      }
  }
};

} // namespace

PassPtr createBatchLoopsPass() { return std::make_unique<BatchLoopsPass>(); }

} // namespace dl::passes
