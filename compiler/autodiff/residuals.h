// Which forward values a reverse region gets from the forward pass instead of computing them again.
#pragma once

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

namespace dl::autodiff {

// How one kind of region op hands values of its forward region to its reverse region.
class ResidualSink {
public:
  virtual ~ResidualSink() = default;
  virtual bool canKeep(mlir::Value forward) = 0;
  // What stands for the forward value in the reverse region.
  virtual mlir::Value keep(mlir::Value forward) = 0;
};

// `block` is a block of the original; `forward` maps it to its clone in the forward pass, `rerun` to the one in front
// of the reverse ops in `reverse`, which is complete. Removes re-run ops that nobody reads and keeps results of ops
// that cost much or must not run again; what is left runs again. `again`: the forward pass is itself a re-run, whose
// memory is used again each time, so that what takes more time than memory is kept too.
mlir::LogicalResult keepResiduals(mlir::Block &block, mlir::IRMapping &forward, mlir::IRMapping &rerun,
                                  mlir::Block &reverse, ResidualSink &sink, bool again);

// A stand-in for a value that is not made yet.
mlir::Value placeholder(mlir::OpBuilder &b, mlir::Location loc, mlir::Type type);

} // namespace dl::autodiff
