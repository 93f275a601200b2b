// Functions of the runtime, declared with `extern fn` in the library.
#include "compiler/sema/checker.h"

#include <algorithm>

namespace dl::sema {

// What only makes a value of its arguments, or fails, may be removed when nobody reads it, and may be done again.
static bool isPureExtern(const std::string &name) {
  static const std::set<std::string> names = {"dl_rt_format",     "dl_rt_format_str", "dl_rt_format_list",
                                              "dl_rt_concat_str", "dl_rt_nonzero",    "dl_rt_ragged_rows",
                                              "dl_rt_chr",        "dl_rt_ord"};
  return name.starts_with("dl_rt_str_") || names.count(name) != 0;
}

// `dl_rt_read__images` is another signature of `dl_rt_read`.
static std::string runtimeName(const std::string &name) {
  size_t variant = name.find("__");
  return variant == std::string::npos ? name : name.substr(0, variant);
}

// Whether the result's type has `*name` in a shape. The destination shows such a parameter: it is not passed.
static bool isPackOf(const ast::TypeExpr *type, const std::string &name) {
  if (!type)
    return false;
  for (const ast::Dim &d : type->dims)
    if (d.kind == ast::Dim::Pack && d.name == name)
      return true;
  return std::any_of(type->items.begin(), type->items.end(),
                     [&](const ast::TypeExpr *item) { return isPackOf(item, name); });
}

Value Checker::callExtern(const ast::FnDecl *fn, Scope *env, std::vector<Argument> args, Span span) {
  Target target = targetOfFn(fn, env);
  std::vector<Argument> slots;
  if (!bindArguments(target, args, slots, span))
    return bad(span);
  for (const Argument &slot : slots)
    if (slot.value.bad())
      return bad(span);
  Scope *scope = matchSignature(target, slots, span);
  if (!scope)
    return bad(span);
  std::vector<Value> passed;
  for (size_t k = 0; k < slots.size(); ++k) {
    const ast::Param &p = fn->params[k];
    if (p.isVariadic) {
      // Sizes of the result: the destination shows them.
      Binding *b = newBinding(Binding::Local, "*" + p.name, p.span);
      b->type = slots[k].value.type;
      b->known = slots[k].value.known;
      declare(scope, b);
      continue;
    }
    if (!isPackOf(fn->result, p.name))
      passed.push_back(slots[k].value);
  }
  std::string name = runtimeName(fn->name);
  if (!fn->result) {
    Value v = externValue(name, passed, unitType(), span, false, false);
    return v;
  }
  std::set<uint32_t> known;
  auto note = [&](const Dim &d) {
    for (uint32_t s : d.symbols())
      known.insert(s);
  };
  for (const Argument &slot : slots) {
    forEachDim(slot.value.type, note);
    forEachKnownDim(slot.value.known, note);
  }
  std::optional<Type> type = resolveType(fn->result, newScope(scope), true);
  if (!type) {
    error(Code::TypeMismatch, fn->result->span, "`" + fn->name + "` has a result that an extern function cannot give");
    return bad(span);
  }
  // A kernel writes into results whose sizes the arguments determine; other sizes are known once the call has been
  // made.
  bool newSizes = false;
  forEachDim(*type, [&](const Dim &d) {
    for (uint32_t s : d.symbols())
      newSizes |= known.count(s) == 0;
  });
  bool kernel = !newSizes;
  std::function<void(const Type &)> texts = [&](const Type &t) {
    kernel &= t->kind != TypeKind::Str;
    for (const Type &item : t->items)
      texts(item);
  };
  texts(*type);
  bool fits = true;
  forEachDim(*type, [&](const Dim &d) {
    fits &= !d.isConst() || d.constant() >= 0;
    if (kernel)
      requireSize(d, "a size is negative", span);
  });
  if (!fits) {
    error(Code::BadDimension, span, "a size cannot be negative");
    return bad(span);
  }
  Value v = externValue(name, passed, *type, span, isPureExtern(name), kernel);
  return newSizes || isInt(*type) || (*type)->kind == TypeKind::Tuple ? materialise(v, "result") : v;
}

} // namespace dl::sema
