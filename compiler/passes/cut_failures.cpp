// Drops what follows a certain failure. It is never reached, and the sizes in it may be none: behind an index that is
// known to be out of range there are tensors of a negative size.
#include "compiler/dialect/Dl.h"
#include "compiler/dialect/builder.h"
#include "compiler/passes/passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace dl::passes {
namespace {

bool fails(Operation &op) {
  auto check = dyn_cast<ir::AssertOp>(op);
  return check && matchPattern(check.getCondition(), m_Zero());
}

// Some value of the type, with as few elements as it allows; null for a type that is neither number nor tensor.
Value anyOf(OpBuilder &b, Location loc, Type type) {
  if (type.isIntOrIndexOrFloat())
    return b.create<arith::ConstantOp>(loc, b.getZeroAttr(type));
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return {};
  SmallVector<int64_t> shape;
  for (int64_t size : tensor.getShape())
    shape.push_back(size < 0 ? ShapedType::kDynamic : size);
  auto possible = RankedTensorType::get(shape, tensor.getElementType());
  SmallVector<Value> none(possible.getNumDynamicDims(), ir::indexConstant(b, loc, 0));
  Value value = b.create<tensor::EmptyOp>(loc, possible, none);
  return possible == tensor ? value : b.create<tensor::CastOp>(loc, tensor, value).getResult();
}

void cut(Operation &failure) {
  Block &block = *failure.getBlock();
  Operation *end = block.getTerminator();
  OpBuilder b(end);
  auto isDropped = [&](Value value) {
    Operation *def = value.getDefiningOp();
    return def && def->getBlock() == &block && failure.isBeforeInBlock(def);
  };
  SmallVector<std::pair<OpOperand *, Value>> needed;
  for (OpOperand &operand : end->getOpOperands())
    if (isDropped(operand.get())) {
      Value value = anyOf(b, failure.getLoc(), operand.get().getType());
      if (!value)
        return;
      needed.emplace_back(&operand, value);
    }
  for (auto [operand, value] : needed)
    operand->set(value);
  SmallVector<Operation *> rest;
  for (Operation *op = failure.getNextNode(); op != end; op = op->getNextNode())
    rest.push_back(op);
  for (Operation *op : llvm::reverse(rest))
    if (op->use_empty())
      op->erase();
}

struct CutFailuresPass : PassWrapper<CutFailuresPass, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CutFailuresPass)
  StringRef getArgument() const override { return "dl-cut-failures"; }
  StringRef getDescription() const override { return "what follows a certain failure is dropped"; }
  void getDependentDialects(DialectRegistry &registry) const override { registry.insert<tensor::TensorDialect>(); }

  void runOnOperation() override {
    SmallVector<Operation *> failures;
    getOperation().walk([&](Block *block) {
      for (Operation &op : *block)
        if (fails(op)) {
          failures.push_back(&op);
          break;
        }
    });
    // Inner blocks come first, and what is inside of another's rest goes with it.
    for (Operation *failure : failures)
      cut(*failure);
    // Constants stand at the front of the function, those of impossible types, too.
    if (!failures.empty())
      getOperation().walk([](Operation *op) {
        if (op->hasTrait<OpTrait::ConstantLike>() && op->use_empty())
          op->erase();
      });
  }
};

} // namespace

PassPtr createCutFailuresPass() { return std::make_unique<CutFailuresPass>(); }

} // namespace dl::passes
