// Between memrefs and bare pointers, before the lowering to LLVM.
#pragma once

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace dl::passes {

// The address of element 0 as !llvm.ptr, for a memref with identity layout.
mlir::Value pointerOf(mlir::OpBuilder &b, mlir::Location loc, mlir::Value memref);

// A memref with identity layout over memory that begins at `pointer`. `sizes`: one index per dynamic dimension.
mlir::Value memrefAt(mlir::OpBuilder &b, mlir::Location loc, mlir::Value pointer, mlir::MemRefType type,
                     mlir::ValueRange sizes);
// The elements of a memref with identity layout as one of that shape.
mlir::Value denseViewOf(mlir::OpBuilder &b, mlir::Location loc, mlir::Value memref, mlir::MemRefType type,
                        mlir::ValueRange sizes);
// What `memrefAt` does for a memref with any strided layout. `pointer`: with the offset in it where that is dynamic;
// `dynamic`: the sizes and then the strides that are.
mlir::Value stridedMemrefAt(mlir::OpBuilder &b, mlir::Location loc, mlir::Value pointer, mlir::MemRefType type,
                            mlir::ValueRange dynamic);

// The dynamic sizes of a memref, in order.
llvm::SmallVector<mlir::Value> dynamicSizesOf(mlir::OpBuilder &b, mlir::Location loc, mlir::Value memref);

// What stands for a value at the border of an outlined function: itself, an i64 for an index, or a pointer and the
// numbers that the type does not say for a memref.
llvm::SmallVector<mlir::Value> partsOf(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value);
// The value of that type again, on the other side.
mlir::Value valueOf(mlir::OpBuilder &b, mlir::Location loc, mlir::Type type, llvm::ArrayRef<mlir::Value> parts);

mlir::Value toI64(mlir::OpBuilder &b, mlir::Location loc, mlir::Value index);
mlir::Value toIndex(mlir::OpBuilder &b, mlir::Location loc, mlir::Value i64);

} // namespace dl::passes
