#include "compiler/dialect/builder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

#include "llvm/ADT/SmallBitVector.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace dl::ir {

bool isTensor(Type type) { return isa<RankedTensorType>(type); }
int64_t rankOf(Type type) { return shapeOf(type).size(); }
ArrayRef<int64_t> shapeOf(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? tensor.getShape() : ArrayRef<int64_t>();
}
Type elementOf(Type type) { return getElementTypeOrSelf(type); }
bool isFloat(Type type) { return isa<FloatType>(elementOf(type)); }
bool isUnsigned(Type type) { return elementOf(type).isInteger(8) || elementOf(type).isInteger(1); }
Type withElement(Type type, Type element) { return typeOf(shapeOf(type), element); }
Type typeOf(ArrayRef<int64_t> shape, Type element) {
  return shape.empty() ? element : Type(RankedTensorType::get(shape, element));
}

Value scalarConstant(OpBuilder &b, Location loc, Type element, double value) {
  if (isa<FloatType>(element))
    return b.create<arith::ConstantOp>(loc, b.getFloatAttr(element, value));
  return intConstant(b, loc, element, static_cast<int64_t>(value));
}

Value intConstant(OpBuilder &b, Location loc, Type element, int64_t value) {
  if (isa<FloatType>(element))
    return scalarConstant(b, loc, element, static_cast<double>(value));
  return b.create<arith::ConstantOp>(loc, b.getIntegerAttr(element, value));
}

Value indexConstant(OpBuilder &b, Location loc, int64_t value) { return b.create<arith::ConstantIndexOp>(loc, value); }

std::optional<double> constantValue(Value value) {
  while (auto broadcast = value.getDefiningOp<BroadcastOp>())
    value = broadcast.getInput();
  Attribute attr;
  if (!matchPattern(value, m_Constant(&attr)))
    return std::nullopt;
  if (auto dense = dyn_cast<DenseElementsAttr>(attr)) {
    if (!dense.isSplat())
      return std::nullopt;
    attr = dense.getSplatValue<Attribute>();
  }
  if (auto number = dyn_cast<FloatAttr>(attr))
    return number.getValueAsDouble();
  if (auto number = dyn_cast<IntegerAttr>(attr))
    return isUnsigned(number.getType()) ? static_cast<double>(number.getValue().getZExtValue())
                                        : static_cast<double>(number.getValue().getSExtValue());
  return std::nullopt;
}

std::pair<Value, int64_t> sizeSource(Value tensor, int64_t dim) {
  using Source = std::pair<Value, int64_t>;
  Operation *op = tensor.getDefiningOp();
  if (!op)
    return {};
  auto listed = [&](ValueRange sizes) -> Source {
    ArrayRef<int64_t> before = shapeOf(tensor.getType()).take_front(dim);
    return {sizes[llvm::count_if(before, ShapedType::isDynamic)], -1};
  };
  if (op->hasTrait<OpTrait::Elementwise>())
    return {op->getOperands().back(), dim};
  return llvm::TypeSwitch<Operation *, Source>(op)
      .Case<BroadcastOp, IotaOp, ReshapeOp, SliceOp, Conv2dGradInputOp, Conv2dGradWeightOp, PoolScatterOp,
            AvgPool2dGradOp>([&](auto sized) { return listed(sized.getSizes()); })
      .Case<tensor::EmptyOp>([&](auto empty) { return listed(empty.getDynamicSizes()); })
      .Case<tensor::ExtractSliceOp>([&](tensor::ExtractSliceOp slice) -> Source {
        llvm::SmallBitVector dropped = slice.getDroppedDims();
        int64_t from = 0;
        for (int64_t left = dim; left > 0 || dropped[from]; ++from)
          left -= !dropped[from];
        return {dyn_cast<Value>(slice.getMixedSizes()[from]), -1};
      })
      .Case<tensor::InsertSliceOp>([&](tensor::InsertSliceOp insert) -> Source { return {insert.getDest(), dim}; })
      .Case<ReverseOp, UpdateSliceOp, AddSliceOp, ScatterAddOp, PutAlongAddOp, StopGradOp, LeafOp>(
          [&](auto same) -> Source { return {same.getInput(), dim}; })
      .Case<TakeAlongOp>([&](TakeAlongOp along) -> Source { return {along.getIndices(), dim}; })
      .Case<TransposeOp>([&](TransposeOp swap) -> Source { return {swap.getInput(), swap.getPerm()[dim]}; })
      .Case<ConcatOp>([&](ConcatOp concat) -> Source {
        return dim == static_cast<int64_t>(concat.getDim()) ? Source() : Source(concat.getInputs().front(), dim);
      })
      .Case<GatherOp>([&](GatherOp gather) -> Source {
        int64_t lead = rankOf(gather.getIndices().getType());
        return dim < lead ? Source(gather.getIndices(), dim) : Source(gather.getInput(), dim - lead + 1);
      })
      .Case<ReduceOp>([&](ReduceOp reduce) -> Source {
        int64_t from = dim;
        for (int64_t gone : reduce.getDims())
          from += gone <= from;
        return {reduce.getInput(), from};
      })
      .Case<MatMulOp>([&](MatMulOp product) -> Source {
        int64_t last = rankOf(tensor.getType()) - 1, first = last - 1;
        if (dim < first)
          return {product.getA(), dim};
        return dim == first ? Source(product.getA(), product.getTransA() ? last : first)
                            : Source(product.getB(), product.getTransB() ? first : last);
      })
      .Default([](Operation *) { return Source(); });
}

