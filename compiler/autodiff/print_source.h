// Derivatives as dl source: what `dl grad` prints.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

#include <functional>
#include <string>
#include <vector>

namespace dl::autodiff {

// A new function @<function>_grad that takes the parameters of `function`, and a cotangent for each float result unless
// the only result is a scalar, and gives the results and the gradients of the parameters listed in `wrt` (positions
// among the flattened parameters): differentiated, with calls inlined, simplified. `forward`: @<function>_jvp, which
// takes the tangents of those parameters and gives the results and their tangents. Errors are diagnostics at the user's
// lines.
mlir::FailureOr<mlir::func::FuncOp> makeGradient(mlir::ModuleOp module, llvm::StringRef function,
                                                 llvm::ArrayRef<int64_t> wrt, bool forward = false);

// The comments that belong to the line of a location: those on the lines above it and the one at its end, with `#`.
struct Comments {
  std::string place; // which line it is; empty when it has none
  std::vector<std::string> above;
  std::string trailing;
};
using CommentsAt = std::function<Comments(mlir::Location)>;

// The function, below the line `doc`, as a declaration in dl that compiles when pasted into the user's file, with the
// user's names where they are known, after the generated functions that it calls (derivatives of recursive functions).
// `onlyValues`: without the gradients and tokens that a program with `backward` has beside its params.
// Failure: an op that has no spelling in dl, reported at its place.
mlir::FailureOr<std::string> printSource(mlir::func::FuncOp function, const CommentsAt &commentsAt = nullptr,
                                         const std::string &doc = "", bool onlyValues = false);

} // namespace dl::autodiff
