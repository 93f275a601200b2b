// The MLIR context of a compilation.
#pragma once

#include "mlir/IR/MLIRContext.h"

#include <memory>

namespace dl::backend {

// All dialects and interfaces that a compilation may need; no thread pool of its own.
std::unique_ptr<mlir::MLIRContext> createContext();

} // namespace dl::backend
