// What MLIR says about a program, as diagnostics at the user's places.
#pragma once

#include "compiler/passes/passes.h"
#include "compiler/syntax/diagnostics.h"

#include "mlir/IR/Diagnostics.h"

#include <optional>

namespace dl::driver {

// Whether a file is one of the library's.
passes::IsLibrary inLibrary();

// The place of an operation in the user's own code, where there is one.
Span userSpan(mlir::Location location, const SourceManager &sources);

// While it lives, errors of MLIR become diagnostics with this code, at the user's place where there is one.
class MlirErrors {
public:
  MlirErrors(mlir::MLIRContext *context, Diagnostics &diagnostics, Code code);

private:
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace dl::driver
