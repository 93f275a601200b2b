// The dl dialect: include this to build, match or print its ops.
#pragma once

#include "compiler/dialect/interfaces.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "compiler/dialect/DlDialect.h.inc"
#include "compiler/dialect/DlEnums.h.inc"
#include "compiler/dialect/DlInterface.h.inc"

#define GET_OP_CLASSES
#include "compiler/dialect/DlElementwise.h.inc"
#define GET_OP_CLASSES
#include "compiler/dialect/DlOps.h.inc"
