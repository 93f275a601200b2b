#include "compiler/autodiff/record_recursion.h"

#include "compiler/autodiff/anomaly.h"
#include "compiler/autodiff/cleanup.h"
#include "compiler/autodiff/info.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace dl::autodiff {

namespace {

constexpr llvm::StringLiteral kGet = "dl_rt_tape_get";

ValueRange callRuntime(OpBuilder &b, Location loc, StringRef name, TypeRange results, ValueRange operands,
                       bool pure = false) {
  return b.create<ir::ExternOp>(loc, results, b.getStringAttr(name), operands, pure ? b.getUnitAttr() : UnitAttr())
      .getResults();
}

void appendTo(Operation *terminator, Value value) { terminator->insertOperands(terminator->getNumOperands(), value); }

SmallVector<Type> with(ArrayRef<Type> types, std::initializer_list<Type> more) {
  SmallVector<Type> all(types);
  llvm::append_range(all, more);
  return all;
}

// The functions of the cycle, when all calls among them stand in loops and branches.
FailureOr<SmallVector<func::FuncOp>> cycleOf(func::FuncOp function) {
  SmallVector<func::FuncOp> cycle{function};
  for (size_t i = 0; i < cycle.size(); ++i) {
    WalkResult result = cycle[i].walk([&](func::CallOp call) {
      func::FuncOp callee = calleeOf(call);
      if (!callee || callee.isExternal() || !reaches(callee, function))
        return WalkResult::advance();
      for (Operation *around = call->getParentOp(); around != cycle[i]; around = around->getParentOp())
        if (!isa<scf::IfOp, scf::ForOp, scf::WhileOp>(around))
          return WalkResult::interrupt();
      if (!llvm::is_contained(cycle, callee))
        cycle.push_back(callee);
      return WalkResult::advance();
    });
    // A rule by the user is not what the body would give, and what is computed again shall keep nothing.
    if (result.wasInterrupted() || hasOwnDerivative(cycle[i]) || cycle[i]->hasAttr(kCheckpointAttr) ||
        cycle[i]->hasAttr(kOptionalRuleAttr))
      return failure();
  }
  return cycle;
}

// `function` without its first results.
void dropResults(func::FuncOp function, unsigned count) {
  Operation *end = function.getBody().front().getTerminator();
  end->eraseOperands(0, count);
  BitVector dropped(function.getNumResults());
  dropped.set(0, count);
  function.eraseResults(dropped);
}

} // namespace

bool isRecordable(func::FuncOp function) { return isRecursive(function) && succeeded(cycleOf(function)); }

bool RecursionRecorder::isMember(Operation *op) const {
  auto call = dyn_cast<func::CallOp>(op);
  return call && members_.contains(calleeOf(call));
}

bool RecursionRecorder::holdsCalls(Operation *op) const {
  return op->walk([&](Operation *nested) { return isMember(nested) ? WalkResult::interrupt() : WalkResult::advance(); })
      .wasInterrupted();
}

LogicalResult RecursionRecorder::add(func::FuncOp callee, func::FuncOp derivative) {
  if (!members_.contains(callee)) {
    FailureOr<SmallVector<func::FuncOp>> cycle = cycleOf(callee);
    if (failed(cycle))
      return success();
    for (func::FuncOp function : *cycle)
      declare(function);
    for (func::FuncOp function : *cycle) {
      makeRecorded(function, members_[function]);
      makePlayed(function, members_[function]);
    }
    for (func::FuncOp function : *cycle)
      if (failed(makeReverse(function, members_[function])))
        return failure();
    for (func::FuncOp function : *cycle) {
      Member &member = members_[function];
      (void)SymbolTable::replaceAllSymbolUses(member.rule, member.reverse.getSymNameAttr(),
                                              function->getParentOfType<ModuleOp>());
      member.rule.erase();
    }
  }
  rewrites_.push_back({callee, derivative});
  return success();
}

