// Reading and adding at computed indices. Every index is checked before any is used; negative ones count from the end.
#include "compiler/ops/lowering.h"
#include "compiler/ops/modes.h"
#include "compiler/ops/rows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <limits>

using namespace mlir;

namespace dl::ops {
namespace {

SmallVector<Value> buildTake(BuildContext &c) {
  Value indices = c.operands[1];
  if (ir::isTensor(indices.getType()))
    return {c.builder.create<ir::GatherOp>(c.loc, c.resultTypes[0], c.operands[0], indices)};
  // A scalar index takes one row.
  OpBuilder &b = c.builder;
  Value one = ir::reshapeTo(b, c.loc, indices, ir::typeOf({1}, b.getI64Type()), {});
  SmallVector<int64_t> shape(ir::shapeOf(c.operands[0].getType()));
  shape[0] = 1;
  Value row = b.create<ir::GatherOp>(c.loc, ir::typeOf(shape, ir::elementOf(c.resultTypes[0])), c.operands[0], one);
  return {asResult(c, row)};
}

SmallVector<Value> buildGather(BuildContext &c) {
  int64_t dim = dimAttr(c, "dim", ir::rankOf(c.operands[0].getType()));
  return {c.builder.create<ir::TakeAlongOp>(c.loc, c.resultTypes[0], c.operands[0], c.operands[1], dim)};
}

SmallVector<Value> buildIndexAdd(BuildContext &c) {
  return {c.builder.create<ir::ScatterAddOp>(c.loc, c.resultTypes[0], c.operands[0], c.operands[1], c.operands[2])};
}
SmallVector<Value> buildScatterAdd(BuildContext &c) {
  int64_t dim = dimAttr(c, "dim", ir::rankOf(c.operands[0].getType()));
  return {
      c.builder.create<ir::PutAlongAddOp>(c.loc, c.resultTypes[0], c.operands[0], c.operands[1], c.operands[2], dim)};
}

Value i64Size(OpBuilder &b, Location loc, Value tensor, int64_t dim) {
  return b.create<arith::IndexCastOp>(loc, b.getI64Type(), ir::sizeOf(b, loc, tensor, dim));
}

// Fails unless every index lies in [-size, size): one pass for the smallest and the largest.
void checkIndices(OpBuilder &b, Location loc, Value indices, Value size) {
  Type i64 = b.getI64Type();
  int64_t rank = ir::rankOf(indices.getType());
  auto scalar = RankedTensorType::get({}, i64);
  auto extreme = [&](int64_t start) { return filledTensor(b, loc, scalar, {}, ir::intConstant(b, loc, i64, start)); };
  AffineMap toScalar = AffineMap::get(rank, 0, {}, b.getContext());
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::reduction);
  auto range = b.create<linalg::GenericOp>(
      loc, TypeRange{scalar, scalar}, ValueRange{indices},
      ValueRange{extreme(std::numeric_limits<int64_t>::max()), extreme(std::numeric_limits<int64_t>::min())},
      ArrayRef<AffineMap>{b.getMultiDimIdentityMap(rank), toScalar, toScalar}, iterators,
      [](OpBuilder &nested, Location at, ValueRange args) {
        Value low = minScalars(nested, at, args[0], args[1]), high = maxScalars(nested, at, args[0], args[2]);
        nested.create<linalg::YieldOp>(at, ValueRange{low, high});
      });
  Value low = b.create<tensor::ExtractOp>(loc, range.getResult(0), ValueRange());
  Value high = b.create<tensor::ExtractOp>(loc, range.getResult(1), ValueRange());
  Value first = b.create<arith::SubIOp>(loc, ir::intConstant(b, loc, i64, 0), size);
  Value below = b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, low, first);
  Value above = b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::sge, high, size);
  // Without indices the two are the wrong way round and nothing is out of range.
  Value some = b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::sle, low, high);
  Value outside = b.create<arith::AndIOp>(loc, some, b.create<arith::OrIOp>(loc, below, above));
  Value inside = b.create<arith::XOrIOp>(loc, outside, ir::intConstant(b, loc, b.getI1Type(), 1));
  Value culprit = b.create<arith::SelectOp>(loc, below, low, high);
  b.create<ir::AssertOp>(loc, inside, "index {0} is out of range for size {1}", ValueRange{culprit, size});
}

