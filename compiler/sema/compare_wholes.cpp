// Comparing what is made of parts: tuples and lists, equal as wholes and in the order of their first parts that differ.
#include "compiler/sema/checker.h"

namespace dl::sema {

// Whether two values are equal, as one bool: a tensor with its shape and all its elements.
Value Checker::sameWhole(const Value &lhs, const Value &rhs, Span span, Span opSpan) {
  bool tensors = lhs.type->kind == TypeKind::Tensor && rhs.type->kind == TypeKind::Tensor;
  if (!tensors || (isScalar(lhs.type) && isScalar(rhs.type)))
    return compareValues(ast::CompareOp::Eq, lhs, rhs, span, opSpan);
  if (lhs.type->dims.size() != rhs.type->dims.size())
    return boolValue(false, span);
  return callLibrary("equal", {argumentOf(lhs, lhs.span), argumentOf(rhs, rhs.span)}, span);
}

Value Checker::negated(const Value &v, Span span) {
  if (v.bad())
    return v;
  return v.known.boolean ? boolValue(!*v.known.boolean, span) : opValue("not", {v}, v.type, span);
}

Value Checker::both(const Value &a, const Value &b, Span span) {
  if (a.bad() || (a.known.boolean && !*a.known.boolean))
    return a;
  if (b.bad() || b.known.boolean || a.known.boolean)
    return b.known.boolean && *b.known.boolean ? a : b;
  return opValue("and", {a, b}, a.type, span);
}

Value Checker::either(const Value &a, const Value &b, Span span) {
  if (a.bad() || (a.known.boolean && *a.known.boolean))
    return a;
  if (b.bad() || b.known.boolean || a.known.boolean)
    return b.known.boolean && !*b.known.boolean ? a : b;
  return opValue("or", {a, b}, a.type, span);
}

Value Checker::equalTuples(ast::CompareOp op, Value lhs, Value rhs, Span span, Span opSpan) {
  Value all = boolValue(lhs.type->items.size() == rhs.type->items.size(), span);
  if (*all.known.boolean) {
    lhs = materialise(lhs, "tuple");
    rhs = materialise(rhs, "tuple");
    for (uint32_t i = 0; i < lhs.type->items.size() && !all.bad(); ++i)
      all = both(all, sameWhole(part(lhs, i, lhs.span), part(rhs, i, rhs.span), span, opSpan), span);
  }
  return op == ast::CompareOp::Eq ? all : negated(all, span);
}

// <, <=, >, >=: the first items that differ decide, then the numbers of items.
Value Checker::orderTuples(ast::CompareOp op, Value lhs, Value rhs, Span span, Span opSpan) {
  bool down = op == ast::CompareOp::Gt || op == ast::CompareOp::Ge;
  bool same = op == ast::CompareOp::Le || op == ast::CompareOp::Ge;
  lhs = materialise(lhs, "tuple");
  rhs = materialise(rhs, "tuple");
  size_t m = lhs.type->items.size(), n = rhs.type->items.size();
  Value result = boolValue(m == n ? same : down ? m > n : m < n, span);
  for (uint32_t i = uint32_t(std::min(m, n)); i-- > 0;) {
    Value a = part(lhs, i, lhs.span), b = part(rhs, i, rhs.span);
    if (!hasOrder(a, lhs, opSpan) || !hasOrder(b, rhs, opSpan))
      return bad(span);
    auto isBool = [](const Value &v) { return isScalar(v.type) && v.type->elem == Elem::Bool; };
    Value before = isBool(a) && isBool(b)
                       ? (down ? both(a, negated(b, span), span) : both(negated(a, span), b, span))
                       : compareValues(down ? ast::CompareOp::Gt : ast::CompareOp::Lt, a, b, span, opSpan);
    if (before.bad())
      return before;
    result = either(before, both(compareValues(ast::CompareOp::Eq, a, b, span, opSpan), result, span), span);
  }
  return result;
}

// An error where what stands in `whole` is a tensor.
bool Checker::hasOrder(const Value &item, const Value &whole, Span opSpan) {
  if (!isTensor(item.type))
    return true;
  error(Code::BadOperand, opSpan, "`" + sourceText(opSpan) + "` does not order tensors")
      .label(whole.span, describe(whole))
      .withHelp("numbers, texts, and tuples and lists of them have an order");
  return false;
}

// Lists, of which one may be a literal.
Value Checker::compareLists(ast::CompareOp op, Value lhs, Value rhs, Span span, Span opSpan) {
  auto fits = [&](Value &v, const Value &other) {
    return v.items && isList(other.type) ? fitItem(v, other.type, v.span, "this side of `" + sourceText(opSpan) + "`")
                                         : isList(v.type);
  };
  if (!(isList(lhs.type) ? fits(rhs, lhs) : fits(lhs, rhs))) {
    const Value &other = isList(lhs.type) ? rhs : lhs;
    if (!other.items) {
      Diagnostic &d = error(Code::BadOperand, opSpan,
                            "`" + sourceText(opSpan) + "` does not compare " + str(lhs.type) + " and " + str(rhs.type));
      d.label(lhs.span, describe(lhs)).label(rhs.span, describe(rhs));
      if (isTensor(other.type))
        d.withHelp("`tensor(xs)` makes a tensor of a list, `list(x)` a list of a tensor");
    }
    return bad(span);
  }
  if (op != ast::CompareOp::Eq && op != ast::CompareOp::Ne) {
    Value item;
    item.type = lhs.type->items[0];
    if (!hasOrder(item, lhs, opSpan))
      return bad(span);
  }
  auto call = [&](const char *function, const Value &a, const Value &b) {
    return callLibrary(function, {argumentOf(a, a.span), argumentOf(b, b.span)}, span);
  };
  switch (op) {
  case ast::CompareOp::Lt:
    return call("list_before", lhs, rhs);
  case ast::CompareOp::Gt:
    return call("list_before", rhs, lhs);
  case ast::CompareOp::Le:
    return negated(call("list_before", rhs, lhs), span);
  case ast::CompareOp::Ge:
    return negated(call("list_before", lhs, rhs), span);
  default:
    Value equal = call("list_equal", lhs, rhs);
    return op == ast::CompareOp::Eq ? equal : negated(equal, span);
  }
}

} // namespace dl::sema
