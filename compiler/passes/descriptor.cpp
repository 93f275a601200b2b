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
  return type.getRank() == 0 ? base : denseViewOf(b, loc, base, type, dynamic);
}

Value denseViewOf(OpBuilder &b, Location loc, Value memref, MemRefType type, ValueRange dynamic) {
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
  return b.create<memref::ReinterpretCastOp>(loc, type, memref, b.getIndexAttr(0), sizes, strides);
}

Value stridedMemrefAt(OpBuilder &b, Location loc, Value pointer, MemRefType type, ValueRange dynamic) {
  Value base = scalarMemrefAt(b, loc, pointer, type.getElementType());
  SmallVector<int64_t> staticStrides;
  int64_t staticOffset;
  if (failed(getStridesAndOffset(type, staticStrides, staticOffset)))
    return {};
  auto mixed = [&](ArrayRef<int64_t> numbers) {
    return llvm::map_to_vector(numbers, [&](int64_t number) -> OpFoldResult {
      if (!ShapedType::isDynamic(number))
        return b.getIndexAttr(number);
      Value value = dynamic.front();
      dynamic = dynamic.drop_front();
      return value;
    });
  };
  SmallVector<OpFoldResult> sizes = mixed(type.getShape()), strides = mixed(staticStrides);
  OpFoldResult offset = b.getIndexAttr(staticOffset);
  if (ShapedType::isDynamic(staticOffset))
    offset = b.create<arith::ConstantIndexOp>(loc, 0).getResult(); // the pointer is there already
  return b.create<memref::ReinterpretCastOp>(loc, type, base, offset, sizes, strides);
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
  SmallVector<int64_t> staticStrides;
  int64_t staticOffset;
  (void)getStridesAndOffset(type, staticStrides, staticOffset);
  auto metadata = b.create<memref::ExtractStridedMetadataOp>(loc, value);
  if (ShapedType::isDynamic(staticOffset)) {
    Type element = isa<IndexType>(type.getElementType()) ? b.getI64Type() : type.getElementType();
    Value offset = toI64(b, loc, metadata.getOffset());
    parts[0] = b.create<LLVM::GEPOp>(loc, parts[0].getType(), element, parts[0], ValueRange{offset});
  }
  for (Value size : dynamicSizesOf(b, loc, value))
    parts.push_back(toI64(b, loc, size));
  for (auto [number, stride] : llvm::zip(staticStrides, metadata.getStrides()))
    if (ShapedType::isDynamic(number))
      parts.push_back(toI64(b, loc, stride));
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
  return stridedMemrefAt(b, loc, parts[0], memref, numbers);
}

} // namespace dl::passes
