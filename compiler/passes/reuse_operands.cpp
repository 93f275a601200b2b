// Chooses where results are written. An op that writes a new tensor takes the memory of an operand that is read for the
// last time there; in a loop, the value carried into the next iteration takes that of the old one. Bufferisation then
// works in place, and keeps everything correct where a choice made here does not hold.
#include "compiler/dialect/Dl.h"
#include "compiler/passes/passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using linalg::GenericOp;

namespace dl::passes {
namespace {

// The size of a dimension as a number or as the value that everything else of that size is built from.
OpFoldResult sizeOf(Value tensor, int64_t d) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(d))
    return IntegerAttr::get(IndexType::get(tensor.getContext()), type.getDimSize(d));
  Operation *def = tensor.getDefiningOp();
  if (auto empty = dyn_cast_or_null<tensor::EmptyOp>(def))
    return empty.getDynamicSize(d);
  if (auto op = dyn_cast_or_null<DestinationStyleOpInterface>(def))
    return sizeOf(op.getTiedOpOperand(cast<OpResult>(tensor))->get(), d);
  if (auto insert = dyn_cast_or_null<tensor::InsertSliceOp>(def))
    return sizeOf(insert.getDest(), d);
  for (Operation *user : tensor.getUsers())
    if (auto dim = dyn_cast<tensor::DimOp>(user); dim && dim.getSource() == tensor && dim.getConstantIndex() == d)
      return dim.getResult();
  return {};
}

bool sameSize(OpFoldResult a, OpFoldResult b) { return a && b && isEqualConstantIntOrValue(a, b); }

bool sameShape(Value a, Value b) {
  auto type = dyn_cast<RankedTensorType>(a.getType());
  if (!type || type != b.getType())
    return false;
  for (int64_t d = 0; d < type.getRank(); ++d) {
    if (!type.isDynamicDim(d))
      continue;
    if (!sameSize(sizeOf(a, d), sizeOf(b, d)))
      return false;
  }
  return true;
}

// Whether every use of `value` is `op` itself or before it in the op's block.
bool diesAt(Value value, Operation *op) {
  for (Operation *user : value.getUsers()) {
    if (isa<tensor::DimOp>(user))
      continue;
    Operation *ancestor = op->getBlock()->findAncestorOpInBlock(*user);
    if (!ancestor || (ancestor != op && !ancestor->isBeforeInBlock(op)))
      return false;
  }
  return true;
}

// Whether the memory of `value` may be written where `op` is: made in the same block, or carried by the loop around.
bool isOwned(Value value, Operation *op) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return argument.getOwner() == op->getBlock() && isa<LoopLikeOpInterface>(op->getBlock()->getParentOp());
  Operation *def = value.getDefiningOp();
  if (def->getBlock() != op->getBlock())
    return false;
  return isa<DestinationStyleOpInterface, ir::ExternOp, scf::ForOp, scf::WhileOp, scf::IfOp, tensor::InsertSliceOp>(
      def);
}

bool isFreshInit(OpOperand *init) { return init->get().getDefiningOp<tensor::EmptyOp>() != nullptr; }

// The loop argument that takes the place of `value` in the next iteration, and what it is in the first.
struct Carried {
  BlockArgument argument;
  Value initial;
};
Carried carriedBy(Value value) {
  for (OpOperand &use : value.getUses()) {
    auto yield = dyn_cast<scf::YieldOp>(use.getOwner());
    if (!yield)
      continue;
    if (auto loop = dyn_cast<scf::ForOp>(yield->getParentOp()); loop && yield->getBlock() == value.getParentBlock())
      return {loop.getRegionIterArgs()[use.getOperandNumber()], loop.getInits()[use.getOperandNumber()]};
    if (auto loop = dyn_cast<scf::WhileOp>(yield->getParentOp()); loop && yield->getBlock() == value.getParentBlock()) {
      // The argument of the body that the condition passes on unchanged.
      Value before = loop.getBeforeArguments()[use.getOperandNumber()];
      for (auto [i, passed] : llvm::enumerate(loop.getConditionOp().getArgs()))
        if (passed == before)
          return {loop.getAfterArguments()[i], loop.getInits()[use.getOperandNumber()]};
    }
  }
  return {};
}

class Reuser {
public:
  explicit Reuser(IRRewriter &rewriter) : rewriter(rewriter) {}

  void visit(DestinationStyleOpInterface op) {
    for (unsigned i = 0; i < op.getNumDpsInits(); ++i)
      if (isFreshInit(op.getDpsInitOperand(i)))
        op = choose(op, i);
  }

private:
  IRRewriter &rewriter;

