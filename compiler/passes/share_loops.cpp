// Loop nests that differ only in the buffers and numbers they work on are compiled once: most of a compilation's time
// goes into optimising loops, and a network of equal layers has the same ones over and over.
#include "compiler/passes/descriptor.h"
#include "compiler/passes/passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

#include <map>
#include <vector>

using namespace mlir;

namespace dl::passes {
namespace {

// What an op is, as numbers: two ops with equal numbers do the same with their captured values.
class Fingerprint {
public:
  explicit Fingerprint(Operation *root) {
    if (auto func = dyn_cast<func::FuncOp>(root)) {
      add(func.getFunctionType());
      addRegion(func.getBody());
    } else {
      addOp(root);
    }
  }

  std::vector<uintptr_t> key;
  SmallVector<Value> captured;        // in the order of their first use
  SmallVector<Operation *> constants; // used, but defined outside

private:
  llvm::DenseMap<Value, uintptr_t> numbers;

  void add(Type type) { key.push_back(reinterpret_cast<uintptr_t>(type.getAsOpaquePointer())); }
  void add(Attribute attribute) { key.push_back(reinterpret_cast<uintptr_t>(attribute.getAsOpaquePointer())); }
  void define(Value value) {
    add(value.getType());
    numbers.try_emplace(value, numbers.size());
  }

  void addOperand(Value value) {
    auto [entry, isNew] = numbers.try_emplace(value, numbers.size());
    key.push_back(entry->second);
    if (!isNew)
      return;
    add(value.getType());
    Operation *def = value.getDefiningOp();
    if (def && def->hasTrait<OpTrait::ConstantLike>()) {
      constants.push_back(def);
      add(def->getAttrDictionary());
    } else {
      captured.push_back(value);
    }
  }

  void addOp(Operation *op) {
    key.push_back(reinterpret_cast<uintptr_t>(op->getName().getAsOpaquePointer()));
    add(op->getAttrDictionary());
    key.push_back(op->getNumOperands());
    for (Value operand : op->getOperands())
      addOperand(operand);
    key.push_back(op->getNumResults());
    for (Value result : op->getResults())
      define(result);
    for (Region &region : op->getRegions())
      addRegion(region);
  }

  void addRegion(Region &region) {
    for (Block &block : region) {
      key.push_back(block.getNumArguments());
      for (Value argument : block.getArguments())
        define(argument);
      for (Operation &op : block)
        addOp(&op);
    }
  }
};

// Only computes, reads and writes: nothing that has a place in the source or memory of its own.
bool isPlain(Operation *op) {
  if (op->getNumResults() && llvm::any_of(op->getResultTypes(), llvm::IsaPred<MemRefType>) &&
      !isa<ViewLikeOpInterface>(op))
    return false;
  if (isa<memref::AllocOp, memref::AllocaOp, memref::DeallocOp>(op))
    return false;
  return isa<scf::SCFDialect, arith::ArithDialect, math::MathDialect, memref::MemRefDialect, affine::AffineDialect>(
      op->getDialect());
}

bool isPlainNest(scf::ForOp loop) {
  return !loop->walk([](Operation *op) { return isPlain(op) ? WalkResult::advance() : WalkResult::interrupt(); })
              .wasInterrupted();
}

struct ShareLoopsPass : PassWrapper<ShareLoopsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ShareLoopsPass)
  StringRef getArgument() const override { return "dl-share-loops"; }
  void getDependentDialects(DialectRegistry &registry) const override { registry.insert<LLVM::LLVMDialect>(); }

  void runOnOperation() override {
    shareBodies();
    shareNests();
  }

  // The functions that dl_parallel_for calls.
  void shareBodies() {
    std::map<std::vector<uintptr_t>, func::FuncOp> first;
    llvm::StringMap<func::FuncOp> replacement;
    SmallVector<func::FuncOp> duplicates;
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      if (!func->hasAttr(kLoopBody))
        continue;
      auto [entry, isNew] = first.try_emplace(Fingerprint(func).key, func);
      if (isNew)
        continue;
      replacement[func.getName()] = entry->second;
      duplicates.push_back(func);
    }
    if (duplicates.empty())
      return;
    getOperation().walk([&](func::ConstantOp reference) {
      if (auto found = replacement.find(reference.getValue()); found != replacement.end())
        reference.setValueAttr(FlatSymbolRefAttr::get(found->second));
    });
    for (func::FuncOp func : duplicates)
      func.erase();
  }

  struct Nest {
    Operation *loop;
    SmallVector<Value> captured;
    SmallVector<Operation *> constants;
  };

  void shareNests() {
    std::map<std::vector<uintptr_t>, size_t> groupOf;
    std::vector<SmallVector<Nest>> groups;
    getOperation().walk<WalkOrder::PreOrder>([&](scf::ForOp loop) {
      if (!isPlainNest(loop))
        return WalkResult::advance();
      Fingerprint print(loop);
      auto [entry, isNew] = groupOf.try_emplace(std::move(print.key), groups.size());
      if (isNew)
        groups.emplace_back();
      groups[entry->second].push_back({loop, std::move(print.captured), std::move(print.constants)});
      return WalkResult::skip();
    });
    int counter = 0;
    for (SmallVector<Nest> &group : groups)
      if (group.size() > 1)
        share(group, counter++);
  }

  // What took the place of the results of loops that are gone.
  llvm::DenseMap<Value, Value> replaced;

  void share(MutableArrayRef<Nest> group, int number) {
    const Nest &model = group.front();
    Location loc = model.loop->getLoc();
    func::FuncOp function;
    for (Nest &nest : group) {
      for (Value &value : nest.captured)
        if (Value now = replaced.lookup(value))
          value = now;
      OpBuilder b(nest.loop);
      SmallVector<SmallVector<Value>> parts;
      SmallVector<Value> arguments;
      for (Value value : nest.captured)
        arguments.append(parts.emplace_back(partsOf(b, nest.loop->getLoc(), value)));
      if (!function) {
        function =
            func::FuncOp::create(loc, ("shared_loop" + Twine(number)).str(),
                                 b.getFunctionType(ValueRange(arguments).getTypes(), nest.loop->getResultTypes()));
        function.setPrivate();
        function->setAttr("passthrough", b.getStrArrayAttr({"noinline"}));
        getOperation().push_back(function);
        fill(function, model, parts);
      }
      auto call = b.create<func::CallOp>(nest.loop->getLoc(), function, arguments);
      for (auto [before, now] : llvm::zip(nest.loop->getResults(), call.getResults()))
        replaced[before] = now;
      nest.loop->replaceAllUsesWith(call.getResults());
    }
    for (const Nest &nest : group)
      nest.loop->erase();
  }

  static void fill(func::FuncOp function, const Nest &nest, ArrayRef<SmallVector<Value>> parts) {
    Block *entry = function.addEntryBlock();
    OpBuilder inside = OpBuilder::atBlockBegin(entry);
    IRMapping mapping;
    for (Operation *op : nest.constants)
      inside.clone(*op, mapping);
    SmallVector<Value> arguments(entry->getArguments());
    ArrayRef<Value> rest = arguments;
    for (auto [value, pieces] : llvm::zip(nest.captured, parts)) {
      mapping.map(value, valueOf(inside, function.getLoc(), value.getType(), rest.take_front(pieces.size())));
      rest = rest.drop_front(pieces.size());
    }
    Operation *copy = inside.clone(*nest.loop, mapping);
    inside.create<func::ReturnOp>(function.getLoc(), copy->getResults());
  }
};

} // namespace

PassPtr createShareLoopsPass() { return std::make_unique<ShareLoopsPass>(); }

} // namespace dl::passes
