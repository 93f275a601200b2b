#include "compiler/autodiff/forward.h"

#include "compiler/autodiff/info.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace dl::autodiff {

namespace {

// Copies ops one by one and puts the code of the tangents behind each copy. Activity is asked about originals, tangents
// belong to copies.
class Forwarder {
public:
  Forwarder(const Activity &activity, IRMapping &map, DerivativeOf derivativeOf, DerivativeOf reverseOf)
      : activity_(activity), map_(map), derivativeOf_(derivativeOf), reverseOf_(reverseOf) {}

  Value tangent(Value copy) const { return tangents_.lookup(copy); }
  Value tangentOrZero(OpBuilder &b, Location loc, Value copy) const {
    Value found = tangents_.lookup(copy);
    return found ? found : ir::zerosLike(b, loc, copy);
  }
  void set(OpBuilder &b, Location loc, Value copy, Value tangent) {
    if (tangent)
      tangents_[copy] = castTo(b, loc, tangent, copy.getType());
  }

  LogicalResult run(OpBuilder &b, Block &block) {
    for (Operation &op : block.without_terminator())
      if (failed(runOp(b, &op)))
        return failure();
    return success();
  }

private:
  LogicalResult runOp(OpBuilder &b, Operation *op);
  LogicalResult runIf(OpBuilder &b, scf::IfOp op);
  LogicalResult runFor(OpBuilder &b, scf::ForOp op);
  LogicalResult runWhile(OpBuilder &b, scf::WhileOp op);
  LogicalResult runCall(OpBuilder &b, func::CallOp op);
  LogicalResult runRule(OpBuilder &b, func::CallOp op);
  bool runUpstream(OpBuilder &b, Operation *copy);

  // The copies of `values`, then the tangents of those whose counterpart in `targets` is active.
  SmallVector<Value> withTangents(OpBuilder &b, Location loc, ValueRange values, ValueRange targets) const {
    SmallVector<Value> all, tangents;
    for (auto [value, target] : llvm::zip_equal(values, targets)) {
      all.push_back(map_.lookupOrDefault(value));
      if (activity_.isActive(target))
        tangents.push_back(tangentOrZero(b, loc, all.back()));
    }
    llvm::append_range(all, tangents);
    return all;
  }
  SmallVector<Type> withTangentTypes(ValueRange values) const {
    SmallVector<Type> types(values.getTypes());
    for (Value value : values)
      if (activity_.isActive(value))
        types.push_back(value.getType());
    return types;
  }
  // `copies` are those of `values`, then the tangents of the active ones.
  void define(ValueRange values, ValueRange copies) {
    size_t next = values.size();
    for (auto [value, copy] : llvm::zip(values, copies)) {
      map_.map(value, copy);
      if (activity_.isActive(value))
        tangents_[copy] = copies[next++];
    }
  }

  const Activity &activity_;
  IRMapping &map_;
  DerivativeOf derivativeOf_, reverseOf_;
  llvm::DenseMap<Value, Value> tangents_;
};

class OpTangents final : public ir::TangentBuilder {
public:
  OpTangents(Forwarder &forwarder, OpBuilder &b, Operation *op)
      : TangentBuilder(b, op->getLoc()), forwarder_(forwarder), op_(op) {}

