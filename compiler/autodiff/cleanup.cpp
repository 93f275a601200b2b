#include "compiler/autodiff/cleanup.h"

#include "compiler/autodiff/info.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Iterators.h"

using namespace mlir;

namespace dl::autodiff {

namespace {

// What the function's results and effects depend on, from the back.
class Liveness {
public:
  explicit Liveness(func::FuncOp function) {
    function.walk([&](Operation *op) {
      if (isa<func::ReturnOp>(op))
        markAll(op->getOperands());
      else if (op->getNumRegions() == 0 && !op->hasTrait<OpTrait::IsTerminator>() && effectsOf(op) != NoEffect)
        markOp(op);
    });
    while (!work_.empty())
      follow(work_.pop_back_val());
  }

  bool isLive(Value value) const { return values_.contains(value); }
  bool isLive(Operation *op) const { return ops_.contains(op); }

private:
  void mark(Value value) {
    if (values_.insert(value).second)
      work_.push_back(value);
  }
  void markAll(ValueRange values) {
    for (Value value : values)
      mark(value);
  }
  void markOp(Operation *op) {
    if (!op || isa<func::FuncOp>(op) || !ops_.insert(op).second)
      return;
    if (auto loop = dyn_cast<scf::ForOp>(op))
      markAll({loop.getLowerBound(), loop.getUpperBound(), loop.getStep()});
    else if (auto loop = dyn_cast<scf::WhileOp>(op))
      mark(loop.getConditionOp().getCondition());
    else
      markAll(op->getOperands());
    if (op->getNumRegions() != 0 && !isa<scf::ForOp, scf::WhileOp, scf::IfOp>(op))
      op->walk([&](Operation *nested) { markAll(nested->getOperands()); });
    markOp(op->getParentOp());
  }

  void follow(Value value) {
    if (auto arg = dyn_cast<BlockArgument>(value)) {
      Operation *op = arg.getOwner()->getParentOp();
      markOp(op);
      unsigned i = arg.getArgNumber();
      if (auto loop = dyn_cast<scf::ForOp>(op); loop && i > 0)
        markCarried(loop, i - 1);
      else if (auto loop = dyn_cast<scf::WhileOp>(op); loop && arg.getOwner() == loop.getBeforeBody())
        markAll({loop.getInits()[i], loop.getYieldOp().getResults()[i]});
      else if (loop)
        mark(loop.getConditionOp().getArgs()[i]);
      return;
    }
    Operation *op = value.getDefiningOp();
    unsigned i = cast<OpResult>(value).getResultNumber();
    markOp(op);
    if (auto branch = dyn_cast<scf::IfOp>(op))
      for (Region *region : {&branch.getThenRegion(), &branch.getElseRegion()})
        mark(region->front().getTerminator()->getOperand(i));
    else if (auto loop = dyn_cast<scf::ForOp>(op))
      markCarried(loop, i);
    else if (auto loop = dyn_cast<scf::WhileOp>(op))
      mark(loop.getConditionOp().getArgs()[i]);
  }
  void markCarried(scf::ForOp loop, unsigned i) { markAll({loop.getInits()[i], loop.getYieldedValues()[i]}); }

  llvm::DenseSet<Value> values_;
  llvm::DenseSet<Operation *> ops_;
  SmallVector<Value> work_;
};

} // namespace

void cutDeadValues(func::FuncOp function) {
  Liveness live(function);
  // A dead carried value is handed on unchanged: then nothing feeds it.
  function.walk([&](Operation *op) {
    if (auto loop = dyn_cast<scf::ForOp>(op)) {
      for (auto [i, arg] : llvm::enumerate(loop.getRegionIterArgs()))
        if (!live.isLive(Value(arg)) && !live.isLive(loop.getResult(i)))
          loop.getBody()->getTerminator()->setOperand(i, arg);
    } else if (auto loop = dyn_cast<scf::WhileOp>(op)) {
      for (auto [i, arg] : llvm::enumerate(loop.getBeforeArguments()))
        if (!live.isLive(Value(arg)))
          loop.getYieldOp()->setOperand(i, loop.getInits()[i]);
    }
  });
  function.walk<WalkOrder::PostOrder, ReverseIterator>([&](Operation *op) {
    if (!live.isLive(op) && op->use_empty() && op != function && !op->hasTrait<OpTrait::IsTerminator>() &&
        effectsOf(op) == NoEffect)
      op->erase();
  });
}

} // namespace dl::autodiff
