#include "compiler/autodiff/source_tidy.h"

#include "compiler/dialect/Dl.h"
#include "compiler/dialect/builder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace dl::autodiff {

// i, where `index` is `if i < 0 { i + n } else { i }`.
static Value plainIndex(Value index) {
  if (auto cast = index.getDefiningOp<arith::IndexCastOp>())
    index = cast.getIn();
  auto select = index.getDefiningOp<arith::SelectOp>();
  auto isNegative = select ? select.getCondition().getDefiningOp<arith::CmpIOp>() : arith::CmpIOp();
  auto turned = select ? select.getTrueValue().getDefiningOp<arith::AddIOp>() : arith::AddIOp();
  if (!isNegative || !turned || isNegative.getPredicate() != arith::CmpIPredicate::slt)
    return {};
  Value plain = select.getFalseValue();
  bool isTurn = isNegative.getLhs() == plain && ir::constantValue(isNegative.getRhs()) == 0 &&
                (turned.getLhs() == plain || turned.getRhs() == plain);
  return isTurn ? plain : Value();
}

template <typename Op> static void replaceOffsets(Op op) {
  OpBuilder b(op);
  MutableOperandRange offsets = op.getOffsetsMutable();
  for (int64_t d : op.getDropped()) {
    Value offset = op.getOffsets()[d], plain = plainIndex(offset);
    if (!plain)
      continue;
    if (plain.getType() != offset.getType())
      plain = b.create<arith::IndexCastOp>(op.getLoc(), offset.getType(), plain);
    offsets[d].set(plain);
  }
}

void tidyForPrinting(func::FuncOp function) {
  SmallVector<Operation *> dropped;
  function.walk([&](Operation *op) {
    if (auto check = dyn_cast<ir::AssertOp>(op); check && check.getMessage().starts_with("index {0} is out of range"))
      dropped.push_back(op);
    else if (auto slice = dyn_cast<ir::SliceOp>(op))
      replaceOffsets(slice);
    else if (auto store = dyn_cast<ir::UpdateSliceOp>(op))
      replaceOffsets(store);
    else if (auto store = dyn_cast<ir::AddSliceOp>(op))
      replaceOffsets(store);
    else if (auto call = dyn_cast<ir::ExternOp>(op); call && call.getCallee() == "dl_rt_progress")
      dropped.push_back(op);
  });
  for (Operation *op : dropped)
    op->erase();
  // Backwards, so that what needs a dead value goes before the value.
  SmallVector<Operation *> operations;
  function.walk<WalkOrder::PreOrder>([&](Operation *op) { operations.push_back(op); });
  for (Operation *op : llvm::reverse(operations))
    if (isOpTriviallyDead(op))
      op->erase();
}

} // namespace dl::autodiff
