// The generated definitions of the elementwise ops, and what they check.
#include "compiler/dialect/Dl.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

#define GET_OP_CLASSES
#include "compiler/dialect/DlElementwise.cpp.inc"
