#include "compiler/passes/passes.h"

#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"

using namespace mlir;

namespace dl::passes {

// In a loop the stack would grow with each iteration, so only allocations directly in the function count.
PassPtr createStackBuffersPass() {
  constexpr int64_t kLargest = 1024;
  return bufferization::createPromoteBuffersToStackPass([](Value buffer) {
    auto type = dyn_cast<MemRefType>(buffer.getType());
    Operation *allocation = buffer.getDefiningOp();
    if (!type || !type.hasStaticShape() || !allocation || !isa<func::FuncOp>(allocation->getParentOp()))
      return false;
    return type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8) <= kLargest;
  });
}

} // namespace dl::passes