// The index counted from the start.
Value wrapped(OpBuilder &b, Location loc, Value index, Value size) {
  Value negative =
      b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, index, ir::intConstant(b, loc, b.getI64Type(), 0));
  Value shifted = b.create<arith::AddIOp>(loc, index, size);
  Value counted = b.create<arith::SelectOp>(loc, negative, shifted, index);
  return b.create<arith::IndexCastOp>(loc, b.getIndexType(), counted);
}

// Reads the input where `place` says, given the position in the result and the index that holds there. `map`: which
// dimensions of the result the indices go by.
Value readAt(RewriterBase &rewriter, Location loc, RankedTensorType type, ValueRange sizes, Value input, Value indices,
             AffineMap map, int64_t dim,
             llvm::function_ref<SmallVector<Value>(ArrayRef<Value> position, Value index)> place) {
  Value size = i64Size(rewriter, loc, input, dim);
  checkIndices(rewriter, loc, indices, size);
  return parallelGeneric(rewriter, loc, type, sizes, indices, map, [&](OpBuilder &b, Location at, ValueRange args) {
    SmallVector<Value> position;
    for (int64_t k = 0; k < type.getRank(); ++k)
      position.push_back(b.create<linalg::IndexOp>(at, k));
    Value index = wrapped(b, at, args[0], size);
    b.create<linalg::YieldOp>(at, b.create<tensor::ExtractOp>(at, input, place(position, index)).getResult());
  });
}

// For every position in `over`, in order: sum = step(position, sum).
Value loopOver(OpBuilder &b, Location loc, Value over, Value sum,
               llvm::function_ref<Value(OpBuilder &, ArrayRef<Value>, Value)> step) {
  Value zero = ir::indexConstant(b, loc, 0), one = ir::indexConstant(b, loc, 1);
  int64_t rank = ir::rankOf(over.getType());
  SmallVector<Value> lower(rank, zero), steps(rank, one), upper;
  for (int64_t dim = 0; dim < rank; ++dim)
    upper.push_back(ir::sizeOf(b, loc, over, dim));
  scf::LoopNest nest =
      scf::buildLoopNest(b, loc, lower, upper, steps, {sum},
                         [&](OpBuilder &nested, Location, ValueRange position, ValueRange carried) -> scf::ValueVector {
                           SmallVector<Value> at(position);
                           return {step(nested, at, carried.front())};
                         });
  return nest.results.front();
}

// One number added into a tensor.
Value addAt(OpBuilder &b, Location loc, Value into, ValueRange place, Value number) {
  Value old = b.create<tensor::ExtractOp>(loc, into, place);
  return b.create<tensor::InsertOp>(loc, addScalars(b, loc, old, number), into, place);
}

} // namespace

std::vector<Row> gatherRows() {
  return {
      {{"take(x: T[*S], index: i64[*R]) -> T[gather(S, R)]",
        "the rows of x (along dimension 0) at the indices; negative ones count from the end"},
       buildTake},
      {{"gather(x: T[*S], dim: int, index: i64[*R]) -> T[pointed(S, dim, R)]",
        "x at the indices along dim: result[i, j] = x[index[i, j], j] for dim 0 of rank 2"},
       buildGather},
      {{"scatter_add(x: N[*S], dim: int, index: i64[*R], src: N[*R]) -> N[around(S, dim, R)]",
        "x with src added at the indices along dim, in order: the transpose of gather"},
       buildScatterAdd},
      {{"index_add(x: N[*S], index: i64[*R], src: N[*Q]) -> N[withrows(S, R, Q)]",
        "x with src[i] added to the row x[index[i]] (along dimension 0), in order: the transpose of take"},
       buildIndexAdd},
  };
}

} // namespace dl::ops

