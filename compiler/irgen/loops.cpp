// Loops: scf.for where nothing leaves the body, scf.while with flags elsewhere.
#include "compiler/dialect/Dl.h"
#include "compiler/irgen/generator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"

namespace dl::irgen {

using mlir::Value;
using sema::Dim;
using sema::Stmt;
namespace arith = mlir::arith;

void FunctionGenerator::poll(mlir::Location loc) { builder_.create<ir::PollOp>(loc); }

void FunctionGenerator::flaggedWhile(mlir::Location loc, VariableSet assigned, Exits exits, bool harmless,
                                     llvm::function_ref<Value()> condition, llvm::function_ref<void()> body) {
  Loop loop;
  auto flag = [&](const char *name) {
    const sema::Variable *variable = newVariable(name, sema::scalarType(sema::Elem::Bool));
    environment_[variable] = {boolean(false)};
    return variable;
  };
  if (exits.breaks)
    loop.broken = flag("broken");
  loops_.push_back(loop);
  addExitVariables(exits, assigned);

  llvm::SmallVector<const sema::Variable *> variables = visible(assigned);
  Values before = current(variables);
  Types types(mlir::ValueRange(before).getTypes());
  llvm::SmallVector<mlir::Location> locations(types.size(), loc);
  auto op = builder_.create<mlir::scf::WhileOp>(loc, types, before);
  op->setAttr("dl.vars", namesOf(variables));
  {
    SizeTable::Scope scope(sizes_);
    mlir::Block *block = builder_.createBlock(&op.getBefore(), {}, types, locations);
    assignAll(variables, block->getArguments());
    Exits stops = exits;
    stops.continues = false;
    Value proceed;
    Value left = anyFlag(stops, loc);
    if (left && harmless)
      proceed =
          builder_.create<arith::AndIOp>(loc, condition(), builder_.create<arith::XOrIOp>(loc, left, boolean(true)));
    else if (left)
      proceed = emitIf(
          loc, left, assigned, {builder_.getI1Type()}, [&] { return Values{boolean(false)}; },
          [&] { return Values{condition()}; })[0];
    else
      proceed = condition();
    builder_.create<mlir::scf::ConditionOp>(loc, proceed, current(variables));
  }
  {
    SizeTable::Scope scope(sizes_);
    mlir::Block *block = builder_.createBlock(&op.getAfter(), {}, types, locations);
    assignAll(variables, block->getArguments());
    if (exits.continues) // lives for one iteration: not carried
      loops_.back().skipped = flag("skipped");
    body();
    builder_.create<mlir::scf::YieldOp>(loc, current(variables));
  }
  builder_.setInsertionPointAfter(op);
  assignAll(variables, op.getResults());
  loops_.pop_back();
}

void FunctionGenerator::whileLoop(const Stmt &stmt) {
  VariableSet assigned;
  collectAssigned(stmt, assigned);
  flaggedWhile(
      place(stmt.span), assigned, exitsOf(stmt.body), /*harmless=*/false, [&] { return scalar(*stmt.condition); },
      [&] {
        if (stmt.pollInterrupt)
          poll(place(stmt.span));
        body(stmt.body, Sink{});
      });
}

static std::optional<int64_t> constantOf(Value value) {
  llvm::APInt number;
  if (value && mlir::matchPattern(value, mlir::m_ConstantInt(&number)))
    return number.getSExtValue();
  return std::nullopt;
}

void FunctionGenerator::enterIteration(const Stmt &stmt, Value position, std::optional<int64_t> step) {
  const sema::Variable *variable = stmt.variable;
  if (!variable)
    return;
  environment_[variable] = {position};
  std::optional<Dim> low = symbolic(*stmt.begin), high = symbolic(*stmt.end);
  Dim one(int64_t(1));
  if (low && high) {
    if (step && *step < 0)
      std::tie(low, high) = std::pair(*high + one, *low);
    else
      high = *high - one;
  }
  bool known = low && high && step && *step != 0;
  Dim symbol = variable->dim && variable->dim->isSymbol() ? *variable->dim
                                                          : Dim::fresh(variable->name, known && low->nonNegative());
  loopSymbols_.try_emplace(variable, symbol);
  bindInt(symbol, position);
  if (known)
    ranges_.add(symbol.symbolId(), *low, *high);
}

void FunctionGenerator::leavingFor(const Stmt &stmt, Value begin, Value end, Value step) {
  mlir::Location loc = place(stmt.span);
  const sema::Variable *position = newVariable("position", sema::scalarType(sema::Elem::I64));
  environment_[position] = {begin};
  VariableSet assigned;
  collectAssigned(stmt.body, assigned);
  assigned.insert(position);
  std::optional<int64_t> constantStep = constantOf(step);
  auto compare = [&](arith::CmpIPredicate predicate, Value a, Value b) -> Value {
    return builder_.create<arith::CmpIOp>(loc, predicate, a, b);
  };
  auto before = [&]() -> Value {
    Value at = environment_[position][0];
    if (constantStep)
      return compare(*constantStep > 0 ? arith::CmpIPredicate::slt : arith::CmpIPredicate::sgt, at, end);
    Value none = builder_.create<arith::ConstantIntOp>(loc, 0, 64);
    return builder_.create<arith::SelectOp>(loc, compare(arith::CmpIPredicate::sgt, step, none),
                                            compare(arith::CmpIPredicate::slt, at, end),
                                            compare(arith::CmpIPredicate::sgt, at, end));
  };
  flaggedWhile(loc, assigned, exitsOf(stmt.body), /*harmless=*/true, before, [&] {
    if (pollsForLoops_ && stmt.pollInterrupt)
      poll(loc);
    Value at = environment_[position][0];
    enterIteration(stmt, at, constantStep);
    body(stmt.body, Sink{});
    environment_[position] = {builder_.create<arith::AddIOp>(loc, at, step)};
  });
}

void FunctionGenerator::forLoop(const Stmt &stmt) {
  mlir::Location loc = place(stmt.span);
  Value begin = scalar(*stmt.begin), end = scalar(*stmt.end);
  Value one = builder_.create<arith::ConstantIntOp>(loc, 1, 64),
        none = builder_.create<arith::ConstantIntOp>(loc, 0, 64);
  Value step = stmt.step ? scalar(*stmt.step) : one;
  std::optional<int64_t> constantStep = constantOf(step);
  if (!constantStep || *constantStep == 0) {
    Value moves = builder_.create<arith::CmpIOp>(loc, arith::CmpIPredicate::ne, step, none);
    builder_.create<ir::AssertOp>(loc, moves, "the step of a loop cannot be 0", mlir::ValueRange{});
  }
  if (exitsOf(stmt.body).any()) {
    leavingFor(stmt, begin, end, step);
    return;
  }

  auto toIndex = [&](Value v) -> Value {
    if (auto cast = v.getDefiningOp<arith::IndexCastOp>(); cast && cast.getIn().getType().isIndex())
      return cast.getIn();
    return builder_.createOrFold<arith::IndexCastOp>(loc, builder_.getIndexType(), v);
  };
  bool direct = constantStep && *constantStep > 0;
  Value lower = begin, upper = end, stride = step;
  if (!direct) { // count the iterations: ceil(distance / |step|)
    Value down = builder_.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, step, none);
    Value forward = builder_.createOrFold<arith::SubIOp>(loc, end, begin);
    Value backward = builder_.createOrFold<arith::SubIOp>(loc, begin, end);
    Value negated = builder_.createOrFold<arith::SubIOp>(loc, none, step);
    Value distance = builder_.createOrFold<arith::SelectOp>(loc, down, backward, forward);
    Value length = builder_.createOrFold<arith::SelectOp>(loc, down, negated, step);
    Value padded =
        builder_.createOrFold<arith::AddIOp>(loc, distance, builder_.createOrFold<arith::SubIOp>(loc, length, one));
    Value count = builder_.createOrFold<arith::DivSIOp>(loc, padded, length);
    lower = none;
    upper = builder_.createOrFold<arith::MaxSIOp>(loc, count, none);
    stride = one;
  }

