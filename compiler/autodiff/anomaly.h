// Stops a program at the first number that is none (`dl run --detect-anomaly`).
#pragma once

#include "mlir/Pass/Pass.h"

#include <memory>

namespace dl::autodiff {

// On a generated reverse-mode function: the number of its arguments before the cotangents.
inline constexpr llvm::StringLiteral kCotangentsFrom = "dl.cotangents_from";

// Puts a check behind each operation on floats, after derivatives have been expanded. A check of the reverse sweep has
// the place of the operation of the forward sweep that its code is the derivative of.
std::unique_ptr<mlir::Pass> createAnomalyPass();

} // namespace dl::autodiff
