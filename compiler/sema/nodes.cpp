// Making typed nodes and values.
#include "compiler/sema/checker.h"

namespace dl::sema {

Expr *Checker::make(ExprKind kind, Type type, Span span) {
  Expr &e = program_.exprPool.emplace_back();
  e.kind = kind;
  e.type = std::move(type);
  e.span = span;
  return &e;
}
Stmt *Checker::makeStmt(StmtKind kind, Span span) {
  Stmt &s = program_.stmtPool.emplace_back();
  s.kind = kind;
  s.span = span;
  return &s;
}
Body *Checker::makeBody() { return &program_.bodyPool.emplace_back(); }
Variable *Checker::makeVariable(const std::string &name, Type type, Span span, bool isMutable) {
  Variable &v = program_.variablePool.emplace_back();
  v.id = uint32_t(program_.variablePool.size());
  v.name = name;
  v.type = std::move(type);
  v.span = span;
  v.isMutable = isMutable;
  return &v;
}
Stmt *Checker::emit(Stmt *stmt) {
  frame_->body->stmts.push_back(stmt);
  return stmt;
}

Value Checker::bad(Span span) {
  Value v;
  v.expr = make(ExprKind::Unreachable, unitType(), span);
  v.span = span;
  return v;
}

// Values without run-time representation are empty tuples.
static Value empty(Expr *expr, Type type, Span span) {
  Value v;
  v.expr = expr;
  v.type = std::move(type);
  v.span = span;
  return v;
}
Value Checker::unit(Span span) { return empty(make(ExprKind::Tuple, unitType(), span), unitType(), span); }
Value Checker::none(Span span) { return empty(make(ExprKind::Tuple, noneType(), span), noneType(), span); }
Value Checker::elemValue(Elem elem, Span span) {
  Type type = elemType(elem);
  return empty(make(ExprKind::Tuple, type, span), type, span);
}

Value Checker::intValue(int64_t value, Span span, bool literal) {
  Value v = empty(make(ExprKind::Constant, scalarType(Elem::I64), span), scalarType(Elem::I64), span);
  v.expr->literal.value = value;
  v.expr->dim = Dim(value);
  v.known.dim = Dim(value);
  v.known.literal = literal;
  return v;
}
Value Checker::dimValue(const Dim &dim, Span span) {
  if (dim.isConst())
    return intValue(dim.constant(), span);
  Value v = empty(make(ExprKind::DimValue, scalarType(Elem::I64), span), scalarType(Elem::I64), span);
  v.expr->dim = dim;
  v.known.dim = dim;
  return v;
}
Value Checker::floatValue(double value, Elem elem, Span span, bool literal) {
  Value v = empty(make(ExprKind::Constant, scalarType(elem), span), scalarType(elem), span);
  v.expr->literal.value = value;
  v.known.number = value;
  v.known.literal = literal;
  return v;
}
Value Checker::boolValue(bool value, Span span) {
  Value v = empty(make(ExprKind::Constant, scalarType(Elem::Bool), span), scalarType(Elem::Bool), span);
  v.expr->literal.value = value;
  v.known.boolean = value;
  return v;
}
Value Checker::strValue(std::string text, Span span) {
  Value v = empty(make(ExprKind::Constant, strType(), span), strType(), span);
  v.known.text = text;
  v.expr->literal.value = std::move(text);
  return v;
}

Value Checker::tupleValue(std::vector<Value> items, Span span) {
  std::vector<Type> types;
  Value v;
  for (const Value &item : items) {
    if (item.bad())
      return bad(span);
    types.push_back(item.type);
    v.known.items.push_back(item.known);
  }
  v.type = tupleType(std::move(types));
  constexpr size_t kMaxParts = 50000;
  if (isLargerThan(v.type, kMaxParts)) {
    error(Code::NestedTooDeep, span, "this tuple has more parts than the compiler accepts");
    return bad(span);
  }
  v.expr = make(ExprKind::Tuple, v.type, span);
  v.span = span;
  for (const Value &item : items)
    v.expr->args.push_back(item.expr);
  return v;
}

Value Checker::functionValue(FunctionDetails d, std::string name, std::vector<Value> captures, Span span) {
  auto f = std::make_shared<FunctionValue>();
  f->name = std::move(name);
  for (const Value &c : captures) {
    f->captureTypes.push_back(c.type);
    d.capturedKnown.push_back(c.known);
  }
  f->details = std::make_shared<FunctionDetails>(std::move(d));
  Value v = empty(nullptr, functionType(f), span);
  v.expr = make(ExprKind::Tuple, v.type, span);
  for (const Value &c : captures)
    v.expr->args.push_back(c.expr);
  return v;
}

Value Checker::constantOf(const Type &type, const Known &known, Span span) {
  Value v;
  switch (type->kind) {
  case TypeKind::Tensor:
    if (known.dim)
      v = dimValue(*known.dim, span);
    else if (known.boolean)
      v = boolValue(*known.boolean, span);
    else
      v = floatValue(known.number.value_or(0), type->elem, span);
    v.known.literal = known.literal;
    return v;
  case TypeKind::Str:
    return strValue(known.text.value_or(""), span);
  case TypeKind::Tuple: {
    std::vector<Value> items;
    for (size_t i = 0; i < type->items.size(); ++i)
      items.push_back(constantOf(type->items[i], i < known.items.size() ? known.items[i] : Known{}, span));
    return tupleValue(std::move(items), span);
  }
  default:
    return empty(make(ExprKind::Tuple, type, span), type, span);
  }
}

Value Checker::opValue(const std::string &name, std::vector<Value> operands, Type type, Span span, Attrs attrs) {
  Value v = empty(make(ExprKind::Op, type, span), type, span);
  v.expr->name = name;
  v.expr->attrs = std::move(attrs);
  for (const Value &o : operands)
    v.expr->args.push_back(o.expr);
  return v;
}

Value Checker::externValue(const std::string &name, std::vector<Value> args, Type type, Span span, bool pure,
                           bool kernel) {
  Value v = empty(make(ExprKind::Extern, type, span), type, span);
  v.expr->name = name;
  v.expr->isPure = pure;
  v.expr->isKernel = kernel;
  for (const Value &a : args)
    v.expr->args.push_back(a.expr);
  return v;
}

Value Checker::part(const Value &whole, uint32_t index, Span span) {
  const Type &type = whole.type;
  if (whole.parts && whole.expr->kind == ExprKind::Tuple && whole.expr->args[index] == (*whole.parts)[index].expr)
    return (*whole.parts)[index];
  if (type->kind == TypeKind::Module)
    return fieldValue(whole, index, span);
  bool closure = type->kind == TypeKind::Function;
  const std::vector<Known> &knowns = closure ? details(*type->function).capturedKnown : whole.known.items;
  Known known = index < knowns.size() ? knowns[index] : Known{};
  Value v = empty(nullptr, closure ? type->function->captureTypes[index] : type->items[index], span);
  v.known = known;
  if (v.known.dim && isInt(v.type)) {
    v = dimValue(*known.dim, span);
    v.known = known;
    return v;
  }
  if (whole.expr->kind == ExprKind::Tuple && isTrivial(whole)) {
    v.expr = whole.expr->args[index];
    return opened(v);
  }
  v.expr = make(ExprKind::Get, v.type, span);
  v.expr->args = {whole.expr};
  v.expr->index = index;
  return opened(v);
}

Value Checker::withPart(const Value &whole, uint32_t index, const Value &part, Span span) {
  Value v = whole;
  v.expr = make(ExprKind::With, whole.type, span);
  v.expr->args = {whole.expr, part.expr};
  v.expr->index = index;
  v.known = {};
  v.binding = nullptr;
  return v;
}

static bool trivial(const Expr *e) {
  switch (e->kind) {
  case ExprKind::Constant:
  case ExprKind::TensorConst:
  case ExprKind::DimValue:
    return true;
  case ExprKind::Var:
    return !e->variable->isMutable;
  case ExprKind::Get:
    return trivial(e->args[0]);
  case ExprKind::Tuple:
    for (const Expr *arg : e->args)
      if (!trivial(arg))
        return false;
    return true;
  default:
    return false;
  }
}
bool Checker::isTrivial(const Value &value) const { return trivial(value.expr); }

Value Checker::materialise(const Value &value, const std::string &name) {
  if (value.bad())
    return value;
  bool needsDim = isInt(value.type) && !value.known.dim;
  if (isTrivial(value) && !needsDim)
    return value;
  if (value.parts && value.expr->kind == ExprKind::Tuple) {
    // A tuple as written stays one: literals in it still take the type that is asked for.
    std::vector<Value> items;
    for (uint32_t i = 0; i < value.type->items.size(); ++i)
      items.push_back(materialise(part(value, i, value.span), name));
    Value v = tupleValue(items, value.span);
    v.parts = std::make_shared<const std::vector<Value>>(std::move(items));
    return v;
  }
  Variable *variable = makeVariable(name, value.type, value.span, false);
  Value v = value;
  if (needsDim)
    v.known.dim = Dim::fresh(name, false);
  variable->dim = isInt(value.type) ? v.known.dim : std::nullopt;
  Stmt *let = makeStmt(StmtKind::Let, value.span);
  let->variable = variable;
  let->value = value.expr;
  emit(let);
  v.expr = make(ExprKind::Var, value.type, value.span);
  v.expr->variable = variable;
  v.expr->dim = variable->dim;
  return v;
}

void Checker::pin(Value &value, size_t mark) {
  std::vector<Stmt *> &stmts = frame_->body->stmts;
  bool effect = false;
  for (size_t i = mark; i < stmts.size(); ++i) {
    bool quiet =
        stmts[i]->kind == StmtKind::CheckEqual || (stmts[i]->kind == StmtKind::Let && stmts[i]->value->mutArgs.empty());
    effect |= !quiet;
  }
  if (!effect || value.bad() || value.type->kind == TypeKind::Unit || isTrivial(value))
    return;
  if (value.parts && value.expr->kind == ExprKind::Tuple) {
    // A tuple as written stays one, of values that are there.
    std::vector<Value> parts = *value.parts;
    for (size_t i = parts.size(); i-- > 0;)
      pin(parts[i], mark);
    Value v = tupleValue(parts, value.span);
    value.expr = v.expr;
    value.parts = std::make_shared<const std::vector<Value>>(std::move(parts));
    return;
  }
  Variable *variable = makeVariable("operand", value.type, value.span, false);
  Stmt *let = makeStmt(StmtKind::Let, value.span);
  let->variable = variable;
  let->value = value.expr;
  stmts.insert(stmts.begin() + long(mark), let);
  value.expr = make(ExprKind::Var, value.type, value.span);
  value.expr->variable = variable;
}

std::vector<Value> Checker::checkInOrder(const std::vector<ast::Expr *> &expressions) {
  std::vector<Value> values;
  std::vector<size_t> marks;
  for (const ast::Expr *expr : expressions) {
    values.push_back(checkExpr(expr));
    marks.push_back(mark());
  }
  for (size_t i = values.size(); i-- > 0;)
    pin(values[i], marks[i]);
  return values;
}

Dim Checker::intDim(Value &value, const std::string &name) {
  if (!value.known.dim)
    value = materialise(value, name);
  return *value.known.dim;
}

} // namespace dl::sema
