// linalg ops on buffers to loops.
//
// Parallel dimensions become one scf.parallel, except that the dimension in which most accesses are contiguous goes
// innermost as an scf.for. Where that is a reduction dimension its results stay in registers; where it is a parallel
// dimension inside a reduction (a sum over columns) the results are updated row by row, in tiles that stay in the
// cache.
#include "compiler/passes/passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using linalg::GenericOp;

namespace dl::passes {
namespace {

// How many elements of a result are updated before the next row is read.
constexpr int64_t kRowTile = 512;
// Both sides of the blocks in which a transposed operand is read.
constexpr int64_t kTransposeTile = 16;

bool isIdentityMemref(Value value) {
  auto type = dyn_cast<MemRefType>(value.getType());
  return type && type.getLayout().isIdentity();
}

// One linalg.generic on its way to loops: its dimensions may be merged first.
class Kernel {
public:
  Kernel(GenericOp op, RewriterBase &b)
      : op(op), b(b), loc(op.getLoc()), inputCount(op.getNumDpsInputs()), outputCount(op.getNumDpsInits()) {
    operands.assign(op->operand_begin(), op->operand_end());
    maps = op.getIndexingMapsArray();
    for (utils::IteratorType type : op.getIteratorTypesArray())
      parallel.push_back(type == utils::IteratorType::parallel);
    usesIndex = op.hasIndexSemantics();
    collectSizes();
  }

  void lower() {
    takeFillsOver();
    mergeDimensions();
    chooseInnermost();
    emit();
    b.eraseOp(op);
    for (Operation *fill : fills)
      if (fill)
        b.eraseOp(fill);
  }

private:
  GenericOp op;
  RewriterBase &b;
  Location loc;
  SmallVector<Value> operands;
  SmallVector<AffineMap> maps;
  SmallVector<bool> parallel;
  SmallVector<OpFoldResult> sizes;
  bool usesIndex;
  SmallVector<Operation *> fills; // by output: what sets it before, if anything
  SmallVector<Value> fillValues;
  int64_t innermost = -1;

  int64_t rank() const { return static_cast<int64_t>(parallel.size()); }
  unsigned inputCount, outputCount;
  unsigned numInputs() const { return inputCount; }
  unsigned numOutputs() const { return outputCount; }
  bool hasReduction() const { return llvm::is_contained(parallel, false); }

  void collectSizes() {
    b.setInsertionPoint(op);
    sizes.resize(rank());
    for (auto [value, map] : llvm::zip(operands, maps)) {
      auto type = dyn_cast<MemRefType>(value.getType());
      if (!type)
        continue;
      for (auto [position, expr] : llvm::enumerate(map.getResults())) {
        auto dim = dyn_cast<AffineDimExpr>(expr);
        if (!dim || (sizes[dim.getPosition()] && isa<Attribute>(sizes[dim.getPosition()])))
          continue;
        if (!type.isDynamicDim(position))
          sizes[dim.getPosition()] = b.getIndexAttr(type.getDimSize(position));
        else if (!sizes[dim.getPosition()])
          sizes[dim.getPosition()] = b.createOrFold<memref::DimOp>(loc, value, position);
      }
    }
  }

  // A `linalg.fill` of an accumulator before a reduction: the fill value is where the reduction starts.
  void takeFillsOver() {
    fills.assign(numOutputs(), nullptr);
    fillValues.assign(numOutputs(), nullptr);
    if (!hasReduction())
      return;
    for (unsigned i = 0; i < numOutputs(); ++i)
      if (reductionOutput(i))
        takeFillOver(i);
  }
  void takeFillOver(unsigned output) {
    Value target = operands[numInputs() + output];
    if (!target.getDefiningOp<memref::AllocOp>() || llvm::count(operands, target) != 1 ||
        llvm::any_of(target.getUsers(), [](Operation *user) { return isa<ViewLikeOpInterface>(user); }))
      return;
    for (Operation *before = op->getPrevNode(); before; before = before->getPrevNode()) {
      auto candidate = dyn_cast<linalg::FillOp>(before);
      if (candidate && candidate.output() == target) {
        fills[output] = candidate;
        fillValues[output] = candidate.value();
        return;
      }
      if (before == target.getDefiningOp() || touches(before, target))
        return;
    }
  }
  static bool touches(Operation *other, Value buffer) {
    return other
        ->walk([&](Operation *inner) {
          return llvm::is_contained(inner->getOperands(), buffer) ? WalkResult::interrupt() : WalkResult::advance();
        })
        .wasInterrupted();
  }

