#include "compiler/passes/passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace dl::passes {
namespace {

bool isBf16(Type type) { return type.isBF16(); }

// Functions take and give the bits of a bf16, not the number: LLVM 19's code generator for x86 reads a bf16 that a
// call returns as the bits of an f32 when its use stands in another block.
struct Bf16SignaturesPass : PassWrapper<Bf16SignaturesPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Bf16SignaturesPass)
  StringRef getArgument() const override { return "dl-bf16-signatures"; }

  void runOnOperation() override {
    getOperation().walk([&](Operation *op) {
      if (auto function = dyn_cast<func::FuncOp>(op))
        changeSignature(function);
      else if (isa<func::CallOp, func::ReturnOp>(op))
        changeValues(op);
    });
  }

  Type carried(Type type) { return isBf16(type) ? IntegerType::get(&getContext(), 16) : type; }

  void changeSignature(func::FuncOp function) {
    FunctionType type = function.getFunctionType();
    if (llvm::none_of(type.getInputs(), isBf16) && llvm::none_of(type.getResults(), isBf16))
      return;
    auto carriedAll = [&](TypeRange types) {
      return llvm::map_to_vector(types, [&](Type each) { return carried(each); });
    };
    function.setType(FunctionType::get(&getContext(), carriedAll(type.getInputs()), carriedAll(type.getResults())));
    if (function.isExternal())
      return;
    OpBuilder b = OpBuilder::atBlockBegin(&function.getBody().front());
    for (BlockArgument argument : function.getArguments())
      numberFrom(b, argument);
  }

  // What a call or a return hands over, and what a call gives.
  void changeValues(Operation *op) {
    OpBuilder b(op);
    for (OpOperand &operand : op->getOpOperands())
      if (Type type = operand.get().getType(); isBf16(type))
        operand.set(b.create<arith::BitcastOp>(op->getLoc(), carried(type), operand.get()));
    b.setInsertionPointAfter(op);
    for (OpResult result : op->getResults())
      numberFrom(b, result);
  }

  void numberFrom(OpBuilder &b, Value value) {
    Type number = value.getType();
    if (!isBf16(number))
      return;
    value.setType(carried(number));
    auto cast = b.create<arith::BitcastOp>(value.getLoc(), number, value);
    value.replaceAllUsesExcept(cast, cast);
  }
};

} // namespace

PassPtr createBf16SignaturesPass() { return std::make_unique<Bf16SignaturesPass>(); }

} // namespace dl::passes
