// Types of the typed tree as types of the IR.
#pragma once

#include "compiler/sema/typed.h"

#include "mlir/IR/BuiltinTypes.h"

namespace dl::irgen {

mlir::Type elementType(sema::Elem elem, mlir::MLIRContext *context);

// A run-time part of a flattened value: a tensor, a scalar or a str.
struct Leaf {
  sema::Type type;
  std::string path;             // `.fc1.weight`, `.0`; empty for a value that is one leaf
  std::optional<sema::Dim> dim; // the symbolic value of an i64 field of a module that serves in sizes
  bool isState;                 // of a module, but none of its params that are trained
};
// The parts of `type` in the order of sema/typed.h.
std::vector<Leaf> leavesOf(const sema::Type &type);
size_t countLeaves(const sema::Type &type);

mlir::Type leafType(const sema::Type &leaf, mlir::MLIRContext *context);
llvm::SmallVector<mlir::Type> flatten(const sema::Type &type, mlir::MLIRContext *context);

} // namespace dl::irgen