  Value primal(Value original) override { return original; }
  Value tangent(Value operand) override { return forwarder_.tangent(operand); }
  void set(Value result, Value tangent) override { forwarder_.set(builder_, loc_, result, tangent); }
  LogicalResult notDifferentiable(StringRef reason) override { return autodiff::notDifferentiable(op_, reason); }

private:
  Forwarder &forwarder_;
  Operation *op_;
};

LogicalResult Forwarder::runOp(OpBuilder &b, Operation *op) {
  bool active = llvm::any_of(op->getResults(), [&](Value result) { return activity_.isActive(result); });
  if (active && isa<scf::IfOp>(op))
    return runIf(b, cast<scf::IfOp>(op));
  if (active && isa<scf::ForOp>(op))
    return runFor(b, cast<scf::ForOp>(op));
  if (active && isa<scf::WhileOp>(op))
    return runWhile(b, cast<scf::WhileOp>(op));
  if (active && isa<func::CallOp>(op))
    return runCall(b, cast<func::CallOp>(op));
  Operation *copy = b.clone(*op, map_);
  if (!active || llvm::none_of(copy->getOperands(), [&](Value operand) { return tangent(operand); }))
    return success();
  if (auto differentiable = dyn_cast<ir::DlOp>(copy)) {
    OpTangents tangents(*this, b, copy);
    return differentiable.jvp(tangents);
  }
  if (runUpstream(b, copy))
    return success();
  return notDifferentiable(op, isa<ir::ExternOp, ir::KernelOp>(op) ? "it is computed by the runtime, outside of dl"
                                                                   : "it has no derivative rule");
}

LogicalResult Forwarder::runIf(OpBuilder &b, scf::IfOp op) {
  auto copy = b.create<scf::IfOp>(op.getLoc(), withTangentTypes(op.getResults()),
                                  map_.lookupOrDefault(op.getCondition()), /*addThenBlock=*/true,
                                  /*addElseBlock=*/true);
  for (unsigned branch : {0u, 1u}) {
    OpBuilder in = OpBuilder::atBlockBegin(&copy->getRegion(branch).front());
    Block &body = op->getRegion(branch).front();
    if (failed(run(in, body)))
      return failure();
    in.create<scf::YieldOp>(op.getLoc(),
                            withTangents(in, op.getLoc(), body.getTerminator()->getOperands(), op.getResults()));
  }
  define(op.getResults(), copy.getResults());
  return success();
}

LogicalResult Forwarder::runFor(OpBuilder &b, scf::ForOp op) {
  Location loc = op.getLoc();
  ValueRange args = op.getRegionIterArgs();
  LogicalResult done = success();
  auto copy =
      b.create<scf::ForOp>(loc, map_.lookupOrDefault(op.getLowerBound()), map_.lookupOrDefault(op.getUpperBound()),
                           map_.lookupOrDefault(op.getStep()), withTangents(b, loc, op.getInits(), args),
                           [&](OpBuilder &in, Location loc, Value induction, ValueRange carried) {
                             map_.map(op.getInductionVar(), induction);
                             define(args, carried);
                             done = run(in, *op.getBody());
                             in.create<scf::YieldOp>(loc, withTangents(in, loc, op.getYieldedValues(), args));
                           });
  size_t next = args.size(); // a carried value may be active where the loop's result is not
  for (auto [i, arg] : llvm::enumerate(args)) {
    map_.map(op.getResult(i), copy.getResult(i));
    if (activity_.isActive(arg))
      tangents_[copy.getResult(i)] = copy.getResult(next++);
  }
  return done;
}

LogicalResult Forwarder::runWhile(OpBuilder &b, scf::WhileOp op) {
  Location loc = op.getLoc();
  ValueRange before = op.getBeforeArguments(), after = op.getAfterArguments();
  LogicalResult done = success();
  // Results and the arguments of the second block are the same values: a tangent is handed on when either wants it.
  auto handsOn = [&](size_t i) { return activity_.isActive(after[i]) || activity_.isActive(op.getResult(i)); };
  SmallVector<Type> types(op.getResultTypes());
  for (size_t i = 0; i < after.size(); ++i)
    if (handsOn(i))
      types.push_back(after[i].getType());
  auto receive = [&](ValueRange values, ValueRange copies) {
    size_t next = values.size();
    for (size_t i = 0; i < values.size(); ++i) {
      map_.map(values[i], copies[i]);
      if (handsOn(i))
        tangents_[copies[i]] = copies[next++];
    }
  };
  auto copy = b.create<scf::WhileOp>(
      loc, types, withTangents(b, loc, op.getInits(), before),
      [&](OpBuilder &in, Location loc, ValueRange args) {
        define(before, args);
        if (failed(run(in, *op.getBeforeBody())))
          done = failure();
        SmallVector<Value> values, tangents;
        for (auto [i, value] : llvm::enumerate(op.getConditionOp().getArgs())) {
          values.push_back(map_.lookupOrDefault(value));
          if (handsOn(i))
            tangents.push_back(tangentOrZero(in, loc, values.back()));
        }
        llvm::append_range(values, tangents);
        in.create<scf::ConditionOp>(loc, map_.lookupOrDefault(op.getConditionOp().getCondition()), values);
      },
      [&](OpBuilder &in, Location loc, ValueRange args) {
        receive(after, args);
        if (failed(run(in, *op.getAfterBody())))
          done = failure();
        in.create<scf::YieldOp>(loc, withTangents(in, loc, op.getYieldOp().getResults(), before));
      });
  receive(op.getResults(), copy.getResults());
  return done;
}

// A call that was not inlined: of a recursive function, whose derivative gives results and tangents at once.
LogicalResult Forwarder::runCall(OpBuilder &b, func::CallOp op) {
  Location loc = op.getLoc();
  func::FuncOp callee = calleeOf(op);
  if (!callee || callee.isExternal())
    return notDifferentiable(op, "its definition is not known");
  if (hasOwnDerivative(callee))
    return runRule(b, op);
  SmallVector<int64_t> wrt = floatArguments(callee);
  FailureOr<func::FuncOp> target = derivativeOf_(callee, wrt);
  if (failed(target))
    return failure();
  SmallVector<Value> arguments;
  for (Value operand : op.getOperands())
    arguments.push_back(map_.lookupOrDefault(operand));
  for (int64_t i : wrt)
    arguments.push_back(tangentOrZero(b, loc, arguments[i]));
  auto both = b.create<func::CallOp>(loc, *target, arguments);
  unsigned next = op.getNumResults();
  for (auto [result, copy] : llvm::zip(op.getResults(), both.getResults())) {
    map_.map(result, copy);
    if (ir::isFloat(copy.getType()))
      tangents_[copy] = both.getResult(next++);
  }
  return success();
}

// A rule of forward mode gives the tangents. One of reverse mode gives J^T c, which is linear in c: its reverse
// derivative by c, with the tangents as cotangents, is J times the tangents.
LogicalResult Forwarder::runRule(OpBuilder &b, func::CallOp op) {
  Location loc = op.getLoc();
  func::FuncOp callee = calleeOf(op);
  std::optional<Rule> forward = ruleOf(callee, kForwardDerivativeAttr), reverse = ruleOf(callee, kDerivativeAttr);
  const Rule &rule = forward ? *forward : *reverse;
  if (failed(checkCovered(op, rule, [&](Value operand) {
        return activity_.isActive(operand) && tangent(map_.lookupOrDefault(operand));
      })))
    return failure();
  auto copy = cast<func::CallOp>(b.clone(*op, map_));
  SmallVector<Value> arguments(copy.getOperands()), results, tangents;
  SmallVector<int64_t> cotangents;
  for (Value result : copy.getResults()) {
    if (!ir::isFloat(result.getType()))
      continue;
    results.push_back(result);
    if (forward)
      continue;
    cotangents.push_back(static_cast<int64_t>(arguments.size()));
    arguments.push_back(ir::zerosLike(b, loc, result));
  }
  for (int64_t i : rule.by)
    tangents.push_back(tangentOrZero(b, loc, copy.getOperand(i)));
  unsigned skipped = 0;
  func::FuncOp target = rule.function;
  if (!target || target.getNumArguments() != arguments.size() + (forward ? tangents.size() : 0) ||
      target.getNumResults() != (forward ? results.size() : tangents.size()))
    return notDifferentiable(op, "its derivative rule takes or gives another number of values than its arguments and "
                                 "results have");
  if (!forward) {
    FailureOr<func::FuncOp> turned = reverseOf_(target, cotangents);
    if (failed(turned))
      return failure();
    skipped = target.getNumResults();
    target = *turned;
  }
  llvm::append_range(arguments, tangents);
  for (auto [argument, type] : llvm::zip_equal(arguments, target.getArgumentTypes()))
    argument = castTo(b, loc, argument, type);
  auto call = b.create<func::CallOp>(loc, target, arguments);
  for (auto [result, tangent] : llvm::zip_equal(results, call.getResults().drop_front(skipped)))
    set(b, loc, result, tangent);
  return success();
}

bool Forwarder::runUpstream(OpBuilder &b, Operation *copy) {
  Location loc = copy->getLoc();
  Value result = copy->getResult(0);
  auto in = [&](unsigned i) { return tangentOrZero(b, loc, copy->getOperand(i)); };
  auto add = [&](Value x, Value y) -> Value { return b.create<ir::AddOp>(loc, x.getType(), x, y); };
  auto sub = [&](Value x, Value y) -> Value { return b.create<ir::SubOp>(loc, x.getType(), x, y); };
  auto mul = [&](Value x, Value y) -> Value { return b.create<ir::MulOp>(loc, x.getType(), x, y); };
  auto div = [&](Value x, Value y) -> Value { return b.create<ir::DivOp>(loc, x.getType(), x, y); };
  auto operand = [&](unsigned i) { return copy->getOperand(i); };
  Value tangent = llvm::TypeSwitch<Operation *, Value>(copy)
                      .Case([&](tensor::CastOp) { return castTo(b, loc, in(0), result.getType()); })
                      .Case([&](arith::SelectOp select) -> Value {
                        return b.create<arith::SelectOp>(loc, select.getCondition(), in(1), in(2));
                      })
                      .Case([&](arith::AddFOp) { return add(in(0), in(1)); })
                      .Case([&](arith::SubFOp) { return sub(in(0), in(1)); })
                      .Case([&](arith::NegFOp) -> Value { return b.create<ir::NegOp>(loc, result.getType(), in(0)); })
                      .Case([&](arith::MulFOp) { return add(mul(in(0), operand(1)), mul(operand(0), in(1))); })
                      .Case([&](arith::DivFOp) { return div(sub(in(0), mul(result, in(1))), operand(1)); })
                      .Case<arith::ExtFOp, arith::TruncFOp>(
                          [&](Operation *) { return ir::convertTo(b, loc, in(0), ir::elementOf(result.getType())); })
                      .Default(Value());
  set(b, loc, result, tangent);
  return static_cast<bool>(tangent);
}

} // namespace

