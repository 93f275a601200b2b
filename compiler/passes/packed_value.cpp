#include "compiler/passes/packed_value.h"

#include "compiler/passes/descriptor.h"
#include "runtime/include/dl/abi.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace dl::passes {
namespace {

enum Member : int32_t { Data, Sizes, DType, Rank, Number };

} // namespace

int64_t dtypeCode(Type element) {
  if (element.isF32())
    return DL_F32;
  if (element.isF64())
    return DL_F64;
  if (element.isBF16())
    return DL_BF16;
  if (element.isInteger(32))
    return DL_I32;
  if (element.isInteger(8))
    return DL_U8;
  if (element.isInteger(1))
    return DL_BOOL;
  return DL_I64; // i64 and index
}

Type PackedValues::type(MLIRContext *context) {
  Type i32 = IntegerType::get(context, 32), i64 = IntegerType::get(context, 64);
  return LLVM::LLVMStructType::getLiteral(
      context, {LLVM::LLVMPointerType::get(context), LLVM::LLVMArrayType::get(i64, DL_MAX_RANK), i32, i32, i64});
}

Value PackedValues::i64(int64_t value) {
  return b.create<LLVM::ConstantOp>(loc, b.getI64Type(), b.getI64IntegerAttr(value));
}

Value PackedValues::field(int64_t index, int32_t member, int32_t element) {
  SmallVector<LLVM::GEPArg> path{static_cast<int32_t>(index), member};
  if (element >= 0)
    path.push_back(element);
  return b.create<LLVM::GEPOp>(loc, LLVM::LLVMPointerType::get(b.getContext()), type(b.getContext()), array, path);
}

void PackedValues::set(Value value, Value address) { b.create<LLVM::StoreOp>(loc, value, address); }

void PackedValues::storeKind(int64_t index, Type element, int64_t rank) {
  auto i32 = [&](int64_t value) {
    return b.create<LLVM::ConstantOp>(loc, b.getI32Type(), b.getI32IntegerAttr(static_cast<int32_t>(value)));
  };
  set(i32(dtypeCode(element)), field(index, DType));
  set(i32(rank), field(index, Rank));
}

void PackedValues::store(int64_t index, Value value) {
  Type type = value.getType();
  if (auto memref = dyn_cast<MemRefType>(type)) {
    set(pointerOf(b, loc, value), field(index, Data));
    for (int64_t d = 0; d < memref.getRank(); ++d) {
      Value size = memref.isDynamicDim(d) ? toI64(b, loc, b.createOrFold<memref::DimOp>(loc, value, d))
                                          : i64(memref.getDimSize(d));
      set(size, field(index, Sizes, static_cast<int32_t>(d)));
    }
    storeKind(index, memref.getElementType(), memref.getRank());
    return;
  }
  if (isa<IndexType>(type))
    value = toI64(b, loc, value);
  else if (type.isInteger(1) || type.isInteger(8))
    value = b.create<arith::ExtUIOp>(loc, b.getI64Type(), value);
  else if (type.isInteger(32))
    value = b.create<arith::ExtSIOp>(loc, b.getI64Type(), value);
  else if (isa<FloatType>(type) && !type.isF64())
    value = b.create<arith::ExtFOp>(loc, b.getF64Type(), value);
  set(value, field(index, Number));
  storeKind(index, type, 0);
}

void PackedValues::storeRequest(int64_t index, Type type) {
  auto memref = dyn_cast<MemRefType>(type);
  if (!memref) {
    storeKind(index, type, 0);
    return;
  }
  set(b.create<LLVM::ZeroOp>(loc, LLVM::LLVMPointerType::get(b.getContext())), field(index, Data));
  for (int64_t d = 0; d < memref.getRank(); ++d)
    set(i64(memref.isDynamicDim(d) ? -1 : memref.getDimSize(d)), field(index, Sizes, static_cast<int32_t>(d)));
  storeKind(index, memref.getElementType(), memref.getRank());
}

void PackedValues::storeText(int64_t index, Value pointer, int64_t bytes) {
  set(pointer, field(index, Data));
  set(i64(bytes), field(index, Sizes, 0));
  storeKind(index, b.getI8Type(), 1);
}

Value PackedValues::load(int64_t index, Type type) {
  auto get = [&](Type loaded, Value address) -> Value { return b.create<LLVM::LoadOp>(loc, loaded, address); };
  if (auto memref = dyn_cast<MemRefType>(type)) {
    Value pointer = get(LLVM::LLVMPointerType::get(b.getContext()), field(index, Data));
    SmallVector<Value> sizes;
    for (int64_t d = 0; d < memref.getRank(); ++d)
      if (memref.isDynamicDim(d))
        sizes.push_back(toIndex(b, loc, get(b.getI64Type(), field(index, Sizes, static_cast<int32_t>(d)))));
    return memrefAt(b, loc, pointer, memref, sizes);
  }
  Value address = field(index, Number);
  if (isa<FloatType>(type)) {
    Value number = get(b.getF64Type(), address);
    if (type.isF64())
      return number;
    // By way of f32: bf16 from f64 would be a call of a compiler's own library, which code in memory does not have.
    Value single = b.create<arith::TruncFOp>(loc, b.getF32Type(), number);
    return type.isF32() ? single : b.create<arith::TruncFOp>(loc, type, single).getResult();
  }
  Value number = get(b.getI64Type(), address);
  if (isa<IndexType>(type))
    return toIndex(b, loc, number);
  return type.isInteger(64) ? number : b.create<arith::TruncIOp>(loc, type, number).getResult();
}

} // namespace dl::passes
