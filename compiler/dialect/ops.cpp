// The generated definitions of the other ops.
#include "compiler/dialect/Dl.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

#define GET_OP_CLASSES
#include "compiler/dialect/DlOps.cpp.inc"
