// Patterns for chains of slices and of updates of slices, as derivatives have them.
#pragma once

#include "mlir/IR/PatternMatch.h"

namespace dl::ir {

void addSlicePatterns(mlir::RewritePatternSet &patterns);

} // namespace dl::ir
