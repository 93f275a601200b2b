#include "compiler/autodiff/reverse.h"

#include "compiler/autodiff/checkpoint.h"
#include "compiler/autodiff/info.h"
#include "compiler/autodiff/prepare.h"
#include "compiler/autodiff/value_name.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/RegionUtils.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace dl::autodiff {

namespace {

class OpAdjoints final : public ir::AdjointBuilder {
public:
  OpAdjoints(const Reverser &reverser, Frame &frame, Operation *op)
      : AdjointBuilder(frame.builder, op->getLoc()), reverser_(reverser), frame_(frame), op_(op) {}

  Value primal(Value original) override { return frame_.forward.lookupOrDefault(original); }
  Value adjoint(Value result) override { return reverser_.adjointOrZero(frame_, loc_, result); }
  bool wants(Value operand) override { return reverser_.isActive(operand); }
  void add(Value operand, Value contribution) override { reverser_.accumulate(frame_, loc_, operand, contribution); }
  void update(Value operand, llvm::function_ref<Value(Value)> update) override {
    if (!wants(operand))
      return;
    Value sum = update(reverser_.adjointOrZero(frame_, loc_, operand));
    frame_.adjoints[operand] = castTo(builder_, loc_, sum, operand.getType());
  }
  LogicalResult notDifferentiable(llvm::StringRef reason) override { return autodiff::notDifferentiable(op_, reason); }

private:
  const Reverser &reverser_;
  Frame &frame_;
  Operation *op_;
};

} // namespace

void replaceForward(Frame &frame, Operation *original, Operation *replacement) {
  Operation *old = frame.forward.lookup(original);
  frame.forward.map(original, replacement);
  for (auto [value, after] : llvm::zip(original->getResults(), replacement->getResults()))
    frame.forward.map(value, after);
  for (auto [before, after] : llvm::zip(old->getResults(), replacement->getResults())) {
    before.replaceAllUsesWith(after);
    for (auto &entry : frame.adjoints) // a contribution may have been a forward value itself
      if (entry.second == before)
        entry.second = after;
  }
  old->erase();
}

void Reverser::accumulate(Frame &frame, Location loc, Value original, Value contribution) const {
  if (!isActive(original) || !contribution)
    return;
  contribution = castTo(frame.builder, loc, contribution, original.getType());
  Value &sum = frame.adjoints[original];
  sum = sum ? Value(frame.builder.create<ir::AddOp>(loc, sum.getType(), sum, contribution)) : contribution;
}

Value Reverser::adjointOrZero(Frame &frame, Location loc, Value original) const {
  if (Value sum = frame.adjoints.lookup(original))
    return sum;
  return ir::zerosLike(frame.builder, loc, frame.forward.lookupOrDefault(original));
}

SmallVector<Value> Reverser::mapCaptured(Operation *op, Frame &frame, IRMapping &inner) const {
  llvm::SetVector<Value> captured;
  getUsedValuesDefinedAbove(op->getRegions(), captured);
  SmallVector<Value> active;
  for (Value value : captured) {
    inner.map(value, frame.forward.lookupOrDefault(value));
    if (isActive(value))
      active.push_back(value);
  }
  return active;
}

LogicalResult Reverser::reverseBlock(Block &block, Frame &frame) {
  for (Operation &op : llvm::reverse(block.without_terminator())) {
    if (llvm::none_of(op.getResults(), [&](Value result) { return frame.adjoints.contains(result); }))
      continue;
    if (failed(reverseOp(&op, frame)))
      return failure();
    for (Value result : op.getResults())
      frame.adjoints.erase(result);
  }
  return success();
}

LogicalResult Reverser::reverseOp(Operation *op, Frame &frame) {
  // The adjoint of `h` is `dh`.
  for (Value result : op->getResults())
    if (Value adjoint = frame.adjoints.lookup(result))
      if (std::string name = givenName(result); !name.empty())
        giveName(adjoint, "d" + name);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return reverseIf(branch, frame);
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return reverseFor(loop, frame);
  if (llvm::none_of(op->getOperands(), [&](Value operand) { return isActive(operand); }))
    return success();
  if (auto call = dyn_cast<func::CallOp>(op))
    return reverseCall(call, frame);
  if (auto differentiable = dyn_cast<ir::DlOp>(op)) {
    OpAdjoints adjoints(*this, frame, op);
    return differentiable.vjp(adjoints);
  }
  if (reverseUpstream(op, frame))
    return success();
  return notDifferentiable(op, isa<ir::ExternOp, ir::KernelOp>(op) ? "it is computed by the runtime, outside of dl"
                                                                   : "it has no derivative rule");
}

