// What one iteration of a parallel loop has just stored or loaded it does not load again, and buffers that no one reads
// any more are gone: fused loops hand their values on in registers. LLVM cannot do this, since it does not know that
// the buffers are different memory.
#include "compiler/passes/accesses.h"
#include "compiler/passes/passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;

namespace dl::passes {
namespace {

class Forwarding {
public:
  void run(Block &block) {
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (auto load = dyn_cast<memref::LoadOp>(op))
        visit(load);
      else if (auto store = dyn_cast<memref::StoreOp>(op))
        visit(store);
      else
        visit(&op);
    }
  }

private:
  // An element whose value is known.
  struct Place {
    Value buffer;
    SmallVector<Value> indices;
    Value value;
    memref::StoreOp unread; // what stored it, while nothing else can have read it

    bool is(Value otherBuffer, OperandRange otherIndices) const {
      return buffer == otherBuffer && llvm::equal(indices, otherIndices);
    }
    bool mayBeIn(Value otherBuffer) const { return buffer == otherBuffer || !areApart(buffer, otherBuffer); }
  };
  SmallVector<Place> places;

  Place *find(Value buffer, OperandRange indices) {
    auto *it = llvm::find_if(places, [&](const Place &place) { return place.is(buffer, indices); });
    return it == places.end() ? nullptr : it;
  }

  void visit(memref::LoadOp load) {
    if (Place *place = find(load.getMemref(), load.getIndices())) {
      load.replaceAllUsesWith(place->value);
      load.erase();
      return;
    }
    isRead(load.getMemref());
    places.push_back({load.getMemref(), llvm::to_vector(load.getIndices()), load.getResult(), {}});
  }

  void visit(memref::StoreOp store) {
    if (Place *place = find(store.getMemref(), store.getIndices()))
      if (place->unread)
        place->unread.erase();
    isWritten(store.getMemref());
    places.push_back({store.getMemref(), llvm::to_vector(store.getIndices()), store.getValueToStore(), store});
  }

  void visit(Operation *op) {
    SmallVector<Access> accesses;
    if (!collectAccesses(op, accesses)) {
      places.clear();
      return;
    }
    for (const Access &access : accesses)
      if (access.write)
        isWritten(access.buffer);
      else
        isRead(access.buffer);
  }

  void isRead(Value buffer) {
    for (Place &place : places)
      if (place.unread && place.mayBeIn(buffer))
        place.unread = {};
  }

  void isWritten(Value buffer) {
    llvm::erase_if(places, [&](const Place &place) { return place.mayBeIn(buffer); });
  }
};

// Appends the users of a buffer and of its views if they only write and free it.
bool isUnread(Value buffer, SmallVectorImpl<Operation *> &users) {
  for (Operation *user : buffer.getUsers()) {
    if (auto view = dyn_cast<ViewLikeOpInterface>(user)) {
      if (user->getNumResults() != 1 || !isUnread(user->getResult(0), users))
        return false;
    } else if (auto store = dyn_cast<memref::StoreOp>(user)) {
      if (store.getValueToStore() == buffer)
        return false;
    } else if (!isa<memref::DeallocOp>(user)) {
      return false;
    }
    users.push_back(user);
  }
  return true;
}

void eraseUnreadBuffers(func::FuncOp function) {
  SmallVector<memref::AllocOp> buffers;
  function.walk([&](memref::AllocOp op) { buffers.push_back(op); });
  for (memref::AllocOp buffer : buffers) {
    SmallVector<Operation *> users;
    if (!isUnread(buffer, users))
      continue;
    for (Operation *user : users)
      user->erase();
    buffer.erase();
  }
}

struct ForwardStoresPass : PassWrapper<ForwardStoresPass, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ForwardStoresPass)
  StringRef getArgument() const override { return "dl-forward-stores"; }

  void runOnOperation() override {
    getOperation().walk([](Block *block) {
      if (block->getParentOp()->getParentOfType<scf::ParallelOp>() || isa<scf::ParallelOp>(block->getParentOp()))
        Forwarding().run(*block);
    });
    eraseUnreadBuffers(getOperation());
  }
};

} // namespace

PassPtr createForwardStoresPass() { return std::make_unique<ForwardStoresPass>(); }

} // namespace dl::passes
