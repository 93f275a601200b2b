#include "compiler/autodiff/checkpoint.h"

#include "compiler/autodiff/info.h"
#include "compiler/autodiff/iterations.h"
#include "compiler/autodiff/prepare.h"

#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;

namespace dl::autodiff {

namespace {

// So many iterations are reversed at once, with their values on stacks.
constexpr int64_t kBlock = 16;
// On a loop: it is such a block.
constexpr StringLiteral kBlockAttr = "dl.block";
// On a checkpointed function: it begins by setting the random generator.
constexpr StringLiteral kSeededAttr = "dl.seeded";
constexpr StringLiteral kQuietAttr = "dl.quiet"; // the name of the quiet version of a function

func::FuncOp declare(ModuleOp module, Location loc, const std::string &wish, TypeRange inputs, TypeRange results) {
  auto function =
      func::FuncOp::create(loc, unusedName(module, wish), FunctionType::get(module.getContext(), inputs, results));
  function.setPrivate();
  module.push_back(function);
  function.addEntryBlock();
  return function;
}

bool isSilenced(Operation *op) {
  return op->getNumRegions() == 0 && op->getNumResults() == 0 && !op->hasTrait<OpTrait::IsTerminator>() &&
         (effectsOf(op) & Other);
}

// A loop of a checkpointed function, taken out.
class Halving {
public:
  Halving(scf::ForOp loop, const Activity &activity, DerivativeOf derivativeOf)
      : loop_(loop), module_(loop->getParentOfType<ModuleOp>()), loc_(loop.getLoc()),
        base_(loop->getParentOfType<func::FuncOp>().getName().split("__vjp").first.str()), derivativeOf_(derivativeOf),
        random_(effectsOf(loop) & Random) {
    llvm::SetVector<Value> used;
    used.insert(loop.getLowerBound());
    used.insert(loop.getStep());
    getUsedValuesDefinedAbove(loop->getRegions(), used);
    for (Value value : used)
      if (!isConstant(value))
        captured_.push_back(value);
    unsigned position = first();
    for (Value value : captured_) {
      if (activity.isActive(value))
        by_.push_back(position);
      ++position;
    }
    byCaptured_ = by_.size();
    for (Value arg : loop.getRegionIterArgs()) {
      if (activity.isActive(arg))
        by_.push_back(position);
      ++position;
    }
  }

  LogicalResult run() {
    func::FuncOp steps = makeSteps();
    FailureOr<func::FuncOp> again = quietVersion(steps);
    if (failed(again))
      return failure();
    auto block = cast<func::FuncOp>((*again)->clone());
    block.setName(unusedName(module_, base_ + "__block"));
    module_.push_back(block);
    block->setAttr(kCheckpointAttr, UnitAttr::get(module_.getContext())); // for the loops inside
    func::FuncOp rule = makeRuleHead();
    for (func::FuncOp each : {steps, *again}) {
      each->setAttr(kDerivativeAttr, FlatSymbolRefAttr::get(rule.getSymNameAttr()));
      each->setAttr(kDerivativeByAttr, OpBuilder(module_.getContext()).getDenseI64ArrayAttr(by_));
      each->setAttr(kOptionalRuleAttr, UnitAttr::get(module_.getContext()));
    }
    FailureOr<func::FuncOp> reversed = derivativeOf_(block, by_);
    if (failed(reversed))
      return failure();
    fillRule(rule, *again, *reversed);
    replaceLoop(steps);
    return success();
  }

private:
  // Parameters of the functions made: the first and the last iteration, the state of the generator when the body draws
  // numbers, what the body captures, the carried values.
  unsigned first() const { return random_ ? 4 : 2; }

  static bool isConstant(Value value) {
    Operation *op = value.getDefiningOp();
    return op && op->hasTrait<OpTrait::ConstantLike>();
  }