  DestinationStyleOpInterface choose(DestinationStyleOpInterface op, unsigned i) {
    OpOperand *init = op.getDpsInitOperand(i);
    if (init->get().getType() != op->getResult(i).getType())
      return op;
    if (auto [carried, initial] = carriedBy(op->getResult(i)); carried && fits(carried, op, init)) {
      if (OpOperand *input = readBy(op, carried))
        return elementwiseAt(op, input, init) ? mergeInput(cast<GenericOp>(op), input, i) : op;
      // As large as in the first iteration, so as large in each.
      if (sameShape(init->get(), initial))
        init->set(carried);
      return op;
    }
    auto generic = dyn_cast<GenericOp>(op.getOperation());
    if (!generic)
      return op;
    for (OpOperand *input : op.getDpsInputOperands())
      if (isOwned(input->get(), op) && fits(input->get(), op, init) && elementwiseAt(op, input, init) &&
          !carriedElsewhere(input->get()))
        return mergeInput(generic, input, i);
    return op;
  }

  // The old value of a loop is kept for the value that follows it.
  static bool carriedElsewhere(Value value) { return isa<BlockArgument>(value); }

  static bool fits(Value value, Operation *op, OpOperand *init) {
    return diesAt(value, op) && init->get().getType() == value.getType() && !usedAsInit(op, value);
  }
  static bool usedAsInit(Operation *op, Value value) {
    for (OpOperand &init : cast<DestinationStyleOpInterface>(op).getDpsInitsMutable())
      if (init.get() == value)
        return true;
    return false;
  }
  static OpOperand *readBy(DestinationStyleOpInterface op, Value value) {
    for (OpOperand *input : op.getDpsInputOperands())
      if (input->get() == value)
        return input;
    return nullptr;
  }

  // Whether each element of the input is read only where the same element of the result is written; both then have one
  // shape.
  static bool elementwiseAt(DestinationStyleOpInterface op, OpOperand *input, OpOperand *init) {
    auto generic = dyn_cast<GenericOp>(op.getOperation());
    if (!generic)
      return false;
    AffineMap from = generic.getMatchingIndexingMap(input), to = generic.getMatchingIndexingMap(init);
    if (from != to || !to.isPermutation())
      return false;
    // Read at no other place, neither as another operand nor as a whole in the body.
    if (llvm::count_if(generic->getOperands(), [&](Value v) { return v == input->get(); }) != 1)
      return false;
    return !generic.getBody()
                ->walk([&](Operation *inner) {
                  return llvm::is_contained(inner->getOperands(), input->get()) ? WalkResult::interrupt()
                                                                                : WalkResult::advance();
                })
                .wasInterrupted();
  }

  // The same op with the input gone and its elements read from the destination.
  DestinationStyleOpInterface mergeInput(GenericOp op, OpOperand *input, unsigned output) {
    unsigned position = input->getOperandNumber();
    SmallVector<Value> inputs = op.getInputs(), inits = op.getOutputs();
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    inits[output] = input->get();
    inputs.erase(inputs.begin() + position);
    maps.erase(maps.begin() + position);
    rewriter.setInsertionPoint(op);
    auto merged =
        rewriter.create<GenericOp>(op.getLoc(), op->getResultTypes(), inputs, inits, maps, op.getIteratorTypesArray());
    merged->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    rewriter.inlineRegionBefore(op.getRegion(), merged.getRegion(), merged.getRegion().end());
    Block *block = merged.getBody();
    BlockArgument destination = block->getArgument(op.getNumDpsInputs() + output);
    rewriter.replaceAllUsesWith(block->getArgument(position), destination);
    block->eraseArgument(position);
    rewriter.replaceOp(op, merged->getResults());
    return merged;
  }
};

// A new tensor of one number for each of those that overwrite it: making it again costs less than a copy.
void splitFill(linalg::FillOp fill) {
  auto empty = fill.getDpsInitOperand(0)->get().getDefiningOp<tensor::EmptyOp>();
  if (!empty || fill->use_empty() || fill->hasOneUse())
    return;
  SmallVector<OpOperand *> writers;
  for (OpOperand &use : fill->getUses()) {
    auto dest = dyn_cast<DestinationStyleOpInterface>(use.getOwner());
    if (dest ? dest.isDpsInit(&use) : isa<scf::ForOp, scf::WhileOp>(use.getOwner()))
      writers.push_back(&use);
  }
  for (OpOperand *use : writers) {
    if (fill->hasOneUse())
      return;
    OpBuilder b(use->getOwner());
    IRMapping map;
    b.clone(*empty, map);
    use->set(b.clone(*fill, map)->getResult(0));
  }
}

struct ReuseOperandsPass : PassWrapper<ReuseOperandsPass, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ReuseOperandsPass)
  StringRef getArgument() const override { return "dl-reuse-operands"; }

  void runOnOperation() override {
    getOperation().walk([](linalg::FillOp fill) { splitFill(fill); });
    IRRewriter rewriter(&getContext());
    SmallVector<DestinationStyleOpInterface> ops;
    getOperation().walk([&](DestinationStyleOpInterface op) {
      if (!op.hasPureTensorSemantics() || isa<linalg::FillOp>(op.getOperation()))
        return;
      ops.push_back(op);
    });
    Reuser reuser(rewriter);
    for (DestinationStyleOpInterface op : ops)
      reuser.visit(op);
  }
};

} // namespace

PassPtr createReuseOperandsPass() { return std::make_unique<ReuseOperandsPass>(); }

} // namespace dl::passes
