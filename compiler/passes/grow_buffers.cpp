// A list that grows in a loop is a new, larger tensor at each step. Where the old one dies, its block may serve for the
// new one too: the runtime gives blocks that grow room to spare, so that n appends copy O(n) elements in total.
//
// The call comes in two parts: one has what is no buffer, for MLIR's analysis believes that the result of a call may be
// any of its operands, and keeps looking at flags that have been replaced.
//
// Whether the old buffer may be taken is known to the deallocation pass only, as an ownership flag. So there are two
// steps around it: one replaces an allocation and the copy into its front by a call, with the flag unset; the other
// sets the flags. Where the old block is taken, the call frees it or goes on in it, and no one else frees it.
#include "compiler/passes/passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;

namespace dl::passes {
namespace {

bool isCallOf(Operation *op, StringRef mark) {
  auto call = dyn_cast_or_null<func::CallOp>(op);
  auto callee = call ? SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr()) : nullptr;
  return callee && callee->hasAttr(mark);
}

bool isGrow(Operation *op) { return isCallOf(op, kGrow); }

bool isLoop(Operation *op) { return isa_and_nonnull<scf::ForOp, scf::WhileOp>(op); }

// What makes no use of a buffer's elements.
bool isHarmless(Operation *user) {
  return isa<memref::DimOp, memref::ExtractStridedMetadataOp, bufferization::DeallocOp>(user);
}

// Whether `op` comes before `user` in some run without the value being made anew in between.
bool isAfter(Operation *user, Operation *op, Block *owner) {
  for (Block *block = op->getBlock();; block = op->getBlock()) {
    if (Operation *ancestor = block->findAncestorOpInBlock(*user))
      // Both in one op: in regions of it of which one runs.
      return ancestor == op ? !isa<scf::IfOp>(op) : op->isBeforeInBlock(ancestor);
    if (block == owner)
      return true;
    op = block->getParentOp();
    if (!isa_and_nonnull<scf::IfOp>(op))
      return true; // repeated by a loop
  }
}

// Whether nothing reads or writes the buffer, by whatever name it has, once `op` has run. Buffers from outside of the
// values looked at are those of an owner elsewhere, for which there is the flag.
bool diesAt(Value buffer, Operation *op, ArrayRef<Operation *> ignored = {}) {
  SmallVector<Value> names{buffer};
  llvm::SmallPtrSet<Value, 8> seen{buffer};
  auto add = [&](Value value) {
    if (seen.insert(value).second)
      names.push_back(value);
  };
  while (!names.empty()) {
    Value name = names.pop_back_val();
    Operation *def = name.getDefiningOp();
    if (def && !isa<memref::AllocOp, func::CallOp>(def) && !isLoop(def)) {
      if (auto view = dyn_cast<ViewLikeOpInterface>(def))
        add(view.getViewSource());
      else if (auto branch = dyn_cast<scf::IfOp>(def))
        for (Region *region : {&branch.getThenRegion(), &branch.getElseRegion()})
          add(region->front().getTerminator()->getOperand(cast<OpResult>(name).getResultNumber()));
      else
        return false;
    } else if (!def && !isLoop(name.getParentBlock()->getParentOp())) {
      return false;
    }
    Block *owner = name.getParentBlock();
    if (!owner->findAncestorOpInBlock(*op))
      owner = op->getBlock(); // made inside of a branch before
    for (Operation *user : name.getUsers()) {
      if (user == op || llvm::is_contained(ignored, user) || isHarmless(user))
        continue;
      if (isa<ViewLikeOpInterface>(user)) {
        add(user->getResult(0));
        continue;
      }
      if (isAfter(user, op, owner))
        return false;
    }
  }
  return true;
}

bool sameSize(OpFoldResult a, OpFoldResult b) {
  auto left = getConstantIntValue(a), right = getConstantIntValue(b);
  if (left && right)
    return *left == *right;
  if (a == b)
    return true;
  auto dimOf = [](OpFoldResult size) { return dyn_cast_or_null<memref::DimOp>(dyn_cast<Value>(size).getDefiningOp()); };
  if (!isa<Value>(a) || !isa<Value>(b) || !dimOf(a) || !dimOf(b))
    return false;
  return dimOf(a).getSource() == dimOf(b).getSource() && dimOf(a).getConstantIndex() == dimOf(b).getConstantIndex();
}

struct GrowBuffersPass : PassWrapper<GrowBuffersPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(GrowBuffersPass)
  StringRef getArgument() const override { return "dl-grow-buffers"; }

