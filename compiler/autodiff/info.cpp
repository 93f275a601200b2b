#include "compiler/autodiff/info.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace dl::autodiff {

namespace {

bool isRandomCallee(StringRef callee) {
  static const llvm::StringSet<> names = {"dl_rt_seed",  "dl_rt_rng_get", "dl_rt_rng_set",  "dl_rt_rand",
                                          "dl_rt_randn", "dl_rt_randint", "dl_rt_randperm", "dl_rt_bernoulli"};
  return names.contains(callee);
}

unsigned effectsIn(Operation *op, llvm::SmallPtrSetImpl<Operation *> &visited) {
  if (isa<ir::AssertOp>(op))
    return Check;
  if (isa<ir::PollOp>(op))
    return Poll;
  if (isa<ir::ParamTokenOp>(op))
    return NoEffect;
  if (auto call = dyn_cast<ir::ExternOp>(op))
    return call.getCallee() == "dl_rt_error"  ? Check
           : call.getPure()                   ? NoEffect
           : isRandomCallee(call.getCallee()) ? Random
                                              : Other;
  if (auto kernel = dyn_cast<ir::KernelOp>(op))
    return !kernel.getEffect() ? NoEffect : isRandomCallee(kernel.getCallee()) ? Random : Other;
  if (auto call = dyn_cast<func::CallOp>(op)) {
    func::FuncOp callee = calleeOf(call);
    if (callee && callee->hasAttr(kUnfinishedAttr))
      return NoEffect; // a derivative of a recursive function, which has none
    if (!callee || callee.isExternal())
      return Other;
    if (!visited.insert(callee).second)
      return NoEffect;
    return effectsIn(callee, visited);
  }
  unsigned effects = NoEffect;
  for (Region &region : op->getRegions())
    for (Operation &nested : region.getOps())
      effects |= effectsIn(&nested, visited);
  if (op->getNumRegions() == 0 && !isMemoryEffectFree(op) && !op->hasTrait<OpTrait::IsTerminator>())
    effects |= Other;
  return effects;
}

bool calls(func::FuncOp from, func::FuncOp target, llvm::SmallPtrSetImpl<Operation *> &visited) {
  WalkResult result = from.walk([&](func::CallOp call) {
    func::FuncOp callee = calleeOf(call);
    if (callee == target)
      return WalkResult::interrupt();
    if (callee && visited.insert(callee).second && calls(callee, target, visited))
      return WalkResult::interrupt();
    return WalkResult::advance();
  });
  return result.wasInterrupted();
}

} // namespace

unsigned effectsOf(Operation *op) {
  llvm::SmallPtrSet<Operation *, 8> visited;
  return effectsIn(op, visited);
}

bool isHeavy(Operation *op) {
  WalkResult result = op->walk([](Operation *nested) {
    if (isa<ir::MatMulOp, ir::Conv2dOp, ir::Conv2dGradInputOp, ir::Conv2dGradWeightOp, ir::MaxPool2dOp, ir::AvgPool2dOp,
            ir::AvgPool2dGradOp, ir::PoolScatterOp, ir::PoolGatherOp, ir::ReduceOp, ir::ArgReduceOp, ir::ScatterAddOp,
            ir::PutAlongAddOp, ir::ExternOp, ir::KernelOp, func::CallOp, scf::WhileOp>(nested))
      return WalkResult::interrupt();
    return WalkResult::advance();
  });
  return result.wasInterrupted();
}

std::string unusedName(Operation *module, const std::string &wish) {
  std::string name = wish;
  for (int i = 1; SymbolTable::lookupSymbolIn(module, name); ++i)
    name = wish + "_" + std::to_string(i);
  return name;
}

func::FuncOp calleeOf(func::CallOp call) {
  return SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
}

bool reaches(func::FuncOp from, func::FuncOp target) {
  llvm::SmallPtrSet<Operation *, 8> visited;
  return calls(from, target, visited);
}

bool isRecursive(func::FuncOp function) { return reaches(function, function); }

SmallVector<int64_t> floatArguments(func::FuncOp function) {
  SmallVector<int64_t> floats;
  for (auto [i, type] : llvm::enumerate(function.getArgumentTypes()))
    if (ir::isFloat(type))
      floats.push_back(i);
  return floats;
}

std::optional<Rule> ruleOf(func::FuncOp function, StringRef attribute) {
  auto symbol = function->getAttrOfType<FlatSymbolRefAttr>(attribute);
  if (!symbol)
    return {};
  Rule rule{SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(function, symbol), floatArguments(function)};
  if (auto some = function->getAttrOfType<DenseI64ArrayAttr>(kDerivativeByAttr))
    rule.by.assign(some.asArrayRef().begin(), some.asArrayRef().end());
  return rule;
}

bool hasOwnDerivative(func::FuncOp function) {
  return function->hasAttr(kForwardDerivativeAttr) ||
         (function->hasAttr(kDerivativeAttr) && !function->hasAttr(kOptionalRuleAttr));
}

LogicalResult checkCovered(func::CallOp call, const Rule &rule, llvm::function_ref<bool(Value)> isActive) {
  for (auto [i, operand] : llvm::enumerate(call.getOperands())) {
    if (!isActive(operand) || llvm::is_contained(rule.by, static_cast<int64_t>(i)))
      continue;
    auto name = calleeOf(call).getArgAttrOfType<StringAttr>(i, kNameAttr);
    auto [owner, part] = (name ? name.getValue() : StringRef()).split(".capture");
    std::string shown = part.empty() ? "`" + owner.str() + "`" : "what `" + owner.str() + "` captures";
    InFlightDiagnostic error = emitError(call.getLoc())
                               << "the rule of `" << call.getCallee().split('$').first << "` gives no derivative by "
                               << shown << ", on which the result depends here";
    error.attachNote()
        << "make it an argument of its own, or pass `stop_grad(…)` of it where it is meant to count as a "
           "constant";
    return error;
  }
  return success();
}

LogicalResult notDifferentiable(Operation *op, StringRef reason) {
  std::string name = op->getName().stripDialect().str();
  if (auto call = dyn_cast<func::CallOp>(op)) // without the number of its version
    name = call.getCallee().split('$').first.str();
  else if (auto call = dyn_cast<ir::ExternOp>(op))
    name = call.getCallee().str();
  else if (auto call = dyn_cast<ir::KernelOp>(op))
    name = call.getCallee().str();
  StringRef shown = name;
  shown.consume_front("dl_rt_");
  return emitError(op->getLoc()) << shown << " is not differentiable: " << reason;
}

Value castTo(OpBuilder &b, Location loc, Value value, Type type) {
  return value.getType() == type ? value : Value(b.create<tensor::CastOp>(loc, type, value));
}

} // namespace dl::autodiff
