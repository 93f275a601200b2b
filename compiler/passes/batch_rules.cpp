// What single ops become when their operands have one dimension more, the last.
#include "compiler/passes/batch.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace dl::passes {
namespace {

// Up to so many multiplications in a lane a product is one loop nest over all of them.
constexpr int64_t kSmallProduct = 8 * 8 * 8;

SmallVector<int64_t> upTo(int64_t end) { return llvm::to_vector(llvm::seq<int64_t>(0, end)); }

// The op itself on batched operands. Its index operands are the dynamic sizes of the result.
Value again(Operation *op, BatchBuilder &batch) {
  OperationState state(op->getLoc(), op->getName());
  SmallVector<Value> sizes;
  for (Value operand : op->getOperands()) {
    if (isa<IndexType>(operand.getType()))
      sizes.push_back(batch.shared(operand));
    else
      state.operands.push_back(batch.inLanes(operand));
  }
  if (isa<ir::ReshapeOp>(op))
    state.addOperands(batch.batchedSizes(sizes));
  state.addTypes(batch.batchedType(op->getResult(0).getType()));
  state.addAttributes(op->getAttrs());
  return batch.b.create(state)->getResult(0);
}

Value batchBroadcast(ir::BroadcastOp op, BatchBuilder &batch) {
  SmallVector<int64_t> dims(op.getDims());
  dims.push_back(ir::rankOf(op.getType()));
  return batch.b.create<ir::BroadcastOp>(op.getLoc(), batch.batchedType(op.getType()), batch.inLanes(op.getInput()),
                                         dims, batch.batchedSizes(batch.shared(op.getSizes())));
}

Value batchTranspose(ir::TransposeOp op, BatchBuilder &batch) {
  SmallVector<int64_t> perm(op.getPerm());
  perm.push_back(perm.size());
  return ir::transposed(batch.b, op.getLoc(), batch.inLanes(op.getInput()), perm);
}

// The dimension along which a slice of a shared tensor takes the element of the iteration; -1: something else.
int64_t counterDim(ir::SliceOp op, const Variation &variation) {
  int64_t found = -1;
  for (auto [dim, offset] : llvm::enumerate(op.getOffsets())) {
    if (!variation.varies(offset))
      continue;
    if (found >= 0 || !variation.isCounter(offset) || !llvm::is_contained(op.getDropped(), static_cast<int64_t>(dim)))
      return -1;
    found = dim;
  }
  return variation.varies(op.getInput()) ? -1 : found;
}

// Then the lanes are a part of that dimension.
Value batchElements(ir::SliceOp op, int64_t lanesDim, BatchBuilder &batch) {
  OpBuilder &b = batch.b;
  Value input = batch.shared(op.getInput());
  SmallVector<Value> offsets = batch.shared(op.getOffsets()), sizes;
  offsets[lanesDim] = batch.lanes.first;
  SmallVector<int64_t> dropped, shape, perm;
  size_t kept = 0, dynamic = 0;
  int64_t lanesAt = 0;
  for (int64_t dim : upTo(offsets.size())) {
    if (dim == lanesDim) {
      lanesAt = shape.size();
      shape.push_back(batch.lanes.size);
      if (ShapedType::isDynamic(batch.lanes.size))
        sizes.push_back(batch.lanes.count);
    } else if (llvm::is_contained(op.getDropped(), dim)) {
      dropped.push_back(dim);
    } else {
      shape.push_back(ir::shapeOf(op.getType())[kept++]);
      if (ShapedType::isDynamic(shape.back()))
        sizes.push_back(batch.shared(op.getSizes()[dynamic++]));
    }
  }
  Value rows = b.create<ir::SliceOp>(op.getLoc(), ir::typeOf(shape, ir::elementOf(input.getType())), input, offsets,
                                     sizes, op.getSteps(), dropped);
  if (lanesAt + 1 == static_cast<int64_t>(shape.size()))
    return rows;
  llvm::copy_if(upTo(shape.size()), std::back_inserter(perm), [&](int64_t dim) { return dim != lanesAt; });
  perm.push_back(lanesAt);
  return ir::transposed(b, op.getLoc(), rows, perm);
}

// Offsets and steps with those of the lanes.
template <class Op> std::pair<SmallVector<Value>, SmallVector<int64_t>> placeOf(Op op, BatchBuilder &batch) {
  SmallVector<Value> offsets = batch.shared(op.getOffsets());
  SmallVector<int64_t> steps(op.getSteps());
  offsets.push_back(ir::indexConstant(batch.b, op.getLoc(), 0));
  steps.push_back(1);
  return {offsets, steps};
}

Value batchSlice(ir::SliceOp op, BatchBuilder &batch) {
  if (int64_t dim = counterDim(op, batch.variation); dim >= 0)
    return batchElements(op, dim, batch);
  auto [offsets, steps] = placeOf(op, batch);
  return batch.b.create<ir::SliceOp>(op.getLoc(), batch.batchedType(op.getType()), batch.inLanes(op.getInput()),
                                     offsets, batch.batchedSizes(batch.shared(op.getSizes())), steps, op.getDropped());
}

template <class Op> Value batchPart(Op op, BatchBuilder &batch) {
  auto [offsets, steps] = placeOf(op, batch);
  Value input = batch.inLanes(op.getInput()), value = batch.inLanes(op.getValue());
  return batch.b.create<Op>(op.getLoc(), input.getType(), input, value, offsets, steps, op.getDropped());
}

// ---------------------------------------------------------------------------------------------------------- indices
Value batchGather(ir::GatherOp op, BatchBuilder &batch) {
  return batch.b.create<ir::GatherOp>(op.getLoc(), batch.batchedType(op.getType()), batch.inLanes(op.getInput()),
                                      batch.shared(op.getIndices()));
}
Value batchScatter(ir::ScatterAddOp op, BatchBuilder &batch) {
  Value input = batch.inLanes(op.getInput());
  return batch.b.create<ir::ScatterAddOp>(op.getLoc(), input.getType(), input, batch.shared(op.getIndices()),
                                          batch.inLanes(op.getValue()));
}

// --------------------------------------------------------------------------------------------------------- products
// An operand of a product, with its transposition undone: [m, k] or [k, n], with a batch in front for rank 3, and
// behind with the lanes where it has any.
struct Factor {
  Value value;
  bool varies;
};

Factor factorOf(Value original, bool transposed, BatchBuilder &batch) {
  Factor factor{batch.shared(original), batch.variation.varies(original)};
  if (factor.varies)
    factor.value = batch.inLanes(original);
  if (transposed) {
    int64_t rank = ir::rankOf(original.getType());
    SmallVector<int64_t> perm = upTo(ir::rankOf(factor.value.getType()));
    std::swap(perm[rank - 2], perm[rank - 1]);
    factor.value = ir::transposed(batch.b, original.getLoc(), factor.value, perm);
  }
  return factor;
}

// Sizes side by side as numbers and values.
struct Shape {
  SmallVector<int64_t> sizes;
  SmallVector<Value> values;

