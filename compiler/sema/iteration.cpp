// What a loop or comprehension goes over: rows, elements, modules with `len` and `at`, and several of them side by
// side.
#include "compiler/sema/checker.h"

namespace dl::sema {

// The call, where it is one of the built-in `enumerate` or `zip`.
const ast::Call *Checker::sideBySideCall(const ast::Expr *expr) const {
  if (!expr || expr->kind != ast::ExprKind::Call)
    return nullptr;
  const ast::Call *call = ast::as<const ast::Call>(expr);
  if (call->callee->kind != ast::ExprKind::Name)
    return nullptr;
  const std::string &name = ast::as<const ast::Name>(call->callee)->name;
  Binding *b = lookup(name, scope_);
  bool builtin = b && b->kind == Binding::Function && !b->fn;
  return builtin && (name == "enumerate" || name == "zip") ? call : nullptr;
}

std::optional<Checker::Iterable> Checker::iterableOf(const ast::Expr *expr, const std::string &who) {
  if (const ast::Call *call = sideBySideCall(expr))
    return sideBySide(call, ast::as<const ast::Name>(call->callee)->name, who);
  Value over = checkExpr(expr);
  return over.bad() ? std::nullopt : iterable(over, expr->span, who);
}

std::optional<Checker::Iterable> Checker::iterable(const Value &value, Span span, const std::string &who) {
  Iterable out;
  if (value.type->kind == TypeKind::Module && !methodNamed(*value.type->module, "at"))
    if (std::optional<Value> pack = packOf(value, span))
      return iterable(pack->type->kind == TypeKind::Record ? *recordMethod(*pack, "values", span) : *pack, span, who);
  switch (value.type->kind) {
  case TypeKind::Record: {
    // Its tensors, those of records inside too.
    Value over = materialise(value, "items");
    for (const StateEntry &e : stateOf(over.type)) {
      if (e.each && !storedAlone(e, span))
        return std::nullopt;
      Value item = materialise(valueAt(over, e.path, span), "item");
      if (e.each)
        out.inner[out.items.size()] = *iterable(item, span, who);
      out.items.push_back(item);
    }
    return out;
  }
  case TypeKind::Tuple: {
    Value over = materialise(value, "items");
    for (uint32_t i = 0; i < over.type->items.size(); ++i)
      out.items.push_back(part(over, i, span));
    return out;
  }
  case TypeKind::List: {
    Value over = opened(materialise(value, "items"));
    out.length = over.type->dims[0];
    out.at = [=, this](const Value &i) { return opened(listAt(over, i, span)); };
    return out;
  }
  case TypeKind::Tensor: {
    if (value.type->dims.empty())
      break;
    Value over = materialise(value, "rows");
    out.length = over.type->dims[0];
    out.at = [=, this](const Value &i) { return sliceAt(over, i, span); };
    return out;
  }
  case TypeKind::Str: {
    // Its characters.
    auto argument = [span](const Value &v) { return argumentOf(v, span); };
    Value codes = callLibrary("codes", {argument(value)}, span);
    if (codes.bad())
      return std::nullopt;
    codes = materialise(codes, "codes");
    out.length = codes.type->dims[0];
    out.at = [=, this](const Value &i) { return callLibrary("chr", {argument(sliceAt(codes, i, span))}, span); };
    return out;
  }
  case TypeKind::Module: {
    const ModuleInstance &m = *value.type->module;
    const ast::FnDecl *len = methodNamed(m, "len"), *at = methodNamed(m, "at");
    if (!len || !at)
      break;
    Value over = materialise(value, "items");
    Value length = callMethod(over, std::nullopt, len, {}, span);
    if (length.bad())
      return std::nullopt;
    if (!isInt(length.type)) {
      error(Code::TypeMismatch, span, "`len` of " + str(over.type) + " gives " + str(length.type) + ", not an int");
      return std::nullopt;
    }
    out.length = intDim(length, "length");
    out.at = [=, this](const Value &i) {
      Value item = callMethod(over, std::nullopt, at, {argumentOf(i, span)}, span);
      if (!item.bad() && item.type->kind == TypeKind::Unit) {
        error(Code::TypeMismatch, span, "`at` of " + str(over.type) + " gives no value");
        return bad(span);
      }
      return item;
    };
    return out;
  }
  default:
    break;
  }
  error(Code::TypeMismatch, span,
        who + " goes over ranges, tensors, lists, tuples, texts and modules with `len` and `at`; this is " +
            describe(value))
      .withHelp(isInt(value.type) ? "`0.." + sourceText(span, 30) + "` is a range" : "");
  return std::nullopt;
}

// enumerate(xs): pairs of positions and elements; zip(xs, ys, …): tuples of elements, as many as the shortest has.
std::optional<Checker::Iterable> Checker::sideBySide(const ast::Call *call, const std::string &name,
                                                     const std::string &who) {
  bool counts = name == "enumerate";
  std::vector<Iterable> over;
  for (const ast::Arg &a : call->args) {
    if (!a.name.empty()) {
      error(Code::WrongArguments, a.span, "`" + name + "` has no parameter `" + a.name + "`");
      return std::nullopt;
    }
    std::vector<std::optional<Iterable>> several;
    if (a.value->kind == ast::ExprKind::Spread) {
      std::vector<Argument> items;
      spreadArgument(ast::as<const ast::Spread>(a.value), items);
      for (const Argument &item : items)
        several.push_back(item.value.bad() ? std::nullopt : iterable(item.value, a.span, "`" + name + "`"));
    } else {
      several.push_back(iterableOf(a.value, "`" + name + "`"));
    }
    for (std::optional<Iterable> &each : several) {
      if (!each)
        return std::nullopt;
      over.push_back(std::move(*each));
    }
  }
  if (counts ? over.size() != 1 : over.empty()) {
    error(Code::WrongArguments, call->span,
          counts ? "`enumerate` takes one argument" : "`zip` takes what it goes over");
    return std::nullopt;
  }
  Span span = call->span;
  bool written = !over[0].length, mixed = false;
  for (const Iterable &each : over)
    mixed |= written != !each.length;
  for (const Iterable &each : over)
    mixed |= !each.inner.empty();
  if (mixed) {
    error(Code::TypeMismatch, span, "`zip` goes over lists and tensors, or over tuples, not over both");
    return std::nullopt;
  }
  Iterable out;
  if (written) {
    size_t count = over[0].items.size();
    for (const Iterable &each : over)
      count = std::min(count, each.items.size());
    for (size_t i = 0; i < count; ++i) {
      std::vector<Value> items;
      if (counts)
        items.push_back(intValue(int64_t(i), span));
      for (const Iterable &each : over)
        items.push_back(each.items[i]);
      out.items.push_back(tupleValue(std::move(items), span));
    }
    return out;
  }
  Dim length = *over[0].length;
  for (const Iterable &each : over)
    length = compareDims(length, *each.length) == Proof::Equal ? length : Dim::min(length, *each.length);
  out.length = length;
  out.at = [=, this](const Value &i) {
    std::vector<Value> items;
    if (counts)
      items.push_back(i);
    for (const Iterable &each : over)
      items.push_back(materialise(each.at(i), "item"));
    return tupleValue(std::move(items), span);
  };
  return out;
}

// enumerate and zip where no loop goes over them: the list of tuples.
Value Checker::pairedList(const std::string &name, const std::vector<Argument> &args, Span span) {
  std::vector<Value> lists;
  for (const Argument &a : args)
    lists.push_back(opened(materialise(asList(a.value, a.span), "list")));
  for (const Value &v : lists)
    if (v.bad())
      return v;
  Dim length = lists[0].type->dims[0];
  for (const Value &v : lists)
    length = compareDims(length, v.type->dims[0]) == Proof::Equal ? length : Dim::min(length, v.type->dims[0]);
  if (name == "enumerate")
    lists.insert(lists.begin(), asList(opValue("arange", {}, tensorType(Elem::I64, {length}), span), span));
  std::vector<Type> types;
  for (Value &v : lists) {
    types.push_back(v.type->items[0]);
    if (!(v.type->dims[0] == length))
      v = listRange(v, intValue(0, span), length, span);
  }
  return fromParts(listType(length, tupleType(types)), lists, span);
}

} // namespace dl::sema