  VariableSet assigned;
  collectAssigned(stmt.body, assigned);
  llvm::SmallVector<const sema::Variable *> variables = visible(assigned);
  Values before = current(variables);
  auto op = builder_.create<mlir::scf::ForOp>(loc, toIndex(lower), toIndex(upper), toIndex(stride), before);
  op->setAttr("dl.vars", namesOf(variables));
  if (stmt.variable)
    op->setAttr("dl.index", builder_.getStringAttr(stmt.variable->name));
  mlir::Block *block = op.getBody();
  if (!block->empty())
    block->back().erase(); // the terminator that a loop without carried values comes with
  loops_.push_back({});
  {
    SizeTable::Scope scope(sizes_);
    builder_.setInsertionPointToStart(block);
    assignAll(variables, op.getRegionIterArgs());
    if (pollsForLoops_ && stmt.pollInterrupt)
      poll(loc);
    Value position = builder_.createOrFold<arith::IndexCastOp>(loc, builder_.getI64Type(), op.getInductionVar());
    if (!direct)
      position = builder_.create<arith::AddIOp>(loc, begin, builder_.create<arith::MulIOp>(loc, position, step));
    enterIteration(stmt, position, constantStep);
    body(stmt.body, Sink{});
    builder_.create<mlir::scf::YieldOp>(loc, current(variables));
  }
  builder_.setInsertionPointAfter(op);
  assignAll(variables, op.getResults());
  loops_.pop_back();
}

} // namespace dl::irgen
