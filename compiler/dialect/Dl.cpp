// The dialect itself: registration and the code generated for it.
#include "compiler/dialect/Dl.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectImplementation.h"

using namespace mlir;

#include "compiler/dialect/DlDialect.cpp.inc"
#include "compiler/dialect/DlEnums.cpp.inc"
#include "compiler/dialect/DlInterface.cpp.inc"

void dl::ir::DlDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "compiler/dialect/DlElementwise.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "compiler/dialect/DlOps.cpp.inc"
      >();
}

Operation *dl::ir::DlDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type, Location loc) {
  return arith::ConstantOp::materialize(builder, value, type, loc);
}
