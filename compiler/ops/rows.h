// The families' parts of the table, and what their builders share.
#pragma once

#include "compiler/ops/registry.h"

namespace dl::ops {

std::vector<Row> unaryRows();
std::vector<Row> binaryRows();
std::vector<Row> bitwiseRows();
std::vector<Row> choiceRows();
std::vector<Row> creationRows();
std::vector<Row> movementRows();
std::vector<Row> joinRows();
std::vector<Row> gatherRows();
std::vector<Row> reduceRows();
std::vector<Row> matmulRows();
std::vector<Row> convolutionRows();
std::vector<Row> poolRows();
std::vector<Row> specialRows();
std::vector<Row> orderRows();

// Compile-time arguments; the fallback where the program gave none.
int64_t intAttr(const BuildContext &c, llvm::StringRef name, int64_t fallback);
bool boolAttr(const BuildContext &c, llvm::StringRef name, bool fallback);
// A dim in [0, rank), counted from the end when negative.
int64_t dimAttr(const BuildContext &c, llvm::StringRef name, int64_t rank, int64_t fallback = 0);
// Dims in increasing order; all of them where the program gave none.
llvm::SmallVector<int64_t> dimsAttr(const BuildContext &c, llvm::StringRef name, int64_t rank);
// Dims in the order given.
llvm::SmallVector<int64_t> orderedDimsAttr(const BuildContext &c, llvm::StringRef name, int64_t rank);
// Two numbers (height, width) from one number or a pair; `fallback` where absent.
llvm::SmallVector<int64_t> pairAttr(const BuildContext &c, llvm::StringRef name, llvm::ArrayRef<int64_t> fallback);

// The first result reshaped to the type that the checker inferred.
mlir::Value asResult(BuildContext &c, mlir::Value value);

} // namespace dl::ops