  SmallVector<Type> inputs() {
    OpBuilder b(module_.getContext());
    SmallVector<Type> types(2, b.getIndexType());
    if (random_)
      types.append(2, b.getI64Type());
    for (Value value : captured_)
      types.push_back(value.getType());
    llvm::append_range(types, loop_.getInits().getTypes());
    return types;
  }
  SmallVector<Type> results() {
    SmallVector<Type> types(loop_.getResultTypes());
    if (random_)
      types.append(2, IntegerType::get(module_.getContext(), 64));
    return types;
  }

  // steps(from, to, …) -> the carried values after the iterations from … to - 1.
  func::FuncOp makeSteps() {
    func::FuncOp function = declare(module_, loc_, base_ + "__steps", inputs(), results());
    Block &entry = function.getBody().front();
    OpBuilder b = OpBuilder::atBlockBegin(&entry);
    if (random_)
      restoreRandomState(b, loc_, {entry.getArgument(2), entry.getArgument(3)});
    IRMapping map;
    map.map(captured_, entry.getArguments().slice(first(), captured_.size()));
    llvm::SetVector<Value> used;
    used.insert(loop_.getLowerBound());
    used.insert(loop_.getStep());
    getUsedValuesDefinedAbove(loop_->getRegions(), used);
    for (Value value : used)
      if (isConstant(value))
        b.clone(*value.getDefiningOp(), map);
    auto loop = b.create<scf::ForOp>(loc_, entry.getArgument(0), entry.getArgument(1), ir::indexConstant(b, loc_, 1),
                                     entry.getArguments().drop_front(first() + captured_.size()),
                                     [&](OpBuilder &b, Location loc, Value n, ValueRange carried) {
                                       map.map(loop_.getInductionVar(), inductionOf(b, n, map));
                                       map.map(loop_.getRegionIterArgs(), carried);
                                       for (Operation &op : loop_.getBody()->without_terminator())
                                         b.clone(op, map);
                                       SmallVector<Value> next;
                                       for (Value value : loop_.getYieldedValues())
                                         next.push_back(map.lookupOrDefault(value));
                                       b.create<scf::YieldOp>(loc, next);
                                     });
    loop->setAttr(kBlockAttr, b.getUnitAttr());
    SmallVector<Value> values(loop.getResults());
    if (random_) {
      RandomState after = saveRandomState(b, loc_);
      values.append({after.seed, after.position});
    }
    b.create<func::ReturnOp>(loc_, values);
    return function;
  }

  Value inductionOf(OpBuilder &b, Value n, const IRMapping &map) {
    Value lower = map.lookupOrDefault(loop_.getLowerBound()), step = map.lookupOrDefault(loop_.getStep());
    Value value = n.getType() == lower.getType() ? n : Value(b.create<arith::IndexCastOp>(loc_, lower.getType(), n));
    value = b.createOrFold<arith::MulIOp>(loc_, value, step);
    return b.createOrFold<arith::AddIOp>(loc_, value, lower);
  }

  func::FuncOp makeRuleHead() {
    SmallVector<Type> types = inputs(), gradients;
    for (Type type : loop_.getResultTypes())
      if (ir::isFloat(type))
        types.push_back(type);
    for (int64_t i : by_)
      gradients.push_back(types[i]);
    return declare(module_, loc_, base_ + "__halves", types, gradients);
  }

