// Shorthands for building dl code, shared by the ops' rules, irgen and autodiff. Values are scalars or ranked tensors
// as the dialect has them; a `type` that is a scalar type makes a scalar.
#pragma once

#include "compiler/dialect/Dl.h"

namespace dl::ir {

// ------------------------------------------------------------------------------------------------------- of types
bool isTensor(mlir::Type type);
int64_t rankOf(mlir::Type type);                  // 0 for a scalar
llvm::ArrayRef<int64_t> shapeOf(mlir::Type type); // empty for a scalar
mlir::Type elementOf(mlir::Type type);            // of a tensor, or the scalar type itself
bool isFloat(mlir::Type type);                    // by element type
bool isUnsigned(mlir::Type type);                 // u8 and bool, by element type
mlir::Type withElement(mlir::Type type, mlir::Type element);
// A tensor of the shape, or the element type itself for rank 0.
mlir::Type typeOf(llvm::ArrayRef<int64_t> shape, mlir::Type element);

// -------------------------------------------------------------------------------------------------------- constants
mlir::Value scalarConstant(mlir::OpBuilder &b, mlir::Location loc, mlir::Type element, double value);
mlir::Value intConstant(mlir::OpBuilder &b, mlir::Location loc, mlir::Type element, int64_t value);
mlir::Value indexConstant(mlir::OpBuilder &b, mlir::Location loc, int64_t value);
// The constant that a value holds in every element: an arith.constant, or a broadcast of one.
std::optional<double> constantValue(mlir::Value value);

// ------------------------------------------------------------------------------------------------------------ sizes
// The size as an index. It is taken from where the tensor's shape comes from, which need not be the tensor itself, so
// that a tensor does not live on for its size.
mlir::Value sizeOf(mlir::OpBuilder &b, mlir::Location loc, mlir::Value tensor, int64_t dim);
// One step of that: the operand and dimension that this size of a tensor is taken from, or an index (then dim is -1);
// null where only the tensor itself tells.
std::pair<mlir::Value, int64_t> sizeSource(mlir::Value tensor, int64_t dim);
// The dynamic sizes in order, as ops with `sizes` want them; none for a scalar.
llvm::SmallVector<mlir::Value> dynamicSizes(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value);

// ----------------------------------------------------------------------------------------------------------- values
// A tensor of one scalar; the scalar itself when the type is a scalar.
mlir::Value splat(mlir::OpBuilder &b, mlir::Location loc, mlir::Value scalar, mlir::Type type, mlir::ValueRange sizes);
mlir::Value fillLike(mlir::OpBuilder &b, mlir::Location loc, mlir::Value like, double value);
mlir::Value zerosLike(mlir::OpBuilder &b, mlir::Location loc, mlir::Value like);
mlir::Value onesLike(mlir::OpBuilder &b, mlir::Location loc, mlir::Value like);
// Zeros of a type whose dynamic sizes are given.
mlir::Value zeros(mlir::OpBuilder &b, mlir::Location loc, mlir::Type type, mlir::ValueRange sizes);

// Operand dimension k becomes dimension dims[k]; the value itself when the type is already that.
mlir::Value broadcastTo(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value, mlir::Type type,
                        llvm::ArrayRef<int64_t> dims, mlir::ValueRange sizes);
// The transpose of broadcastTo: sums over what was new or stretched, back to the type of the broadcast's operand.
mlir::Value sumTo(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value, mlir::Type target,
                  llvm::ArrayRef<int64_t> dims);
mlir::Value reshapeTo(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value, mlir::Type type,
                      mlir::ValueRange sizes);
mlir::Value transposed(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value, llvm::ArrayRef<int64_t> perm);
// Reduces over dims (increasing); the value itself when there are none. `total`: an extreme of nothing is infinity.
mlir::Value reduced(mlir::OpBuilder &b, mlir::Location loc, ReduceKind kind, mlir::Value value,
                    llvm::ArrayRef<int64_t> dims, bool total = false);
mlir::Value summed(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value, llvm::ArrayRef<int64_t> dims);
// Undoes the drop of dims by a reduction: broadcasts `reduced` to the shape of `like` along them.
mlir::Value spreadLike(mlir::OpBuilder &b, mlir::Location loc, mlir::Value reduced, mlir::Value like,
                       llvm::ArrayRef<int64_t> dims);
mlir::Value compare(mlir::OpBuilder &b, mlir::Location loc, CmpKind kind, mlir::Value x, mlir::Value y);
mlir::Value select(mlir::OpBuilder &b, mlir::Location loc, mlir::Value condition, mlir::Value x, mlir::Value y);
mlir::Value convertTo(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x, mlir::Type element);
mlir::Value iotaOf(mlir::OpBuilder &b, mlir::Location loc, mlir::Type element, mlir::Value like, int64_t dim);

} // namespace dl::ir
