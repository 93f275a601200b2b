// The canonicaliser as every pipeline of the project runs it.
#pragma once

#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/Passes.h"

namespace dl::ir {

// Without the pattern that gives a loop-carried tensor the static size that it starts with: it does not look whether
// the loop changes the size, and a tensor that grows is such a one.
// Without those that choose anew which dimensions a slice of a tensor drops (canonicalize_slices.cpp has its own).
// Without the one that makes a single view of a collapse_shape and the expand_shape of it: of several unknown sizes it
// takes the first to be equal (canonicalize.cpp has it for where that cannot be).
// And without the tidying of control flow, which takes as long again: programs have no branches yet where this runs.
inline std::unique_ptr<mlir::Pass> createCanonicalizer() {
  mlir::GreedyRewriteConfig config;
  config.enableRegionSimplification = mlir::GreedySimplifyRegionLevel::Disabled;
  return mlir::createCanonicalizerPass(
      config, {"(anonymous namespace)::ForOpTensorCastFolder", "(anonymous namespace)::ExtractSliceOpCastFolder",
               "(anonymous namespace)::InsertSliceOpConstantArgumentFolder<mlir::tensor::InsertSliceOp>",
               "mlir::OpWithOffsetSizesAndStridesConstantArgumentFolder<mlir::tensor::ExtractSliceOp, "
               "SliceReturnTypeCanonicalizer, SliceCanonicalizer>",
               "mlir::ComposeExpandOfCollapseOp<mlir::tensor::ExpandShapeOp, mlir::tensor::CollapseShapeOp>",
               "mlir::ComposeExpandOfCollapseOp<mlir::memref::ExpandShapeOp, mlir::memref::CollapseShapeOp>"});
}

} // namespace dl::ir