LogicalResult buildForward(func::FuncOp prepared, func::FuncOp generated, ArrayRef<int64_t> wrt,
                           const Activity &activity, DerivativeOf derivativeOf, DerivativeOf reverseOf) {
  Block &body = prepared.getBody().front();
  Block *entry = generated.addEntryBlock();
  OpBuilder b = OpBuilder::atBlockBegin(entry);
  IRMapping map;
  map.map(body.getArguments(), entry->getArguments().take_front(body.getNumArguments()));
  Forwarder forwarder(activity, map, derivativeOf, reverseOf);
  unsigned next = body.getNumArguments();
  for (int64_t i : wrt)
    forwarder.set(b, generated.getLoc(), entry->getArgument(i), entry->getArgument(next++));
  if (failed(forwarder.run(b, body)))
    return failure();
  SmallVector<Value> results, tangents;
  Operation *end = body.getTerminator();
  for (Value original : end->getOperands()) {
    Value result = map.lookupOrDefault(original);
    results.push_back(result);
    if (ir::isFloat(result.getType()))
      tangents.push_back(forwarder.tangentOrZero(b, end->getLoc(), result));
  }
  llvm::append_range(results, tangents);
  b.create<func::ReturnOp>(end->getLoc(), results);
  return success();
}

} // namespace dl::autodiff