Value sizeOf(OpBuilder &b, Location loc, Value tensor, int64_t dim) {
  while (true) {
    int64_t size = cast<RankedTensorType>(tensor.getType()).getDimSize(dim);
    if (!ShapedType::isDynamic(size))
      return indexConstant(b, loc, size);
    auto [source, sourceDim] = sizeSource(tensor, dim);
    if (!source)
      return b.create<tensor::DimOp>(loc, tensor, dim);
    if (sourceDim < 0)
      return source;
    tensor = source;
    dim = sourceDim;
  }
}

SmallVector<Value> dynamicSizes(OpBuilder &b, Location loc, Value value) {
  SmallVector<Value> sizes;
  for (auto [dim, size] : llvm::enumerate(shapeOf(value.getType())))
    if (ShapedType::isDynamic(size))
      sizes.push_back(sizeOf(b, loc, value, dim));
  return sizes;
}

Value splat(OpBuilder &b, Location loc, Value scalar, Type type, ValueRange sizes) {
  if (!isTensor(type))
    return scalar;
  return b.create<BroadcastOp>(loc, type, scalar, ArrayRef<int64_t>(), sizes);
}

Value fillLike(OpBuilder &b, Location loc, Value like, double value) {
  Type type = like.getType();
  return splat(b, loc, scalarConstant(b, loc, elementOf(type), value), type, dynamicSizes(b, loc, like));
}
Value zerosLike(OpBuilder &b, Location loc, Value like) { return fillLike(b, loc, like, 0); }
Value onesLike(OpBuilder &b, Location loc, Value like) { return fillLike(b, loc, like, 1); }
Value zeros(OpBuilder &b, Location loc, Type type, ValueRange sizes) {
  return splat(b, loc, scalarConstant(b, loc, elementOf(type), 0), type, sizes);
}

Value broadcastTo(OpBuilder &b, Location loc, Value value, Type type, ArrayRef<int64_t> dims, ValueRange sizes) {
  if (value.getType() == type)
    return value;
  return b.create<BroadcastOp>(loc, type, value, dims, sizes);
}

Value sumTo(OpBuilder &b, Location loc, Value value, Type target, ArrayRef<int64_t> dims) {
  if (value.getType() == target)
    return value;
  SmallVector<int64_t> over;
  ArrayRef<int64_t> from = shapeOf(value.getType()), to = shapeOf(target);
  for (auto [i, size] : llvm::enumerate(from)) {
    const int64_t *kept = llvm::find(dims, static_cast<int64_t>(i));
    if (kept == dims.end() || (to[kept - dims.begin()] == 1 && size != 1))
      over.push_back(i);
  }
  SmallVector<Value> sizes; // of the target's dynamic dimensions, which are those of the value
  for (auto [k, dim] : llvm::enumerate(dims))
    if (ShapedType::isDynamic(to[k]))
      sizes.push_back(sizeOf(b, loc, value, dim));
  Value sum = summed(b, loc, value, over); // has the target's shape unless some of it was stretched
  return sum.getType() == target ? sum : reshapeTo(b, loc, sum, target, sizes);
}

Value reshapeTo(OpBuilder &b, Location loc, Value value, Type type, ValueRange sizes) {
  // With two unknown sizes one type may have two shapes.
  if (value.getType() == type && llvm::count_if(shapeOf(type), ShapedType::isDynamic) <= 1)
    return value;
  return b.create<ReshapeOp>(loc, type, value, sizes);
}

Value transposed(OpBuilder &b, Location loc, Value value, ArrayRef<int64_t> perm) {
  SmallVector<int64_t> shape;
  for (int64_t dim : perm)
    shape.push_back(shapeOf(value.getType())[dim]);
  return b.create<TransposeOp>(loc, typeOf(shape, elementOf(value.getType())), value, perm);
}

Value reduced(OpBuilder &b, Location loc, ReduceKind kind, Value value, ArrayRef<int64_t> dims, bool total) {
  if (dims.empty())
    return value;
  SmallVector<int64_t> shape;
  for (auto [i, size] : llvm::enumerate(shapeOf(value.getType())))
    if (!llvm::is_contained(dims, static_cast<int64_t>(i)))
      shape.push_back(size);
  return b.create<ReduceOp>(loc, typeOf(shape, elementOf(value.getType())), value, kind, dims, total);
}
Value summed(OpBuilder &b, Location loc, Value value, ArrayRef<int64_t> dims) {
  return reduced(b, loc, ReduceKind::sum, value, dims);
}

Value spreadLike(OpBuilder &b, Location loc, Value reduced, Value like, ArrayRef<int64_t> dims) {
  SmallVector<int64_t> kept;
  for (int64_t i = 0, rank = rankOf(like.getType()); i < rank; ++i)
    if (!llvm::is_contained(dims, i))
      kept.push_back(i);
  Type type = withElement(like.getType(), elementOf(reduced.getType()));
  return broadcastTo(b, loc, reduced, type, kept, dynamicSizes(b, loc, like));
}

Value compare(OpBuilder &b, Location loc, CmpKind kind, Value x, Value y) {
  return b.create<CmpOp>(loc, withElement(x.getType(), b.getI1Type()), kind, x, y);
}
Value select(OpBuilder &b, Location loc, Value condition, Value x, Value y) {
  return b.create<SelectOp>(loc, x.getType(), condition, x, y);
}
Value convertTo(OpBuilder &b, Location loc, Value x, Type element) {
  if (elementOf(x.getType()) == element)
    return x;
  return b.create<ConvertOp>(loc, withElement(x.getType(), element), x);
}
Value iotaOf(OpBuilder &b, Location loc, Type element, Value like, int64_t dim) {
  int64_t size = shapeOf(like.getType())[dim];
  SmallVector<Value> sizes;
  if (ShapedType::isDynamic(size))
    sizes.push_back(sizeOf(b, loc, like, dim));
  return b.create<IotaOp>(loc, RankedTensorType::get({size}, element), sizes);
}

} // namespace dl::ir
