// Statements: declarations, exits and what follows them, checks. Loops: loops.cpp.
#include "compiler/dialect/Dl.h"
#include "compiler/irgen/generator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace dl::irgen {

using mlir::Value;
using sema::ExprKind;
using sema::Stmt;
using sema::StmtKind;

FunctionGenerator::FunctionGenerator(ModuleContext &module, const sema::Function &function, bool pollsForLoops)
    : module_(module), function_(function), op_(module.functions.lookup(&function)), context_(op_.getContext()),
      builder_(op_.getContext()), pollsForLoops_(pollsForLoops) {}

// Whether a function returns elsewhere than at the end of its own body.
static bool returnsEarly(const sema::Body &body) {
  if (exitsOf(body.value).returns)
    return true;
  for (const Stmt *stmt : body.stmts) {
    bool last = stmt == body.stmts.back() && !body.value;
    bool plainReturn = stmt->kind == StmtKind::Return && !exitsOf(stmt->value).returns;
    if (exitsOf(*stmt).returns && !(last && plainReturn))
      return true;
  }
  return false;
}

void FunctionGenerator::run() {
  mlir::Block *entry = op_.addEntryBlock();
  builder_.setInsertionPointToStart(entry);
  if (!function_.body) {
    fail(function_.span, "`" + function_.name + "` has no body");
    return;
  }

  Values arguments(entry->args_begin(), entry->args_end());
  std::vector<sema::Type> types;
  size_t next = 0;
  for (const sema::Variable *param : function_.params) {
    size_t count = countLeaves(param->type);
    Values values(arguments.begin() + next, arguments.begin() + next + count);
    next += count;
    if (values.size() == 1)
      bindInt(param->dim, values[0]);
    environment_[param] = std::move(values);
    types.push_back(param->type);
  }
  bindSizes(sema::tupleType(types), arguments);

  bool hasResult = countLeaves(function_.result) != 0;
  slot_ = newVariable("result", function_.result ? function_.result : sema::unitType());
  if (returnsEarly(*function_.body)) {
    sema::Variable *returned = newVariable("returned", sema::scalarType(sema::Elem::Bool));
    returned_ = returned;
    environment_[returned_] = {boolean(false)};
    environment_[slot_] = placeholders(slot_->type);
  }
  body(function_.body, Sink{nullptr, hasResult});

  Values results;
  if (hasResult)
    results = read(slot_, function_.span);
  for (size_t i = 0; i < function_.params.size() && i < function_.isMut.size(); ++i)
    if (function_.isMut[i])
      llvm::append_range(results, read(function_.params[i], function_.span));
  Types resultTypes(op_.getResultTypes().begin(), op_.getResultTypes().end());
  builder_.create<mlir::func::ReturnOp>(op_.getLoc(), coerce(results, resultTypes));
}

// ------------------------------------------------------------------------------------------- lists of statements
Values FunctionGenerator::body(const sema::Body *body, const Sink &sink) {
  if (!body)
    return sink.type ? placeholders(sink.type) : Values{};
  return statementsFrom(*body, 0, sink);
}

Values FunctionGenerator::statementsFrom(const sema::Body &body, size_t first, const Sink &sink) {
  for (size_t i = first; i < body.stmts.size(); ++i) {
    const Stmt &stmt = *body.stmts[i];
    if (stmt.kind == StmtKind::Break || stmt.kind == StmtKind::Continue || stmt.kind == StmtKind::Return) {
      leave(stmt);
      return sink.type ? placeholders(sink.type) : Values{};
    }
    if (Exits exits = exitsOf(stmt); exits.any())
      return leavingStatement(body, i, exits, sink);
    statement(stmt);
  }
  return finish(body, sink);
}

// Whether evaluation ends in an error, so that the value is never seen.
static bool neverReturns(const sema::Expr &e) {
  if (e.kind == ExprKind::Block)
    return e.thenBody && e.thenBody->value && neverReturns(*e.thenBody->value);
  return e.kind == ExprKind::Unreachable;
}

