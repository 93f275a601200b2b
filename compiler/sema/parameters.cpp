// The parameters of modules as trees of tensors, and back.
#include "compiler/sema/checker.h"

namespace dl::sema {

// The parameters in a type: of a module a record with the names of its members that hold any; of a tuple or record all
// of whose items hold some the same with their parameters, else a record of those that do; a tensor stands for itself.
Type Checker::paramsType(const Type &type, ParamSet set, TreePlace place) const {
  if (type->kind == TypeKind::Tensor)
    return type;
  if (isParameter(type))
    return type->module->fields[0].type;
  if (isList(type)) {
    Type item = paramsType(type->items[0], set, place);
    return item->kind == TypeKind::Record && item->items.empty() ? item : listType(type->dims[0], item);
  }
  std::vector<ParamPart> parts = paramParts(type, place, set);
  std::vector<std::string> names;
  std::vector<Type> items;
  for (const ParamPart &p : parts) {
    names.push_back(p.name);
    items.push_back(paramsType(p.type, set, p.place));
  }
  if (type->kind == TypeKind::Tuple && place == TreePlace::Top && items.size() == type->items.size())
    return tupleType(std::move(items));
  return recordType(std::move(names), std::move(items));
}

Value Checker::paramsOf(const Value &value, Span span, ParamSet set, TreePlace place) {
  if (value.type->kind == TypeKind::Tensor)
    return value;
  if (isParameter(value.type))
    return part(value, 0, span);
  if (isList(value.type))
    return paramsOfList(value, span, set, place);
  Value whole = materialise(value, "model");
  Value v;
  v.type = paramsType(value.type, set, place);
  v.span = span;
  v.expr = make(ExprKind::Tuple, v.type, span);
  for (const ParamPart &p : paramParts(value.type, place, set))
    v.expr->args.push_back(paramsOf(part(whole, p.index, span), span, set, p.place).expr);
  return v;
}

Value Checker::withParams(const Value &value, const Value &params, Span span, TreePlace place) {
  if (isList(value.type))
    return withListParams(value, params, span, place);
  Type type = paramsType(value.type, ParamSet::Trained, place);
  Value given = params;
  if (!conform(given, type, span, "the parameters"))
    return bad(span);
  if (value.type->kind == TypeKind::Tensor)
    return given;
  if (isParameter(value.type))
    return withPart(value, 0, given, span);
  given = materialise(given, "params");
  Value whole = materialise(value, "model"), out = whole;
  uint32_t i = 0;
  for (const ParamPart &p : paramParts(value.type, place, ParamSet::Trained)) {
    Value inner = withParams(part(whole, p.index, span), part(given, i++, span), span, p.place);
    if (inner.bad())
      return inner;
    out = withPart(out, p.index, inner, span);
  }
  return out;
}

// How many numbers the type's tensors have.
Dim Checker::numbersIn(const Type &type) const {
  if (isList(type))
    return type->dims[0] * numbersIn(type->items[0]);
  Dim sum(int64_t(type->kind == TypeKind::Tensor ? 1 : 0));
  for (const Dim &d : type->dims)
    sum = sum * d;
  for (const NamedPart &p : partsOfTree(type))
    sum = sum + numbersIn(p.type);
  return sum;
}

} // namespace dl::sema