  // Adjacent dimensions that all dense operands run through in row-major order are one dimension.
  void mergeDimensions() {
    if (usesIndex)
      return;
    for (auto [value, map] : llvm::zip(operands, maps)) {
      if (!isa<MemRefType>(value.getType()))
        continue;
      if (!isIdentityMemref(value) || !map.isProjectedPermutation())
        return;
    }
    for (int64_t d = rank() - 2; d >= 0; --d)
      if (parallel[d] == parallel[d + 1] && llvm::all_of(maps, [&](AffineMap map) { return adjacent(map, d); }))
        merge(d);
  }
  static bool adjacent(AffineMap map, int64_t d) {
    for (unsigned i = 0; i < map.getNumResults(); ++i) {
      if (map.getDimPosition(i) == d)
        return i + 1 < map.getNumResults() && map.getDimPosition(i + 1) == d + 1;
      if (map.getDimPosition(i) == d + 1)
        return false;
    }
    return true;
  }
  void merge(int64_t d) {
    sizes[d] = product(sizes[d], sizes[d + 1]);
    sizes.erase(sizes.begin() + d + 1);
    parallel.erase(parallel.begin() + d + 1);
    llvm::SmallDenseMap<Value, Value> collapsed;
    for (auto [value, map] : llvm::zip(operands, maps)) {
      SmallVector<ReassociationIndices> groups;
      SmallVector<AffineExpr> results;
      bool merged = false;
      for (unsigned i = 0; i < map.getNumResults(); ++i) {
        int64_t position = map.getDimPosition(i);
        if (position == d + 1) {
          groups.back().push_back(i);
          merged = true;
          continue;
        }
        groups.push_back({static_cast<int64_t>(i)});
        results.push_back(b.getAffineDimExpr(position > d ? position - 1 : position));
      }
      map = AffineMap::get(map.getNumDims() - 1, 0, results, b.getContext());
      if (merged) {
        Value &view = collapsed[value];
        if (!view)
          view = b.create<memref::CollapseShapeOp>(loc, value, groups);
        value = view;
      }
    }
  }
  OpFoldResult product(OpFoldResult x, OpFoldResult y) {
    auto cx = getConstantIntValue(x), cy = getConstantIntValue(y);
    if (cx && cy)
      return b.getIndexAttr(*cx * *cy);
    return b.createOrFold<arith::MulIOp>(loc, value(x), value(y));
  }

  // The dimension along which fewest accesses jump: one that does not depend on it, or is contiguous in it, costs
  // nothing.
  void chooseInnermost() {
    if (rank() == 0)
      return;
    SmallVector<int64_t> jumps(rank(), 0);
    for (auto [i, map] : llvm::enumerate(maps))
      for (unsigned r = 0; r + 1 < map.getNumResults(); ++r)
        for (int64_t d = 0; d < rank(); ++d)
          if (map.getResult(r).isFunctionOfDim(d))
            jumps[d] += i < numInputs() ? 2 : 3; // writing costs more than reading
    innermost = rank() - 1;
    for (int64_t d = rank() - 2; d >= 0; --d)
      if (jumps[d] < jumps[innermost])
        innermost = d;
    // A parallel dimension inside a reduction pays only when it is long.
    if (parallel[innermost] && hasReduction()) {
      auto size = getConstantIntValue(sizes[innermost]);
      if (size && *size < 8)
        innermost = lastReduction();
    } else if (!parallel[innermost]) {
      innermost = lastReduction();
    }
  }
  int64_t lastReduction() const {
    for (int64_t d = rank() - 1; d >= 0; --d)
      if (!parallel[d])
        return d;
    return rank() - 1;
  }

