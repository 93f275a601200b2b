// Lists: elements of one type, stored as one tensor for each part of an element with the length in front.
#include "compiler/sema/checker.h"

namespace dl::sema {

Value Checker::storedPart(const Value &whole, uint32_t index, Span span) {
  Value v;
  v.span = span;
  v.type = storedParts(whole.type)[index].type;
  if (whole.expr->kind == ExprKind::Tuple && whole.expr->args.size() > index) {
    v.expr = whole.expr->args[index];
    return v;
  }
  v.expr = make(ExprKind::Get, v.type, span);
  v.expr->args = {whole.expr};
  v.expr->index = index;
  return v;
}

Value Checker::fromParts(const Type &type, const std::vector<Value> &parts, Span span) {
  Value v;
  v.type = type;
  v.span = span;
  v.expr = make(ExprKind::Tuple, type, span);
  for (const Value &part : parts) {
    if (part.bad())
      return bad(span);
    v.expr->args.push_back(part.expr);
  }
  return v;
}

// The value under a name of its own, with this type.
Value Checker::nameData(const Value &value, const Type &type) {
  Value v = value;
  v.type = type;
  Variable *variable = makeVariable(isList(type) ? "list" : "data", type, value.span, false);
  Stmt *let = makeStmt(StmtKind::Let, value.span);
  let->variable = variable;
  let->value = value.expr;
  emit(let);
  v.expr = make(ExprKind::Var, type, value.span);
  v.expr->variable = variable;
  return v;
}

Value Checker::opened(const Value &value) {
  if (value.bad() || !(isList(value.type) || isTensor(value.type)) || !value.type->dims[0].isOpen())
    return value;
  Dim size = Dim::fresh("n");
  if (isList(value.type))
    return nameData(value, listType(size, value.type->items[0]));
  Shape dims = value.type->dims;
  dims[0] = size;
  return nameData(value, tensorType(value.type->elem, std::move(dims)));
}

// The bytes of a text as a tensor whose size is known to the program.
Value Checker::sizedText(const Value &text) {
  Value bytes = text;
  bytes.known = {};
  if (text.known.text)
    return nameData(bytes, tensorType(Elem::U8, {Dim(int64_t(text.known.text->size()))}));
  bytes.type = tensorType(Elem::U8, {Dim::open()});
  return opened(bytes);
}

namespace {

// Whether values of this type are stored one after another, with their ends beside.
bool isPacked(const Type &item) {
  return item->kind == TypeKind::Str || item->kind == TypeKind::List || isRagged(item);
}

} // namespace

// ------------------------------------------------------------------------------------------------------- making
std::optional<Type> Checker::commonType(const std::vector<Value> &items, Span span) {
  Type common = storedItem(items[0].type);
  for (size_t i = 1; i < items.size(); ++i) {
    Type other = storedItem(items[i].type);
    if (sameType(common, other))
      continue;
    if (std::optional<Type> loose = looseType(common, true); loose && loosens(other, *loose)) {
      common = *loose;
      continue;
    }
    bool fits =
        isTensor(common) && isTensor(other) && common->elem == other->elem && common->dims.size() == other->dims.size();
    for (size_t k = 0; fits && k < common->dims.size(); ++k)
      fits = compareDims(common->dims[k], other->dims[k]) != Proof::Different;
    if (!fits)
      return std::nullopt;
  }
  return common;
}

Value Checker::listOf(std::vector<Value> items, const Type &item, Span span) {
  const Dim length(int64_t(items.size()));
  const Type type = listType(length, item);
  for (Value &v : items) {
    if (!fitItem(v, item, v.span, "an item of a list"))
      return bad(span);
    v = materialise(v, "item");
  }
  auto numbers = [&](Elem elem, const std::vector<Value> &values) {
    bool constant = true;
    for (const Value &v : values)
      constant &= v.expr->kind == ExprKind::Constant;
    if (!values.empty() && !constant)
      return stackValues(values, span);
    Value v;
    v.span = span;
    v.type = tensorType(elem, {Dim(int64_t(values.size()))});
    v.expr = make(ExprKind::TensorConst, v.type, span);
    for (const Value &value : values)
      v.expr->numbers.push_back(double(std::get<int64_t>(value.expr->literal.value)));
    return v;
  };
  if (isPacked(item)) {
    std::vector<Value> rows, ends;
    Dim end;
    for (Value &v : items) {
      Value row = v.type->kind == TypeKind::Str ? sizedText(v) : opened(v);
      end = end + row.type->dims[0];
      ends.push_back(dimValue(end, span));
      rows.push_back(row);
    }
    const Type data = storedParts(type)[0].type;
    Value all;
    if (isList(item)) {
      all = listOf({}, item->items[0], span);
      for (size_t i = 0; i < rows.size(); ++i)
        all = i ? joinedLists(all, rows[i], span) : rows[i];
    } else {
      Shape dims = data->dims;
      dims[0] = end;
      all.type = tensorType(data->elem, dims);
      if (rows.empty()) {
        all.expr = make(ExprKind::TensorConst, all.type, span);
        if (dims.size() > 1)
          all = opValue("zeros", {}, all.type, span);
      } else {
        all = rows.size() == 1 ? rows[0] : opValue("cat", rows, all.type, span, {{"dim", Attr(int64_t(0))}});
      }
    }
    return fromParts(type, {all, numbers(Elem::I64, ends)}, span);
  }
  if (item->kind == TypeKind::Tensor) {
    const Type data = storedParts(type)[0].type;
    if (items.empty()) {
      bool constant = data->dims.size() == 1;
      Value v = constant ? Value{} : opValue("zeros", {}, data, span);
      if (constant)
        v.expr = make(ExprKind::TensorConst, data, span);
      v.type = data;
      return fromParts(type, {v}, span);
    }
    for (Value &v : items)
      v.known.literal = false;
    return fromParts(type, {stackValues(std::move(items), span)}, span);
  }
  std::vector<Part> parts = storedParts(item);
  std::vector<Value> columns;
  for (uint32_t k = 0; k < parts.size(); ++k) {
    std::vector<Value> column;
    for (const Value &v : items)
      column.push_back(part(v, k, span));
    columns.push_back(listOf(std::move(column), parts[k].type, span));
  }
  return fromParts(type, columns, span);
}

Value Checker::gathered(std::vector<Value> items, Span span) {
  // Evaluated once, whether they end up in the tensor that is made here or in a list made of `kept`.
  for (Value &v : items)
    v = materialise(v, "item");
  auto kept = std::make_shared<const std::vector<Value>>(items);
  bool tensors = true;
  for (const Value &v : items)
    tensors &= v.type->kind == TypeKind::Tensor;
  std::optional<Type> common = commonType(items, span);
  Value out;
  if (tensors) {
    // Tensors of shapes that differ stand side by side.
    bool differ = false, alike = true;
    for (const Value &v : items) {
      differ |= v.type->dims.size() != items[0].type->dims.size();
      for (size_t k = 0; !differ && k < v.type->dims.size(); ++k) {
        Proof proof = compareDims(v.type->dims[k], items[0].type->dims[k]);
        differ |= proof == Proof::Different;
        alike &= proof == Proof::Equal;
      }
    }
    if (!differ && !alike) {
      // Where a list is wanted the sizes may differ: what compares them goes with the tensor, and nothing is known of
      // it.
      Restore<std::map<uint32_t, Dim>> equal(frame_->equal);
      Restore<std::vector<Dim>> zero(frame_->zero);
      out = inOwnBody([&] { return stackValues(std::move(items), span); }, span);
    } else {
      out = differ ? tupleValue(std::move(items), span) : stackValues(std::move(items), span);
    }
  } else if (common) {
    out = listOf(std::move(items), *common, span);
  } else {
    out = tupleValue(std::move(items), span);
  }
  out.items = kept;
  return out;
}

Value Checker::asTensor(const Value &list, Span span) {
  const Type &item = list.type->items[0];
  if (item->kind == TypeKind::Tensor)
    return isRagged(item) ? alikeRows(list, span) : storedPart(opened(list), 0, span);
  error(Code::TypeMismatch, list.span.valid() ? list.span : span,
        describe(list) + " is no list of numbers or of tensors of one shape");
  return bad(span);
}

// The tensor of a list whose elements may differ in size, which they do not.
Value Checker::alikeRows(const Value &value, Span span) {
  Value list = opened(materialise(value, "list"));
  Value data = opened(materialise(storedPart(list, 0, span), "data"));
  Value ends = materialise(storedPart(list, 1, span), "ends");
  const Dim count = list.type->dims[0];
  Value each = callBuiltin(
      "floordiv",
      {dimValue(data.type->dims[0], span), callBuiltin("maximum", {dimValue(count, span), intValue(1, span)}, span)},
      span);
  const Dim size = sizeOf(each, span);
  Value regular = callBuiltin(
      "mul",
      {callBuiltin("add", {opValue("arange", {}, ends.type, span), intValue(1, span)}, span), dimValue(size, span)},
      span);
  require(callBuiltin("all", {callBuiltin("eq", {ends, regular}, span)}, span),
          strValue("the tensors of the list differ in their first size, so they make no tensor", span), span);
  Shape dims = data.type->dims;
  dims[0] = size;
  dims.insert(dims.begin(), count);
  return reshaped(data, std::move(dims), span);
}

// cat and stack of a list of any length, and of a tensor's rows.
std::optional<Value> Checker::joinList(bool stacks, const std::vector<Argument> &args, Span span) {
  const Value &joined = args[0].value;
  bool isRows = !args[0].bracket && isTensor(joined.type) && !joined.type->dims.empty();
  if ((!isList(joined.type) && !isRows) || args.size() > 2)
    return std::nullopt;
  int64_t dim = 0;
  if (args.size() == 2) {
    const Known &known = args[1].value.known;
    if ((!args[1].name.empty() && args[1].name != "dim") || !known.dim || !known.dim->isConst())
      return std::nullopt;
    dim = known.dim->constant();
  }
  Value list = opened(materialise(isRows ? asList(joined, span) : joined, "tensors"));
  const Type &item = list.type->items[0];
  if (item->kind != TypeKind::Tensor || (!stacks && item->dims.empty()))
    return std::nullopt;
  int64_t rank = int64_t(item->dims.size()) + stacks, at = dim < 0 ? dim + rank : dim;
  if (at < 0 || at >= rank) {
    error(Code::BadDimension, args[1].span,
          "dimension " + std::to_string(dim) + " is out of range: " + (stacks ? "the result" : "the tensors") +
              " have " + std::to_string(rank) + (rank == 1 ? " dimension" : " dimensions"));
    return bad(span);
  }
  if (!stacks && at == 0 && isRagged(item))
    return opened(storedPart(list, 0, span));
  Value rows = asTensor(list, span);
  if (rows.bad())
    return rows;
  // The list's own dimension goes where the tensors are joined.
  std::vector<int64_t> order;
  for (int64_t k = 1; k < int64_t(rows.type->dims.size()); ++k) {
    if (k == at + 1)
      order.push_back(0);
    order.push_back(k);
  }
  if (order.size() < rows.type->dims.size())
    order.push_back(0);
  rows = permuted(rows, order, span);
  if (stacks)
    return rows;
  Shape dims = rows.type->dims;
  dims[size_t(at)] = dims[size_t(at)] * dims[size_t(at) + 1];
  dims.erase(dims.begin() + at + 1);
  return reshaped(rows, std::move(dims), span);
}

Value Checker::asList(const Value &value, Span span) {
  if (isList(value.type))
    return opened(value);
  if (isTensor(value.type))
    return fromParts(listType(value.type->dims[0],
                              tensorType(value.type->elem, {value.type->dims.begin() + 1, value.type->dims.end()})),
                     {value}, span);
  if (value.type->kind == TypeKind::Tuple && !value.type->items.empty()) {
    Value whole = materialise(value, "items");
    std::vector<Value> items;
    for (uint32_t i = 0; i < value.type->items.size(); ++i)
      items.push_back(part(whole, i, span));
    if (std::optional<Type> common = commonType(items, span))
      return listOf(std::move(items), *common, span);
  }
  error(Code::TypeMismatch, value.span.valid() ? value.span : span, describe(value) + " cannot be made a list")
      .withHelp("a list holds the rows of a tensor, or values of one type");
  return bad(span);
}

// ------------------------------------------------------------------------------------------------------ reading
// Where the element before this position ends; 0 for the first one. The position lies in 0 … length.
Value Checker::endBefore(const Value &ends, const Value &position, Span span) {
  if (position.known.dim && position.known.dim->isConst() && position.known.dim->constant() == 0)
    return intValue(0, span);
  Value v;
  v.type = scalarType(Elem::I64);
  v.span = span;
  v.expr = make(ExprKind::If, v.type, span);
  v.expr->args = {opValue("gt", {position, intValue(0, span)}, scalarType(Elem::Bool), span).expr};
  v.expr->thenBody = makeBody();
  v.expr->thenBody->value = sliceAt(ends, opValue("sub", {position, intValue(1, span)}, v.type, span), span).expr;
  v.expr->elseBody = makeBody();
  v.expr->elseBody->value = intValue(0, span).expr;
  return materialise(v, "end");
}

// A position counted from the front; it is not checked.
Value Checker::fromFront(const Value &position, const Dim &length, Span span) {
  if (position.known.dim && position.known.dim->nonNegative())
    return position;
  Value zero = intValue(0, span);
  Value shifted = opValue("add", {position, dimValue(length, span)}, position.type, span);
  return materialise(opValue("where",
                             {opValue("lt", {position, zero}, scalarType(Elem::Bool), span), shifted, position},
                             position.type, span),
                     "position");
}

// An int that becomes a size of its own.
Dim Checker::sizeOf(const Value &number, Span span) {
  Variable *variable = makeVariable("length", scalarType(Elem::I64), span, false);
  variable->dim = Dim::fresh("n");
  Stmt *let = makeStmt(StmtKind::Let, span);
  let->variable = variable;
  let->value = number.expr;
  emit(let);
  return *variable->dim;
}

Value Checker::listRange(const Value &list, const Value &begin, const Dim &length, Span span) {
  if (isTensor(list.type)) {
    Shape dims = list.type->dims;
    dims[0] = length;
    Value v;
    v.type = tensorType(list.type->elem, dims);
    v.span = span;
    v.expr = make(ExprKind::Slice, v.type, span);
    v.expr->args = {list.expr};
    for (size_t k = 0; k < dims.size(); ++k) {
      SliceItem item{};
      item.kind = k ? SliceItem::Full : SliceItem::Range;
      item.begin = k ? nullptr : begin.expr;
      item.length = dims[k];
      item.span = span;
      v.expr->slices.push_back(item);
    }
    return v;
  }
  const Type &item = list.type->items[0];
  const Type type = listType(length, item);
  std::vector<Value> parts;
  if (!isPacked(item)) {
    for (uint32_t k = 0; k < storedParts(list.type).size(); ++k)
      parts.push_back(listRange(storedPart(list, k, span), begin, length, span));
    return fromParts(type, parts, span);
  }
  Value ends = materialise(storedPart(list, 1, span), "ends");
  Value first = endBefore(ends, begin, span);
  Value stop = opValue("add", {begin, dimValue(length, span)}, begin.type, span);
  Value last = endBefore(ends, materialise(stop, "stop"), span);
  Dim size = sizeOf(opValue("sub", {last, first}, first.type, span), span);
  Value data = listRange(storedPart(list, 0, span), first, size, span);
  Value kept = listRange(ends, begin, length, span);
  return fromParts(type, {data, callBuiltin("sub", {kept, first}, span)}, span);
}

Value Checker::listAt(const Value &list, const Value &position, Span span) {
  const Type &item = list.type->items[0];
  if (item->kind == TypeKind::Tensor && !isRagged(item))
    return sliceAt(storedPart(list, 0, span), position, span);
  if (!isPacked(item)) {
    std::vector<Value> values;
    for (uint32_t k = 0; k < storedParts(item).size(); ++k)
      values.push_back(listAt(storedPart(list, k, span), position, span));
    return fromParts(item, values, span);
  }
  Value ends = materialise(storedPart(list, 1, span), "ends");
  Value end = materialise(sliceAt(ends, position, span), "end");
  Value begin = endBefore(ends, fromFront(position, list.type->dims[0], span), span);
  Dim size = sizeOf(opValue("sub", {end, begin}, end.type, span), span);
  Value v = listRange(storedPart(list, 0, span), begin, size, span);
  if (item->kind != TypeKind::Str)
    return v;
  v = materialise(v, "text");
  Expr *text = make(ExprKind::Var, strType(), span);
  text->variable = v.expr->variable;
  v.expr = text;
  v.type = strType();
  return v;
}

Value Checker::takenItems(const Value &list, const Value &index, Span span) {
  if (isTensor(list.type))
    return callBuiltin("take", {list, index}, span);
  const Type &item = list.type->items[0];
  const Type type = listType(index.type->dims[0], item);
  std::vector<Value> parts;
  if (!isPacked(item)) {
    for (uint32_t k = 0; k < storedParts(list.type).size(); ++k)
      parts.push_back(takenItems(storedPart(list, k, span), index, span));
    return fromParts(type, parts, span);
  }
  Dim rows = Dim::fresh("n");
  Type found = tupleType({tensorType(Elem::I64, {rows}), tensorType(Elem::I64, index.type->dims)});
  Value places = materialise(
      externValue("dl_rt_ragged_rows", {storedPart(list, 1, span), index}, found, span, true, false), "places");
  Value data = takenItems(opened(storedPart(list, 0, span)), part(places, 0, span), span);
  return fromParts(type, {data, part(places, 1, span)}, span);
}

// ----------------------------------------------------------------------------------------------------- changing
Value Checker::joinedLists(const Value &a, const Value &b, Span span) {
  if (isTensor(a.type)) {
    Shape dims = a.type->dims;
    dims[0] = dims[0] + b.type->dims[0];
    return opValue("cat", {a, b}, tensorType(a.type->elem, dims), span, {{"dim", Attr(int64_t(0))}});
  }
  const Type &item = a.type->items[0];
  const Type type = listType(a.type->dims[0] + b.type->dims[0], item);
  std::vector<Value> parts;
  if (!isPacked(item)) {
    for (uint32_t k = 0; k < storedParts(a.type).size(); ++k)
      parts.push_back(joinedLists(storedPart(a, k, span), storedPart(b, k, span), span));
    return fromParts(type, parts, span);
  }
  Value first = materialise(opened(storedPart(a, 0, span)), "data"),
        second = materialise(opened(storedPart(b, 0, span)), "data");
  Value moved = callBuiltin("add", {storedPart(b, 1, span), dimValue(first.type->dims[0], span)}, span);
  return fromParts(type, {joinedLists(first, second, span), joinedLists(storedPart(a, 1, span), moved, span)}, span);
}

Value Checker::withListItem(const Value &list, const Value &position, const Value &item, Span span) {
  const Type &type = list.type->items[0];
  std::vector<Value> parts;
  if (type->kind == TypeKind::Tensor && !isRagged(type)) {
    Value data = storedPart(list, 0, span), v = sliceAt(data, position, span);
    v.expr->kind = ExprKind::UpdateSlice;
    v.expr->type = data.type;
    v.expr->args = {data.expr, item.expr};
    v.type = data.type;
    return fromParts(list.type, {v}, span);
  }
  if (!isPacked(type)) {
    Value whole = materialise(item, "item");
    for (uint32_t k = 0; k < storedParts(type).size(); ++k)
      parts.push_back(withListItem(storedPart(list, k, span), position, part(whole, k, span), span));
    return fromParts(list.type, parts, span);
  }
  Value whole = materialise(list, "list");
  materialise(sliceAt(storedPart(whole, 1, span), position, span), "checked");
  Value at = fromFront(position, list.type->dims[0], span);
  Value one = intValue(1, span), next = materialise(opValue("add", {at, one}, at.type, span), "next");
  Dim before = sizeOf(at, span),
      after = sizeOf(opValue("sub", {dimValue(list.type->dims[0], span), next}, at.type, span), span);
  Value head = listRange(whole, intValue(0, span), before, span);
  Value v = joinedLists(joinedLists(head, listOf({item}, type, span), span), listRange(whole, next, after, span), span);
  v.type = list.type;
  v.expr->type = list.type;
  return v;
}

// The list with a part of one element changed, `path` leading to the part: what else the elements hold stays as it is.
Value Checker::withItemPart(const Value &list, const Value &position, std::span<const uint32_t> path,
                            const Value &value, Span span) {
  if (path.empty())
    return withListItem(list, position, value, span);
  std::vector<Value> columns;
  for (uint32_t k = 0; k < storedParts(list.type).size(); ++k) {
    Value column = storedPart(list, k, span);
    columns.push_back(k == path[0] ? withItemPart(column, position, path.subspan(1), value, span) : column);
  }
  return fromParts(list.type, columns, span);
}

// ---------------------------------------------------------------------------------------------------- filling
// A list of `length` elements that placed() fills from the first to the last.
Value Checker::unfilled(const Dim &length, const Type &item, Span span) {
  const Type type = listType(length, item);
  std::vector<Part> stored = storedParts(type);
  std::vector<Value> parts;
  for (size_t k = 0; k < stored.size(); ++k) {
    if (isPacked(item) && k == 0)
      parts.push_back(storedPart(listOf({}, item, span), 0, span));
    else if (isTensor(stored[k].type))
      parts.push_back(opValue("zeros", {}, stored[k].type, span));
    else
      parts.push_back(unfilled(length, stored[k].type->items[0], span));
  }
  return fromParts(type, parts, span);
}

Value Checker::placed(const Value &list, const Value &position, const Value &item, Span span) {
  const Type &type = list.type->items[0];
  if (!isPacked(type) && type->kind != TypeKind::Tensor) {
    Value whole = materialise(item, "item");
    std::vector<Value> parts;
    for (uint32_t k = 0; k < storedParts(type).size(); ++k)
      parts.push_back(placed(storedPart(list, k, span), position, part(whole, k, span), span));
    return fromParts(list.type, parts, span);
  }
  if (!isPacked(type))
    return withListItem(list, position, item, span);
  Value row = item.type->kind == TypeKind::Str ? sizedText(item) : opened(item);
  Value data = joinedLists(opened(storedPart(list, 0, span)), materialise(row, "row"), span);
  data = materialise(data, "data");
  Value ends =
      withListItem(fromParts(listType(list.type->dims[0], scalarType(Elem::I64)), {storedPart(list, 1, span)}, span),
                   position, dimValue(data.type->dims[0], span), span);
  return fromParts(list.type, {data, storedPart(ends, 0, span)}, span);
}

// The type that a list stores values of this type as: an inner list's length is its own matter.
Type Checker::storedItem(const Type &type) {
  if (isList(type))
    return listType(Dim::open(), storedItem(type->items[0]));
  if (type->kind != TypeKind::Tuple && type->kind != TypeKind::Record)
    return type;
  auto node = std::make_shared<TypeNode>(*type);
  for (Type &item : node->items)
    item = storedItem(item);
  return node;
}

Value Checker::filledList(const Dim &length, Span span, const std::function<Value(const Value &)> &element) {
  // The variable is made before the loop; its type is known once an element is.
  Variable *result = makeVariable("list", nullptr, span, true);
  Stmt *let = makeStmt(StmtKind::Let, span);
  let->variable = result;
  emit(let);
  Body *outside = frame_->body;
  size_t before = mark();
  Value item;
  auto read = [&] {
    Value v;
    v.type = result->type;
    v.span = span;
    v.expr = make(ExprKind::Var, v.type, span);
    v.expr->variable = result;
    return v;
  };
  emitFor("i", span, intValue(0, span), dimValue(length, span), std::nullopt, [&](const Value &i) {
    item = element(i);
    if (item.bad())
      return;
    item.known.literal = false;
    result->type = listType(length, storedItem(item.type));
    Stmt *assign = makeStmt(StmtKind::Assign, span);
    assign->variable = result;
    assign->value = placed(read(), i, item, span).expr;
    emit(assign);
  });
  if (item.bad()) {
    result->type = unitType();
    let->value = unit(span).expr;
    return bad(span);
  }
  Body *scratch = makeBody();
  {
    Restore<Body *> inner(frame_->body, scratch);
    let->value = unfilled(length, storedItem(item.type), span).expr;
  }
  outside->stmts.insert(outside->stmts.begin() + long(before) - 1, scratch->stmts.begin(), scratch->stmts.end());
  return materialise(read(), "list");
}

} // namespace dl::sema
