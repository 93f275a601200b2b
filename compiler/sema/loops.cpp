// Loops: over ranges, rows, tuples (written out), and modules that have `len` and `at`.
#include "compiler/sema/checker.h"
#include "compiler/syntax/walk.h"

namespace dl::sema {

void Checker::checkWhile(const ast::While *stmt) {
  Restore<std::map<uint32_t, Dim>> equal(frame_->equal);
  Restore<std::vector<Dim>> zero(frame_->zero);
  Stmt *loop = makeStmt(StmtKind::While, stmt->span);
  Restore<int> depth(frame_->depth, frame_->depth + 1);
  Restore<int> loops(frame_->loops, frame_->loops + 1);
  Restore<Leaving *> leaving(frame_->leaving, nullptr);
  // The condition is evaluated again and again, with all that it needs.
  Value cond = inOwnBody([&] { return checkScalarBool(stmt->condition); }, stmt->condition->span);
  loop->condition = cond.expr;
  loop->body = makeBody();
  if (!cond.bad())
    emit(loop);
  Restore<Body *> inner(frame_->body, loop->body);
  checkBlock(stmt->body, newScope(scope_), false);
}

void Checker::checkFor(const ast::For *stmt) {
  if (!stmt->in) {
    forRange(stmt);
    return;
  }
  if (std::optional<std::vector<Column>> columns = columnsOf(stmt))
    forColumns(stmt, *columns);
}

void Checker::forRange(const ast::For *stmt) {
  Value begin = checkExpr(stmt->begin), end = checkExpr(stmt->end);
  std::optional<Value> step;
  if (stmt->step)
    step = checkExpr(stmt->step);
  for (const Value *v : {&begin, &end, step ? &*step : nullptr}) {
    if (!v)
      continue;
    if (v->bad())
      return;
    if (!isInt(v->type)) {
      error(Code::TypeMismatch, v->span, "a range goes over ints, this is " + describe(*v));
      return;
    }
  }
  if (step && step->known.dim && step->known.dim->isConst() && step->known.dim->constant() == 0) {
    error(Code::BadOperand, stmt->step->span, "the step of a range cannot be 0");
    return;
  }
  if (stmt->pattern.isTuple) {
    error(Code::BadPattern, stmt->pattern.span, "a range gives ints, not tuples");
    return;
  }
  auto loop = [&] {
    emitFor(stmt->pattern.name, stmt->span, begin, end, step, [&](const Value &i) {
      Scope *scope = newScope(scope_);
      Binding *b = newBinding(Binding::Local, stmt->pattern.name, stmt->pattern.span);
      b->type = i.type;
      b->known = i.known;
      b->depth = frame_->depth;
      declare(scope, b);
      checkBlock(stmt->body, newScope(scope), false);
    });
  };
  std::optional<Iterable> numbers = numbersOf(begin, end, step, stmt->span);
  if (!numbers) {
    loop();
    return;
  }
  // Written out where the body takes for known what depends on the loop, such as the types of a tuple's items.
  const Restart start(*frame_);
  std::vector<Growing> lists;
  for (const auto &growing : frame_->growing)
    lists.push_back(*growing);
  Diagnostics found(sources_);
  {
    Aside aside(*this, found);
    loop();
  }
  if (!needsConstant(found)) {
    report(found);
    return;
  }
  start.restore();
  for (size_t k = 0; k < lists.size(); ++k)
    *frame_->growing[k] = lists[k];
  forColumns(stmt, {{&stmt->pattern, *numbers, std::nullopt}});
}

// The numbers of a range that is known and of reasonable length.
std::optional<Checker::Iterable> Checker::numbersOf(const Value &begin, const Value &end,
                                                    const std::optional<Value> &step, Span span) {
  constexpr int64_t kMost = 256;
  std::vector<int64_t> limits;
  for (const Value *v : {&begin, &end, step ? &*step : nullptr}) {
    if (v && (!v->known.dim || !v->known.dim->isConst()))
      return std::nullopt;
    limits.push_back(v ? v->known.dim->constant() : 1);
  }
  Iterable out;
  for (int64_t i = limits[0]; limits[2] > 0 ? i < limits[1] : i > limits[1]; i += limits[2]) {
    if (int64_t(out.items.size()) == kMost)
      return std::nullopt;
    out.items.push_back(intValue(i, span));
  }
  return out;
}

// What the names of a loop stand for: the whole pattern for the items of one value, or, where `enumerate` or `zip` goes
// over `&x`, each part of it for those of one argument.
std::optional<std::vector<Checker::Column>> Checker::columnsOf(const ast::For *stmt) {
  const ast::Expr *in = stmt->in;
  const ast::Call *call = sideBySideCall(in);
  bool changes = false;
  for (size_t k = 0; call && k < call->args.size(); ++k)
    changes |= call->args[k].value->kind == ast::ExprKind::Ref;
  std::vector<Column> columns;
  auto add = [&](const ast::Expr *expr, const ast::Pattern &pattern) {
    if (expr->kind == ast::ExprKind::Ref) {
      std::optional<Column> column = changedColumn(ast::as<const ast::Ref>(expr)->operand, pattern);
      if (column)
        columns.push_back(std::move(*column));
      return column.has_value();
    }
    std::optional<Iterable> over = iterableOf(expr, "`for`");
    if (over)
      columns.push_back({&pattern, std::move(*over), std::nullopt});
    return over.has_value();
  };
  if (!changes)
    return add(in, stmt->pattern) ? std::optional(columns) : std::nullopt;
  size_t counts = ast::as<const ast::Name>(call->callee)->name == "enumerate";
  if (!stmt->pattern.isTuple || stmt->pattern.items.size() != call->args.size() + counts ||
      (counts && call->args.size() != 1)) {
    error(Code::BadPattern, stmt->pattern.span,
          counts ? "`enumerate(&x)` gives two: `for (i, item) in enumerate(&x)`"
                 : "this takes as many names as `zip` has arguments");
    return std::nullopt;
  }
  for (size_t k = 0; k < call->args.size(); ++k)
    if (!add(call->args[k].value, stmt->pattern.items[k + counts]))
      return std::nullopt;
  for (const Column &column : columns)
    if (bool(column.over.length) != bool(columns[0].over.length) || !column.over.inner.empty()) {
      error(Code::TypeMismatch, in->span, "`zip` goes over lists and tensors, or over tuples, not over both");
      return std::nullopt;
    }
  if (counts) {
    Iterable positions;
    positions.length = columns[0].over.length;
    positions.at = [](const Value &i) { return i; };
    for (size_t k = 0; k < columns[0].over.items.size(); ++k)
      positions.items.push_back(intValue(int64_t(k), in->span));
    columns.insert(columns.begin(), {&stmt->pattern.items[0], std::move(positions), std::nullopt});
  }
  return columns;
}

// for m in &modules: each member in place.
std::optional<Checker::Column> Checker::changedColumn(const ast::Expr *operand, const ast::Pattern &pattern) {
  if (pattern.isTuple) {
    error(Code::BadPattern, pattern.span, "`for … in &x` takes one name");
    return std::nullopt;
  }
  std::optional<Place> place = placeOf(operand, true);
  if (!place || !writable(*place, operand->span))
    return std::nullopt;
  if (std::optional<Place> pack = packPlace(*place, operand->span))
    place = pack;
  Value whole = readPlace(*place, operand->span);
  if (whole.bad())
    return std::nullopt;
  Column column{&pattern, {}, place};
  if (isList(whole.type)) {
    column.over.length = whole.type->dims[0];
    return column;
  }
  if (std::optional<Value> pack = packOf(whole, operand->span)) {
    // Nothing in it can be changed.
    whole = *pack;
    column.place.reset();
  }
  if (whole.type->kind != TypeKind::Tuple && whole.type->kind != TypeKind::Record) {
    error(Code::TypeMismatch, operand->span,
          "`for … in &x` changes the elements of a list, a tuple or a container, this is " + describe(whole));
    return std::nullopt;
  }
  for (uint32_t i = 0; i < whole.type->items.size(); ++i)
    column.over.items.push_back(part(whole, i, operand->span));
  return column;
}

void Checker::forColumns(const ast::For *stmt, const std::vector<Column> &columns) {
  if (!columns[0].over.length) {
    forUnrolled(stmt, columns);
    return;
  }
  Dim length = *columns[0].over.length;
  for (const Column &column : columns)
    if (compareDims(length, *column.over.length) != Proof::Equal)
      length = Dim::min(length, *column.over.length);
  forIndexed(stmt, columns, length, nullptr);
}

void Checker::forIndexed(const ast::For *stmt, const std::vector<Column> &columns, const Dim &length,
                         Leaving *leaving) {
  emitFor("i", stmt->span, intValue(0, stmt->span), dimValue(length, stmt->span), std::nullopt, [&](const Value &i) {
    Scope *scope = newScope(scope_);
    Restore<Scope *> inner(scope_, scope);
    frame_->leaving = leaving;
    for (const Column &column : columns) {
      if (!column.place) {
        Value item = column.over.at(i);
        item.span = stmt->in->span;
        bindPattern(*column.pattern, item, false);
        continue;
      }
      // The name stands for the element.
      Place at = *column.place;
      Place::Step step;
      step.kind = Place::Step::Item;
      step.position = i.expr;
      step.type = (at.steps.empty() ? at.root->type : at.steps.back().type)->items[0];
      at.steps.push_back(step);
      Binding *b = newBinding(Binding::Local, column.pattern->name, column.pattern->span);
      b->origin = stmt->in->span;
      b->type = step.type;
      b->isMutable = true;
      b->depth = frame_->depth;
      b->place = std::make_shared<const Place>(std::move(at));
      declare(scope, b);
    }
    checkBlock(stmt->body, newScope(scope), false);
  });
}

// Whether `break` or `continue` in it are those of the loop around.
static bool leavesLoop(const ast::Block *block) {
  bool found = false;
  ast::Visit visit;
  visit.block = [&](const ast::Block *b) { found |= leavesLoop(b); };
  visit.expr = [&](const ast::Expr *e) {
    if (e->kind != ast::ExprKind::Lambda)
      ast::forEachPart(e, visit);
  };
  for (const ast::Stmt *s : block->stmts)
    if (s->kind == ast::StmtKind::Break || s->kind == ast::StmtKind::Continue)
      found = true;
    else if (s->kind != ast::StmtKind::While && s->kind != ast::StmtKind::For && s->kind != ast::StmtKind::Fn)
      ast::forEachPart(s, visit);
  return found;
}

// One copy of the body for each item: the items may have different types. With a place, the items are changed in it.
void Checker::forUnrolled(const ast::For *stmt, const std::vector<Column> &columns) {
  constexpr size_t kMaxUnrolled = 4096;
  size_t count = columns[0].over.items.size();
  for (const Column &column : columns)
    count = std::min(count, column.over.items.size());
  if (count > kMaxUnrolled) {
    error(Code::RecursionUnsupported, stmt->span,
          "a loop over a tuple is written out; " + std::to_string(count) + " items are too many");
    return;
  }
  const Span span = stmt->in ? stmt->in->span : stmt->span;
  Leaving leaving;
  if (leavesLoop(stmt->body)) {
    leaving.left = makeVariable("left", scalarType(Elem::Bool), span, true);
    emitSet(StmtKind::Let, leaving.left, boolValue(false, span), span);
  }
  auto once = [&](const std::function<void()> &fill) {
    if (leaving.left)
      emitFor("once", span, intValue(0, span), intValue(1, span), std::nullopt, [&](const Value &) {
        frame_->leaving = &leaving;
        leaving.depth = frame_->depth;
        fill();
      });
    else
      fill();
  };
  // A mistake in one copy of the body is a mistake in all of them.
  size_t errors = diagnostics_->errorCount();
  auto copy = [&](size_t k) {
    Scope *scope = newScope(scope_);
    Restore<Scope *> inner(scope_, scope);
    if (auto several = columns[0].over.inner.find(k); several != columns[0].over.inner.end()) {
      leaving.depth = -1; // it may have no iteration
      forIndexed(stmt, {{columns[0].pattern, several->second, std::nullopt}}, *several->second.length,
                 leaving.left ? &leaving : nullptr);
      return;
    }
    std::vector<std::pair<Place, const ast::Pattern *>> changed;
    for (const Column &column : columns) {
      Value item = column.over.items[k];
      if (column.place) {
        Place at = *column.place;
        Place::Step step;
        step.index = uint32_t(k);
        step.type = readPlace(at, span).type->items[k];
        at.steps.push_back(step);
        item = readPlace(at, span);
        changed.emplace_back(std::move(at), column.pattern);
      }
      item.span = span;
      bindPattern(*column.pattern, item, column.place.has_value());
    }
    once([&] { checkBlock(stmt->body, newScope(scope), false); });
    for (const auto &[at, pattern] : changed)
      if (Binding *b = scope->find(pattern->name))
        writePlace(at, readBinding(b, span), stmt->span);
  };
  for (size_t k = 0; k < count && diagnostics_->errorCount() == errors && !leaving.isCertain; ++k)
    if (k > 0 && leaving.left)
      emitIf(opValue("not", {valueOf(leaving.left, span)}, scalarType(Elem::Bool), span), span, [&] { copy(k); });
    else
      copy(k);
}

} // namespace dl::sema