LogicalResult Reverser::reverseCall(func::CallOp op, Frame &frame) {
  Location loc = op.getLoc();
  func::FuncOp callee = calleeOf(op);
  if (!callee || callee.isExternal())
    return notDifferentiable(op, "its definition is not known");
  auto active = [&](Value value) { return isActive(value); };
  // Rules and generated derivatives take arguments and cotangents and end with the gradients of some arguments;
  // `skipped` results come before. The turned rule of forward mode takes tangents, which play no part, between the two.
  unsigned skipped = 0;
  func::FuncOp target;
  SmallVector<int64_t> by = floatArguments(callee), tangents;
  std::optional<Rule> rule = ruleOf(callee, kDerivativeAttr), forward = ruleOf(callee, kForwardDerivativeAttr);
  // One that only saves memory may have been made for a derivative by less.
  if (rule && callee->hasAttr(kOptionalRuleAttr) && llvm::any_of(llvm::enumerate(op.getOperands()), [&](auto operand) {
        return isActive(operand.value()) && !llvm::is_contained(rule->by, static_cast<int64_t>(operand.index()));
      }))
    rule.reset();
  if (rule) {
    if (failed(checkCovered(op, *rule, active)))
      return failure();
    target = rule->function;
    by = rule->by;
  } else if (forward) {
    if (failed(checkCovered(op, *forward, active)))
      return failure();
    by = forward->by;
    SmallVector<int64_t> byTangents;
    for (size_t i = 0; i < by.size(); ++i)
      byTangents.push_back(static_cast<int64_t>(op.getNumOperands() + i));
    FailureOr<func::FuncOp> turned = derivativeOf_(forward->function, byTangents);
    if (failed(turned))
      return failure();
    target = *turned;
    tangents = by;
    skipped = forward->function.getNumResults();
  } else {
    // It computes the function again.
    if (callee->hasAttr(kCheckpointAttr) || callee->hasAttr(kOptionalRuleAttr))
      llvm::erase_if(by, [&](int64_t i) { return !isActive(op.getOperand(i)); });
    else if (effectsOf(callee) & Random)
      return notDifferentiable(op, "it calls itself and draws random numbers, which the derivative would draw again");
    FailureOr<func::FuncOp> repeated = quietVersion(callee);
    FailureOr<func::FuncOp> generated = failed(repeated) ? repeated : derivativeOf_(*repeated, by);
    if (failed(generated))
      return failure();
    target = *generated;
    skipped = callee.getNumResults();
  }
  OpBuilder &b = frame.builder;
  SmallVector<Value> arguments;
  for (Value operand : op.getOperands())
    arguments.push_back(frame.forward.lookupOrDefault(operand));
  for (int64_t i : tangents)
    arguments.push_back(ir::zerosLike(b, loc, arguments[i]));
  for (Value result : op.getResults())
    if (ir::isFloat(result.getType()))
      arguments.push_back(adjointOrZero(frame, loc, result));
  if (!target || arguments.size() != target.getNumArguments() || target.getNumResults() != skipped + by.size())
    return notDifferentiable(op, "its derivative rule does not take its arguments and the cotangents of its float "
                                 "results, or does not give the gradients of its float arguments");
  for (auto [argument, type] : llvm::zip_equal(arguments, target.getArgumentTypes()))
    argument = castTo(b, loc, argument, type);
  // What draws its numbers again leaves the generator where the program has it.
  bool random = effectsOf(target) & Random;
  RandomState state = random ? saveRandomState(b, loc) : RandomState();
  auto gradients = b.create<func::CallOp>(loc, target, arguments);
  if (random)
    restoreRandomState(b, loc, state);
  for (auto [i, gradient] : llvm::zip_equal(by, gradients.getResults().drop_front(skipped)))
    accumulate(frame, loc, op.getOperand(i), gradient);
  return success();
}

