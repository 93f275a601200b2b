// [for i in a..b: e] and sum(for i in a..b: e): loops that fill a tensor or a list, or add up.
#include "compiler/sema/checker.h"

#include <limits>

namespace dl::sema {

void Checker::emitFor(const std::string &name, Span span, Value begin, Value end, std::optional<Value> step,
                      const std::function<void(const Value &)> &fill) {
  bool up = !step || (step->known.dim && step->known.dim->nonNegative());
  bool nonNegative = up && begin.known.dim && begin.known.dim->nonNegative();
  Variable *variable = makeVariable(name, scalarType(Elem::I64), span, false);
  variable->dim = Dim::fresh(name, nonNegative);
  if (up && begin.known.dim && end.known.dim) {
    const Dim first = frame_->resolve(*begin.known.dim), last = frame_->resolve(*end.known.dim) - Dim(int64_t(1));
    // Nothing is concluded from the body of a loop that never runs.
    if (!(first - last - Dim(int64_t(1))).nonNegative())
      variable->dim = Dim::between(name, first, last);
  }
  Stmt *loop = makeStmt(StmtKind::For, span);
  loop->variable = variable;
  loop->begin = begin.expr;
  loop->end = end.expr;
  loop->step = step ? step->expr : nullptr;
  loop->body = makeBody();
  emit(loop);
  Restore<Body *> inner(frame_->body, loop->body);
  Restore<int> depth(frame_->depth, frame_->depth + 1);
  Restore<int> loops(frame_->loops, frame_->loops + 1);
  Restore<Leaving *> leaving(frame_->leaving, nullptr);
  Restore<std::map<uint32_t, Dim>> equal(frame_->equal);
  Restore<std::vector<Dim>> zero(frame_->zero);
  fill(dimValue(*variable->dim, span));
}

void Checker::emitIf(const Value &condition, Span span, const std::function<void()> &fill) {
  Value choice = unit(span);
  choice.expr = make(ExprKind::If, unitType(), span);
  choice.expr->args = {condition.expr};
  choice.expr->thenBody = makeBody();
  {
    Restore<Body *> then(frame_->body, choice.expr->thenBody);
    Restore<int> depth(frame_->depth, frame_->depth + 1);
    fill();
  }
  Stmt *eval = makeStmt(StmtKind::Eval, span);
  eval->value = choice.expr;
  emit(eval);
}

Value Checker::valueOf(Variable *variable, Span span) {
  Value v;
  v.type = variable->type;
  v.span = span;
  v.expr = make(ExprKind::Var, variable->type, span);
  v.expr->variable = variable;
  return v;
}

void Checker::emitSet(StmtKind kind, Variable *variable, const Value &value, Span span) {
  Stmt *s = makeStmt(kind, span);
  s->variable = variable;
  s->value = value.expr;
  emit(s);
}

namespace {

// The value from which a reduction starts.
std::optional<double> startOf(const std::string &reducer, Elem elem) {
  if (reducer == "sum" || reducer == "mean")
    return 0;
  if (reducer == "prod")
    return 1;
  bool isMax = reducer == "max";
  if (isFloat(elem))
    return isMax ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  return std::nullopt;
}

int64_t integerStart(const std::string &reducer, Elem elem) {
  bool isMax = reducer == "max";
  if (reducer == "sum")
    return 0;
  if (reducer == "prod")
    return 1;
  switch (elem) {
  case Elem::I32:
    return isMax ? std::numeric_limits<int32_t>::min() : std::numeric_limits<int32_t>::max();
  case Elem::U8:
    return isMax ? 0 : 255;
  default:
    return isMax ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
  }
}

const char *combineRow(const std::string &reducer) {
  return reducer == "prod"  ? "mul"
         : reducer == "max" ? "maximum"
         : reducer == "min" ? "minimum"
         : reducer == "any" ? "or"
         : reducer == "all" ? "and"
                            : "add";
}

} // namespace

// One comprehension while it is checked: loops that fill a tensor or a list, or add up.
struct Checker::Comprehending {
  // `reducer` is "" where a tensor or a list is made.
  Comprehending(Checker &c, const ast::Comprehension *expr, std::string reducer, Span span)
      : c(c), expr(expr), reducer(std::move(reducer)), span(span) {}
  Value run();
  bool dependsOnLoop = false; // failed because the elements' types do
  bool mayWriteOut = false;   // then the elements may have types of their own

private:
  Checker &c;
  const ast::Comprehension *expr;
  std::string reducer;
  Span span;
  // What a clause goes over: a range, or the items of a value.
  struct Over {
    std::optional<Iterable> items;
    Value begin, end;
    std::optional<Value> step;
    Dim from, by, length;
  };
  std::optional<Over> over(const ast::ForClause &clause);
  void prepare();
  void nest(size_t k);
  void store();
  void collect();
  void reduce();
  Value finish();
  Diagnostic &fail(const std::string &message);
  void beginLoops();
  void insertBeforeLoops(const std::function<void()> &emitted);
  bool isInside(const Dim &d) const;
  Value read(Variable *v);
  void assign(Variable *v, const Value &value);

