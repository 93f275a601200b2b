// Reshapes as views.
#pragma once

#include "compiler/dialect/builder.h"

namespace dl::ops {

// The elements of a tensor, or a scalar, under another shape: collapse_shape and expand_shape where groups of
// dimensions are evident from static sizes, with one group for what lies between. `sizes` are the dynamic sizes of the
// type.
mlir::Value reshapeView(mlir::OpBuilder &b, mlir::Location loc, mlir::Value input, mlir::Type type,
                        mlir::ValueRange sizes);

} // namespace dl::ops