  void add(OpBuilder &b, Location loc, Value tensor, int64_t dim) {
    sizes.push_back(ir::shapeOf(tensor.getType())[dim]);
    values.push_back(ir::sizeOf(b, loc, tensor, dim));
  }
  void addProduct(OpBuilder &b, Location loc, Value tensor, int64_t begin, int64_t end) {
    int64_t size = 1;
    Value value = ir::indexConstant(b, loc, 1);
    for (int64_t dim = begin; dim < end; ++dim) {
      int64_t next = ir::shapeOf(tensor.getType())[dim];
      size = ShapedType::isDynamic(size) || ShapedType::isDynamic(next) ? ShapedType::kDynamic : size * next;
      value = b.createOrFold<arith::MulIOp>(loc, value, ir::sizeOf(b, loc, tensor, dim));
    }
    sizes.push_back(size);
    values.push_back(value);
  }
  SmallVector<Value> dynamic() const {
    SmallVector<Value> result;
    for (auto [size, value] : llvm::zip_equal(sizes, values))
      if (ShapedType::isDynamic(size))
        result.push_back(value);
    return result;
  }
  Type type(Value like) const { return ir::typeOf(sizes, ir::elementOf(like.getType())); }
};

Value reshaped(OpBuilder &b, Location loc, Value value, const Shape &shape) {
  return ir::reshapeTo(b, loc, value, shape.type(value), shape.dynamic());
}

Value product(OpBuilder &b, Location loc, Value x, Value y, bool transX = false, bool transY = false) {
  ArrayRef<int64_t> xs = ir::shapeOf(x.getType()), ys = ir::shapeOf(y.getType());
  int64_t rank = xs.size();
  SmallVector<int64_t> shape(xs.drop_back(2));
  shape.push_back(xs[transX ? rank - 1 : rank - 2]);
  shape.push_back(ys[transY ? rank - 2 : rank - 1]);
  return b.create<ir::MatMulOp>(loc, ir::typeOf(shape, ir::elementOf(x.getType())), x, y, transX, transY);
}

// The sum over k of x[…, m, k, 1, lanes] y[…, 1, k, n, lanes].
Value productByLoops(OpBuilder &b, Location loc, const Factor &x, const Factor &y, BatchBuilder &batch, int64_t rank) {
  Shape shape;
  for (int64_t dim : upTo(rank))
    shape.add(b, loc, x.value, dim);
  shape.add(b, loc, y.value, rank - 1);
  shape.sizes.push_back(batch.lanes.size);
  shape.values.push_back(batch.lanes.count);
  auto spread = [&](const Factor &factor, int64_t left) {
    SmallVector<int64_t> dims = upTo(rank + 2);
    dims.erase(dims.begin() + left);
    if (!factor.varies)
      dims.pop_back();
    return ir::broadcastTo(b, loc, factor.value, shape.type(factor.value), dims, shape.dynamic());
  };
  Value left = spread(x, rank), right = spread(y, rank - 2);
  Value terms = b.create<ir::MulOp>(loc, left.getType(), left, right);
  return ir::summed(b, loc, terms, {rank - 1});
}

// Both with the lanes as a batch in front.
Value productByLanes(OpBuilder &b, Location loc, const Factor &x, const Factor &y, BatchBuilder &batch, int64_t rank) {
  auto front = [&](const Factor &factor) {
    Value value;
    if (factor.varies) {
      value = lanesFirst(b, loc, factor.value);
    } else {
      Shape shape;
      shape.sizes.push_back(batch.lanes.size);
      shape.values.push_back(batch.lanes.count);
      for (int64_t dim : upTo(rank))
        shape.add(b, loc, factor.value, dim);
      SmallVector<int64_t> dims = upTo(rank + 1);
      dims.erase(dims.begin());
      value = ir::broadcastTo(b, loc, factor.value, shape.type(factor.value), dims, shape.dynamic());
    }
    Shape merged;
    merged.addProduct(b, loc, value, 0, rank - 1);
    merged.add(b, loc, value, rank - 1);
    merged.add(b, loc, value, rank);
    return reshaped(b, loc, value, merged);
  };
  Value result = product(b, loc, front(x), front(y));
  Shape shape;
  shape.sizes.push_back(batch.lanes.size);
  shape.values.push_back(batch.lanes.count);
  for (int64_t dim : upTo(rank - 1))
    shape.add(b, loc, x.value, dim);
  shape.add(b, loc, y.value, rank - 1);
  return lanesLast(b, loc, reshaped(b, loc, result, shape));
}

// a @ b with a shared: the lanes are further columns of b.
Value productByColumns(OpBuilder &b, Location loc, Value a, Value y) {
  Shape columns, shape;
  columns.add(b, loc, y, 0);
  columns.addProduct(b, loc, y, 1, 3);
  Value result = product(b, loc, a, reshaped(b, loc, y, columns));
  shape.add(b, loc, a, 0);
  shape.add(b, loc, y, 1);
  shape.add(b, loc, y, 2);
  return reshaped(b, loc, result, shape);
}

Value batchMatMul(ir::MatMulOp op, BatchBuilder &batch) {
  OpBuilder &b = batch.b;
  Location loc = op.getLoc();
  int64_t rank = ir::rankOf(op.getType());
  Factor x = factorOf(op.getA(), op.getTransA(), batch), y = factorOf(op.getB(), op.getTransB(), batch);
  ArrayRef<int64_t> xs = ir::shapeOf(x.value.getType()), ys = ir::shapeOf(y.value.getType());
  int64_t products = 1;
  for (int64_t size : {xs[rank - 2], xs[rank - 1], ys[rank - 1]})
    products = ShapedType::isDynamic(size) || products > kSmallProduct ? kSmallProduct + 1 : products * size;
  if (products <= kSmallProduct)
    return productByLoops(b, loc, x, y, batch, rank);
  if (rank == 3 || (x.varies && y.varies))
    return productByLanes(b, loc, x, y, batch, rank);
  if (y.varies)
    return productByColumns(b, loc, x.value, y.value);
  // x y = (y' x')'
  Value swapped = ir::transposed(b, loc, x.value, {1, 0, 2});
  Value left = ir::transposed(b, loc, y.value, {1, 0});
  return ir::transposed(b, loc, productByColumns(b, loc, left, swapped), {1, 0, 2});
}

} // namespace

