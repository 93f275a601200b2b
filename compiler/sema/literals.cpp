// Bracket literals: dense constants, or stacks of values.
#include "compiler/sema/checker.h"

namespace dl::sema {

// A number or bool that is known, as an element.
static std::optional<double> elementOf(const Value &v) {
  if (v.expr->kind != ExprKind::Constant || !isScalar(v.type))
    return std::nullopt;
  if (auto *i = std::get_if<int64_t>(&v.expr->literal.value)) {
    double d = double(*i);
    return int64_t(d) == *i && d < 9e15 && d > -9e15 ? std::optional(d) : std::nullopt;
  }
  if (auto *d = std::get_if<double>(&v.expr->literal.value))
    return *d;
  if (auto *b = std::get_if<bool>(&v.expr->literal.value))
    return *b ? 1 : 0;
  return std::nullopt;
}

Value Checker::checkBracket(const ast::Bracket *expr, bool asTuple) {
  std::vector<Value> items = checkInOrder(expr->items);
  if (std::any_of(items.begin(), items.end(), [](const Value &v) { return v.bad(); }))
    return bad(expr->span);
  if (items.empty()) {
    Value v = tupleValue({}, expr->span);
    v.items = std::make_shared<const std::vector<Value>>();
    return v;
  }
  bool constant = true, isBool = true, isFloating = false, literal = true;
  for (const Value &v : items) {
    if (v.type->kind != TypeKind::Tensor || !(elementOf(v) || v.expr->kind == ExprKind::TensorConst)) {
      constant = false;
      continue;
    }
    isBool &= v.type->elem == Elem::Bool;
    isFloating |= isFloat(v.type->elem);
    literal &= v.known.literal || v.type->elem == Elem::Bool;
    constant &= v.type->dims == items[0].type->dims;
  }
  if (constant) {
    // One element type: that of an item with a suffix, else what the literals ask for.
    std::optional<Elem> fixed;
    for (const Value &v : items)
      if (!v.known.literal && v.type->elem != Elem::Bool) {
        if (fixed && *fixed != v.type->elem)
          constant = false;
        fixed = v.type->elem;
      }
    bool mixed = false;
    for (const Value &v : items)
      mixed |= (v.type->elem == Elem::Bool) != isBool;
    constant &= !mixed && !(fixed && isInteger(*fixed) && isFloating);
    Elem elem = fixed ? *fixed : isBool ? Elem::Bool : isFloating ? Elem::F32 : Elem::I64;
    if (constant) {
      Shape dims{Dim(int64_t(items.size()))};
      dims.insert(dims.end(), items[0].type->dims.begin(), items[0].type->dims.end());
      Value v;
      v.type = tensorType(elem, dims);
      v.span = expr->span;
      v.items = std::make_shared<const std::vector<Value>>(items);
      v.known.literal = literal && !isBool;
      v.expr = make(ExprKind::TensorConst, v.type, expr->span);
      for (const Value &item : items) {
        if (item.expr->kind == ExprKind::TensorConst)
          v.expr->numbers.insert(v.expr->numbers.end(), item.expr->numbers.begin(), item.expr->numbers.end());
        else
          v.expr->numbers.push_back(*elementOf(item));
      }
      return v;
    }
  }
  if (asTuple) {
    auto parts = std::make_shared<const std::vector<Value>>(items);
    Value v = tupleValue(std::move(items), expr->span);
    v.parts = std::move(parts);
    return v;
  }
  return gathered(std::move(items), expr->span);
}

Value Checker::stackValues(std::vector<Value> items, Span span) {
  std::optional<Elem> elem;
  const Value *typed = nullptr, *fraction = nullptr;
  for (const Value &v : items) {
    if (v.bad())
      return bad(span);
    if (v.type->kind != TypeKind::Tensor) {
      error(Code::TypeMismatch, v.span, "an item of a tensor is a number or a tensor, this is " + describe(v))
          .withHelp("a tuple `(a, b)` holds values of any types");
      return bad(span);
    }
    if (!v.known.literal && !elem) {
      elem = v.type->elem;
      typed = &v;
    }
    if (!fraction && isFloat(v.type->elem))
      fraction = &v;
  }
  if (elem && isInteger(*elem) && fraction) {
    const std::string name(elemName(fraction->type->elem));
    error(Code::TypeMismatch, span,
          "the items of a tensor have one element type, this has " + str(typed->type) + " and " + str(fraction->type))
        .withHelp("`" + name + "(" + sourceText(typed->span, 30) + ")` converts the first");
    return bad(span);
  }
  if (!elem) {
    elem = Elem::I64;
    for (const Value &v : items)
      if (isFloat(v.type->elem))
        elem = v.type->elem;
  }
  std::vector<Value> parts;
  for (Value &v : items) {
    if (!conform(v, tensorType(*elem, v.type->dims), v.span, "an item"))
      return bad(span);
    parts.push_back(v);
  }
  Argument whole = argumentOf(tupleValue(std::move(parts), span), span);
  auto it = signatures_.find("stack");
  return it == signatures_.end() ? bad(span) : callBuiltin(it->second, {whole}, span);
}

} // namespace dl::sema
