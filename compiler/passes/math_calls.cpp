#include "compiler/passes/passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;

namespace dl::passes {
namespace {

// What of the math dialect is no instruction, and its name in libm (f64).
constexpr std::pair<StringLiteral, StringLiteral> kNames[] = {
    {"math.acos", "acos"},   {"math.acosh", "acosh"}, {"math.asin", "asin"},   {"math.asinh", "asinh"},
    {"math.atan", "atan"},   {"math.atan2", "atan2"}, {"math.atanh", "atanh"}, {"math.cbrt", "cbrt"},
    {"math.cos", "cos"},     {"math.cosh", "cosh"},   {"math.erf", "erf"},     {"math.exp", "exp"},
    {"math.exp2", "exp2"},   {"math.expm1", "expm1"}, {"math.log", "log"},     {"math.log10", "log10"},
    {"math.log1p", "log1p"}, {"math.log2", "log2"},   {"math.powf", "pow"},    {"math.sin", "sin"},
    {"math.sinh", "sinh"},   {"math.tan", "tan"},     {"math.tanh", "tanh"},
};

struct MathCallsPass : PassWrapper<MathCallsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(MathCallsPass)
  StringRef getArgument() const override { return "dl-math-calls"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, func::FuncDialect>();
  }

  void runOnOperation() override {
    llvm::StringMap<StringRef> names;
    for (auto [op, function] : kNames)
      names[op] = function;
    SmallVector<std::pair<Operation *, StringRef>> found;
    getOperation().walk([&](Operation *op) {
      if (auto it = names.find(op->getName().getStringRef()); it != names.end())
        found.push_back({op, it->second});
    });
    for (auto [op, function] : found)
      replace(op, function);
  }

  void replace(Operation *op, StringRef function) {
    OpBuilder b(op);
    Location loc = op->getLoc();
    Type type = op->getResult(0).getType();
    // bf16 has no functions of its own.
    Type used = type.isF64() ? type : Type(b.getF32Type());
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(used == type ? operand : b.create<arith::ExtFOp>(loc, used, operand).getResult());
    std::string name = (function + (used.isF32() ? "f" : "")).str();
    if (!getOperation().lookupSymbol(name)) {
      OpBuilder top = OpBuilder::atBlockBegin(getOperation().getBody());
      SmallVector<Type> inputs(operands.size(), used);
      top.create<func::FuncOp>(getOperation().getLoc(), name, b.getFunctionType(inputs, used)).setPrivate();
    }
    Value result = b.create<func::CallOp>(loc, name, TypeRange(used), operands).getResult(0);
    if (used != type)
      result = b.create<arith::TruncFOp>(loc, type, result);
    op->getResult(0).replaceAllUsesWith(result);
    op->erase();
  }
};

} // namespace

PassPtr createMathCallsPass() { return std::make_unique<MathCallsPass>(); }

} // namespace dl::passes
