// Whose params a value holds: a copy's are its own, a place keeps its own when it takes another value, and a value that
// was computed has none of its own where it depends on others.
#include "compiler/sema/checker.h"

#include <algorithm>

namespace dl::sema {

// Whether a value of the type leads to params, be it as a function that has captured them.
bool Checker::reachesParams(const Type &type) const {
  auto reaches = [&](const Type &part) { return reachesParams(part); };
  if (holdsParams(type))
    return true;
  if (type->kind == TypeKind::Function)
    return type->function &&
           std::any_of(type->function->captureTypes.begin(), type->function->captureTypes.end(), reaches);
  if (type->kind == TypeKind::Module)
    return std::any_of(type->module->fields.begin(), type->module->fields.end(),
                       [&](const Field &field) { return reachesParams(field.type); });
  return std::any_of(type->items.begin(), type->items.end(), reaches);
}

// The value with changed params and tokens. `place`: a value of the same type, whose tokens are handed to the change.
Value Checker::mapParams(const Value &value, const Value *place, const ParamChange &change, Span span) {
  if (change.value ? !reachesParams(value.type) : !holdsParams(value.type))
    return value;
  const bool list = isList(value.type);
  if (list && place && compareDims(place->type->dims[0], value.type->dims[0]) != Proof::Equal)
    place = nullptr;
  const Value whole = opened(materialise(value, "model"));
  std::optional<Value> at = place ? std::optional(opened(materialise(*place, "place"))) : std::nullopt;
  const Type &item = list ? value.type->items[0] : value.type;
  auto isParam = [&](uint32_t k) {
    return item->kind == TypeKind::Module && k < item->module->fields.size() && hasGradient(*item->module, k);
  };
  std::vector<Value> parts;
  const auto count = static_cast<uint32_t>(storedParts(value.type).size());
  for (uint32_t k = 0; k < count; ++k) {
    Value own = storedPart(whole, k, span);
    std::optional<Value> other = at ? std::optional(storedPart(*at, k, span)) : std::nullopt;
    if (isParam(k))
      parts.push_back(change.value ? change.value(own, storedPart(whole, k + 1, span), storedPart(whole, k + 2, span))
                                   : own);
    else if (k >= 2 && isParam(k - 2))
      parts.push_back(
          change.token ? mapToken(own, storedPart(whole, k - 2, span), other ? &*other : nullptr, change, span) : own);
    else if (k >= 1 && isParam(k - 1))
      parts.push_back(own);
    else
      parts.push_back(mapParams(own, other ? &*other : nullptr, change, span));
  }
  Value out = value;
  out.expr = fromParts(value.type, parts, span).expr;
  out.binding = nullptr;
  out.parts = nullptr;
  out.items = nullptr;
  return out;
}

// One token, the column of a list, or one for each part of a param, whose value is `param`.
Value Checker::mapToken(const Value &token, const Value &param, const Value *place, const ParamChange &change,
                        Span span) {
  if (token.type->kind == TypeKind::Tensor)
    return change.token(token, param, place);
  if (isList(token.type) && place && compareDims(place->type->dims[0], token.type->dims[0]) != Proof::Equal)
    place = nullptr;
  const Value whole = opened(token), of = opened(param);
  std::optional<Value> at = place ? std::optional(opened(*place)) : std::nullopt;
  std::vector<Value> parts;
  for (uint32_t k = 0; k < storedParts(token.type).size(); ++k) {
    std::optional<Value> other = at ? std::optional(storedPart(*at, k, span)) : std::nullopt;
    parts.push_back(
        mapToken(storedPart(whole, k, span), storedPart(of, k, span), other ? &*other : nullptr, change, span));
  }
  return fromParts(token.type, parts, span);
}

// What a place that holds `old` takes for the value.
Value Checker::keepingParams(const Value &value, const Value &old, Span span) {
  const bool alike = !old.bad() && sameType(old.type, value.type);
  ParamChange change;
  change.token = [&](const Value &token, const Value &, const Value *place) {
    std::vector<Value> operands{token};
    if (place)
      operands.push_back(*place);
    return opValue("param.token", operands, token.type, span);
  };
  return mapParams(value, alike ? &old : nullptr, change, span);
}

// A module whose params were computed; `field`: only that one.
Value Checker::computedParams(const Value &value, Span span, std::optional<uint32_t> field) {
  ParamChange change;
  change.token = [&](const Value &token, const Value &param, const Value *) {
    return opValue("param.token", {token, param}, token.type, span, {{"computed", Attr(true)}});
  };
  if (!field)
    return mapParams(value, nullptr, change, span);
  const Value whole = materialise(value, "model");
  Value token = mapToken(storedPart(whole, *field + 2, span), storedPart(whole, *field, span), nullptr, change, span);
  return replacePart(whole, *field + 2, token, span);
}

// With every param read: what is differentiated inside a transformation does not know of params.
Value Checker::paramsRead(const Value &value, Span span) {
  if (frame_->noGrad > 0)
    return value;
  ParamChange change;
  change.value = [&](const Value &param, const Value &, const Value &token) { return leafOf(param, token, span); };
  return mapParams(value, nullptr, change, span);
}

// `var n = m`: the params of a copy are params of their own.
void Checker::copyParams(const ast::Pattern &pattern, Span span) {
  for (const ast::Pattern &item : pattern.items)
    copyParams(item, span);
  if (pattern.isTuple)
    return;
  Place place;
  place.root = scope_->find(pattern.name);
  place.span = span;
  if (!place.root || place.root->kind != Binding::Local || !holdsParams(place.root->type))
    return;
  changeCompanions(paramsAt(place), 2, span,
                   [&](const Value &token) { return opValue("param.token", {token}, token.type, span); });
}

} // namespace dl::sema