Values FunctionGenerator::finish(const sema::Body &body, const Sink &sink) {
  bool wanted = sink.type || sink.toSlot;
  sema::Type type = sink.toSlot ? slot_->type : sink.type;
  Values values;
  if (body.value) {
    values = value(*body.value);
    if (wanted && neverReturns(*body.value))
      values = placeholders(type);
  } else if (sink.type) {
    values = placeholders(type);
  }
  if (!sink.toSlot)
    return sink.type ? coerce(values, flatten(type, context_)) : Values{};
  if (!body.value) { // the end is reached only after a return or an error
    if (!environment_.count(slot_))
      environment_[slot_] = placeholders(type);
    return {};
  }
  Exits exits = exitsOf(body.value);
  if (!exits.any()) {
    write(slot_, values);
    return {};
  }
  mlir::Location loc = place(body.value->span);
  VariableSet assigned;
  assigned.insert(slot_);
  Value left = anyFlag(exits, loc);
  return emitIf(
      loc, left, assigned, {}, [] { return Values{}; },
      [&] {
        write(slot_, values);
        return Values{};
      });
}

void FunctionGenerator::addRestVariables(const sema::Body &body, size_t first, const Sink &sink,
                                         VariableSet &assigned) {
  Exits exits = exitsOf(body.value);
  for (size_t i = first; i < body.stmts.size(); ++i) {
    collectAssigned(*body.stmts[i], assigned);
    exits |= exitsOf(*body.stmts[i]);
  }
  collectAssigned(body.value, assigned);
  addExitVariables(exits, assigned);
  if (sink.toSlot)
    assigned.insert(slot_);
}

Values FunctionGenerator::guardedRest(const sema::Body &body, size_t first, Exits exits, const Sink &sink) {
  Types types = sink.type ? flatten(sink.type, context_) : Types{};
  auto skip = [&] { return sink.type ? placeholders(sink.type) : Values{}; };
  if (first == body.stmts.size() && !body.value)
    return skip();
  Span span = first < body.stmts.size() ? body.stmts[first]->span : body.value->span;
  mlir::Location loc = place(span);
  VariableSet assigned;
  addRestVariables(body, first, sink, assigned);
  return emitIf(loc, anyFlag(exits, loc), assigned, types, skip, [&] { return statementsFrom(body, first, sink); });
}

Values FunctionGenerator::leavingStatement(const sema::Body &body, size_t index, Exits exits, const Sink &sink) {
  const Stmt &stmt = *body.stmts[index];
  bool isIf = stmt.kind == StmtKind::Eval && stmt.value->kind == ExprKind::If && !exitsOf(stmt.value->args[0]).any();
  if (!isIf || (!alwaysExits(stmt.value->thenBody) && !alwaysExits(stmt.value->elseBody))) {
    statement(stmt);
    return guardedRest(body, index + 1, exits, sink);
  }

  // One branch always leaves: the rest belongs to the other.
  const sema::Expr &e = *stmt.value;
  Value condition = scalar(*e.args[0]);
  VariableSet assigned; // not by the condition, which may have variables of its own and is done
  collectAssigned(e.thenBody, assigned);
  collectAssigned(e.elseBody, assigned);
  addExitVariables(exits, assigned);
  addRestVariables(body, index + 1, sink, assigned);
  auto branch = [&](const sema::Body *part) {
    this->body(part, Sink{});
    if (alwaysExits(part))
      return sink.type ? placeholders(sink.type) : Values{};
    Exits partExits = exitsOf(part);
    return partExits.any() ? guardedRest(body, index + 1, partExits, sink) : statementsFrom(body, index + 1, sink);
  };
  return emitIf(
      place(stmt.span), condition, assigned, sink.type ? flatten(sink.type, context_) : Types{},
      [&] { return branch(e.thenBody); }, [&] { return branch(e.elseBody); });
}

