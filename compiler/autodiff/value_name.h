// What values are called: in reports, and in printed derivatives.
#pragma once

#include "mlir/IR/Value.h"

#include <string>

namespace dl::autodiff {

// The user's variable or parameter, else what is computed of these: `y`, `sin(y)`, `mul(x, …)`.
std::string nameOf(mlir::Value value);

// The user's variable or parameter that holds the value, or the name that was given to it; empty if there is none.
std::string givenName(mlir::Value value);

// Calls a value by a name, unless it has one. The name is a part of the place of its operation, so equal operations
// remain equal.
void giveName(mlir::Value value, const std::string &name);

} // namespace dl::autodiff
