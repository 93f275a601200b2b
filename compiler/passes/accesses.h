// What the loops of a program read and write, and what is known to be different memory.
#pragma once

#include "mlir/IR/Value.h"

namespace dl::passes {

struct Access {
  mlir::Value buffer;
  llvm::SmallVector<mlir::Value> indices;
  bool write;
};

// All accesses in an op; false when it holds something else that may touch memory.
bool collectAccesses(mlir::Operation *root, llvm::SmallVectorImpl<Access> &accesses);

// The buffer that a view is of.
mlir::Value rootOf(mlir::Value buffer);
// Whether two different roots are known to be different memory when one of them is written.
bool isDistinct(mlir::Value root);
// Whether two different buffers have no element in common.
bool areApart(mlir::Value a, mlir::Value b);

} // namespace dl::passes