void FunctionGenerator::leave(const Stmt &stmt) {
  const sema::Variable *flag = nullptr;
  switch (stmt.kind) {
  case StmtKind::Break:
    flag = loops_.empty() ? nullptr : loops_.back().broken;
    break;
  case StmtKind::Continue:
    flag = loops_.empty() ? nullptr : loops_.back().skipped;
    break;
  default: {
    Values values = stmt.value ? value(*stmt.value) : Values{};
    if (stmt.value && neverReturns(*stmt.value))
      values = placeholders(slot_->type);
    write(slot_, countLeaves(slot_->type) ? values : Values{});
    if (!returned_)
      return;
    flag = returned_;
  }
  }
  if (flag)
    environment_[flag] = {boolean(true)};
  else
    fail(stmt.span, "`break` or `continue` outside of a loop");
}

// ---------------------------------------------------------------------------------------------- single statements
void FunctionGenerator::statement(const Stmt &stmt) {
  auto here = at(stmt.span);
  switch (stmt.kind) {
  case StmtKind::Let:
    let(stmt);
    break;
  case StmtKind::Assign: {
    Values values = value(*stmt.value);
    write(stmt.variable, neverReturns(*stmt.value) ? placeholders(stmt.variable->type) : values);
    nameResult(*stmt.variable, environment_[stmt.variable]);
    break;
  }
  case StmtKind::Eval:
    value(*stmt.value);
    break;
  case StmtKind::While:
    whileLoop(stmt);
    break;
  case StmtKind::For:
    forLoop(stmt);
    break;
  case StmtKind::Assert:
    assertion(stmt);
    break;
  case StmtKind::CheckEqual:
    checkEqual(stmt);
    break;
  case StmtKind::Break:
  case StmtKind::Continue:
  case StmtKind::Return:
    leave(stmt);
    break;
  }
}

void FunctionGenerator::let(const Stmt &stmt) {
  const sema::Variable *variable = stmt.variable;
  Values values = value(*stmt.value);
  if (neverReturns(*stmt.value))
    values = placeholders(variable->type);
  write(variable, values);
  const Values &stored = environment_[variable];
  nameResult(*variable, stored);
  bindSizes(variable->type, stored);
  if (stored.size() == 1)
    bindInt(variable->dim, stored[0]);
}

void FunctionGenerator::assertion(const Stmt &stmt) {
  mlir::Location loc = place(stmt.span);
  Value condition = scalar(*stmt.condition);
  const std::string *text = nullptr;
  if (stmt.message && stmt.message->kind == ExprKind::Constant)
    text = std::get_if<std::string>(&stmt.message->literal.value);
  if (!stmt.message || text) {
    builder_.create<ir::AssertOp>(loc, condition, text ? *text : std::string("assertion failed"), mlir::ValueRange{});
    return;
  }
  // The message is made only where it is needed; it may take time and have effects of its own.
  VariableSet assigned;
  collectAssigned(stmt.message, assigned);
  emitIf(
      loc, condition, assigned, {}, [] { return Values{}; },
      [&] {
        Values message = value(*stmt.message);
        builder_.create<ir::ExternOp>(loc, mlir::TypeRange{}, builder_.getStringAttr("dl_rt_error"), message,
                                      /*pure=*/mlir::UnitAttr{});
        return Values{};
      });
}

void FunctionGenerator::checkEqual(const Stmt &stmt) {
  // A size that has no value yet takes it from the other side.
  for (auto [open, known] : {std::pair(&stmt.lhs, &stmt.rhs), std::pair(&stmt.rhs, &stmt.lhs)})
    if (open->isSymbol() && !sizes_.isBound(open->symbolId()) && sizes_.allBound(*known)) {
      sizes_.bind(open->symbolId(), size(*known));
      return;
    }
  mlir::Location loc = place(stmt.span);
  Value lhs = size(stmt.lhs), rhs = size(stmt.rhs);
  Value equal = builder_.create<mlir::arith::CmpIOp>(loc, mlir::arith::CmpIPredicate::eq, lhs, rhs);
  auto number = [&](Value v) { return builder_.createOrFold<mlir::arith::IndexCastOp>(loc, builder_.getI64Type(), v); };
  builder_.create<ir::AssertOp>(loc, equal, stmt.text, mlir::ValueRange{number(lhs), number(rhs)});
}

} // namespace dl::irgen