void RecursionRecorder::declare(func::FuncOp function) {
  OpBuilder b(function->getContext());
  auto module = function->getParentOfType<ModuleOp>();
  Type number = b.getI64Type();
  auto make = [&](StringRef suffix, ArrayRef<Type> arguments, ArrayRef<Type> results) {
    auto made = func::FuncOp::create(function.getLoc(), unusedName(module, (function.getName() + suffix).str()),
                                     b.getFunctionType(arguments, results));
    made.setPrivate();
    module.push_back(made);
    return made;
  };
  ArrayRef<Type> arguments = function.getArgumentTypes(), results = function.getResultTypes();
  SmallVector<Type> floats = with(arguments, {number, number}), gradients;
  llvm::copy_if(results, std::back_inserter(floats), ir::isFloat);
  llvm::copy_if(arguments, std::back_inserter(gradients), ir::isFloat);
  Member member;
  member.recorded = make("__recorded", with(arguments, {number}), results);
  member.played = make("__played", with(arguments, {number, number}), results);
  member.rule = make("__rule", floats, gradients);
  member.rule->setAttr(kUnfinishedAttr, b.getUnitAttr());
  member.loaded = make("__loaded", with(arguments, {number, number}), with(results, {number}));
  member.loaded->setAttr(kDerivativeAttr, FlatSymbolRefAttr::get(member.rule.getSymNameAttr()));
  Block *body = member.loaded.addEntryBlock();
  b.setInsertionPointToStart(body);
  ValueRange loaded = callRuntime(b, function.getLoc(), kGet, member.loaded.getResultTypes(),
                                  body->getArguments().take_back(2), /*pure=*/true);
  b.create<func::ReturnOp>(function.getLoc(), loaded);
  members_[function] = member;
}

void RecursionRecorder::makeRecorded(func::FuncOp function, Member &member) {
  IRMapping map;
  function.getBody().cloneInto(&member.recorded.getBody(), map);
  Value tape =
      member.recorded.getBody().front().addArgument(IntegerType::get(function->getContext(), 64), function.getLoc());
  SmallVector<func::CallOp> calls;
  member.recorded.walk([&](func::CallOp call) {
    if (isMember(call))
      calls.push_back(call);
  });
  for (func::CallOp call : calls) {
    OpBuilder b(call);
    Location loc = call.getLoc();
    Value number = callRuntime(b, loc, "dl_rt_tape_open", tape.getType(), tape)[0];
    SmallVector<Value> operands(call.getOperands());
    operands.push_back(tape);
    auto recorded = b.create<func::CallOp>(loc, members_[calleeOf(call)].recorded, operands);
    SmallVector<Value> kept{tape, number};
    llvm::append_range(kept, recorded.getResults());
    callRuntime(b, loc, "dl_rt_tape_close", {}, kept);
    call.replaceAllUsesWith(recorded.getResults());
    call.erase();
  }
}

void RecursionRecorder::makePlayed(func::FuncOp function, Member &member) {
  IRMapping map;
  function.getBody().cloneInto(&member.played.getBody(), map);
  Block &body = member.played.getBody().front();
  Location loc = function.getLoc();
  OpBuilder b = OpBuilder::atBlockBegin(&body);
  body.addArguments({b.getI64Type(), b.getI64Type()}, {loc, loc});
  Value one = b.create<arith::ConstantIntOp>(loc, 1, 64);
  play(body, b.create<arith::AddIOp>(loc, body.getArguments().back(), one));
}