  Value value(OpFoldResult size) { return getValueOrCreateConstantIndexOp(b, loc, size); }
  Value constant(int64_t number) { return b.create<arith::ConstantIndexOp>(loc, number); }

  SmallVector<Value> indices(AffineMap map, ArrayRef<Value> ivs) {
    SmallVector<Value> result;
    for (AffineExpr expr : map.getResults()) {
      if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
        result.push_back(ivs[dim.getPosition()]);
        continue;
      }
      AffineMap one = AffineMap::get(map.getNumDims(), 0, expr);
      result.push_back(b.createOrFold<affine::AffineApplyOp>(loc, one, ivs));
    }
    return result;
  }

  // Whether result `i` does not depend on any reduction dimension, so that it is accumulated.
  bool reductionOutput(unsigned i) const {
    AffineMap map = maps[numInputs() + i];
    for (int64_t d = 0; d < rank(); ++d)
      if (!parallel[d] && map.isFunctionOfDim(d))
        return false;
    return true;
  }

  Value load(unsigned operand, ArrayRef<Value> ivs) {
    Value source = operands[operand];
    if (!isa<MemRefType>(source.getType()))
      return source;
    return b.create<memref::LoadOp>(loc, source, indices(maps[operand], ivs));
  }
  void store(Value element, unsigned output, ArrayRef<Value> ivs) {
    unsigned operand = numInputs() + output;
    b.create<memref::StoreOp>(loc, element, operands[operand], indices(maps[operand], ivs));
  }
  Value initial(unsigned output, ArrayRef<Value> ivs) {
    return fills[output] ? fillValues[output] : load(numInputs() + output, ivs);
  }

  // The op's body for one point. accumulators: by output, null where the output is read from memory if at all.
  SmallVector<Value> body(ArrayRef<Value> ivs, ArrayRef<Value> accumulators) {
    IRMapping mapping;
    Block *block = op.getBody();
    for (unsigned i = 0; i < operands.size(); ++i) {
      BlockArgument argument = block->getArgument(i);
      if (argument.use_empty())
        continue;
      Value accumulator = i >= numInputs() ? accumulators[i - numInputs()] : Value();
      mapping.map(argument, accumulator ? accumulator : load(i, ivs));
    }
    for (Operation &inner : block->without_terminator()) {
      if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
        mapping.map(index.getResult(), ivs[index.getDim()]);
        continue;
      }
      b.clone(inner, mapping);
    }
    SmallVector<Value> results;
    for (Value yielded : block->getTerminator()->getOperands())
      results.push_back(mapping.lookupOrDefault(yielded));
    return results;
  }

  void bodyThroughMemory(ArrayRef<Value> ivs) {
    SmallVector<Value> none(numOutputs());
    for (auto [i, result] : llvm::enumerate(body(ivs, none)))
      store(result, i, ivs);
  }

  scf::ForOp loop(Value begin, Value end, Value step, bool independent, ValueRange carried = {}) {
    auto result = b.create<scf::ForOp>(loc, begin, end, step, carried);
    if (independent)
      result->setAttr(kIndependent, b.getUnitAttr());
    b.setInsertionPointToStart(result.getBody());
    return result;
  }

  void emit() {
    b.setInsertionPoint(op);
    SmallVector<Value> ivs(rank());
    if (rank() == 0) {
      bodyThroughMemory(ivs);
      return;
    }
    Value zero = constant(0), one = constant(1);
    SmallVector<Value> ends;
    for (OpFoldResult size : sizes)
      ends.push_back(value(size));
    if (!hasReduction())
      emitElementwise(ivs, zero, one, ends);
    else if (parallel[innermost])
      emitRowByRow(ivs, zero, one, ends);
    else
      emitReduction(ivs, zero, one, ends);
  }

  // Opens one scf.parallel over the dimensions with the given steps and puts the builder into it.
  void openParallel(ArrayRef<int64_t> dims, ArrayRef<Value> steps, ArrayRef<Value> ends, Value zero,
                    MutableArrayRef<Value> ivs) {
    if (dims.empty())
      return;
    SmallVector<Value> begins(dims.size(), zero), selected;
    for (int64_t d : dims)
      selected.push_back(ends[d]);
    auto outer = b.create<scf::ParallelOp>(loc, begins, selected, steps);
    for (auto [d, iv] : llvm::zip(dims, outer.getInductionVars()))
      ivs[d] = iv;
    b.setInsertionPointToStart(outer.getBody());
  }

