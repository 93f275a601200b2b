// Operators: sizes are computed symbolically, constants are folded, the rest are builtin ops.
#include "compiler/sema/checker.h"

#include <cmath>

namespace dl::sema {
namespace {

const char *rowOf(ast::BinaryOp op) {
  switch (op) {
  case ast::BinaryOp::Add:
    return "add";
  case ast::BinaryOp::Sub:
    return "sub";
  case ast::BinaryOp::Mul:
    return "mul";
  case ast::BinaryOp::Div:
    return "div";
  case ast::BinaryOp::FloorDiv:
    return "floordiv";
  case ast::BinaryOp::Mod:
    return "mod";
  case ast::BinaryOp::Pow:
    return "pow";
  case ast::BinaryOp::MatMul:
    return "matmul";
  }
  return "";
}

std::optional<double> fold(ast::BinaryOp op, double a, double b) {
  switch (op) {
  case ast::BinaryOp::Add:
    return a + b;
  case ast::BinaryOp::Sub:
    return a - b;
  case ast::BinaryOp::Mul:
    return a * b;
  case ast::BinaryOp::Div:
    return a / b;
  case ast::BinaryOp::FloorDiv:
    return std::floor(a / b);
  case ast::BinaryOp::Mod:
    return a - std::floor(a / b) * b;
  case ast::BinaryOp::Pow:
    return std::pow(a, b);
  case ast::BinaryOp::MatMul:
    return std::nullopt;
  }
  return std::nullopt;
}

} // namespace

Value Checker::binary(ast::BinaryOp op, Value lhs, Value rhs, Span span, Span opSpan) {
  if (lhs.bad() || rhs.bad())
    return bad(span);
  const std::string symbol = sourceText(opSpan);
  if (op == ast::BinaryOp::Add && lhs.type->kind == TypeKind::Str && rhs.type->kind == TypeKind::Str)
    return concatStrings({lhs, rhs}, span);
  if (op == ast::BinaryOp::Mul &&
      (lhs.type->kind == TypeKind::Str ? isInt(rhs.type) : isInt(lhs.type) && rhs.type->kind == TypeKind::Str)) {
    bool textFirst = lhs.type->kind == TypeKind::Str;
    return externValue("dl_rt_str_repeat", {textFirst ? lhs : rhs, textFirst ? rhs : lhs}, strType(), span, true,
                       false);
  }
  if (op == ast::BinaryOp::Add && lhs.type->kind == TypeKind::Tuple && rhs.type->kind == TypeKind::Tuple) {
    lhs = materialise(lhs, "tuple");
    rhs = materialise(rhs, "tuple");
    std::vector<Value> items;
    for (uint32_t i = 0; i < lhs.type->items.size(); ++i)
      items.push_back(part(lhs, i, span));
    for (uint32_t i = 0; i < rhs.type->items.size(); ++i)
      items.push_back(part(rhs, i, span));
    return tupleValue(std::move(items), span);
  }
  if (op == ast::BinaryOp::Add && (isList(lhs.type) || isList(rhs.type))) {
    // A literal takes the type of the list beside it.
    auto fitted = [&](Value &v, const Type &item) {
      if (!v.items || (isList(v.type) && sameType(v.type->items[0], item)))
        return isList(v.type) && sameType(v.type->items[0], item);
      return conform(v, listType(Dim::open(), item), v.span, "this side of `+`");
    };
    bool first = isList(lhs.type) && (!lhs.items || rhs.items || !isList(rhs.type));
    const Type item = first ? lhs.type->items[0] : rhs.type->items[0];
    if (fitted(lhs, item) && fitted(rhs, item))
      return joinedLists(opened(materialise(lhs, "list")), opened(materialise(rhs, "list")), span);
  }
  auto reject = [&](const std::string &help) {
    Diagnostic &d =
        error(Code::BadOperand, opSpan, "`" + symbol + "` does not take " + str(lhs.type) + " and " + str(rhs.type));
    d.label(lhs.span, describe(lhs)).label(rhs.span, describe(rhs));
    if (!help.empty())
      d.withHelp(help);
    return bad(span);
  };
  if (lhs.type->kind != TypeKind::Tensor || rhs.type->kind != TypeKind::Tensor)
    return reject(lhs.type->kind == TypeKind::None || rhs.type->kind == TypeKind::None
                      ? "one of them is none; test it with `if x == none { … }`"
                      : "");

  bool literals = lhs.known.literal && rhs.known.literal;
  bool ints = isInt(lhs.type) && isInt(rhs.type);
  if (ints && lhs.known.dim && rhs.known.dim && op != ast::BinaryOp::Div && op != ast::BinaryOp::MatMul) {
    const Dim &a = *lhs.known.dim, &b = *rhs.known.dim;
    bool zero = b.isConst() && b.constant() == 0;
    if (zero && (op == ast::BinaryOp::FloorDiv || op == ast::BinaryOp::Mod)) {
      error(Code::BadOperand, opSpan, "integer division by zero");
      return bad(span);
    }
    std::optional<Dim> d;
    switch (op) {
    case ast::BinaryOp::Add:
      d = a + b;
      break;
    case ast::BinaryOp::Sub:
      d = a - b;
      break;
    case ast::BinaryOp::Mul:
      d = a * b;
      break;
    case ast::BinaryOp::FloorDiv:
      d = Dim::floorDiv(a, b);
      break;
    case ast::BinaryOp::Mod:
      d = Dim::mod(a, b);
      break;
    case ast::BinaryOp::Pow:
      if (b.isConst() && b.constant() >= 0 && b.constant() <= (a.isConst() ? 64 : 4)) {
        d = Dim(int64_t(1));
        for (int64_t i = 0; i < b.constant(); ++i)
          d = *d * a;
      }
      break;
    default:
      break;
    }
    // Products of large polynomials only slow the checker down.
    if (d && d->terms().size() <= 24) {
      Value v = dimValue(*d, span);
      v.known.literal = literals;
      return v;
    }
  }
  if (literals && isScalar(lhs.type) && isScalar(rhs.type)) {
    std::optional<double> a = numberOf(lhs), b = numberOf(rhs);
    if (std::optional<double> r = a && b ? fold(op, *a, *b) : std::nullopt)
      return floatValue(*r, Elem::F32, span, true);
  }
  if (op == ast::BinaryOp::Pow && isInteger(lhs.type->elem) && isInteger(rhs.type->elem) &&
      numberOf(rhs).value_or(0) < 0) {
    error(Code::BadOperand, opSpan, "integers have no negative powers")
        .label(lhs.span, describe(lhs))
        .withHelp("`f32(" + sourceText(lhs.span, 30) + ")` converts");
    return bad(span);
  }
  if (op == ast::BinaryOp::Div && isInteger(lhs.type->elem) && isInteger(rhs.type->elem)) {
    lhs = convert(lhs, Elem::F32, span);
    rhs = convert(rhs, Elem::F32, span);
  }
  if (op == ast::BinaryOp::MatMul) {
    if (isScalar(lhs.type) || isScalar(rhs.type))
      return reject("use `*` to multiply by a scalar");
  }
  {
    Elem a = lhs.type->elem, b = rhs.type->elem;
    bool adaptA = lhs.known.literal && b != Elem::Bool && (isFloat(b) || isInteger(a));
    bool adaptB = rhs.known.literal && a != Elem::Bool && (isFloat(a) || isInteger(b));
    if (a != b && !(adaptA || adaptB)) {
      std::string help;
      if (a != Elem::Bool && b != Elem::Bool) {
        bool first = isInteger(a) || (a == Elem::F32 && b == Elem::F64);
        const Value &from = first ? lhs : rhs;
        const std::string wanted(elemName(first ? b : a));
        std::string number = from.binding ? sourceText(from.binding->origin) : "";
        bool isNumber = !number.empty() && number.find_first_not_of("-0123456789._e") == std::string::npos &&
                        number.find('.') != std::string::npos;
        help = isNumber ? "`" + number + wanted + "` where `" + from.binding->name + "` is declared makes it " + wanted
                        : "`" + wanted + "(" + sourceText(from.span, 30) + ")` converts one of them";
      }
      return reject(help);
    }
  }
  lhs.span = lhs.span.valid() ? lhs.span : span;
  Signature *row = nullptr;
  auto it = signatures_.find(rowOf(op));
  if (it != signatures_.end())
    row = &it->second;
  if (!row) {
    error(Code::InternalError, opSpan, "there is no op for `" + symbol + "`");
    return bad(span);
  }
  Value v = callBuiltin(*row, {argumentOf(lhs, lhs.span), argumentOf(rhs, rhs.span)}, opSpan);
  v.span = span;
  v.known.literal = literals && !v.bad();
  return v;
}

Value Checker::checkUnary(const ast::Unary *expr) {
  Value v = checkExpr(expr->operand);
  if (v.bad())
    return v;
  if (expr->op == ast::UnaryOp::Not) {
    if (v.known.boolean)
      return boolValue(!*v.known.boolean, expr->span);
    if (v.type->kind != TypeKind::Tensor || v.type->elem != Elem::Bool) {
      error(Code::BadOperand, expr->span, "`not` takes bool, this is " + describe(v));
      return bad(expr->span);
    }
    return opValue("not", {v}, v.type, expr->span);
  }
  if (v.type->kind != TypeKind::Tensor || v.type->elem == Elem::Bool) {
    error(Code::BadOperand, expr->span,
          std::string("`") + (expr->op == ast::UnaryOp::Neg ? "-" : "+") + "` takes numbers, this is " + describe(v));
    return bad(expr->span);
  }
  if (expr->op == ast::UnaryOp::Plus)
    return v;
  bool literal = v.known.literal;
  if (v.known.dim) {
    Value out = dimValue(Dim(int64_t(0)) - *v.known.dim, expr->span);
    out.known.literal = literal;
    return out;
  }
  if (v.known.number)
    return floatValue(-*v.known.number, v.type->elem, expr->span, literal);
  if (v.expr->kind == ExprKind::TensorConst) {
    Value out = v;
    out.expr = make(ExprKind::TensorConst, v.type, expr->span);
    for (double n : v.expr->numbers)
      out.expr->numbers.push_back(-n);
    return out;
  }
  return callBuiltin("neg", {v}, expr->span);
}

Value Checker::compareValues(ast::CompareOp op, Value lhs, Value rhs, Span span, Span opSpan) {
  if (lhs.bad() || rhs.bad())
    return bad(span);
  if (op == ast::CompareOp::In)
    return membership(lhs, rhs, span, opSpan);
  if (op == ast::CompareOp::NotIn) {
    Value inside = membership(lhs, rhs, span, opSpan);
    if (inside.bad())
      return inside;
    return inside.known.boolean ? boolValue(!*inside.known.boolean, span) : opValue("not", {inside}, inside.type, span);
  }
  bool equality = op == ast::CompareOp::Eq || op == ast::CompareOp::Ne;
  auto known = [&](bool equal) { return boolValue(equal == (op == ast::CompareOp::Eq), span); };
  auto reject = [&](const std::string &help) {
    Diagnostic &d = error(Code::BadOperand, opSpan,
                          "`" + sourceText(opSpan) + "` does not compare " + str(lhs.type) + " and " + str(rhs.type));
    d.label(lhs.span, describe(lhs)).label(rhs.span, describe(rhs));
    if (!help.empty())
      d.withHelp(help);
    return bad(span);
  };
  if (equality && (lhs.type->kind == TypeKind::None || rhs.type->kind == TypeKind::None))
    return known(lhs.type->kind == rhs.type->kind);
  if (equality && lhs.type->kind == TypeKind::ElemType && rhs.type->kind == TypeKind::ElemType)
    return known(lhs.type->elem == rhs.type->elem);
  if (equality && lhs.type->kind == TypeKind::Str && rhs.type->kind == TypeKind::Str) {
    if (lhs.known.text && rhs.known.text)
      return known(*lhs.known.text == *rhs.known.text);
    Value v = externValue("dl_rt_str_eq", {lhs, rhs}, scalarType(Elem::Bool), span, true, false);
    return op == ast::CompareOp::Eq ? v : opValue("not", {v}, v.type, span);
  }
  if (lhs.type->kind == TypeKind::Str && rhs.type->kind == TypeKind::Str) {
    Value order = externValue("dl_rt_str_compare", {lhs, rhs}, scalarType(Elem::I64), span, true, false);
    return compareValues(op, order, intValue(0, span), span, opSpan);
  }
  if (lhs.type->kind == TypeKind::Tuple && rhs.type->kind == TypeKind::Tuple)
    return equality ? equalTuples(op, lhs, rhs, span, opSpan) : orderTuples(op, lhs, rhs, span, opSpan);
  if (isList(lhs.type) || isList(rhs.type))
    return compareLists(op, lhs, rhs, span, opSpan);
  if (lhs.type->kind != TypeKind::Tensor || rhs.type->kind != TypeKind::Tensor)
    return reject("");
  if (lhs.known.dim && rhs.known.dim && isInt(lhs.type) && isInt(rhs.type)) {
    Dim a = frame_->resolve(*lhs.known.dim), b = frame_->resolve(*rhs.known.dim);
    Dim d = a - b, one(int64_t(1)), minus(int64_t(-1));
    bool ge = d.nonNegative(), gt = (d - one).nonNegative(), le = (minus * d).nonNegative(),
         lt = (minus * d - one).nonNegative();
    Proof proof = compareDims(a, b);
    switch (op) {
    case ast::CompareOp::Eq:
    case ast::CompareOp::Ne:
      if (proof != Proof::Unknown)
        return known(proof == Proof::Equal);
      break;
    case ast::CompareOp::Lt:
      if (lt || ge)
        return boolValue(lt, span);
      break;
    case ast::CompareOp::Le:
      if (le || gt)
        return boolValue(le, span);
      break;
    case ast::CompareOp::Gt:
      if (gt || le)
        return boolValue(gt, span);
      break;
    case ast::CompareOp::Ge:
      if (ge || lt)
        return boolValue(ge, span);
      break;
    case ast::CompareOp::In:
    case ast::CompareOp::NotIn:
      break;
    }
  }
  Elem a = lhs.type->elem, b = rhs.type->elem;
  bool adaptA = lhs.known.literal && b != Elem::Bool && (isFloat(b) || isInteger(a));
  bool adaptB = rhs.known.literal && a != Elem::Bool && (isFloat(a) || isInteger(b));
  if (a != b && !adaptA && !adaptB)
    return reject(a != Elem::Bool && b != Elem::Bool ? "convert one of them, as in `" + std::string(elemName(b)) + "(" +
                                                           sourceText(lhs.span, 30) + ")`"
                                                     : "");
  if (!equality && a == Elem::Bool)
    return reject("");
  static constexpr const char *rows[] = {"eq", "ne", "lt", "le", "gt", "ge"};
  return callBuiltin(rows[int(op)], {lhs, rhs}, opSpan);
}

Value Checker::checkLogical(const ast::Logical *expr) {
  Value lhs = checkExpr(expr->lhs);
  auto boolOnly = [&](const Value &v) {
    if (v.bad())
      return false;
    if (v.type->kind == TypeKind::Tensor && v.type->elem == Elem::Bool)
      return true;
    error(Code::BadOperand, expr->opSpan,
          std::string("`") + (expr->isAnd ? "and" : "or") + "` takes bool, this is " + describe(v))
        .label(v.span, str(v.type));
    return false;
  };
  if (!boolOnly(lhs))
    return bad(expr->span);
  // What is known decides: the other side need not even have a type then.
  if (lhs.known.boolean) {
    if (*lhs.known.boolean != expr->isAnd)
      return boolValue(*lhs.known.boolean, expr->span);
    Value rhs = checkExpr(expr->rhs);
    return boolOnly(rhs) ? rhs : bad(expr->span);
  }
  if (!isScalar(lhs.type)) {
    Value rhs = checkExpr(expr->rhs);
    return boolOnly(rhs) ? callBuiltin(expr->isAnd ? "and" : "or", {lhs, rhs}, expr->opSpan) : bad(expr->span);
  }
  // Scalars: the right side is evaluated only when the left does not decide.
  Body *body = makeBody();
  Value rhs;
  {
    Restore<Body *> inner(frame_->body, body);
    Restore<int> depth(frame_->depth, frame_->depth + 1);
    Restore<std::map<uint32_t, Dim>> equal(frame_->equal);
    Restore<std::vector<Dim>> zero(frame_->zero);
    rhs = checkExpr(expr->rhs);
  }
  if (!boolOnly(rhs))
    return bad(expr->span);
  if (!isScalar(rhs.type)) {
    for (Stmt *s : body->stmts)
      emit(s);
    return callBuiltin(expr->isAnd ? "and" : "or", {lhs, rhs}, expr->opSpan);
  }
  Value v = rhs;
  v.known = {};
  v.binding = nullptr;
  v.expr = make(ExprKind::If, rhs.type, expr->span);
  v.expr->args = {lhs.expr};
  body->value = rhs.expr;
  Body *decided = makeBody();
  decided->value = boolValue(!expr->isAnd, expr->span).expr;
  v.expr->thenBody = expr->isAnd ? body : decided;
  v.expr->elseBody = expr->isAnd ? decided : body;
  return v;
}

} // namespace dl::sema
