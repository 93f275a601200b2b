#include "compiler/passes/descriptor.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace dl::passes {

Value toI64(OpBuilder &b, Location loc, Value index) {
  return b.createOrFold<arith::IndexCastOp>(loc, b.getI64Type(), index);
}
Value toIndex(OpBuilder &b, Location loc, Value i64) {
  return b.createOrFold<arith::IndexCastOp>(loc, b.getIndexType(), i64);
}

Value pointerOf(OpBuilder &b, Location loc, Value memref) {
  Value address = b.create<memref::ExtractAlignedPointerAsIndexOp>(loc, memref);
  return b.create<LLVM::IntToPtrOp>(loc, LLVM::LLVMPointerType::get(b.getContext()), toI64(b, loc, address));
}

namespace {

// A rank-0 memref at the pointer; everything else is a view of it.
Value scalarMemrefAt(OpBuilder &b, Location loc, Value pointer, Type element) {
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), {pointer.getType(), pointer.getType(), b.getI64Type()});
  Value zero = b.create<LLVM::ConstantOp>(loc, b.getI64Type(), b.getI64IntegerAttr(0));
  Value descriptor = b.create<LLVM::UndefOp>(loc, type);
  descriptor = b.create<LLVM::InsertValueOp>(loc, descriptor, pointer, 0);
  descriptor = b.create<LLVM::InsertValueOp>(loc, descriptor, pointer, 1);
  descriptor = b.create<LLVM::InsertValueOp>(loc, descriptor, zero, 2);
  return b.create<UnrealizedConversionCastOp>(loc, MemRefType::get({}, element), descriptor).getResult(0);
}

} // namespace

Value memrefAt(OpBuilder &b, Location loc, Value pointer, MemRefType type, ValueRange dynamic) {
  Value base = scalarMemrefAt(b, loc, pointer, type.getElementType());
  if (type.getRank() == 0)
    return base;
  SmallVector<OpFoldResult> sizes, strides(type.getRank());
  unsigned next = 0;
  for (int64_t size : type.getShape())
    sizes.push_back(ShapedType::isDynamic(size) ? OpFoldResult(dynamic[next++]) : b.getIndexAttr(size));
  OpFoldResult stride = b.getIndexAttr(1);
  for (int64_t d = type.getRank() - 1; d >= 0; --d) {
    strides[d] = stride;
    if (d == 0)
      break;
    auto left = getConstantIntValue(stride), right = getConstantIntValue(sizes[d]);
    if (left && right)
      stride = b.getIndexAttr(*left * *right);
    else
      stride = b.createOrFold<arith::MulIOp>(loc, getValueOrCreateConstantIndexOp(b, loc, stride),
                                             getValueOrCreateConstantIndexOp(b, loc, sizes[d]));
  }
  return b.create<memref::ReinterpretCastOp>(loc, type, base, b.getIndexAttr(0), sizes, strides);
}

Value stridedMemrefAt(OpBuilder &b, Location loc, Value pointer, MemRefType type, Value offset, ValueRange sizes,
                      ValueRange strides) {
  Value base = scalarMemrefAt(b, loc, pointer, type.getElementType());
  SmallVector<int64_t> staticStrides;
  int64_t staticOffset;
  if (failed(getStridesAndOffset(type, staticStrides, staticOffset)))
    return {};
  auto mixed = [&](int64_t constant, Value value) {
    return ShapedType::isDynamic(constant) ? OpFoldResult(value) : OpFoldResult(b.getIndexAttr(constant));
  };
  SmallVector<OpFoldResult> mixedSizes, mixedStrides;
  for (int64_t d = 0; d < type.getRank(); ++d) {
    mixedSizes.push_back(mixed(type.getDimSize(d), sizes[d]));
    mixedStrides.push_back(mixed(staticStrides[d], strides[d]));
  }
  return b.create<memref::ReinterpretCastOp>(loc, type, base, mixed(staticOffset, offset), mixedSizes, mixedStrides);
}

SmallVector<Value> dynamicSizesOf(OpBuilder &b, Location loc, Value memref) {
  SmallVector<Value> sizes;
  auto type = cast<MemRefType>(memref.getType());
  for (int64_t d = 0; d < type.getRank(); ++d)
    if (type.isDynamicDim(d))
      sizes.push_back(b.createOrFold<memref::DimOp>(loc, memref, d));
  return sizes;
}

SmallVector<Value> partsOf(OpBuilder &b, Location loc, Value value) {
  auto type = dyn_cast<MemRefType>(value.getType());
  if (!type)
    return {isa<IndexType>(value.getType()) ? toI64(b, loc, value) : value};
  SmallVector<Value> parts{pointerOf(b, loc, value)};
  if (type.getLayout().isIdentity()) {
    for (Value size : dynamicSizesOf(b, loc, value))
      parts.push_back(toI64(b, loc, size));
    return parts;
  }
  auto metadata = b.create<memref::ExtractStridedMetadataOp>(loc, value);
  parts.push_back(toI64(b, loc, metadata.getOffset()));
  for (Value part : metadata.getSizes())
    parts.push_back(toI64(b, loc, part));
  for (Value part : metadata.getStrides())
    parts.push_back(toI64(b, loc, part));
  return parts;
}

Value valueOf(OpBuilder &b, Location loc, Type type, ArrayRef<Value> parts) {
  auto memref = dyn_cast<MemRefType>(type);
  if (!memref)
    return isa<IndexType>(type) ? toIndex(b, loc, parts[0]) : parts[0];
  SmallVector<Value> numbers;
  for (Value part : parts.drop_front())
    numbers.push_back(toIndex(b, loc, part));
  if (memref.getLayout().isIdentity())
    return memrefAt(b, loc, parts[0], memref, numbers);
  ArrayRef<Value> rest = ArrayRef(numbers).drop_front();
  return stridedMemrefAt(b, loc, parts[0], memref, numbers[0], rest.take_front(memref.getRank()),
                         rest.drop_front(memref.getRank()));
}

} // namespace dl::passes
