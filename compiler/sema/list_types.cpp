// Lists and types: annotations, literals where a list is asked for, lists that must have one type.
#include "compiler/sema/checker.h"

#include <algorithm>

namespace dl::sema {

// Whether a tensor in it has a size that was made after `symbol`. Lists have their lengths with them.
static bool hasSizeAfter(const Type &type, uint32_t symbol) {
  if (isTensor(type))
    return std::any_of(type->dims.begin(), type->dims.end(), [&](const Dim &d) {
      const auto symbols = d.symbols();
      return !d.isOpen() && std::any_of(symbols.begin(), symbols.end(), [&](uint32_t s) { return s > symbol; });
    });
  return std::any_of(type->items.begin(), type->items.end(), [&](const Type &t) { return hasSizeAfter(t, symbol); });
}

static bool holdsRagged(const Type &type) {
  return isRagged(type) ||
         (type->kind == TypeKind::Tuple && std::any_of(type->items.begin(), type->items.end(), holdsRagged));
}

// The value as a `list[T]`: items of a literal adapt one by one, another list's elements must be of that type.
bool Checker::matchList(const ast::TypeExpr *type, Value &value, Scope *scope, const std::string &what) {
  const ast::TypeExpr *itemType = type->items[0];
  if (value.items) {
    std::vector<Value> items = *value.items;
    std::vector<Type> types;
    for (size_t i = 0; i < items.size(); ++i) {
      bindSignatureDims(itemType, items[i].type, scope);
      if (!matchType(itemType, items[i], scope, what + ": item " + std::to_string(i)))
        return false;
      items[i].known.literal = false;
    }
    if (items.empty()) {
      const uint32_t known = Dim::fresh("n").symbolId(); // what comes after has no value
      std::optional<Type> item = resolveItem(itemType, scope);
      if (!item) {
        error(Code::TypeMismatch, value.span, "the type of the elements of " + what + ", an empty list, is not known")
            .withHelp(holdsItself(itemType, scope, {})
                          ? "a module that holds others of its kind has no end: keep them all in one list, and in each "
                            "the positions of those that it holds, `list[int]`"
                      : namesModule(itemType, scope)
                          ? "sizes or choices inside depend on what it is made with: start with the first element"
                          : "start with the first element");
        return false;
      }
      if (hasSizeAfter(*item, known)) {
        error(Code::UnboundShapeVariable, value.span,
              "the sizes of the elements of " + what + ", an empty list, are not known")
            .label(itemType->span, "declared here")
            .withHelp("declare them by numbers or by names that have a value, or start with the first element");
        return false;
      }
      value = listOf({}, *item, value.span);
      return true;
    }
    std::optional<Type> common = namesModule(itemType, scope) ? resolveItem(itemType, scope) : std::nullopt;
    if (!common)
      common = commonType(items, value.span);
    bool isOne = common && std::all_of(items.begin(), items.end(), [&](const Value &v) {
                   return !isTensor(v.type) || sameType(storedItem(v.type), *common);
                 });
    if (!isOne) {
      // Tensors whose first sizes differ, or may do so, where `_` allows that.
      std::optional<Type> item = resolveItem(itemType, scope);
      if (item && (isRagged(*item) || (!common && holdsRagged(*item))))
        common = item;
    }
    if (!common) {
      error(Code::TypeMismatch, value.span,
            what + ": the elements of a list have one type, these are " + str(items[0].type) + " and " +
                otherType(items))
          .withHelp("without `list[…]` as its type, the literal is a tuple");
      return false;
    }
    value = listOf(std::move(items), *common, value.span);
    return !value.bad();
  }
  if (value.isRows && isTensor(value.type))
    value = asList(value, value.span);
  if (!isList(value.type)) {
    Diagnostic &d =
        error(Code::TypeMismatch, value.span, what + " is " + describe(value) + ", expected " + sourceText(type->span));
    if (isTensor(value.type))
      d.withHelp("`list(" + sourceText(value.span, 30) + ")` is the list of its rows");
    return false;
  }
  if (namesModule(itemType, scope))
    if (std::optional<Type> item = resolveItem(itemType, scope); item && !sameType(*item, value.type->items[0]))
      return conformList(value, listType(value.type->dims[0], *item), value.span, what);
  Value element = bad(value.span);
  element.type = value.type->items[0];
  if (isRagged(element.type) && itemType->kind == ast::TypeKind::Tensor) {
    std::optional<Type> item = resolveItem(itemType, scope);
    return item && (sameType(*item, element.type) || typeMismatch(value, sourceText(type->span), value.span, what));
  }
  return matchType(itemType, element, scope, "an element of " + what);
}

std::string Checker::otherType(const std::vector<Value> &items) const {
  for (const Value &v : items)
    if (!sameType(v.type, items[0].type))
      return str(v.type);
  return str(items[0].type);
}

// The type of an element as written, without a value: `_` in front means a size of its own for each element.
std::optional<Type> Checker::resolveItem(const ast::TypeExpr *type, Scope *scope) {
  if (type->kind == ast::TypeKind::Tuple && !type->items.empty()) {
    std::vector<Type> items;
    for (const ast::TypeExpr *each : type->items) {
      std::optional<Type> item = resolveItem(each, scope);
      if (!item)
        return std::nullopt;
      items.push_back(*item);
    }
    return tupleType(std::move(items));
  }
  if (std::optional<Type> loose = looseType(type, scope))
    return loose;
  std::optional<Type> item = resolveType(type, scope, true);
  if (!item)
    return item;
  if (isList(*item))
    return listType(Dim::open(), (*item)->items[0]);
  if (type->kind == ast::TypeKind::Tensor && isTensor(*item) && isAny(type->dims[0])) {
    Shape dims = (*item)->dims;
    dims[0] = Dim::open();
    return tensorType((*item)->elem, std::move(dims));
  }
  return item;
}

bool Checker::isAny(const ast::Dim &d) {
  return d.kind == ast::Dim::Any ||
         (d.value && d.value->kind == ast::ExprKind::Name && ast::as<const ast::Name>(d.value)->name == "_");
}

// Makes a list one of the type. An open length takes any; tensors of one shape can become tensors of differing size.
bool Checker::conformList(Value &list, const Type &type, Span span, const std::string &what) {
  // The elements of a literal adapt one by one.
  if (list.items && !sameType(list.type->items[0], type->items[0]) && !fitItem(list, type, span, what))
    return false;
  const Type &have = list.type->items[0], &want = type->items[0];
  if (!type->dims[0].isOpen() &&
      !requireEqual(list.type->dims[0], type->dims[0], span, what + ": the list has {0} elements, expected {1}")) {
    error(Code::ShapeMismatch, span,
          what + " is a list of " + list.type->dims[0].str() + ", expected " + type->dims[0].str() + " elements")
        .withHelp("the length of a `var` may change, and of a member that is declared so, as in `let items: " +
                  str(type) + " = []`");
    return false;
  }
  if (sameType(have, want)) {
    list.type = type;
    return true;
  }
  if (isRagged(want) && isTensor(have) && !isRagged(have) && have->elem == want->elem &&
      have->dims.size() == want->dims.size()) {
    Value whole = materialise(list, "list");
    const Dim length = list.type->dims[0], rows = have->dims[0];
    Shape dims(have->dims.begin(), have->dims.end());
    dims[0] = length * rows;
    Value data = opValue("reshape", {storedPart(whole, 0, span)}, tensorType(have->elem, dims), span);
    Value count = opValue("arange", {}, tensorType(Elem::I64, {length}), span);
    Value ends = callBuiltin("mul", {callBuiltin("add", {count, intValue(1, span)}, span), dimValue(rows, span)}, span);
    list = fromParts(type, {data, ends}, span);
    return true;
  }
  auto shapeless = [](const Dim &) { return std::string("?"); };
  if (typeKey(have, shapeless) == typeKey(want, shapeless)) {
    std::vector<Dim> from, to;
    forEachDim(have, [&](const Dim &d) { from.push_back(d); });
    forEachDim(want, [&](const Dim &d) { to.push_back(d); });
    bool equal = from.size() == to.size();
    for (size_t i = 0; equal && i < from.size(); ++i)
      equal = requireEqual(from[i], to[i], span, what + ": a size of the elements is {0}, expected {1}");
    if (equal) {
      list.type = type;
      return true;
    }
  }
  if (loosens(have, want))
    return loosenList(list, type, span, what);
  return typeMismatch(list, str(type), span, what);
}

} // namespace dl::sema
