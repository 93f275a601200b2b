#include "compiler/dialect/Dl.h"
#include "compiler/passes/passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;

namespace dl::passes {
namespace {

// Where `op` or the op around it lies in `block`; null when it is elsewhere.
Operation *inBlock(Operation *op, Block *block) { return block->findAncestorOpInBlock(*op); }

// The last op of the block that can touch the buffer, or null when that cannot be told: the buffer is carried by a
// loop, joins others or leaves the block.
Operation *lastUse(Value buffer, Operation *dealloc) {
  Block *block = dealloc->getBlock();
  Operation *last = buffer.getDefiningOp();
  if (!last || last->getBlock() != block)
    last = &block->front();
  SmallVector<Value> aliases{buffer};
  while (!aliases.empty()) {
    Value alias = aliases.pop_back_val();
    for (Operation *user : alias.getUsers()) {
      if (user == dealloc)
        continue;
      Operation *ancestor = inBlock(user, block);
      if (!ancestor || user->hasTrait<OpTrait::IsTerminator>())
        return nullptr;
      if (isa<memref::DeallocOp>(user) || isa<RegionBranchOpInterface>(user))
        return nullptr;
      if (isa<ViewLikeOpInterface>(user)) {
        llvm::append_range(aliases, user->getResults());
      } else if (llvm::any_of(user->getResultTypes(), [](Type type) { return isa<BaseMemRefType>(type); }) &&
                 !isa<ir::ExternOp, func::CallOp>(user)) {
        return nullptr;
      } else if (isa<memref::ExtractAlignedPointerAsIndexOp, memref::ExtractStridedMetadataOp>(user)) {
        return nullptr;
      }
      if (last->isBeforeInBlock(ancestor))
        last = ancestor;
    }
  }
  return last;
}

struct EarlyDeallocPass : PassWrapper<EarlyDeallocPass, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(EarlyDeallocPass)
  StringRef getArgument() const override { return "dl-early-dealloc"; }

  void runOnOperation() override {
    SmallVector<memref::DeallocOp> deallocs;
    getOperation().walk([&](memref::DeallocOp op) { deallocs.push_back(op); });
    for (memref::DeallocOp dealloc : deallocs) {
      // Only buffers of this block: one that comes from a loop or a call may alias others.
      Operation *allocation = dealloc.getMemref().getDefiningOp();
      if (!allocation || allocation->getBlock() != dealloc->getBlock() || allocation->getNumRegions())
        continue;
      Operation *last = lastUse(dealloc.getMemref(), dealloc);
      if (last && last->isBeforeInBlock(dealloc))
        dealloc->moveAfter(last);
    }
  }
};

} // namespace

PassPtr createEarlyDeallocPass() { return std::make_unique<EarlyDeallocPass>(); }

} // namespace dl::passes