  Variable *result = nullptr, *count = nullptr;
  std::vector<std::optional<Over>> prepared; // by clause
  Shape lengths;
  std::vector<Value> positions;      // of the clauses, counted from 0
  uint32_t firstInside = UINT32_MAX; // sizes with symbols from here on are made inside of the loops
  Body *outside = nullptr;
  size_t loopsAt = 0; // where the loops begin in it
  Value element;
  bool failed = false;
  enum { Dense, Filled, Grown } form = Dense;
};

Value Checker::Comprehending::read(Variable *v) { return c.valueOf(v, span); }

void Checker::Comprehending::assign(Variable *v, const Value &value) {
  if (value.bad())
    failed = true;
  else
    c.emitSet(StmtKind::Assign, v, value, span);
}

bool Checker::Comprehending::isInside(const Dim &d) const {
  for (uint32_t symbol : d.symbols())
    if (symbol >= firstInside)
      return true;
  return false;
}

std::optional<Checker::Comprehending::Over> Checker::Comprehending::over(const ast::ForClause &clause) {
  Over o;
  if (clause.in) {
    o.items = c.iterableOf(clause.in, "a comprehension");
    if (!o.items)
      return std::nullopt;
    if (!o.items->length) {
      if (!reducer.empty())
        return o;
      c.error(Code::TypeMismatch, clause.in->span, "the items of a tuple fill no tensor");
      dependsOnLoop = true;
      return std::nullopt;
    }
    o.length = *o.items->length;
    return o;
  }
  o.begin = c.checkExpr(clause.begin);
  o.end = c.checkExpr(clause.end);
  if (clause.step)
    o.step = c.checkExpr(clause.step);
  for (const Value *v : {&o.begin, &o.end, o.step ? &*o.step : nullptr}) {
    if (!v)
      continue;
    if (v->bad())
      return std::nullopt;
    if (!isInt(v->type)) {
      c.error(Code::TypeMismatch, v->span, "a range goes over ints, this is " + c.describe(*v));
      return std::nullopt;
    }
  }
  if (clause.pattern.isTuple) {
    c.error(Code::BadPattern, clause.pattern.span, "a range gives ints, not tuples");
    return std::nullopt;
  }
  o.from = c.intDim(o.begin, "begin");
  Dim to = c.intDim(o.end, "end");
  o.by = o.step ? c.intDim(*o.step, "step") : Dim(int64_t(1));
  if (reducer.empty()) {
    if (!o.by.isConst() || o.by.constant() < 1) {
      c.error(Code::NotConstant, clause.step->span,
              "the step of a comprehension is a positive number that is known when the program is compiled");
      return std::nullopt;
    }
    o.length = Dim::max(Dim::floorDiv(to - o.from + o.by - Dim(int64_t(1)), o.by), Dim(int64_t(0)));
  }
  return o;
}

// What the inner clauses go over is computed before the loops where it does not depend on them.
void Checker::Comprehending::prepare() {
  Restore<Scope *> inner(c.scope_, c.newScope(c.scope_));
  std::function<void(const ast::Pattern &)> hide = [&](const ast::Pattern &p) {
    for (const ast::Pattern &item : p.items)
      hide(item);
    if (!p.isTuple)
      c.declare(c.scope_, c.newBinding(Binding::Local, p.name, p.span)); // without a type
  };
  for (size_t k = 1; k < expr->clauses.size(); ++k) {
    hide(expr->clauses[k - 1].pattern);
    Diagnostics scratch(c.sources_);
    Aside aside(c, scratch);
    Restore<bool> flag(dependsOnLoop);
    size_t before = c.mark();
    int unknown = c.unknownReads_;
    prepared[k] = over(expr->clauses[k]);
    if (c.unknownReads_ != unknown) // by texts too, which go on without a part that is bad
      prepared[k].reset();
    if (!prepared[k])
      c.frame_->body->stmts.resize(before);
  }
}

void Checker::Comprehending::nest(size_t k) {
  if (k == expr->clauses.size()) {
    if (!expr->condition) {
      store();
      return;
    }
    Value cond = c.checkScalarBool(expr->condition);
    if (cond.bad()) {
      failed = true;
      return;
    }
    c.emitIf(cond, span, [&] { store(); });
    return;
  }
  const ast::ForClause &clause = expr->clauses[k];
  std::optional<Over> o = prepared[k] ? prepared[k] : over(clause);
  if (!o) {
    failed = true;
    return;
  }
  if (k == 0) {
    prepare();
    outside = c.frame_->body;
    loopsAt = c.mark();
  }
  if (o->items && !o->items->length) { // a tuple, by which a reduction is written out
    for (size_t i = 0; i < o->items->items.size(); ++i) {
      auto visit = [&](const Value &item) {
        Restore<Scope *> at(c.scope_, c.newScope(c.scope_));
        c.bindPattern(clause.pattern, item, false);
        nest(k + 1);
      };
      if (auto several = o->items->inner.find(i); several != o->items->inner.end())
        c.emitFor("i", clause.pattern.span, c.intValue(0, span), c.dimValue(*several->second.length, span),
                  std::nullopt, [&](const Value &at) {
                    firstInside = std::min(firstInside, at.known.dim->symbolId());
                    visit(several->second.at(at));
                  });
      else
        visit(o->items->items[i]);
    }
    return;
  }
  lengths.push_back(o->length);
  Value zero = c.intValue(0, span);
  bool range = !o->items;
  c.emitFor(clause.pattern.isTuple ? "i" : clause.pattern.name, clause.pattern.span, range ? o->begin : zero,
            range ? o->end : c.dimValue(o->length, span), range ? o->step : std::nullopt, [&](const Value &i) {
              firstInside = std::min(firstInside, i.known.dim->symbolId());
              Restore<Scope *> at(c.scope_, c.newScope(c.scope_));
              if (!range) {
                positions.push_back(i);
                Value item = o->items->at(i);
                item.span = clause.in->span;
                c.bindPattern(clause.pattern, item, false);
              } else {
                positions.push_back(reducer.empty() ? c.dimValue(Dim::floorDiv(*i.known.dim - o->from, o->by), span)
                                                    : i);
                Binding *b = c.newBinding(Binding::Local, clause.pattern.name, clause.pattern.span);
                b->type = i.type;
                b->known = i.known;
                b->depth = c.frame_->depth;
                c.declare(c.scope_, b);
              }
              nest(k + 1);
            });
}

void Checker::Comprehending::store() {
  element = c.checkExpr(expr->body);
  if (!element.bad() && element.type->kind == TypeKind::Unit) {
    c.error(Code::TypeMismatch, expr->body->span, "this gives no value");
    element.type = nullptr;
  }
  if (element.bad()) {
    failed = true;
    return;
  }
  if (reducer.empty())
    collect();
  else
    reduce();
}

void Checker::Comprehending::reduce() {
  bool booleans = reducer == "any" || reducer == "all", counts = reducer == "sum" || reducer == "prod";
  bool fits =
      element.type->kind == TypeKind::Tensor &&
      (booleans ? element.type->elem == Elem::Bool : element.type->elem != Elem::Bool || counts || reducer == "mean");
  if (!fits) {
    c.error(Code::TypeMismatch, expr->body->span,
            "`" + reducer + "` takes " + (booleans ? "bool" : "numbers") + ", this is " + c.describe(element));
    failed = true;
    return;
  }
  for (const Dim &d : element.type->dims)
    if (isInside(d)) {
      fail("all elements have one shape, but " + str(element.type) + " depends on the loop");
      return;
    }
  if ((counts || reducer == "mean") && !isFloat(element.type->elem))
    element = c.convert(element, counts ? Elem::I64 : Elem::F32, span);
  element.known.literal = false;
  if (result->type && !sameType(result->type, element.type)) {
    c.error(Code::TypeMismatch, expr->body->span,
            "`" + reducer + "` takes numbers of one type, these are " + str(result->type) + " and " +
                c.describe(element));
    failed = true;
    return;
  }
  result->type = element.type;
  assign(result, c.opValue(combineRow(reducer), {read(result), element}, element.type, span));
  if (count)
    assign(count, c.opValue("add", {read(count), c.intValue(1, span)}, count->type, span));
}

Diagnostic &Checker::Comprehending::fail(const std::string &message) {
  failed = dependsOnLoop = true;
  return c.error(Code::ShapeMismatch, expr->body->span, message);
}

void Checker::Comprehending::collect() {
  element.known.literal = false;
  bool jagged = false, tensor = element.type->kind == TypeKind::Tensor;
  for (const Dim &d : lengths)
    jagged |= isInside(d);
  Type item = storedItem(element.type);
  if (isTensor(item) && isInside(item->dims[0])) {
    Shape dims = item->dims;
    dims[0] = Dim::open();
    item = tensorType(item->elem, std::move(dims));
    tensor = false;
  }
  auto changes = [&] {
    bool depends = false;
    forEachDim(item, [&](const Dim &d) { depends |= isInside(d); });
    return depends;
  };
  if (changes())
    if (std::optional<Type> loose = c.looseType(item, mayWriteOut);
        loose && c.conform(element, *loose, span, "an element"))
      item = *loose;
  if (changes()) {
    fail(element.type->kind == TypeKind::Tensor
             ? "all elements have one shape, but " + str(element.type) + " depends on the loop"
             : "the type of the elements, " + str(element.type) + ", depends on the loop");
    return;
  }
  if (tensor && jagged && !expr->condition) {
    fail("the length of an inner range depends on the loop around it, so the elements fill no tensor")
        .withHelp("with a condition the elements are laid out one after another, as in `… if true: …`");
    dependsOnLoop = false;
    return;
  }
  form = jagged ? Grown : tensor && !expr->condition ? Dense : Filled;
  if (form == Dense) {
    Shape dims = lengths;
    dims.insert(dims.end(), item->dims.begin(), item->dims.end());
    result->type = tensorType(item->elem, dims);
    Value v = read(result);
    v.expr = c.make(ExprKind::UpdateSlice, result->type, span);
    v.expr->args = {read(result).expr, element.expr};
    for (const Value &p : positions) {
      SliceItem at{};
      at.kind = SliceItem::Single;
      at.index = p.expr;
      at.span = span;
      v.expr->slices.push_back(at);
    }
    for (const Dim &d : item->dims) {
      SliceItem at{};
      at.kind = SliceItem::Full;
      at.length = d;
      at.span = span;
      v.expr->slices.push_back(at);
    }
    assign(result, v);
    return;
  }
  if (form == Grown) {
    result->type = listType(Dim::open(), item);
    assign(result, c.joinedLists(c.opened(read(result)), c.listOf({element}, item, span), span));
    return;
  }
  Dim capacity(int64_t(1)), flat;
  for (size_t k = 0; k < lengths.size(); ++k) {
    capacity = capacity * lengths[k];
    flat = flat * lengths[k] + *positions[k].known.dim;
  }
  result->type = listType(capacity, item);
  Value at = expr->condition ? c.materialise(read(count), "position") : c.dimValue(flat, span);
  assign(result, c.placed(read(result), at, element, span));
  if (expr->condition)
    assign(count, c.opValue("add", {at, c.intValue(1, span)}, count->type, span));
}

// Statements that come before the loops, made once it is known what the loops make.
void Checker::Comprehending::insertBeforeLoops(const std::function<void()> &emitted) {
  Body *body = c.makeBody();
  {
    Restore<Body *> inner(c.frame_->body, body);
    emitted();
  }
  outside->stmts.insert(outside->stmts.begin() + long(loopsAt), body->stmts.begin(), body->stmts.end());
}

Value Checker::Comprehending::run() {
  result = c.makeVariable(reducer.empty() ? "result" : reducer, nullptr, span, true);
  if (reducer == "mean" || (reducer.empty() && expr->condition))
    count = c.makeVariable("count", scalarType(Elem::I64), span, true);
  element = c.bad(span);
  prepared.resize(expr->clauses.size());
  nest(0);
  if (!failed && !reducer.empty() && !result->type)
    c.error(Code::TypeMismatch, span, "there is nothing to reduce, so its type is not known");
  if (failed || element.bad())
    return c.bad(span);
  return finish();
}

Value Checker::Comprehending::finish() {
  auto declare = [&](Variable *variable, const Value &value) { c.emitSet(StmtKind::Let, variable, value, span); };
  insertBeforeLoops([&] {
    if (count)
      declare(count, c.intValue(0, span));
    if (reducer.empty() && form != Dense) {
      const Type &item = result->type->items[0];
      declare(result, form == Grown ? c.listOf({}, item, span) : c.unfilled(result->type->dims[0], item, span));
      return;
    }
    Elem elem = result->type->elem;
    Value start;
    if (elem == Elem::Bool)
      start = c.boolValue(reducer == "all", span);
    else if (std::optional<double> number =
                 isFloat(elem) ? startOf(reducer.empty() ? "sum" : reducer, elem) : std::nullopt)
      start = c.floatValue(*number, elem, span);
    else {
      start = c.intValue(integerStart(reducer.empty() ? "sum" : reducer, elem), span);
      start = elem == Elem::I64 ? start : c.convertLiteral(start, elem);
    }
    declare(result, isScalar(result->type) ? start : c.opValue("full", {start}, result->type, span));
  });
  if (!reducer.empty()) {
    Value out = read(result);
    if (count)
      out = c.opValue("div", {out, c.convert(read(count), result->type->elem, span)}, result->type, span);
    return c.materialise(out, "result");
  }
  if (form == Dense) {
    Value out = c.materialise(read(result), "result");
    out.isRows = true;
    return out;
  }
  Value list = c.opened(read(result));
  if (form == Filled && expr->condition)
    list = c.listRange(c.materialise(list, "list"), c.intValue(0, span), c.sizeOf(read(count), span), span);
  list = c.materialise(list, "list");
  if (element.type->kind != TypeKind::Tensor || isRagged(list.type->items[0]))
    return list;
  Value out = c.materialise(c.asTensor(list, span), "result");
  out.isRows = true;
  return out;
}

Value Checker::checkComprehension(const ast::Comprehension *expr, const std::string &reducer, Span span) {
  Restore<Scope *> inner(scope_, newScope(scope_));
  if (!reducer.empty() || !canWriteOut(expr))
    return Comprehending(*this, expr, reducer, span).run();
  // Elements whose type depends on the loop are written out, where the loop's range is known.
  Diagnostics scratch(sources_);
  Comprehending looped(*this, expr, reducer, span);
  looped.mayWriteOut = true;
  size_t before = mark();
  auto facts = std::pair(frame_->equal, frame_->zero);
  Value v;
  {
    Aside aside(*this, scratch);
    v = looped.run();
  }
  if (!v.bad() || !(looped.dependsOnLoop || needsConstant(scratch))) {
    report(scratch);
    return v;
  }
  frame_->body->stmts.resize(before);
  frame_->equal = facts.first;
  frame_->zero = facts.second;
  std::vector<Value> items;
  if (!writtenOut(expr, 0, items))
    return bad(span);
  if (items.empty())
    return tupleValue({}, span);
  return gathered(std::move(items), span);
}

// Whether the first clause goes over a range that is known, or over a tuple.
bool Checker::canWriteOut(const ast::Comprehension *expr) {
  const ast::ForClause &clause = expr->clauses[0];
  Diagnostics scratch(sources_);
  Aside aside(*this, scratch);
  Body *nowhere = makeBody();
  Restore<Body *> body(frame_->body, nowhere);
  auto known = [&](const ast::Expr *e) {
    Value v = e ? checkExpr(e) : intValue(1, expr->span);
    return !v.bad() && v.known.dim && v.known.dim->isConst();
  };
  if (clause.in) {
    std::optional<Iterable> over = iterableOf(clause.in, "a comprehension");
    return over && !over->length;
  }
  return known(clause.begin) && known(clause.end) && known(clause.step);
}

// The elements one by one.
bool Checker::writtenOut(const ast::Comprehension *expr, size_t k, std::vector<Value> &items) {
  constexpr size_t kMaxItems = 4096;
  if (k == expr->clauses.size()) {
    if (expr->condition) {
      Value cond = checkScalarBool(expr->condition);
      if (cond.bad())
        return false;
      if (!cond.known.boolean) {
        error(Code::NotConstant, expr->condition->span,
              "which elements there are must be known when the program is compiled, because their types differ");
        return false;
      }
      if (!*cond.known.boolean)
        return true;
    }
    Value item = checkExpr(expr->body);
    if (item.bad())
      return false;
    items.push_back(materialise(item, "item"));
    if (items.size() > kMaxItems) {
      error(Code::RecursionUnsupported, expr->span,
            "elements of differing types are written out; more than " + std::to_string(kMaxItems) + " are too many");
      return false;
    }
    return true;
  }
  const ast::ForClause &clause = expr->clauses[k];
  auto with = [&](const Value &value) {
    Restore<Scope *> at(scope_, newScope(scope_));
    bindPattern(clause.pattern, value, false);
    return writtenOut(expr, k + 1, items);
  };
  if (clause.in) {
    std::optional<Iterable> over = iterableOf(clause.in, "a comprehension");
    if (!over)
      return false;
    if ((over->length && !over->length->isConst()) || !over->inner.empty()) {
      error(Code::NotConstant, clause.in->span,
            "how many elements there are must be known when the program is compiled, because their types differ");
      return false;
    }
    size_t count = over->length ? size_t(over->length->constant()) : over->items.size();
    for (size_t i = 0; i < count; ++i)
      if (!with(over->length ? over->at(intValue(int64_t(i), expr->span)) : over->items[i]))
        return false;
    return true;
  }
  std::vector<int64_t> limits;
  for (const ast::Expr *e : {clause.begin, clause.end, clause.step}) {
    Value v = e ? checkExpr(e) : intValue(1, expr->span);
    if (v.bad())
      return false;
    if (!v.known.dim || !v.known.dim->isConst()) {
      error(Code::NotConstant, e->span,
            "how many elements there are must be known when the program is compiled, because their types differ");
      return false;
    }
    limits.push_back(v.known.dim->constant());
  }
  if (limits[2] < 1) {
    error(Code::NotConstant, clause.step->span,
          "the step of a comprehension is a positive number that is known when the program is compiled");
    return false;
  }
  for (int64_t i = limits[0]; i < limits[1]; i += limits[2])
    if (!with(intValue(i, expr->span)))
      return false;
  return true;
}

} // namespace dl::sema
