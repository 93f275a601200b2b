// Spans to locations and back.
#pragma once

#include "compiler/syntax/source.h"

#include "mlir/IR/Location.h"

namespace dl::irgen {

mlir::Location makeLocation(mlir::MLIRContext *context, Span span, const SourceManager &sources);
// The span behind a location of the form that makeLocation gives; invalid when the file is not among `sources`.
Span spanOf(mlir::Location location, const SourceManager &sources);

} // namespace dl::irgen