Value RecursionRecorder::play(Block &block, Value next) {
  for (Operation &op : llvm::make_early_inc_range(block.without_terminator())) {
    if (isMember(&op)) {
      OpBuilder b(&op);
      SmallVector<Value> operands(op.getOperands());
      auto played = op.getParentOfType<func::FuncOp>();
      operands.push_back(played.getArguments().drop_back().back());
      operands.push_back(next);
      auto loaded = b.create<func::CallOp>(op.getLoc(), members_[calleeOf(cast<func::CallOp>(op))].loaded, operands);
      op.replaceAllUsesWith(loaded.getResults().drop_back());
      op.erase();
      next = loaded.getResults().back();
    } else if (op.getNumRegions() != 0 && holdsCalls(&op)) {
      next = playNested(&op, next);
    }
  }
  return next;
}

// The op again, with the number of the next call as one more value that it hands on.
Value RecursionRecorder::playNested(Operation *op, Value next) {
  OpBuilder b(op);
  Location loc = op->getLoc();
  SmallVector<Type> types = with(llvm::to_vector(op->getResultTypes()), {next.getType()});
  SmallVector<Value> operands(op->getOperands());
  if (!isa<scf::IfOp>(op))
    operands.push_back(next);
  OperationState state(loc, op->getName().getStringRef(), operands, types, op->getAttrs());
  for (unsigned i = 0; i < op->getNumRegions(); ++i)
    state.addRegion();
  Operation *again = b.create(state);
  for (auto [from, to] : llvm::zip_equal(op->getRegions(), again->getRegions()))
    to.takeBody(from);
  op->replaceAllUsesWith(again->getResults().drop_back());
  op->erase();
  for (Region &region : again->getRegions()) {
    if (region.empty()) { // no `else`
      OpBuilder::InsertionGuard guard(b);
      b.createBlock(&region);
      b.create<scf::YieldOp>(loc, next);
      continue;
    }
    Block &body = region.front();
    Value first = isa<scf::IfOp>(again) ? next : Value(body.addArgument(next.getType(), loc));
    appendTo(body.getTerminator(), play(body, first));
  }
  return again->getResults().back();
}

LogicalResult RecursionRecorder::makeReverse(func::FuncOp function, Member &member) {
  FailureOr<func::FuncOp> reverse = derivativeOf_(member.played, floatArguments(function));
  if (failed(reverse))
    return failure();
  member.reverse = *reverse;
  dropResults(member.reverse, function.getNumResults());
  cutDeadValues(member.reverse);
  return success();
}

void RecursionRecorder::finish() {
  for (auto [callee, derivative] : rewrites_) {
    const Member &member = members_[callee];
    Region &region = derivative.getBody();
    region.getBlocks().clear();
    Block *body = derivative.addEntryBlock();
    OpBuilder b = OpBuilder::atBlockBegin(body);
    Location loc = callee.getLoc();
    Type number = b.getI64Type();
    ValueRange arguments = body->getArguments().take_front(callee.getNumArguments());
    Value tape = callRuntime(b, loc, "dl_rt_tape_new", number, {})[0];
    SmallVector<Value> operands(arguments);
    operands.push_back(tape);
    auto recorded = b.create<func::CallOp>(loc, member.recorded, operands);
    // The outermost call is not on the tape: the first one on it is number 0.
    operands.push_back(b.create<arith::ConstantIntOp>(loc, -1, 64));
    llvm::append_range(operands, body->getArguments().drop_front(callee.getNumArguments()));
    auto reverse = b.create<func::CallOp>(loc, member.reverse, operands);
    callRuntime(b, loc, "dl_rt_tape_free", {}, tape);
    SmallVector<Value> results(recorded.getResults());
    llvm::append_range(results, reverse.getResults());
    b.create<func::ReturnOp>(loc, results);
  }
  // Up to here, reading the tape was an op without effects, which may be differentiated. From here on it must stay
  // between the writing and the end of the tape.
  for (auto &[function, member] : members_)
    member.played.erase();
  for (auto [callee, derivative] : rewrites_)
    derivative->getParentOfType<ModuleOp>().walk([](ir::ExternOp op) {
      if (op.getCallee() == kGet)
        op.removePureAttr();
    });
}

} // namespace dl::autodiff
