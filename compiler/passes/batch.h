// Iterations of a loop side by side: a value that differs between them gets one more dimension, the last, with an
// element for each of these lanes. As the last it is contiguous however small the value is, and the other dimensions
// keep their numbers.
#pragma once

#include "compiler/dialect/builder.h"

#include "mlir/IR/IRMapping.h"

#include "llvm/ADT/DenseSet.h"

namespace dl::passes {

// Which values of a loop's body differ between its iterations.
struct Variation {
  mlir::Value counter;
  llvm::DenseSet<mlir::Value> varying;
  // Of these: numbers that follow from the counter alone and are cheap to compute again.
  llvm::DenseSet<mlir::Value> numbers;

  bool varies(mlir::Value value) const { return varying.contains(value); }
  bool isCounter(mlir::Value value) const;
};

struct Lanes {
  mlir::Value first; // index: the iteration of lane 0
  mlir::Value count; // index
  int64_t size;      // the count where it is known, else dynamic
};

// Where the lanes are computed, and what stands there for the values of the loop's body.
class BatchBuilder {
public:
  BatchBuilder(mlir::OpBuilder &b, const Variation &variation, Lanes lanes)
      : b(b), variation(variation), lanes(lanes) {}
  virtual ~BatchBuilder() = default;

  mlir::OpBuilder &b;
  const Variation &variation;
  const Lanes lanes;

  // What all lanes have in common.
  mlir::Value shared(mlir::Value original) const { return sharedValues.lookupOrDefault(original); }
  llvm::SmallVector<mlir::Value> shared(mlir::ValueRange originals) const;
  // The value in all lanes; one that they have in common is repeated.
  virtual mlir::Value inLanes(mlir::Value original) = 0;

  mlir::Type batchedType(mlir::Type type) const;
  // The dynamic sizes of a batched tensor from those that it had before.
  llvm::SmallVector<mlir::Value> batchedSizes(mlir::ValueRange sizes) const;

protected:
  mlir::IRMapping sharedValues;
};

// Whether `batchOp` computes the op in all lanes at once.
bool hasBatchRule(mlir::Operation *op, const Variation &variation);
mlir::Value batchOp(mlir::Operation *op, BatchBuilder &batch);

// The last dimension becomes the first, and the other way round.
mlir::Value lanesFirst(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value);
mlir::Value lanesLast(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value);

} // namespace dl::passes