  llvm::DenseMap<Type, func::FuncOp> functions;

  void runOnOperation() override {
    functions.clear();
    SmallVector<memref::CopyOp> copies;
    getOperation().walk([&](memref::CopyOp copy) { copies.push_back(copy); });
    for (memref::CopyOp copy : copies)
      grow(copy);
  }

  // The allocation whose front the copy fills.
  static memref::AllocOp target(memref::CopyOp copy) {
    Value to = copy.getTarget();
    auto view = to.getDefiningOp<memref::SubViewOp>();
    auto alloc = (view ? view.getSource() : to).getDefiningOp<memref::AllocOp>();
    if (!alloc || !view)
      return alloc;
    if (!view->hasOneUse() || view.getType().getRank() != alloc.getType().getRank())
      return nullptr;
    SmallVector<OpFoldResult> whole = alloc.getMixedSizes(), sizes = view.getMixedSizes();
    for (auto [offset, stride] : llvm::zip(view.getMixedOffsets(), view.getMixedStrides()))
      if (!isConstantIntValue(offset, 0) || !isConstantIntValue(stride, 1))
        return nullptr;
    for (size_t d = 1; d < whole.size(); ++d)
      if (!sameSize(whole[d], sizes[d]))
        return nullptr;
    return alloc;
  }

  // Whether a part of the allocation begins where the front ends, along the dimension that grows.
  static bool isBehind(memref::SubViewOp part, Operation *view) {
    auto front = dyn_cast_or_null<memref::SubViewOp>(view);
    return front && part.getType().getRank() == front.getType().getRank() &&
           sameSize(part.getMixedOffsets()[0], front.getMixedSizes()[0]);
  }

  void grow(memref::CopyOp copy) {
    memref::AllocOp alloc = target(copy);
    auto from = cast<MemRefType>(copy.getSource().getType());
    bool repeats = copy->getParentOfType<scf::ForOp>() || copy->getParentOfType<scf::WhileOp>();
    if (!alloc || alloc->getBlock() != copy->getBlock() || !repeats)
      return;
    MemRefType type = alloc.getType();
    if (type.getRank() == 0 || !type.isDynamicDim(0) || !type.getLayout().isIdentity() ||
        !from.getLayout().isIdentity() || !from.isDynamicDim(0))
      return;
    Value source = copy.getSource();
    Operation *view = copy.getTarget().getDefiningOp<memref::SubViewOp>();
    // The block is taken where the copy is, or where the allocation is when what lies behind the front has been written
    // to already. A write to the front, such as a fill of the whole, must not come after it.
    Operation *at = copy;
    SmallVector<Operation *> ignored{copy};
    for (Operation *user : alloc->getUsers()) {
      Operation *here = copy->getBlock()->findAncestorOpInBlock(*user);
      if (user == view || !here || !here->isBeforeInBlock(copy) || isHarmless(user))
        continue;
      auto part = dyn_cast<memref::SubViewOp>(user);
      if (!part || !isBehind(part, view))
        return;
      at = alloc;
    }
    if (at == alloc && source.getDefiningOp() && source.getDefiningOp()->getBlock() == alloc->getBlock() &&
        !source.getDefiningOp()->isBeforeInBlock(alloc))
      return;
    if (!diesAt(source, at, ignored))
      return;
    OpBuilder b(at);
    Location loc = copy.getLoc();
    SmallVector<Value> sizes{b.create<arith::ConstantIntOp>(loc, 0, 1)};
    llvm::append_range(sizes, alloc.getDynamicSizes());
    b.create<func::CallOp>(loc, functionFor(ValueRange(sizes).getTypes(), {}, kGrowSizes), sizes);
    Value grown = b.create<func::CallOp>(loc, functionFor(source.getType(), type, kGrow), source).getResult(0);
    alloc.getResult().replaceAllUsesWith(grown);
    copy.erase();
    if (view)
      view->erase();
    alloc.erase();
  }

