// Neighbouring parallel loops over one range become one loop when every iteration of the second needs only what the
// same iteration of the first made: a softmax then runs row by row in the cache, and one parallel section does for the
// chain.
#include "compiler/passes/accesses.h"
#include "compiler/passes/passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using scf::ParallelOp;

namespace dl::passes {
namespace {

bool sameValues(OperandRange a, OperandRange b) {
  return a.size() == b.size() && llvm::all_of(llvm::zip(a, b), [](auto pair) {
           auto [x, y] = pair;
           return x == y || isEqualConstantIntOrValue(OpFoldResult(x), OpFoldResult(y));
         });
}

class Pair {
public:
  Pair(ParallelOp first, ParallelOp second) : first(first), second(second) {}

  bool mayFuse() {
    if (!sameValues(first.getLowerBound(), second.getLowerBound()) ||
        !sameValues(first.getUpperBound(), second.getUpperBound()) || !sameValues(first.getStep(), second.getStep()) ||
        first.getNumReductions() || second.getNumReductions())
      return false;
    SmallVector<Access> before, after;
    if (!collectAccesses(first, before) || !collectAccesses(second, after))
      return false;
    for (const Access &a : before)
      for (const Access &b : after)
        if ((a.write || b.write) && !independent(a, b))
          return false;
    return true;
  }

  void fuse() {
    OpBuilder b(second.getBody(), second.getBody()->begin());
    IRMapping mapping;
    for (auto [from, to] : llvm::zip(first.getInductionVars(), second.getInductionVars()))
      mapping.map(from, to);
    for (Operation &op : first.getBody()->without_terminator())
      b.clone(op, mapping);
    first.erase();
  }

private:
  ParallelOp first, second;

  // Whether accesses of different iterations never meet.
  bool independent(const Access &a, const Access &b) {
    if (a.buffer != b.buffer)
      return areApart(a.buffer, b.buffer);
    // Every loop variable is itself an index, at one place in both.
    for (auto [ivA, ivB] : llvm::zip(first.getInductionVars(), second.getInductionVars())) {
      bool found = false;
      for (auto [x, y] : llvm::zip(a.indices, b.indices))
        found |= x == ivA && y == ivB;
      if (!found)
        return false;
    }
    return true;
  }
};

// What lies between two loops, on its way up in front of the first or down behind the second.
class Between {
public:
  Between(ParallelOp first, ParallelOp second) : first(first), second(second) {}

  // Sizes, views and allocations go up; frees, other loops that have nothing to do with the second one, and what needs
  // their results go down.
  bool clear() {
    if (!collectAccesses(second, accesses))
      return false;
    for (Operation *op = first->getNextNode(); op != second; op = op->getNextNode()) {
      bool movable = isa<memref::AllocOp>(op) || (isPure(op) && op->getNumRegions() == 0);
      if (movable && !needsDelayed(op))
        up.push_back(op);
      else if (isa<memref::DeallocOp>(op) || movable || unrelated(op))
        down.insert(op);
      else
        return false;
    }
    if (needsDelayed(second))
      return false;
    for (Operation *op : up)
      op->moveBefore(first);
    for (Operation *op : llvm::reverse(down))
      op->moveAfter(second);
    return true;
  }

private:
  ParallelOp first, second;
  SmallVector<Access> accesses;
  SmallVector<Operation *> up;
  llvm::SetVector<Operation *> down;

  bool needsDelayed(Operation *op) {
    return op
        ->walk([&](Operation *inner) {
          bool needs = llvm::any_of(inner->getOperands(), [&](Value v) { return down.contains(v.getDefiningOp()); });
          return needs ? WalkResult::interrupt() : WalkResult::advance();
        })
        .wasInterrupted();
  }

  bool unrelated(Operation *op) {
    SmallVector<Access> own;
    if (!collectAccesses(op, own))
      return false;
    for (const Access &a : own)
      for (const Access &b : accesses)
        if ((a.write || b.write) && !areApart(a.buffer, b.buffer))
          return false;
    return true;
  }
};

struct FuseParallelPass : PassWrapper<FuseParallelPass, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FuseParallelPass)
  StringRef getArgument() const override { return "dl-fuse-parallel"; }

  void runOnOperation() override {
    SmallVector<Block *> blocks;
    getOperation().walk([&](Block *block) {
      if (!isa<ParallelOp>(block->getParentOp()))
        blocks.push_back(block);
    });
    for (Block *block : blocks)
      fuseIn(*block);
  }

  static ParallelOp nextLoop(Operation *from) {
    for (Operation *op = from; op; op = op->getNextNode())
      if (auto loop = dyn_cast<ParallelOp>(op))
        return loop;
    return {};
  }

  static void fuseIn(Block &block) {
    if (block.empty())
      return;
    ParallelOp first = nextLoop(&block.front());
    while (first) {
      ParallelOp second = nextLoop(first->getNextNode());
      if (!second)
        return;
      Pair pair(first, second);
      if (pair.mayFuse() && Between(first, second).clear())
        pair.fuse();
      first = second;
    }
  }
};

} // namespace

PassPtr createFuseParallelPass() { return std::make_unique<FuseParallelPass>(); }

} // namespace dl::passes