bool Reverser::reverseUpstream(Operation *op, Frame &frame) {
  OpBuilder &b = frame.builder;
  Location loc = op->getLoc();
  auto primal = [&](Value value) { return frame.forward.lookupOrDefault(value); };
  auto binary = [&](auto build, Value x, Value y) -> Value { return build(x.getType(), x, y); };
  auto mul = [&](Type type, Value x, Value y) -> Value { return b.create<ir::MulOp>(loc, type, x, y); };
  auto div = [&](Type type, Value x, Value y) -> Value { return b.create<ir::DivOp>(loc, type, x, y); };
  auto neg = [&](Value x) -> Value { return b.create<ir::NegOp>(loc, x.getType(), x); };
  Value ct = adjointOrZero(frame, loc, op->getResult(0));
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case([&](tensor::CastOp cast) {
        accumulate(frame, loc, cast.getSource(), ct);
        return true;
      })
      .Case([&](arith::SelectOp select) {
        Value condition = primal(select.getCondition()), zero = ir::zerosLike(b, loc, ct);
        if (isActive(select.getTrueValue()))
          accumulate(frame, loc, select.getTrueValue(), b.create<arith::SelectOp>(loc, condition, ct, zero));
        if (isActive(select.getFalseValue()))
          accumulate(frame, loc, select.getFalseValue(), b.create<arith::SelectOp>(loc, condition, zero, ct));
        return true;
      })
      .Case([&](arith::AddFOp add) {
        accumulate(frame, loc, add.getLhs(), ct);
        accumulate(frame, loc, add.getRhs(), ct);
        return true;
      })
      .Case([&](arith::SubFOp sub) {
        accumulate(frame, loc, sub.getLhs(), ct);
        if (isActive(sub.getRhs()))
          accumulate(frame, loc, sub.getRhs(), neg(ct));
        return true;
      })
      .Case([&](arith::NegFOp minus) {
        accumulate(frame, loc, minus.getOperand(), neg(ct));
        return true;
      })
      .Case([&](arith::MulFOp product) {
        if (isActive(product.getLhs()))
          accumulate(frame, loc, product.getLhs(), binary(mul, ct, primal(product.getRhs())));
        if (isActive(product.getRhs()))
          accumulate(frame, loc, product.getRhs(), binary(mul, ct, primal(product.getLhs())));
        return true;
      })
      .Case([&](arith::DivFOp quotient) {
        Value part = binary(div, ct, primal(quotient.getRhs()));
        accumulate(frame, loc, quotient.getLhs(), part);
        if (isActive(quotient.getRhs()))
          accumulate(frame, loc, quotient.getRhs(), neg(binary(mul, part, primal(quotient.getResult()))));
        return true;
      })
      .Case<arith::ExtFOp, arith::TruncFOp>([&](Operation *convert) {
        Value from = convert->getOperand(0);
        accumulate(frame, loc, from, ir::convertTo(b, loc, ct, ir::elementOf(from.getType())));
        return true;
      })
      .Default(false);
}

LogicalResult buildReverse(func::FuncOp prepared, func::FuncOp generated, ArrayRef<int64_t> wrt,
                           const Activity &activity, DerivativeOf derivativeOf, std::optional<Seed> seed) {
  Block &body = prepared.getBody().front();
  Block *entry = generated.addEntryBlock();
  OpBuilder b = OpBuilder::atBlockBegin(entry);
  IRMapping forward;
  Adjoints adjoints;
  Frame frame{b, forward, adjoints};
  Reverser reverser(activity, derivativeOf);
  forward.map(body.getArguments(), entry->getArguments().take_front(body.getNumArguments()));
  for (Operation &op : body.without_terminator())
    b.clone(op, forward);

  Operation *end = body.getTerminator();
  unsigned cotangent = body.getNumArguments();
  if (seed) {
    Value y = end->getOperand(seed->result), one = forward.lookupOrDefault(y);
    one = seed->cotangent ? forward.lookupOrDefault(end->getOperand(*seed->cotangent))
                          : ir::fillLike(b, end->getLoc(), one, 1);
    reverser.accumulate(frame, end->getLoc(), y, one);
  } else {
    for (Value result : end->getOperands())
      if (ir::isFloat(result.getType()))
        reverser.accumulate(frame, end->getLoc(), result, entry->getArgument(cotangent++));
  }
  if (failed(reverser.reverseBlock(body, frame)))
    return failure();

  SmallVector<Value> results;
  for (int64_t i : wrt)
    results.push_back(reverser.adjointOrZero(frame, end->getLoc(), body.getArgument(i)));
  // Looked up at the end: a forward op that had to keep values was replaced.
  SmallVector<Value> primals;
  for (Value result : end->getOperands())
    primals.push_back(forward.lookupOrDefault(result));
  results.insert(results.begin(), primals.begin(), primals.end());
  b.create<func::ReturnOp>(end->getLoc(), results);
  return success();
}

} // namespace dl::autodiff