  void fillRule(func::FuncOp rule, func::FuncOp again, func::FuncOp reversed) {
    Block &entry = rule.getBody().front();
    OpBuilder b = OpBuilder::atBlockBegin(&entry);
    ArrayRef<BlockArgument> all = entry.getArguments();
    Value from = all[0], to = all[1];
    SmallVector<Value> own(all.begin(), all.begin() + inputs().size()),
        cotangents(all.begin() + inputs().size(), all.end());
    Value length = b.create<arith::SubIOp>(loc_, to, from);
    Value isShort =
        b.create<arith::CmpIOp>(loc_, arith::CmpIPredicate::sle, length, ir::indexConstant(b, loc_, kBlock));
    auto branch = b.create<scf::IfOp>(loc_, rule.getResultTypes(), isShort, /*withElseRegion=*/true);

    OpBuilder in = branch.getThenBodyBuilder();
    SmallVector<Value> arguments(own);
    llvm::append_range(arguments, cotangents);
    auto whole = in.create<func::CallOp>(loc_, reversed, arguments);
    in.create<scf::YieldOp>(loc_, whole.getResults().drop_front(results().size()));

    OpBuilder out = branch.getElseBodyBuilder();
    Value half = out.create<arith::DivSIOp>(loc_, length, ir::indexConstant(out, loc_, 2));
    Value middle = out.create<arith::AddIOp>(loc_, from, half);
    SmallVector<Value> lower(own), upper(own);
    lower[1] = middle;
    upper[0] = middle;
    ValueRange states = out.create<func::CallOp>(loc_, again, lower).getResults();
    unsigned carried = loop_.getNumResults(), at = first() + captured_.size();
    for (unsigned i = 0; i < carried; ++i)
      upper[at + i] = states[i];
    if (random_) {
      upper[2] = states[carried];
      upper[3] = states[carried + 1];
    }
    llvm::append_range(upper, cotangents);
    ValueRange second = out.create<func::CallOp>(loc_, rule, upper).getResults();
    // What flows out of the second half at its beginning flows into the first at its end.
    unsigned next = 0;
    for (unsigned i = 0; i < carried; ++i) {
      if (!ir::isFloat(loop_.getResult(i).getType()))
        continue;
      auto found = llvm::find(by_, at + i);
      lower.push_back(found == by_.end() ? cotangents[next] : second[found - by_.begin()]);
      ++next;
    }
    ValueRange begin = out.create<func::CallOp>(loc_, rule, lower).getResults();
    SmallVector<Value> sums(begin);
    for (size_t i = 0; i < byCaptured_; ++i)
      sums[i] = out.create<ir::AddOp>(loc_, sums[i].getType(), second[i], begin[i]);
    out.create<scf::YieldOp>(loc_, sums);
    b.create<func::ReturnOp>(loc_, branch.getResults());
  }

  void replaceLoop(func::FuncOp steps) {
    OpBuilder b(loop_);
    Iterations iterations(b, loop_);
    SmallVector<Value> arguments{ir::indexConstant(b, loc_, 0), iterations.trip};
    if (random_) {
      RandomState state = saveRandomState(b, loc_);
      arguments.append({state.seed, state.position});
    }
    llvm::append_range(arguments, captured_);
    llvm::append_range(arguments, loop_.getInits());
    auto call = b.create<func::CallOp>(loc_, steps, arguments);
    loop_.replaceAllUsesWith(call.getResults().take_front(loop_.getNumResults()));
    loop_.erase();
  }