  func::FuncOp functionFor(TypeRange operands, TypeRange results, StringRef mark) {
    OpBuilder b = OpBuilder::atBlockBegin(getOperation().getBody());
    FunctionType type = b.getFunctionType(operands, results);
    func::FuncOp &function = functions[type];
    if (!function) {
      std::string name = (mark + "." + Twine(functions.size())).str();
      function = b.create<func::FuncOp>(getOperation().getLoc(), name, type);
      function.setPrivate();
      function->setAttr(mark, b.getUnitAttr());
    }
    return function;
  }
};

// Directly behind the deallocation pass, which adds one flag to a loop or a branch for each of its buffers, in order.
struct OwnGrownPass : PassWrapper<OwnGrownPass, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(OwnGrownPass)
  StringRef getArgument() const override { return "dl-own-grown"; }

  void runOnOperation() override {
    SmallVector<Operation *> loops, grows;
    // Outer loops before those inside them.
    getOperation().walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (isLoop(op))
        loops.push_back(op);
      else if (isGrow(op))
        grows.push_back(op);
    });
    if (grows.empty())
      return;
    for (Operation *loop : loops)
      handOver(loop);
    for (Operation *grow : grows) {
      take(grow);
      freeAsWhole(grow->getResult(0));
    }
  }

  // The block of the operand goes to the call, if whoever frees it otherwise can be told.
  void take(Operation *grow) {
    Value flag = flagOf(grow->getOperand(0));
    SmallVector<OpOperand *> conditions = freedAfter(grow->getOperand(0), grow);
    if (!flag || conditions.empty())
      return;
    growSizesOf(grow)->setOperand(0, flag);
    Operation *here = conditions[0]->getOwner()->getBlock()->findAncestorOpInBlock(*grow);
    OpBuilder b(here);
    Location loc = grow->getLoc();
    if (here == grow) {
      Value none = b.create<arith::ConstantIntOp>(loc, 0, 1);
      for (OpOperand *condition : conditions)
        condition->set(none);
      return;
    }
    // In a branch: whether it was taken is known when the program has been there.
    OpBuilder entry = OpBuilder::atBlockBegin(&getOperation().front());
    Value kept = entry.create<memref::AllocaOp>(loc, MemRefType::get({}, b.getI1Type()));
    b.create<memref::StoreOp>(loc, b.create<arith::ConstantIntOp>(loc, 1, 1), kept);
    OpBuilder inside(grow);
    inside.create<memref::StoreOp>(loc, inside.create<arith::ConstantIntOp>(loc, 0, 1), kept);
    for (OpOperand *condition : conditions) {
      b.setInsertionPoint(condition->getOwner());
      condition->set(b.create<arith::AndIOp>(loc, condition->get(), b.create<memref::LoadOp>(loc, kept)));
    }
  }

  // The result is a block of its own, as that of an allocation is, and no part of one.
  static void freeAsWhole(Value block) {
    for (Operation *user : llvm::make_early_inc_range(block.getUsers()))
      if (auto parts = dyn_cast<memref::ExtractStridedMetadataOp>(user))
        parts.getBaseBuffer().replaceUsesWithIf(
            block, [](OpOperand &use) { return isa<bufferization::DeallocOp>(use.getOwner()); });
  }

  // The flag among the values of a block or an op that belongs to the buffer among them.
  static Value pairedFlag(ValueRange values, Value buffer) {
    size_t buffers = 0, position = 0;
    for (Value value : values) {
      if (value == buffer)
        position = buffers;
      buffers += isa<BaseMemRefType>(value.getType());
    }
    if (values.size() < 2 * buffers)
      return nullptr;
    Value flag = values[values.size() - buffers + position];
    return flag.getType().isInteger(1) ? flag : nullptr;
  }

  // Whether the buffer is owned where it is defined; null when that cannot be told.
  Value flagOf(Value buffer) {
    if (auto argument = dyn_cast<BlockArgument>(buffer))
      return isLoop(argument.getOwner()->getParentOp()) ? pairedFlag(argument.getOwner()->getArguments(), buffer)
                                                        : nullptr;
    Operation *def = buffer.getDefiningOp();
    if (isLoop(def) || isa<scf::IfOp>(def))
      return pairedFlag(def->getResults(), buffer);
    if (auto cast = dyn_cast<memref::CastOp>(def))
      return flagOf(cast.getSource());
    if (!isa<memref::AllocOp>(def) && !isGrow(def))
      return nullptr;
    OpBuilder b(def);
    return b.create<arith::ConstantIntOp>(def->getLoc(), 1, 1);
  }

  // A loop that starts with a buffer which nobody needs afterwards owns it, instead of the block around.
  void handOver(Operation *loop) {
    MutableArrayRef<OpOperand> inits = loop->getOpOperands();
    if (auto counted = dyn_cast<scf::ForOp>(loop))
      inits = counted.getInitArgsMutable();
    SmallVector<OpOperand *> buffers;
    for (OpOperand &init : inits)
      if (isa<BaseMemRefType>(init.get().getType()))
        buffers.push_back(&init);
    if (inits.size() < 2 * buffers.size())
      return;
    for (auto [i, init] : llvm::enumerate(buffers)) {
      OpOperand &flag = inits[inits.size() - buffers.size() + i];
      Value buffer = init->get();
      if (!matchPattern(flag.get(), m_Zero()) ||
          llvm::count_if(buffers, [&](OpOperand *other) { return other->get() == buffer; }) != 1)
        continue;
      SmallVector<OpOperand *> conditions = freedAfter(buffer, loop);
      bool here = !conditions.empty() && conditions[0]->getOwner()->getBlock() == loop->getBlock();
      Value owned = here && diesAt(buffer, loop) ? flagOf(buffer) : Value();
      if (!owned)
        continue;
      flag.set(owned);
      OpBuilder b(loop);
      Value none = b.create<arith::ConstantIntOp>(loop->getLoc(), 0, 1);
      for (OpOperand *condition : conditions)
        condition->set(none);
    }
  }

  // The conditions of the deallocs of the buffer behind `op`, all in one block: that of `op`, or one around with only
  // branches in between. None when it is freed elsewhere.
  static SmallVector<OpOperand *> freedAfter(Value buffer, Operation *op) {
    SmallVector<OpOperand *> conditions;
    auto isBehind = [&](bufferization::DeallocOp dealloc) {
      Operation *here = op;
      while (here->getBlock() != dealloc->getBlock()) {
        here = here->getParentOp();
        if (!isa<scf::IfOp>(here))
          return false;
      }
      bool same = conditions.empty() || conditions[0]->getOwner()->getBlock() == dealloc->getBlock();
      return same && here->isBeforeInBlock(dealloc);
    };
    SmallVector<Value> names{buffer};
    while (!names.empty()) {
      Value name = names.pop_back_val();
      for (OpOperand &use : name.getUses()) {
        if (isa<memref::ExtractStridedMetadataOp>(use.getOwner())) {
          names.push_back(use.getOwner()->getResult(0));
        } else if (auto dealloc = dyn_cast<bufferization::DeallocOp>(use.getOwner())) {
          unsigned number = use.getOperandNumber(), count = dealloc.getMemrefs().size();
          if (number >= count)
            continue; // kept by a branch that does not come here, for `buffer` dies at `op`
          if (!isBehind(dealloc))
            return {};
          conditions.push_back(&dealloc->getOpOperand(count + number));
        }
      }
    }
    return conditions;
  }
};

} // namespace

Operation *growSizesOf(Operation *grow) {
  while (!isCallOf(grow, kGrowSizes))
    grow = grow->getPrevNode();
  return grow;
}

PassPtr createGrowBuffersPass() { return std::make_unique<GrowBuffersPass>(); }
PassPtr createOwnGrownPass() { return std::make_unique<OwnGrownPass>(); }

} // namespace dl::passes
