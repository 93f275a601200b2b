#include "compiler/passes/accesses.h"
#include "compiler/dialect/Dl.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;

namespace dl::passes {

Value rootOf(Value buffer) {
  while (auto view = buffer.getDefiningOp<ViewLikeOpInterface>())
    buffer = view.getViewSource();
  return buffer;
}

bool isDistinct(Value root) {
  if (auto argument = dyn_cast<BlockArgument>(root))
    return isa<func::FuncOp>(argument.getOwner()->getParentOp()); // a written argument has its buffer to itself
  return isa_and_nonnull<memref::AllocOp, memref::AllocaOp, memref::GetGlobalOp, ir::ExternOp>(root.getDefiningOp());
}

// Whether two views of one buffer are of different parts of it.
static bool areDifferentParts(Value a, Value b) {
  auto x = a.getDefiningOp<memref::SubViewOp>(), y = b.getDefiningOp<memref::SubViewOp>();
  if (!x || !y || x.getSource() != y.getSource())
    return false;
  for (unsigned d = 0, rank = x.getSourceType().getRank(); d < rank; ++d) {
    auto from = getConstantIntValue(x.getMixedOffsets()[d]), to = getConstantIntValue(y.getMixedOffsets()[d]);
    if (from && to && *from != *to && getConstantIntValue(x.getMixedSizes()[d]) == 1 &&
        getConstantIntValue(y.getMixedSizes()[d]) == 1)
      return true;
  }
  return false;
}

bool areApart(Value a, Value b) {
  Value x = rootOf(a), y = rootOf(b);
  return x == y ? areDifferentParts(a, b) : isDistinct(x) && isDistinct(y);
}

bool collectAccesses(Operation *root, SmallVectorImpl<Access> &accesses) {
  return !root->walk([&](Operation *op) {
                if (auto load = dyn_cast<memref::LoadOp>(op))
                  accesses.push_back({load.getMemref(), llvm::to_vector(load.getIndices()), false});
                else if (auto store = dyn_cast<memref::StoreOp>(op))
                  accesses.push_back({store.getMemref(), llvm::to_vector(store.getIndices()), true});
                else if (!op->hasTrait<OpTrait::HasRecursiveMemoryEffects>() && !isMemoryEffectFree(op))
                  return WalkResult::interrupt();
                return WalkResult::advance();
              })
              .wasInterrupted();
}

} // namespace dl::passes