  scf::ForOp loop_;
  ModuleOp module_;
  Location loc_;
  std::string base_;
  DerivativeOf derivativeOf_;
  bool random_;
  SmallVector<Value> captured_;
  SmallVector<int64_t> by_; // positions of the parameters whose gradients the rule gives, captured ones first
  size_t byCaptured_ = 0;
};

} // namespace

void seedCheckpoints(func::FuncOp prepared) {
  ModuleOp module = prepared->getParentOfType<ModuleOp>();
  llvm::DenseMap<Operation *, func::FuncOp> seeded;
  SmallVector<func::CallOp> calls;
  prepared.walk([&](func::CallOp call) {
    func::FuncOp callee = calleeOf(call);
    if (callee && callee->hasAttr(kCheckpointAttr) && !callee->hasAttr(kSeededAttr) && (effectsOf(callee) & Random))
      calls.push_back(call);
  });
  for (func::CallOp call : calls) {
    func::FuncOp callee = calleeOf(call);
    func::FuncOp &target = seeded[callee];
    Location loc = call.getLoc();
    if (!target) {
      Type i64 = IntegerType::get(module.getContext(), 64);
      SmallVector<Type> inputs{i64, i64};
      llvm::append_range(inputs, callee.getArgumentTypes());
      target = declare(module, callee.getLoc(), callee.getName().str() + "__seeded", inputs, callee.getResultTypes());
      for (StringLiteral attr : {kCheckpointAttr, kSeededAttr})
        target->setAttr(attr, UnitAttr::get(module.getContext()));
      OpBuilder b = OpBuilder::atBlockBegin(&target.getBody().front());
      restoreRandomState(b, callee.getLoc(), {target.getArgument(0), target.getArgument(1)});
      b.create<func::ReturnOp>(callee.getLoc(), inlineBody(b, loc, callee, target.getArguments().drop_front(2)));
    }
    OpBuilder b(call);
    RandomState state = saveRandomState(b, loc);
    SmallVector<Value> arguments{state.seed, state.position};
    llvm::append_range(arguments, call.getOperands());
    call.replaceAllUsesWith(b.create<func::CallOp>(loc, target, arguments).getResults());
    call.erase();
  }
}

FailureOr<func::FuncOp> quietVersion(func::FuncOp function) {
  if (!(effectsOf(function) & Other))
    return function;
  ModuleOp module = function->getParentOfType<ModuleOp>();
  if (auto made = function->getAttrOfType<StringAttr>(kQuietAttr))
    if (auto found = module.lookupSymbol<func::FuncOp>(made))
      return found;
  func::FuncOp copy = inlinedCopy(function, unusedName(module, function.getName().str() + "__quiet"));
  for (StringLiteral attr : {kCheckpointAttr, kSeededAttr})
    if (function->hasAttr(attr))
      copy->setAttr(attr, UnitAttr::get(module.getContext()));
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    if (DictionaryAttr attributes = function.getResultAttrDict(i))
      copy.setResultAttrs(i, attributes);
  function->setAttr(kQuietAttr, copy.getSymNameAttr()); // before it is looked for in a call of itself
  SmallVector<Operation *> silenced;
  SmallVector<func::CallOp> calls;
  copy.walk([&](Operation *op) {
    if (auto call = dyn_cast<func::CallOp>(op); call && calleeOf(call) && !calleeOf(call).isExternal())
      calls.push_back(call);
    else if (isSilenced(op))
      silenced.push_back(op);
  });
  for (Operation *op : silenced)
    op->erase();
  for (func::CallOp call : calls) {
    FailureOr<func::FuncOp> quiet = quietVersion(calleeOf(call));
    if (failed(quiet))
      return failure();
    call.setCallee((*quiet).getName());
  }
  WalkResult rest = copy.walk([&](Operation *op) {
    if (op->getNumRegions() != 0 || llvm::is_contained(calls, dyn_cast<func::CallOp>(op)) || !(effectsOf(op) & Other))
      return WalkResult::advance();
    (void)notDifferentiable(
        op, "it has an effect, and the derivative of a function that is computed again would repeat it");
    return WalkResult::interrupt();
  });
  if (rest.wasInterrupted())
    return failure();
  return copy;
}

LogicalResult halveLoops(func::FuncOp prepared, ArrayRef<int64_t> wrt, DerivativeOf derivativeOf) {
  Activity activity(prepared, wrt);
  SmallVector<scf::ForOp> loops;
  prepared.walk<WalkOrder::PreOrder>([&](scf::ForOp loop) {
    if (loop->hasAttr(kBlockAttr) ||
        llvm::none_of(loop.getRegionIterArgs(), [&](Value arg) { return activity.isActive(arg); }))
      return WalkResult::advance();
    loops.push_back(loop);
    return WalkResult::skip();
  });
  for (scf::ForOp loop : loops)
    if (failed(Halving(loop, activity, derivativeOf).run()))
      return failure();
  return success();
}

} // namespace dl::autodiff
