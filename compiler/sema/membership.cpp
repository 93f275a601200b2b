// item in whole, for everything that holds something.
#include "compiler/sema/checker.h"

namespace dl::sema {

Value Checker::membership(Value item, Value whole, Span span, Span opSpan) {
  auto argument = [](const Value &v) { return argumentOf(v, v.span); };
  auto reject = [&](const std::string &help) {
    Diagnostic &d =
        error(Code::BadOperand, opSpan, "`in` does not look for " + str(item.type) + " in " + str(whole.type));
    d.label(item.span, describe(item)).label(whole.span, describe(whole));
    if (!help.empty())
      d.withHelp(help);
    return bad(span);
  };
  if (whole.type->kind == TypeKind::Str) {
    if (item.type->kind != TypeKind::Str)
      return reject("a text is looked for in a text: `str(x) in s`");
    if (item.known.text && whole.known.text)
      return boolValue(whole.known.text->find(*item.known.text) != std::string::npos, span);
    return callLibrary("contains", {argument(whole), argument(item)}, span);
  }
  if (isList(whole.type)) {
    if (!fitItem(item, whole.type->items[0], item.span, "what is looked for"))
      return bad(span);
    // A list of texts that is only looked into need not be made.
    if (item.type->kind == TypeKind::Str && whole.items)
      return membership(item, tupleValue(*whole.items, whole.span), span, opSpan);
    return callLibrary("list_contains", {argument(whole), argument(item)}, span);
  }
  if (isTensor(whole.type)) {
    if (item.type->kind != TypeKind::Tensor)
      return reject("");
    Value equal = compareValues(ast::CompareOp::Eq, whole, item, span, opSpan);
    return equal.bad() || isScalar(equal.type) ? equal : callBuiltin("any", {equal}, span);
  }
  if (whole.type->kind == TypeKind::Module)
    if (const std::string *pack = packName(*whole.type->module))
      if (std::optional<Value> items = memberOf(materialise(whole, "module"), *pack, span);
          items && !items->bad() && items->type->kind == TypeKind::Record)
        whole = *items;
  if (whole.type->kind == TypeKind::Record) {
    if (item.type->kind != TypeKind::Str)
      return reject("a record is asked for its names: `\"weight\" in d`");
    whole = *recordMethod(whole, "keys", span);
  }
  if (whole.type->kind != TypeKind::Tuple)
    return reject("`in` is for texts, lists, tuples, tensors and the names of records");
  item = materialise(item, "item");
  whole = materialise(whole, "items");
  Value found = boolValue(false, span);
  for (uint32_t i = 0; i < whole.type->items.size(); ++i) {
    Value other = part(whole, i, span);
    if (other.type->kind != item.type->kind)
      continue;
    Value same = sameWhole(item, other, span, opSpan);
    if (same.bad() || (same.known.boolean && *same.known.boolean))
      return same;
    if (!same.known.boolean)
      found = found.known.boolean ? same : opValue("or", {found, same}, same.type, span);
  }
  return found;
}

} // namespace dl::sema
