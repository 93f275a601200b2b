// What the lowerings share: from dl ops to linalg on tensors and arith on scalars.
#pragma once

#include "compiler/dialect/builder.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace dl::ops {

// The scalar function of an elementwise op. Its arguments are scalars of the operands' element types, except that bf16
// arrives as f32 and an f32 answer is rounded back where the result is bf16.
using ScalarBody = llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::ValueRange)>;

// An elementwise op: the body itself on scalars, one linalg.generic with identity maps on tensors.
mlir::LogicalResult lowerElementwise(mlir::Operation *op, mlir::RewriterBase &rewriter, ScalarBody body);

// tensor.empty of the type; `sizes` are its dynamic sizes.
mlir::Value emptyTensor(mlir::OpBuilder &b, mlir::Location loc, mlir::Type type, mlir::ValueRange sizes);
mlir::Value filledTensor(mlir::OpBuilder &b, mlir::Location loc, mlir::Type type, mlir::ValueRange sizes,
                         mlir::Value scalar);

using GenericBody = llvm::function_ref<void(mlir::OpBuilder &, mlir::Location, mlir::ValueRange)>;
// A linalg.generic over the index space of the result, all of it parallel; the body yields.
mlir::Value parallelGeneric(mlir::OpBuilder &b, mlir::Location loc, mlir::RankedTensorType type, mlir::ValueRange sizes,
                            mlir::ValueRange inputs, llvm::ArrayRef<mlir::AffineMap> inputMaps, GenericBody body);

// Sizes of the dynamic dimensions of `type` as those of `like`, which has the same shape.
llvm::SmallVector<mlir::Value> sizesFrom(mlir::OpBuilder &b, mlir::Location loc, mlir::Type type, mlir::Value like);

// As sizes of the dialects upstream want them: a number where static.
mlir::OpFoldResult foldSize(mlir::OpBuilder &b, mlir::Location loc, mlir::Value tensor, int64_t dim);

// a + b, a * b of any number type; `reassociate` for the combiner of a reduction, whose order is free.
mlir::Value addScalars(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x, mlir::Value y, bool reassociate = false);
mlir::Value mulScalars(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x, mlir::Value y, bool reassociate = false);
mlir::Value maxScalars(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x, mlir::Value y);
mlir::Value minScalars(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x, mlir::Value y);

// The type that sums are kept in: f32 for bf16, else the type itself.
mlir::Type accumulatorType(mlir::Type element);
mlir::Value widen(mlir::OpBuilder &b, mlir::Location loc, mlir::Value scalar);                      // bf16 -> f32
mlir::Value narrow(mlir::OpBuilder &b, mlir::Location loc, mlir::Value scalar, mlir::Type element); // f32 -> bf16

// A dl.kernel with one destination of the type.
mlir::Value callKernel(mlir::OpBuilder &b, mlir::Location loc, llvm::StringRef callee, mlir::ValueRange inputs,
                       mlir::RankedTensorType type, mlir::ValueRange sizes);
// i64 constants, as the arguments of a kernel.
void appendInts(mlir::OpBuilder &b, mlir::Location loc, llvm::SmallVectorImpl<mlir::Value> &inputs,
                llvm::ArrayRef<int64_t> values);

} // namespace dl::ops