bool Variation::isCounter(Value value) const {
  while (auto cast = value.getDefiningOp<arith::IndexCastOp>())
    value = cast.getIn();
  return value == counter;
}

SmallVector<Value> BatchBuilder::shared(ValueRange originals) const {
  return llvm::map_to_vector(originals, [&](Value original) { return shared(original); });
}

Type BatchBuilder::batchedType(Type type) const {
  SmallVector<int64_t> shape(ir::shapeOf(type));
  shape.push_back(lanes.size);
  return ir::typeOf(shape, ir::elementOf(type));
}

SmallVector<Value> BatchBuilder::batchedSizes(ValueRange sizes) const {
  SmallVector<Value> all(sizes);
  if (ShapedType::isDynamic(lanes.size))
    all.push_back(lanes.count);
  return all;
}

Value lanesFirst(OpBuilder &b, Location loc, Value value) {
  SmallVector<int64_t> perm = upTo(ir::rankOf(value.getType()));
  std::rotate(perm.begin(), perm.end() - 1, perm.end());
  return perm.size() > 1 ? ir::transposed(b, loc, value, perm) : value;
}

Value lanesLast(OpBuilder &b, Location loc, Value value) {
  SmallVector<int64_t> perm = upTo(ir::rankOf(value.getType()));
  std::rotate(perm.begin(), perm.begin() + 1, perm.end());
  return perm.size() > 1 ? ir::transposed(b, loc, value, perm) : value;
}

