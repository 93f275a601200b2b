// [for i in a..b: e] and sum(for i in a..b: e): loops that fill a tensor or add up.
#include "compiler/sema/checker.h"

#include <limits>

namespace dl::sema {

void Checker::emitFor(const std::string &name, Span span, Value begin, Value end, std::optional<Value> step,
                      const std::function<void(const Value &)> &fill) {
  bool up = !step || (step->known.dim && step->known.dim->nonNegative());
  bool nonNegative = up && begin.known.dim && begin.known.dim->nonNegative();
  Variable *variable = makeVariable(name, scalarType(Elem::I64), span, false);
  variable->dim = Dim::fresh(name, nonNegative);
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
  Restore<int> unrolled(frame_->unrolled, 0);
  Restore<std::map<uint32_t, Dim>> equal(frame_->equal);
  Restore<std::vector<Dim>> zero(frame_->zero);
  fill(dimValue(*variable->dim, span));
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

Value Checker::checkComprehension(const ast::Comprehension *expr, const std::string &reducer, Span span) {
  Scope *scope = newScope(scope_);
  Restore<Scope *> inner(scope_, scope);
  if (reducer.empty() && expr->condition) {
    error(Code::TypeMismatch, expr->condition->span, "a comprehension with a condition has no size that is known before it runs")
        .withHelp("choose with a mask, `x[mask]`, or give 0 where the condition fails");
    return bad(span);
  }
  // The variable is made before the loops; its type is known once the body is checked.
  Variable *result = makeVariable(reducer.empty() ? "result" : reducer, nullptr, span, true);
  Stmt *let = makeStmt(StmtKind::Let, span);
  let->variable = result;
  emit(let);
  Variable *count = nullptr;
  if (reducer == "mean") {
    count = makeVariable("count", scalarType(Elem::I64), span, true);
    Stmt *s = makeStmt(StmtKind::Let, span);
    s->variable = count;
    s->value = intValue(0, span).expr;
    emit(s);
  }
  auto read = [&](Variable *v) {
    Value r;
    r.type = v->type;
    r.span = span;
    r.expr = make(ExprKind::Var, v->type, span);
    r.expr->variable = v;
    return r;
  };
  auto assign = [&](Variable *v, const Value &value) {
    Stmt *s = makeStmt(StmtKind::Assign, span);
    s->variable = v;
    s->value = value.expr;
    emit(s);
  };
  Shape lengths;
  std::vector<Value> positions;
  std::vector<uint32_t> loopSymbols;
  Value element = bad(span);
  bool failed = false;

  std::function<void(size_t)> nest = [&](size_t k) {
    if (k < expr->clauses.size()) {
      const ast::ForClause &c = expr->clauses[k];
      if (c.in) {
        Value over = checkExpr(c.in);
        if (over.bad() || !isTensor(over.type)) {
          if (!over.bad())
            error(Code::TypeMismatch, c.in->span, "a comprehension goes over the rows of a tensor or a range, this is " + describe(over));
          failed = true;
          return;
        }
        over = materialise(over, "over");
        lengths.push_back(over.type->dims[0]);
        emitFor(c.name, c.nameSpan, intValue(0, span), dimValue(over.type->dims[0], span), std::nullopt, [&](const Value &i) {
          positions.push_back(i);
          loopSymbols.push_back(i.known.dim->symbolId());
          Restore<Scope *> at(scope_, newScope(scope_));
          declareLocal(c.name, sliceAt(over, i, c.nameSpan), c.nameSpan, false);
          nest(k + 1);
        });
        return;
      }
      Value begin = checkExpr(c.begin), end = checkExpr(c.end);
      std::optional<Value> step;
      if (c.step)
        step = checkExpr(c.step);
      for (const Value *v : {&begin, &end, step ? &*step : nullptr})
        if (v && (v->bad() || !isInt(v->type))) {
          if (!v->bad())
            error(Code::TypeMismatch, v->span, "a range goes over ints, this is " + describe(*v));
          failed = true;
          return;
        }
      Dim from = intDim(begin, "begin"), to = intDim(end, "end");
      Dim by = step ? intDim(*step, "step") : Dim(int64_t(1));
      if (reducer.empty()) {
        if (!by.isConst() || by.constant() < 1) {
          error(Code::NotConstant, c.step->span, "the step of a comprehension is a positive number that is known when the program is compiled");
          failed = true;
          return;
        }
        lengths.push_back(Dim::max(Dim::floorDiv(to - from + by - Dim(int64_t(1)), by), Dim(int64_t(0))));
      }
      emitFor(c.name, c.nameSpan, begin, end, step, [&](const Value &i) {
        positions.push_back(reducer.empty() ? dimValue(Dim::floorDiv(*i.known.dim - from, by), span) : i);
        loopSymbols.push_back(i.known.dim->symbolId());
        Restore<Scope *> at(scope_, newScope(scope_));
        Binding *b = newBinding(Binding::Local, c.name, c.nameSpan);
        b->type = i.type;
        b->known = i.known;
        b->depth = frame_->depth;
        declare(scope_, b);
        nest(k + 1);
      });
      return;
    }
    auto store = [&] {
      element = checkExpr(expr->body);
      if (element.bad()) {
        failed = true;
        return;
      }
      bool booleans = reducer == "any" || reducer == "all";
      if (element.type->kind != TypeKind::Tensor || (booleans != (element.type->elem == Elem::Bool) && !reducer.empty())) {
        error(Code::TypeMismatch, expr->body->span,
              (reducer.empty() ? "a comprehension is made of numbers or tensors" : "`" + reducer + "` takes " + (booleans ? "bool" : "numbers")) + ", this is " + describe(element));
        failed = true;
        return;
      }
      if (reducer == "mean" && !isFloat(element.type->elem))
        element = convert(element, Elem::F32, span);
      element.known.literal = false;
      if (reducer.empty()) {
        Shape dims = lengths;
        dims.insert(dims.end(), element.type->dims.begin(), element.type->dims.end());
        result->type = tensorType(element.type->elem, dims);
        Value v = read(result);
        v.expr = make(ExprKind::UpdateSlice, result->type, span);
        v.expr->args = {read(result).expr, element.expr};
        for (const Value &p : positions) {
          SliceItem item{};
          item.kind = SliceItem::Single;
          item.index = p.expr;
          item.span = span;
          v.expr->slices.push_back(item);
        }
        for (const Dim &d : element.type->dims) {
          SliceItem item{};
          item.kind = SliceItem::Full;
          item.length = d;
          item.span = span;
          v.expr->slices.push_back(item);
        }
        assign(result, v);
        return;
      }
      result->type = element.type;
      assign(result, opValue(combineRow(reducer), {read(result), element}, element.type, span));
      if (count)
        assign(count, opValue("add", {read(count), intValue(1, span)}, count->type, span));
    };
    if (!expr->condition) {
      store();
      return;
    }
    Value cond = checkScalarBool(expr->condition);
    if (cond.bad()) {
      failed = true;
      return;
    }
    Value choice = unit(span);
    choice.expr = make(ExprKind::If, unitType(), span);
    choice.expr->args = {cond.expr};
    choice.expr->thenBody = makeBody();
    {
      Restore<Body *> then(frame_->body, choice.expr->thenBody);
      Restore<int> depth(frame_->depth, frame_->depth + 1);
      store();
    }
    Stmt *eval = makeStmt(StmtKind::Eval, span);
    eval->value = choice.expr;
    emit(eval);
  };
  nest(0);
  if (failed || element.bad()) {
    result->type = unitType();
    let->value = unit(span).expr;
    return bad(span);
  }
  // The element's own sizes must be known before the loops.
  for (const Dim &d : element.type->dims)
    for (uint32_t s : d.symbols())
      for (uint32_t loop : loopSymbols)
        if (s == loop) {
          error(Code::ShapeMismatch, expr->body->span, "all elements have one shape, but " + str(element.type) + " depends on the loop");
          return bad(span);
        }
  Elem elem = result->type->elem;
  Value start;
  if (elem == Elem::Bool)
    start = boolValue(reducer == "all", span);
  else if (std::optional<double> number = isFloat(elem) ? startOf(reducer.empty() ? "sum" : reducer, elem) : std::nullopt)
    start = floatValue(*number, elem, span);
  else {
    start = intValue(integerStart(reducer.empty() ? "sum" : reducer, elem), span);
    start = elem == Elem::I64 ? start : convertLiteral(start, elem);
  }
  let->value = isScalar(result->type) ? start.expr : opValue("full", {start}, result->type, span).expr;
  Value out = read(result);
  if (count) {
    Value n = convert(read(count), elem, span);
    out = opValue("div", {out, n}, result->type, span);
  }
  return materialise(out, "result");
}

} // namespace dl::sema
