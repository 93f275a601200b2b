#include "compiler/ops/lowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace dl::ops {

namespace {

arith::FastMathFlagsAttr reductionFlags(OpBuilder &b, bool reassociate) {
  auto flags = arith::FastMathFlags::contract;
  if (reassociate)
    flags = flags | arith::FastMathFlags::reassoc;
  return arith::FastMathFlagsAttr::get(b.getContext(), flags);
}

Value runBody(OpBuilder &b, Location loc, ValueRange arguments, Type resultElement, ScalarBody body) {
  SmallVector<Value> wide;
  for (Value argument : arguments)
    wide.push_back(widen(b, loc, argument));
  return narrow(b, loc, body(b, loc, wide), resultElement);
}

} // namespace

Type accumulatorType(Type element) { return element.isBF16() ? Float32Type::get(element.getContext()) : element; }

Value widen(OpBuilder &b, Location loc, Value scalar) {
  if (!scalar.getType().isBF16())
    return scalar;
  return b.create<arith::ExtFOp>(loc, b.getF32Type(), scalar);
}

Value narrow(OpBuilder &b, Location loc, Value scalar, Type element) {
  if (!element.isBF16() || scalar.getType() == element)
    return scalar;
  return b.create<arith::TruncFOp>(loc, element, scalar);
}

Value emptyTensor(OpBuilder &b, Location loc, Type type, ValueRange sizes) {
  auto tensor = cast<RankedTensorType>(type);
  return b.create<tensor::EmptyOp>(loc, tensor.getShape(), tensor.getElementType(), sizes);
}

Value filledTensor(OpBuilder &b, Location loc, Type type, ValueRange sizes, Value scalar) {
  Value empty = emptyTensor(b, loc, type, sizes);
  return b.create<linalg::FillOp>(loc, ValueRange{scalar}, ValueRange{empty}).getResult(0);
}

Value parallelGeneric(OpBuilder &b, Location loc, RankedTensorType type, ValueRange sizes, ValueRange inputs,
                      ArrayRef<AffineMap> inputMaps, GenericBody body) {
  SmallVector<AffineMap> maps(inputMaps);
  maps.push_back(b.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
  Value init = emptyTensor(b, loc, type, sizes);
  return b
      .create<linalg::GenericOp>(loc, TypeRange{type}, inputs, ValueRange{init}, maps, iterators,
                                 [&](OpBuilder &nested, Location at, ValueRange args) { body(nested, at, args); })
      .getResult(0);
}

SmallVector<Value> sizesFrom(OpBuilder &b, Location loc, Type type, Value like) {
  SmallVector<Value> sizes;
  for (auto [dim, size] : llvm::enumerate(ir::shapeOf(type)))
    if (ShapedType::isDynamic(size))
      sizes.push_back(ir::sizeOf(b, loc, like, dim));
  return sizes;
}

OpFoldResult foldSize(OpBuilder &b, Location loc, Value tensor, int64_t dim) {
  int64_t size = ir::shapeOf(tensor.getType())[dim];
  if (!ShapedType::isDynamic(size))
    return b.getIndexAttr(size);
  return ir::sizeOf(b, loc, tensor, dim);
}

LogicalResult lowerElementwise(Operation *op, RewriterBase &rewriter, ScalarBody body) {
  Location loc = op->getLoc();
  Type resultType = op->getResult(0).getType();
  Type element = ir::elementOf(resultType);
  auto type = dyn_cast<RankedTensorType>(resultType);
  if (!type) {
    rewriter.replaceOp(op, runBody(rewriter, loc, op->getOperands(), element, body));
    return success();
  }
  SmallVector<AffineMap> maps(op->getNumOperands(), rewriter.getMultiDimIdentityMap(type.getRank()));
  SmallVector<Value> sizes = sizesFrom(rewriter, loc, type, op->getOperands().back());
  Value result = parallelGeneric(rewriter, loc, type, sizes, op->getOperands(), maps,
                                 [&](OpBuilder &b, Location at, ValueRange args) {
                                   ValueRange operands = args.drop_back();
                                   b.create<linalg::YieldOp>(at, runBody(b, at, operands, element, body));
                                 });
  rewriter.replaceOp(op, result);
  return success();
}

Value addScalars(OpBuilder &b, Location loc, Value x, Value y, bool reassociate) {
  if (isa<FloatType>(x.getType()))
    return b.create<arith::AddFOp>(loc, x, y, reductionFlags(b, reassociate));
  return b.create<arith::AddIOp>(loc, x, y);
}

Value mulScalars(OpBuilder &b, Location loc, Value x, Value y, bool reassociate) {
  if (isa<FloatType>(x.getType()))
    return b.create<arith::MulFOp>(loc, x, y, reductionFlags(b, reassociate));
  return b.create<arith::MulIOp>(loc, x, y);
}

Value maxScalars(OpBuilder &b, Location loc, Value x, Value y) {
  if (isa<FloatType>(x.getType()))
    return b.create<arith::MaximumFOp>(loc, x, y);
  if (ir::isUnsigned(x.getType()))
    return b.create<arith::MaxUIOp>(loc, x, y);
  return b.create<arith::MaxSIOp>(loc, x, y);
}

Value minScalars(OpBuilder &b, Location loc, Value x, Value y) {
  if (isa<FloatType>(x.getType()))
    return b.create<arith::MinimumFOp>(loc, x, y);
  if (ir::isUnsigned(x.getType()))
    return b.create<arith::MinUIOp>(loc, x, y);
  return b.create<arith::MinSIOp>(loc, x, y);
}

Value callKernel(OpBuilder &b, Location loc, StringRef callee, ValueRange inputs, RankedTensorType type,
                 ValueRange sizes) {
  Value dest = emptyTensor(b, loc, type, sizes);
  return b
      .create<ir::KernelOp>(loc, TypeRange{type}, b.getStringAttr(callee), inputs, ValueRange{dest}, UnitAttr(),
                            UnitAttr())
      .getResult(0);
}

void appendInts(OpBuilder &b, Location loc, SmallVectorImpl<Value> &inputs, ArrayRef<int64_t> values) {
  for (int64_t value : values)
    inputs.push_back(ir::intConstant(b, loc, b.getI64Type(), value));
}

} // namespace dl::ops
