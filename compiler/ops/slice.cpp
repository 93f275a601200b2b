// Strided parts of tensors: reading, replacing and adding. The derivative of reading adds into the part only, so that a
// loop over the rows of a tensor costs what its rows cost.
#include "compiler/ops/lowering.h"
#include "compiler/ops/modes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace dl::ops {
namespace {

// Where a slice lies, as the tensor dialect wants it.
struct Region {
  SmallVector<OpFoldResult> offsets, sizes, steps;
};

// `part`: the type of the slice; `sizes`: its dynamic sizes.
Region regionOf(OpBuilder &b, ValueRange offsets, ArrayRef<int64_t> steps, ArrayRef<int64_t> dropped, Type part,
                ValueRange sizes) {
  Region region;
  ArrayRef<int64_t> shape = ir::shapeOf(part);
  size_t kept = 0, dynamic = 0;
  for (auto [dim, offset] : llvm::enumerate(offsets)) {
    region.offsets.push_back(getAsOpFoldResult(offset));
    region.steps.push_back(b.getIndexAttr(steps[dim]));
    if (llvm::is_contained(dropped, static_cast<int64_t>(dim))) {
      region.sizes.push_back(b.getIndexAttr(1));
      continue;
    }
    int64_t size = shape[kept++];
    region.sizes.push_back(ShapedType::isDynamic(size) ? OpFoldResult(sizes[dynamic++])
                                                       : OpFoldResult(b.getIndexAttr(size)));
  }
  return region;
}

Value extract(OpBuilder &b, Location loc, Value input, Type part, const Region &region) {
  return b.create<tensor::ExtractSliceOp>(loc, cast<RankedTensorType>(part), input, region.offsets, region.sizes,
                                          region.steps);
}

Value insert(OpBuilder &b, Location loc, Value value, Value into, const Region &region) {
  return b.create<tensor::InsertSliceOp>(loc, value, into, region.offsets, region.sizes, region.steps);
}

// The slice that an update_slice or add_slice is about, read from another tensor of the input's shape.
template <class Op> Value sliceLike(OpBuilder &b, Location loc, Op op, Value from, ValueRange offsets, Value value) {
  return b.create<ir::SliceOp>(loc, value.getType(), from, offsets, ir::dynamicSizes(b, loc, value), op.getSteps(),
                               op.getDropped());
}

template <class Builder> SmallVector<Value> primals(Builder &builder, ValueRange originals) {
  SmallVector<Value> values;
  for (Value original : originals)
    values.push_back(builder.primal(original));
  return values;
}

} // namespace
} // namespace dl::ops

namespace dl::ir {

LogicalResult SliceOp::vjp(AdjointBuilder &a) {
  if (!a.wants(getInput()))
    return success();
  Value adjoint = a.adjoint(getResult());
  SmallVector<Value> offsets = ops::primals(a, getOffsets());
  a.update(getInput(), [&](Value sum) -> Value {
    return a.builder().create<AddSliceOp>(a.loc(), sum.getType(), sum, adjoint, offsets, getSteps(), getDropped());
  });
  return success();
}
LogicalResult SliceOp::jvp(TangentBuilder &t) { return ops::linearJvp(*this, t, {0}); }
LogicalResult SliceOp::lower(RewriterBase &rewriter) {
  Type part = getResult().getType();
  if (!isTensor(part)) {
    rewriter.replaceOpWithNewOp<tensor::ExtractOp>(*this, getInput(), getOffsets());
    return success();
  }
  ops::Region region = ops::regionOf(rewriter, getOffsets(), getSteps(), getDropped(), part, getSizes());
  rewriter.replaceOp(*this, ops::extract(rewriter, getLoc(), getInput(), part, region));
  return success();
}

LogicalResult UpdateSliceOp::vjp(AdjointBuilder &a) {
  bool toInput = a.wants(getInput()), toValue = a.wants(getValue());
  if (!toInput && !toValue)
    return success();
  OpBuilder &b = a.builder();
  Value adjoint = a.adjoint(getResult()), value = a.primal(getValue());
  SmallVector<Value> offsets = ops::primals(a, getOffsets());
  if (toValue)
    a.add(getValue(), ops::sliceLike(b, a.loc(), *this, adjoint, offsets, value));
  if (toInput)
    a.add(getInput(), b.create<UpdateSliceOp>(a.loc(), adjoint.getType(), adjoint, zerosLike(b, a.loc(), value),
                                              offsets, getSteps(), getDropped()));
  return success();
}
LogicalResult UpdateSliceOp::jvp(TangentBuilder &t) { return ops::linearJvp(*this, t, {0, 1}); }
LogicalResult UpdateSliceOp::lower(RewriterBase &rewriter) {
  Location loc = getLoc();
  if (!isTensor(getValue().getType())) {
    rewriter.replaceOpWithNewOp<tensor::InsertOp>(*this, getValue(), getInput(), getOffsets());
    return success();
  }
  ops::Region region = ops::regionOf(rewriter, getOffsets(), getSteps(), getDropped(), getValue().getType(),
                                     dynamicSizes(rewriter, loc, getValue()));
  rewriter.replaceOp(*this, ops::insert(rewriter, loc, getValue(), getInput(), region));
  return success();
}

LogicalResult AddSliceOp::vjp(AdjointBuilder &a) {
  bool toInput = a.wants(getInput()), toValue = a.wants(getValue());
  if (!toInput && !toValue)
    return success();
  Value adjoint = a.adjoint(getResult());
  if (toInput)
    a.add(getInput(), adjoint);
  if (toValue)
    a.add(getValue(),
          ops::sliceLike(a.builder(), a.loc(), *this, adjoint, ops::primals(a, getOffsets()), a.primal(getValue())));
  return success();
}
LogicalResult AddSliceOp::jvp(TangentBuilder &t) { return ops::linearJvp(*this, t, {0, 1}); }
LogicalResult AddSliceOp::lower(RewriterBase &rewriter) {
  Location loc = getLoc();
  Type part = getValue().getType();
  if (!isTensor(part)) {
    Value old = rewriter.create<tensor::ExtractOp>(loc, getInput(), getOffsets());
    Value sum = ops::addScalars(rewriter, loc, old, getValue());
    rewriter.replaceOpWithNewOp<tensor::InsertOp>(*this, sum, getInput(), getOffsets());
    return success();
  }
  ops::Region region =
      ops::regionOf(rewriter, getOffsets(), getSteps(), getDropped(), part, dynamicSizes(rewriter, loc, getValue()));
  Value old = ops::extract(rewriter, loc, getInput(), part, region);
  AffineMap identity = rewriter.getMultiDimIdentityMap(rankOf(part));
  SmallVector<utils::IteratorType> iterators(rankOf(part), utils::IteratorType::parallel);
  // The sum is written over what it reads, so that it happens in place.
  auto sum = rewriter.create<linalg::GenericOp>(
      loc, TypeRange{part}, ValueRange{getValue()}, ValueRange{old}, ArrayRef<AffineMap>{identity, identity}, iterators,
      [](OpBuilder &b, Location at, ValueRange args) {
        b.create<linalg::YieldOp>(at, ops::addScalars(b, at, args[1], args[0]));
      });
  rewriter.replaceOp(*this, ops::insert(rewriter, loc, sum.getResult(0), getInput(), region));
  return success();
}

} // namespace dl::ir
