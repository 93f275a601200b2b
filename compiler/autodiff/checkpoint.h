// Functions that are computed again in the reverse pass, and their loops.
#pragma once

#include "compiler/autodiff/reverse.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace dl::autodiff {

// `prepared` is what calls checkpointed functions (kCheckpointAttr). Those that draw random numbers are replaced by
// ones that take the state of the generator, so that computing them again gives the same numbers.
void seedCheckpoints(mlir::func::FuncOp prepared);

// What is run to compute the function again: itself, or a copy that leaves printing out, as do the functions that it
// calls. An effect with a result is an error.
mlir::FailureOr<mlir::func::FuncOp> quietVersion(mlir::func::FuncOp function);

// Replaces each outermost counted loop of `prepared`, the body of a checkpointed function, that takes part in the
// derivative by a call of a function with a rule of its own, by recursive halving: for iterations a … b with the middle
// m, the states at m are computed from those at a, then the second half is reversed and then the first. Of n iterations
// log2(n) states exist at a time, and each is computed log2(n) / 2 times (the divide-and-conquer schedule of Griewank
// 1992). The rule is an ordinary function, which can be differentiated again. `wrt`: the arguments of interest.
mlir::LogicalResult halveLoops(mlir::func::FuncOp prepared, llvm::ArrayRef<int64_t> wrt, DerivativeOf derivativeOf);

} // namespace dl::autodiff
