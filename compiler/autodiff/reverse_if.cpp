// scf.if in reverse mode: an scf.if on the same condition, whose results are the adjoints of what the branches capture.
#include "compiler/autodiff/dims.h"
#include "compiler/autodiff/residuals.h"
#include "compiler/autodiff/reverse.h"

#include "compiler/dialect/builder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace dl::autodiff {

namespace {

// Values of the forward branches that become results of the forward op. In the branch that does not compute it, such a
// result is a value that nobody reads: of size 0 where the size is free.
class BranchResults {
public:
  BranchResults(OpBuilder &b, scf::IfOp first) : b_(b), first_(first) {}

  Value keep(unsigned branch, Value value) {
    for (const Kept &kept : kept_)
      if (kept.value == value)
        return kept.placeholder;
    kept_.push_back({branch, value, placeholder(b_, value.getLoc(), value.getType())});
    return kept_.back().placeholder;
  }

  void finish(Frame &frame, scf::IfOp original) {
    if (kept_.empty())
      return;
    OpBuilder b(first_);
    Location loc = first_.getLoc();
    SmallVector<Type> types(first_.getResultTypes());
    for (const Kept &kept : kept_)
      types.push_back(kept.value.getType());
    auto extended =
        b.create<scf::IfOp>(loc, types, first_.getCondition(), /*addThenBlock=*/true, /*addElseBlock=*/true);
    for (unsigned branch : {0u, 1u}) {
      Block &body = extended->getRegion(branch).front();
      b.setInsertionPointToEnd(&body);
      SmallVector<Value> values;
      if (Region &old = first_->getRegion(branch); !old.empty()) {
        body.getOperations().splice(body.end(), old.front().getOperations());
        llvm::append_range(values, body.getTerminator()->getOperands());
        body.getTerminator()->erase();
      }
      for (const Kept &kept : kept_)
        values.push_back(kept.branch == branch ? kept.value : unread(b, loc, kept.value.getType()));
      b.create<scf::YieldOp>(loc, values);
    }
    for (auto [i, kept] : llvm::enumerate(kept_)) {
      kept.placeholder.replaceAllUsesWith(extended.getResult(first_.getNumResults() + i));
      kept.placeholder.getDefiningOp()->erase();
    }
    replaceForward(frame, original, extended);
  }

private:
  struct Kept {
    unsigned branch;
    Value value, placeholder;
  };

  static Value unread(OpBuilder &b, Location loc, Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor)
      return ir::intConstant(b, loc, type, 0);
    SmallVector<Value> sizes(tensor.getNumDynamicDims());
    for (Value &size : sizes)
      size = ir::indexConstant(b, loc, 0);
    return b.create<tensor::EmptyOp>(loc, tensor, sizes);
  }

  OpBuilder b_; // before the reverse op
  scf::IfOp first_;
  SmallVector<Kept> kept_;
};

class BranchSink final : public ResidualSink {
public:
  BranchSink(BranchResults &results, unsigned branch) : results_(results), branch_(branch) {}
  bool canKeep(Value value) override { return ir::elementOf(value.getType()).isIntOrIndexOrFloat(); }
  Value keep(Value value) override { return results_.keep(branch_, value); }

private:
  BranchResults &results_;
  unsigned branch_;
};

} // namespace

LogicalResult Reverser::reverseIf(scf::IfOp op, Frame &frame) {
  Location loc = op.getLoc();
  OpBuilder &b = frame.builder;
  auto first = cast<scf::IfOp>(frame.forward.lookup(op.getOperation()));
  auto draft =
      b.create<scf::IfOp>(loc, TypeRange(), first.getCondition(), /*addThenBlock=*/true, /*addElseBlock=*/true);
  IRMapping rerun[2];
  Adjoints inner[2];
  SmallVector<Value> captured;
  for (unsigned branch : {0u, 1u}) {
    captured = mapCaptured(op, frame, rerun[branch]);
    for (Value value : captured)
      if (Value sum = frame.adjoints.lookup(value))
        inner[branch][value] = sum;
    if (op->getRegion(branch).empty())
      continue;
    OpBuilder in = OpBuilder::atBlockBegin(&draft->getRegion(branch).front());
    Block &body = op->getRegion(branch).front();
    for (Operation &nested : body.without_terminator())
      in.clone(nested, rerun[branch]);
    Frame innerFrame{in, rerun[branch], inner[branch], frame.again};
    for (auto [result, value] : llvm::zip_equal(op.getResults(), body.getTerminator()->getOperands()))
      accumulate(innerFrame, loc, value, frame.adjoints.lookup(result));
    if (failed(reverseBlock(body, innerFrame)))
      return failure();
  }

  SmallVector<Value> changed;
  SmallVector<Type> types;
  for (Value value : captured) {
    Value outer = frame.adjoints.lookup(value);
    if (inner[0].lookup(value) != outer || inner[1].lookup(value) != outer) {
      changed.push_back(value);
      types.push_back(value.getType());
    }
  }
  auto reverse = b.create<scf::IfOp>(loc, types, first.getCondition(), /*addThenBlock=*/true, /*addElseBlock=*/true);
  for (unsigned branch : {0u, 1u}) {
    Block &body = reverse->getRegion(branch).front();
    body.getOperations().splice(body.end(), draft->getRegion(branch).front().getOperations());
    OpBuilder in = OpBuilder::atBlockEnd(&body);
    Frame innerFrame{in, rerun[branch], inner[branch], frame.again};
    SmallVector<Value> values;
    for (Value value : changed)
      values.push_back(adjointOrZero(innerFrame, loc, value));
    in.create<scf::YieldOp>(loc, values);
  }
  draft.erase();
  for (auto [value, result] : llvm::zip_equal(changed, reverse.getResults()))
    frame.adjoints[value] = result;

  resolveDims(reverse);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(reverse);
    BranchResults kept(b, first);
    for (unsigned branch : {0u, 1u}) {
      BranchSink sink(kept, branch);
      if (!op->getRegion(branch).empty() &&
          failed(keepResiduals(op->getRegion(branch).front(), frame.forward, rerun[branch],
                               reverse->getRegion(branch).front(), sink, frame.again)))
        return failure();
    }
    kept.finish(frame, op);
  }
  return success();
}

} // namespace dl::autodiff
