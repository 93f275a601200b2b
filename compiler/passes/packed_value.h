// dl_value, the struct in which values cross the boundary (dl/abi.h), as LLVM type and accesses.
#pragma once

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"

namespace dl::passes {

class PackedValues {
public:
  // Values `array[0..]`; the array is a pointer to dl_value.
  PackedValues(mlir::OpBuilder &b, mlir::Location loc, mlir::Value array) : b(b), loc(loc), array(array) {}

  static mlir::Type type(mlir::MLIRContext *context);

  // Scalars, and memrefs with identity layout.
  void store(int64_t index, mlir::Value value);
  // A tensor result that the callee allocates: a dynamic size is left to it.
  void storeRequest(int64_t index, mlir::Type type);
  // A str of constant text.
  void storeText(int64_t index, mlir::Value pointer, int64_t bytes);
  mlir::Value load(int64_t index, mlir::Type type);

private:
  mlir::OpBuilder &b;
  mlir::Location loc;
  mlir::Value array;

  mlir::Value field(int64_t index, int32_t member, int32_t element = -1);
  mlir::Value i64(int64_t value);
  void set(mlir::Value value, mlir::Value address);
  void storeKind(int64_t index, mlir::Type element, int64_t rank);
};

// The dl_dtype of an element type.
int64_t dtypeCode(mlir::Type element);

} // namespace dl::passes