namespace dl::ir {

LogicalResult GatherOp::vjp(AdjointBuilder &a) {
  if (!a.wants(getInput()))
    return success();
  Value adjoint = a.adjoint(getResult()), indices = a.primal(getIndices());
  a.update(getInput(), [&](Value sum) -> Value {
    return a.builder().create<ScatterAddOp>(a.loc(), sum.getType(), sum, indices, adjoint);
  });
  return success();
}
LogicalResult GatherOp::jvp(TangentBuilder &t) { return ops::linearJvp(*this, t, {0}); }
LogicalResult GatherOp::lower(RewriterBase &rewriter) {
  Location loc = getLoc();
  auto type = cast<RankedTensorType>(getResult().getType());
  int64_t lead = rankOf(getIndices().getType());
  SmallVector<Value> sizes;
  for (int64_t k = 0; k < type.getRank(); ++k)
    if (type.isDynamicDim(k))
      sizes.push_back(k < lead ? sizeOf(rewriter, loc, getIndices(), k)
                               : sizeOf(rewriter, loc, getInput(), k - lead + 1));
  AffineMap map = AffineMap::getMultiDimIdentityMap(type.getRank(), rewriter.getContext()).getMajorSubMap(lead);
  Value result = ops::readAt(rewriter, loc, type, sizes, getInput(), getIndices(), map, 0,
                             [&](ArrayRef<Value> position, Value index) {
                               SmallVector<Value> place{index};
                               llvm::append_range(place, position.drop_front(lead));
                               return place;
                             });
  rewriter.replaceOp(*this, result);
  return success();
}

LogicalResult ScatterAddOp::vjp(AdjointBuilder &a) {
  if (!a.wants(getInput()) && !a.wants(getValue()))
    return success();
  Value adjoint = a.adjoint(getResult());
  if (a.wants(getInput()))
    a.add(getInput(), adjoint);
  if (a.wants(getValue()))
    a.add(getValue(), a.builder().create<GatherOp>(a.loc(), getValue().getType(), adjoint, a.primal(getIndices())));
  return success();
}
LogicalResult ScatterAddOp::jvp(TangentBuilder &t) { return ops::linearJvp(*this, t, {0, 2}); }
LogicalResult ScatterAddOp::lower(RewriterBase &rewriter) {
  Location loc = getLoc();
  auto type = cast<RankedTensorType>(getInput().getType());
  Value size = ops::i64Size(rewriter, loc, getInput(), 0), value = getValue(), indices = getIndices();
  ops::checkIndices(rewriter, loc, indices, size);
  int64_t rowRank = type.getRank() - 1, lead = rankOf(indices.getType());
  auto addRow = [&](OpBuilder &b, ArrayRef<Value> position, Value sum) -> Value {
    Value index = ops::wrapped(b, loc, b.create<tensor::ExtractOp>(loc, indices, position), size);
    if (rowRank == 0)
      return ops::addAt(b, loc, sum, index, b.create<tensor::ExtractOp>(loc, value, position));
    // sum[index, …] += value[position…, …]
    SmallVector<OpFoldResult> extent, offsets{index}, steps(type.getRank(), b.getIndexAttr(1));
    for (int64_t k = 0; k < rowRank; ++k)
      extent.push_back(ops::foldSize(b, loc, sum, k + 1));
    auto rowType = RankedTensorType::get(type.getShape().drop_front(), type.getElementType());
    SmallVector<OpFoldResult> rowExtent{b.getIndexAttr(1)};
    llvm::append_range(rowExtent, extent);
    offsets.append(rowRank, b.getIndexAttr(0));
    SmallVector<OpFoldResult> from(position.begin(), position.end()), fromExtent(lead, b.getIndexAttr(1)),
        fromSteps(lead + rowRank, b.getIndexAttr(1));
    from.append(rowRank, b.getIndexAttr(0));
    llvm::append_range(fromExtent, extent);
    Value added = b.create<tensor::ExtractSliceOp>(loc, rowType, value, from, fromExtent, fromSteps);
    Value old = b.create<tensor::ExtractSliceOp>(loc, rowType, sum, offsets, rowExtent, steps);
    AffineMap identity = b.getMultiDimIdentityMap(rowRank);
    SmallVector<utils::IteratorType> iterators(rowRank, utils::IteratorType::parallel);
    auto row = b.create<linalg::GenericOp>(
        loc, TypeRange{rowType}, ValueRange{added}, ValueRange{old}, ArrayRef<AffineMap>{identity, identity}, iterators,
        [](OpBuilder &nested, Location at, ValueRange args) {
          nested.create<linalg::YieldOp>(at, ops::addScalars(nested, at, args[1], args[0]));
        });
    return b.create<tensor::InsertSliceOp>(loc, row.getResult(0), sum, offsets, rowExtent, steps);
  };
  rewriter.replaceOp(*this, ops::loopOver(rewriter, loc, indices, getInput(), addRow));
  return success();
}

LogicalResult TakeAlongOp::vjp(AdjointBuilder &a) {
  if (!a.wants(getInput()))
    return success();
  Value adjoint = a.adjoint(getResult()), indices = a.primal(getIndices());
  a.update(getInput(), [&](Value sum) -> Value {
    return a.builder().create<PutAlongAddOp>(a.loc(), sum.getType(), sum, indices, adjoint, getDim());
  });
  return success();
}
LogicalResult TakeAlongOp::jvp(TangentBuilder &t) { return ops::linearJvp(*this, t, {0}); }
LogicalResult TakeAlongOp::lower(RewriterBase &rewriter) {
  Location loc = getLoc();
  auto type = cast<RankedTensorType>(getResult().getType());
  AffineMap map = rewriter.getMultiDimIdentityMap(type.getRank());
  int64_t dim = getDim();
  Value result = ops::readAt(rewriter, loc, type, ops::sizesFrom(rewriter, loc, type, getIndices()), getInput(),
                             getIndices(), map, dim, [&](ArrayRef<Value> position, Value index) {
                               SmallVector<Value> place(position);
                               place[dim] = index;
                               return place;
                             });
  rewriter.replaceOp(*this, result);
  return success();
}

LogicalResult PutAlongAddOp::vjp(AdjointBuilder &a) {
  if (!a.wants(getInput()) && !a.wants(getValue()))
    return success();
  Value adjoint = a.adjoint(getResult());
  if (a.wants(getInput()))
    a.add(getInput(), adjoint);
  if (a.wants(getValue()))
    a.add(getValue(),
          a.builder().create<TakeAlongOp>(a.loc(), getValue().getType(), adjoint, a.primal(getIndices()), getDim()));
  return success();
}
LogicalResult PutAlongAddOp::jvp(TangentBuilder &t) { return ops::linearJvp(*this, t, {0, 2}); }
LogicalResult PutAlongAddOp::lower(RewriterBase &rewriter) {
  Location loc = getLoc();
  int64_t dim = getDim();
  Value size = ops::i64Size(rewriter, loc, getInput(), dim), value = getValue(), indices = getIndices();
  ops::checkIndices(rewriter, loc, indices, size);
  auto addOne = [&](OpBuilder &b, ArrayRef<Value> position, Value sum) -> Value {
    SmallVector<Value> place(position);
    place[dim] = ops::wrapped(b, loc, b.create<tensor::ExtractOp>(loc, indices, position), size);
    return ops::addAt(b, loc, sum, place, b.create<tensor::ExtractOp>(loc, value, position));
  };
  rewriter.replaceOp(*this, ops::loopOver(rewriter, loc, indices, getInput(), addOne));
  return success();
}

} // namespace dl::ir
