#include "compiler/passes/passes.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/OperationSupport.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace dl::passes {
namespace {

struct OperationKey : llvm::DenseMapInfo<Operation *> {
  static unsigned getHashValue(const Operation *op) {
    return OperationEquivalence::computeHash(const_cast<Operation *>(op), OperationEquivalence::directHashValue,
                                             OperationEquivalence::ignoreHashValue,
                                             OperationEquivalence::IgnoreLocations);
  }
  static bool isEqual(const Operation *a, const Operation *b) {
    if (a == b)
      return true;
    if (a == getEmptyKey() || a == getTombstoneKey() || b == getEmptyKey() || b == getTombstoneKey())
      return false;
    return OperationEquivalence::isEquivalentTo(const_cast<Operation *>(a), const_cast<Operation *>(b),
                                                OperationEquivalence::IgnoreLocations);
  }
};

bool isScalarOp(Operation *op) {
  if (op->getNumRegions() || !op->getNumResults() || !isPure(op) || op->hasTrait<OpTrait::IsTerminator>())
    return false;
  return llvm::all_of(op->getResultTypes(), [](Type type) { return type.isIntOrIndexOrFloat(); });
}

struct ScalarCsePass : PassWrapper<ScalarCsePass, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ScalarCsePass)
  StringRef getArgument() const override { return "dl-scalar-cse"; }

  void runOnOperation() override {
    for (Region &region : getOperation()->getRegions())
      visit(region);
  }

  using Scope = SmallVector<Operation *>;
  llvm::DenseMap<Operation *, Operation *, OperationKey> known;

  void visit(Region &region) {
    for (Block &block : region) {
      Scope added;
      for (Operation &op : llvm::make_early_inc_range(block)) {
        if (isScalarOp(&op)) {
          auto [it, fresh] = known.try_emplace(&op, &op);
          if (fresh) {
            added.push_back(&op);
          } else {
            op.replaceAllUsesWith(it->second->getResults());
            op.erase();
          }
          continue;
        }
        for (Region &inner : op.getRegions()) {
          if (op.hasTrait<OpTrait::IsIsolatedFromAbove>()) {
            auto outside = std::exchange(known, decltype(known)());
            visit(inner);
            known = std::move(outside);
          } else {
            visit(inner);
          }
        }
      }
      for (Operation *op : added)
        known.erase(op);
    }
  }
};

} // namespace

PassPtr createScalarCsePass() { return std::make_unique<ScalarCsePass>(); }

} // namespace dl::passes