bool hasBatchRule(Operation *op, const Variation &variation) {
  auto varies = [&](Value value) { return variation.varies(value); };
  if (auto slice = dyn_cast<ir::SliceOp>(op); slice && counterDim(slice, variation) >= 0)
    return llvm::none_of(slice.getSizes(), varies);
  // The shape of a value and where it is taken from are the same in all lanes.
  if (llvm::any_of(op->getOperands(),
                   [&](Value operand) { return isa<IndexType>(operand.getType()) && varies(operand); }))
    return false;
  if (op->hasTrait<OpTrait::Elementwise>())
    return op->getName().getDialectNamespace() == ir::DlDialect::getDialectNamespace();
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case<ir::BroadcastOp, ir::ReshapeOp, ir::TransposeOp, ir::ReverseOp, ir::ConcatOp, ir::SliceOp,
            ir::UpdateSliceOp, ir::AddSliceOp, ir::ReduceOp, ir::ArgReduceOp, ir::CumsumOp, ir::StopGradOp,
            ir::MatMulOp>([](auto) { return true; })
      .Case<ir::GatherOp, ir::ScatterAddOp>([&](auto at) { return !varies(at.getIndices()); })
      .Default([](Operation *) { return false; });
}

Value batchOp(Operation *op, BatchBuilder &batch) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](ir::BroadcastOp at) { return batchBroadcast(at, batch); })
      .Case([&](ir::TransposeOp at) { return batchTranspose(at, batch); })
      .Case([&](ir::SliceOp at) { return batchSlice(at, batch); })
      .Case<ir::UpdateSliceOp, ir::AddSliceOp>([&](auto at) { return batchPart(at, batch); })
      .Case([&](ir::GatherOp at) { return batchGather(at, batch); })
      .Case([&](ir::ScatterAddOp at) { return batchScatter(at, batch); })
      .Case([&](ir::MatMulOp at) { return batchMatMul(at, batch); })
      .Default([&](Operation *other) { return again(other, batch); });
}

} // namespace dl::passes
