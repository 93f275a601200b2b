// Lists of modules, records and tuples as trees of tensors: a list of them is stored as their parts' lists.
#include "compiler/sema/checker.h"

namespace dl::sema {

// The element's type with a list in place of each part.
Type Checker::columnsOf(const Type &list) {
  const Type &item = list->items[0];
  const Dim &length = list->dims[0];
  auto node = std::make_shared<TypeNode>(*item);
  for (Type &part : node->items)
    part = listType(length, part);
  if (item->kind == TypeKind::Module) {
    auto module = std::make_shared<ModuleInstance>(*item->module);
    for (Field &f : module->fields) {
      f.type = listType(length, f.type);
      f.dim = std::nullopt;
    }
    node->module = std::move(module);
  }
  return node;
}

Value Checker::paramsOfList(const Value &value, Span span, ParamSet set, TreePlace place) {
  const Type type = paramsType(value.type, set, place);
  if (!isList(type)) // no parameters
    return fromParts(type, {}, span);
  if (type->items[0]->kind == TypeKind::Tensor)
    return value;
  Value list = materialise(value, "list");
  std::vector<Value> columns;
  const Type &item = value.type->items[0];
  for (const ParamPart &p : paramParts(item, place, set)) {
    Value column = storedPart(list, p.index, span);
    if (frame_->noGrad == 0 && item->kind == TypeKind::Module && hasGradient(*item->module, p.index))
      column = leafOf(column, storedPart(list, p.index + 2, span), span);
    columns.push_back(paramsOf(column, span, set, p.place));
  }
  return fromParts(type, columns, span);
}

Value Checker::withListParams(const Value &value, const Value &params, Span span, TreePlace place) {
  const Type type = paramsType(value.type, ParamSet::Trained, place);
  Value given = params;
  if (!isList(type))
    return value;
  if (!conform(given, type, span, "the parameters"))
    return bad(span);
  if (type->items[0]->kind == TypeKind::Tensor)
    return given;
  Value list = materialise(value, "list");
  given = materialise(given, "params");
  std::vector<Value> columns;
  for (uint32_t k = 0; k < storedParts(value.type).size(); ++k)
    columns.push_back(storedPart(list, k, span));
  uint32_t i = 0;
  for (const ParamPart &p : paramParts(value.type->items[0], place, ParamSet::Trained)) {
    columns[p.index] = withParams(columns[p.index], storedPart(given, i++, span), span, p.place);
    if (columns[p.index].bad())
      return columns[p.index];
  }
  return fromParts(value.type, columns, span);
}

// f applied to the tensors of the elements of each list, one element after the other.
Value Checker::mapLists(const Value &fn, const std::vector<Value> &lists, Span span) {
  std::vector<Value> whole;
  for (const Value &v : lists) {
    if (!isList(v.type)) {
      error(Code::TypeMismatch, span,
            "`tree_map` takes values of one structure, these are " + str(lists[0].type) + " and " + str(v.type));
      return bad(span);
    }
    whole.push_back(opened(materialise(v, "list")));
    if (!requireEqual(whole[0].type->dims[0], whole.back().type->dims[0], span,
                      "`tree_map`: lists of {0} and {1} elements")) {
      error(Code::ShapeMismatch, span,
            "`tree_map` takes lists of one length, these have " + whole[0].type->dims[0].str() + " and " +
                whole.back().type->dims[0].str() + " elements");
      return bad(span);
    }
  }
  return filledList(whole[0].type->dims[0], span, [&](const Value &i) {
    std::vector<Value> items;
    for (const Value &v : whole)
      items.push_back(materialise(opened(listAt(v, i, span)), "item"));
    return mapTree(fn, items, span);
  });
}

Value Checker::unzipLists(const Value &list, const Type &shape, uint32_t index, Span span) {
  Value whole = materialise(list, "list");
  const Type &item = shape->items[0];
  if (item->kind == TypeKind::Tensor)
    return storedPart(whole, index, span);
  std::vector<Value> columns;
  std::vector<Type> types;
  std::vector<Part> parts = storedParts(shape);
  for (uint32_t k = 0; k < parts.size(); ++k) {
    columns.push_back(unzip(storedPart(whole, k, span), parts[k].type, index, span));
    types.push_back(columns.back().type->items[0]);
  }
  auto node = std::make_shared<TypeNode>(*item);
  node->items = types;
  return fromParts(listType(shape->dims[0], node), columns, span);
}

Value Checker::setListTraining(const Value &value, const Value &training, Span span) {
  Value list = materialise(value, "list");
  const Type columns = columnsOf(value.type);
  std::vector<Part> parts = storedParts(columns);
  std::vector<Value> out;
  for (uint32_t k = 0; k < parts.size(); ++k) {
    Value column = storedPart(list, k, span);
    const Type &item = column.type->items[0];
    bool isFlag =
        columns->kind == TypeKind::Module && parts[k].name == "training" && isScalar(item) && item->elem == Elem::Bool;
    if (isFlag)
      column = fromParts(column.type,
                         {opValue("full", {training}, tensorType(Elem::Bool, {value.type->dims[0]}), span)}, span);
    else if (item->kind == TypeKind::Module || item->kind == TypeKind::Tuple)
      column = setListTraining(column, training, span);
    out.push_back(column);
  }
  return fromParts(value.type, out, span);
}

} // namespace dl::sema