  SmallVector<int64_t> parallelDimsExcept(ArrayRef<int64_t> excluded) const {
    SmallVector<int64_t> dims;
    for (int64_t d = 0; d < rank(); ++d)
      if (parallel[d] && !llvm::is_contained(excluded, d))
        dims.push_back(d);
    return dims;
  }

  // The dimension through which an operand is read contiguously while others are so through the innermost one, or -1.
  int64_t transposedDim() const {
    for (auto map : maps) {
      if (map.getNumResults() < 2)
        continue;
      auto last = dyn_cast<AffineDimExpr>(map.getResults().back());
      if (last && static_cast<int64_t>(last.getPosition()) != innermost && map.isFunctionOfDim(innermost))
        return last.getPosition();
    }
    return -1;
  }

  Value least(Value x, Value y) { return b.create<arith::MinSIOp>(loc, x, y); }

  void emitElementwise(SmallVector<Value> &ivs, Value zero, Value one, ArrayRef<Value> ends) {
    if (int64_t other = transposedDim(); other >= 0 && !isShort(other) && !isShort(innermost)) {
      Value tile = constant(kTransposeTile);
      SmallVector<int64_t> dims = parallelDimsExcept({innermost});
      SmallVector<Value> steps;
      for (int64_t d : dims)
        steps.push_back(d == other ? tile : one);
      openParallel(dims, steps, ends, zero, ivs);
      Value otherBegin = ivs[other];
      Value otherEnd = least(b.create<arith::AddIOp>(loc, otherBegin, tile), ends[other]);
      auto blocks = loop(zero, ends[innermost], tile, false);
      Value innerEnd = least(b.create<arith::AddIOp>(loc, blocks.getInductionVar(), tile), ends[innermost]);
      auto rows = loop(otherBegin, otherEnd, one, false);
      ivs[other] = rows.getInductionVar();
      auto columns = loop(blocks.getInductionVar(), innerEnd, one, true);
      ivs[innermost] = columns.getInductionVar();
      bodyThroughMemory(ivs);
      return;
    }
    if (rank() == 1) {
      openParallel({0}, {one}, ends, zero, ivs);
    } else {
      SmallVector<int64_t> dims = parallelDimsExcept({innermost});
      openParallel(dims, SmallVector<Value>(dims.size(), one), ends, zero, ivs);
      ivs[innermost] = loop(zero, ends[innermost], one, true).getInductionVar();
    }
    bodyThroughMemory(ivs);
  }
  bool isShort(int64_t d) const {
    auto size = getConstantIntValue(sizes[d]);
    return size && *size < kTransposeTile;
  }

  void emitReduction(SmallVector<Value> &ivs, Value zero, Value one, ArrayRef<Value> ends) {
    SmallVector<int64_t> dims = parallelDimsExcept({});
    openParallel(dims, SmallVector<Value>(dims.size(), one), ends, zero, ivs);
    SmallVector<Value> carried;
    SmallVector<unsigned> accumulated;
    for (unsigned i = 0; i < numOutputs(); ++i)
      if (reductionOutput(i)) {
        accumulated.push_back(i);
        carried.push_back(initial(i, ivs));
      }
    SmallVector<int64_t> order;
    for (int64_t d = 0; d < rank(); ++d)
      if (!parallel[d] && d != innermost)
        order.push_back(d);
    order.push_back(innermost);

    SmallVector<scf::ForOp> nest;
    for (int64_t d : order) {
      nest.push_back(loop(zero, ends[d], one, false, carried));
      ivs[d] = nest.back().getInductionVar();
      carried.assign(nest.back().getRegionIterArgs().begin(), nest.back().getRegionIterArgs().end());
    }
    SmallVector<Value> accumulators(numOutputs());
    for (auto [i, value] : llvm::zip(accumulated, carried))
      accumulators[i] = value;
    SmallVector<Value> results = body(ivs, accumulators), next;
    for (unsigned i = 0; i < numOutputs(); ++i) {
      if (accumulators[i])
        next.push_back(results[i]);
      else
        store(results[i], i, ivs);
    }
    for (scf::ForOp level : llvm::reverse(nest)) {
      b.setInsertionPointToEnd(level.getBody());
      if (!next.empty())
        b.create<scf::YieldOp>(loc, next);
      next.assign(level.getResults().begin(), level.getResults().end());
      b.setInsertionPointAfter(level);
    }
    for (auto [i, value] : llvm::zip(accumulated, next))
      store(value, i, ivs);
  }

