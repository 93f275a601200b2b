// Which values take part in differentiation.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/DenseSet.h"

#include <optional>

namespace dl::autodiff {

// A float value is varied when it depends on an argument of interest, useful when a float result of the function
// depends on it, and active when it is both: only active values have adjoints and tangents. Integers and bools never
// are; stop_grad cuts both.
class Activity {
public:
  // `function` has one block. When `result` is given, that result alone is of interest.
  Activity(mlir::func::FuncOp function, llvm::ArrayRef<int64_t> wrt, std::optional<unsigned> result = {});
  // Of what lies between values inside a function.
  Activity(mlir::func::FuncOp function, llvm::ArrayRef<mlir::Value> sources, mlir::Value target);

  bool isVaried(mlir::Value value) const { return varied_.contains(value); }
  bool isUseful(mlir::Value value) const { return useful_.contains(value); }
  bool isActive(mlir::Value value) const { return varied_.contains(value) && useful_.contains(value); }

private:
  void spread(mlir::Block &block);
  void spread(mlir::Operation &op);
  void collect(mlir::Block &block);
  void collect(mlir::Operation &op);
  void vary(mlir::Value value);
  void use(mlir::Value value);
  void varyIf(mlir::Value target, mlir::Value source) {
    if (varied_.contains(source))
      vary(target);
  }
  void useIf(mlir::Value source, mlir::Value target) {
    if (useful_.contains(target))
      use(source);
  }
  template <class F> void untilStable(F step) {
    size_t before;
    do {
      before = varied_.size() + useful_.size();
      step();
    } while (varied_.size() + useful_.size() != before);
  }

  llvm::DenseSet<mlir::Value> varied_, useful_;
};

} // namespace dl::autodiff
