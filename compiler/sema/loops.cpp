// Loops: over ranges, rows, tuples (written out), and modules that have `len` and `at`.
#include "compiler/sema/checker.h"

namespace dl::sema {

void Checker::checkWhile(const ast::While *stmt) {
  Restore<std::map<uint32_t, Dim>> equal(frame_->equal);
  Restore<std::vector<Dim>> zero(frame_->zero);
  Stmt *loop = makeStmt(StmtKind::While, stmt->span);
  Restore<int> depth(frame_->depth, frame_->depth + 1);
  Restore<int> loops(frame_->loops, frame_->loops + 1);
  Restore<int> unrolled(frame_->unrolled, 0);
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
  if (stmt->in->kind == ast::ExprKind::Ref) {
    // for m in &modules: each member in place.
    const ast::Expr *operand = ast::as<const ast::Ref>(stmt->in)->operand;
    std::optional<Place> place = placeOf(operand, true);
    if (!place || !writable(*place, operand->span))
      return;
    if (std::optional<Place> pack = packPlace(*place, operand->span))
      place = pack;
    Value whole = readPlace(*place, operand->span);
    if (whole.bad())
      return;
    if (isList(whole.type) && place) {
      forInPlace(stmt, *place, whole);
      return;
    }
    if (std::optional<Value> pack = packOf(whole, operand->span)) {
      // Nothing in it can be changed.
      whole = *pack;
      place.reset();
    }
    if (whole.type->kind != TypeKind::Tuple && whole.type->kind != TypeKind::Record) {
      error(Code::TypeMismatch, operand->span,
            "`for … in &x` changes the elements of a list, a tuple or a container, this is " + describe(whole));
      return;
    }
    Iterable items;
    for (uint32_t i = 0; i < whole.type->items.size(); ++i)
      items.items.push_back(part(whole, i, operand->span));
    forUnrolled(stmt, items, place);
    return;
  }
  std::optional<Iterable> over = iterableOf(stmt->in, "`for`");
  if (!over)
    return;
  if (over->length)
    forIndexed(stmt, *over);
  else
    forUnrolled(stmt, *over, std::nullopt);
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
  const Restart start(*frame_, scope_);
  std::vector<Growing> lists;
  for (const auto &growing : frame_->growing)
    lists.push_back(*growing);
  Diagnostics found(sources_);
  {
    Restore<Diagnostics *> quiet(diagnostics_, &found);
    loop();
  }
  bool writeOut = false;
  for (const Diagnostic &d : found.all())
    writeOut |= d.code == Code::NotConstant;
  if (!writeOut) {
    for (const Diagnostic &d : found.all())
      diagnostics_->error(d.code, d.span, d.message) = d;
    return;
  }
  start.restore();
  for (size_t k = 0; k < lists.size(); ++k)
    *frame_->growing[k] = lists[k];
  forUnrolled(stmt, *numbers, std::nullopt);
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

void Checker::forIndexed(const ast::For *stmt, const Iterable &over, bool isPart) {
  emitFor("i", stmt->span, intValue(0, stmt->span), dimValue(*over.length, stmt->span), std::nullopt,
          [&](const Value &i) {
            Scope *scope = newScope(scope_);
            Restore<Scope *> inner(scope_, scope);
            Restore<int> unrolled(frame_->unrolled, isPart);
            Value item = over.at(i);
            item.span = stmt->in->span;
            bindPattern(stmt->pattern, item, false);
            checkBlock(stmt->body, newScope(scope), false);
          });
}

// for x in &list: the name stands for the element.
void Checker::forInPlace(const ast::For *stmt, const Place &place, const Value &list) {
  if (stmt->pattern.isTuple) {
    error(Code::BadPattern, stmt->pattern.span, "`for … in &x` takes one name");
    return;
  }
  emitFor("i", stmt->span, intValue(0, stmt->span), dimValue(list.type->dims[0], stmt->span), std::nullopt,
          [&](const Value &i) {
            Scope *scope = newScope(scope_);
            Place at = place;
            Place::Step step;
            step.kind = Place::Step::Item;
            step.position = i.expr;
            step.type = list.type->items[0];
            at.steps.push_back(step);
            Binding *b = newBinding(Binding::Local, stmt->pattern.name, stmt->pattern.span);
            b->origin = stmt->in->span;
            b->type = step.type;
            b->isMutable = true;
            b->depth = frame_->depth;
            b->place = std::make_shared<const Place>(std::move(at));
            declare(scope, b);
            checkBlock(stmt->body, newScope(scope), false);
          });
}

// One copy of the body for each item: the items may have different types. With a place, the items are changed in it.
void Checker::forUnrolled(const ast::For *stmt, const Iterable &over, const std::optional<Place> &place) {
  constexpr size_t kMaxUnrolled = 4096;
  const std::vector<Value> &items = over.items;
  if (items.size() > kMaxUnrolled) {
    error(Code::RecursionUnsupported, stmt->span,
          "a loop over a tuple is written out; " + std::to_string(items.size()) + " items are too many");
    return;
  }
  if (place && stmt->pattern.isTuple) {
    error(Code::BadPattern, stmt->pattern.span, "`for … in &x` takes one name");
    return;
  }
  Restore<int> unrolled(frame_->unrolled, frame_->unrolled + 1);
  // A mistake in one copy of the body is a mistake in all of them.
  size_t errors = diagnostics_->errorCount();
  for (size_t k = 0; k < items.size() && diagnostics_->errorCount() == errors; ++k) {
    Scope *scope = newScope(scope_);
    Restore<Scope *> inner(scope_, scope);
    if (auto several = over.inner.find(k); several != over.inner.end()) {
      forIndexed(stmt, several->second, true);
      continue;
    }
    if (!place) {
      Value item = items[k];
      item.span = stmt->in ? stmt->in->span : stmt->span;
      bindPattern(stmt->pattern, item, false);
      checkBlock(stmt->body, newScope(scope), false);
      continue;
    }
    Place at = *place;
    Value whole = readPlace(at, stmt->in->span);
    Place::Step step;
    step.index = uint32_t(k);
    step.type = whole.type->items[k];
    at.steps.push_back(step);
    Value item = readPlace(at, stmt->in->span);
    item.span = stmt->in->span;
    declareLocal(stmt->pattern.name, item, stmt->pattern.span, true);
    checkBlock(stmt->body, newScope(scope), false);
    Binding *b = scope->find(stmt->pattern.name);
    if (b)
      writePlace(at, readBinding(b, stmt->in->span), stmt->span);
  }
}

} // namespace dl::sema