  void emitRowByRow(SmallVector<Value> &ivs, Value zero, Value one, ArrayRef<Value> ends) {
    auto size = getConstantIntValue(sizes[innermost]);
    bool tiled = !size || *size > kRowTile;
    SmallVector<int64_t> dims = parallelDimsExcept({innermost});
    SmallVector<Value> steps(dims.size(), one);
    Value begin = zero, end = ends[innermost];
    if (tiled) {
      dims.push_back(innermost);
      steps.push_back(constant(kRowTile));
    }
    openParallel(dims, steps, ends, zero, ivs);
    if (tiled) {
      begin = ivs[innermost];
      end = least(b.create<arith::AddIOp>(loc, begin, steps.back()), end);
    }
    for (unsigned i = 0; i < numOutputs(); ++i) {
      if (!fills[i])
        continue;
      auto start = loop(begin, end, one, true);
      ivs[innermost] = start.getInductionVar();
      store(fillValues[i], i, ivs);
      b.setInsertionPointAfter(start);
    }
    for (int64_t d = 0; d < rank(); ++d)
      if (!parallel[d])
        ivs[d] = loop(zero, ends[d], one, false).getInductionVar();
    ivs[innermost] = loop(begin, end, one, true).getInductionVar();
    bodyThroughMemory(ivs);
  }
};

struct KernelsToLoopsPass : PassWrapper<KernelsToLoopsPass, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(KernelsToLoopsPass)
  StringRef getArgument() const override { return "dl-kernels-to-loops"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<affine::AffineDialect, arith::ArithDialect, memref::MemRefDialect, scf::SCFDialect>();
  }

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    // Copies of parts are loops like any other; whole buffers are left to memcpy.
    SmallVector<memref::CopyOp> copies;
    getOperation().walk([&](memref::CopyOp copy) {
      if (!isIdentityMemref(copy.getSource()) || !isIdentityMemref(copy.getTarget()))
        copies.push_back(copy);
    });
    for (memref::CopyOp copy : copies) {
      rewriter.setInsertionPoint(copy);
      rewriter.replaceOpWithNewOp<linalg::CopyOp>(copy, copy.getSource(), copy.getTarget());
    }
    SmallVector<linalg::LinalgOp> ops;
    getOperation().walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    // A fill may become part of the reduction behind it, so reductions go first.
    for (linalg::LinalgOp &op : ops) {
      if (isa<linalg::FillOp>(op.getOperation()))
        continue;
      if (!lower(rewriter, op))
        return signalPassFailure();
    }
    SmallVector<linalg::LinalgOp> fills;
    getOperation().walk([&](linalg::LinalgOp op) { fills.push_back(op); });
    for (linalg::LinalgOp op : fills)
      if (!lower(rewriter, op))
        return signalPassFailure();
  }

  bool lower(IRRewriter &rewriter, linalg::LinalgOp op) {
    auto generic = dyn_cast<GenericOp>(op.getOperation());
    if (!generic) {
      rewriter.setInsertionPoint(op);
      FailureOr<GenericOp> generalised = linalg::generalizeNamedOp(rewriter, op);
      if (failed(generalised)) {
        op.emitOpError("has no loop form");
        return false;
      }
      generic = *generalised;
    }
    Kernel(generic, rewriter).lower();
    return true;
  }
};

} // namespace

PassPtr createKernelsToLoopsPass() { return std::make_unique<KernelsToLoopsPass>(); }

} // namespace dl::passes
