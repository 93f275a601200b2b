// x[rows], x[:, columns], x[mask], x[i, rows, 1:3]: parts of tensors at computed positions, read and replaced.
#include "compiler/sema/checker.h"

#include <algorithm>

namespace dl::sema {

// Positions as i64[...]; a mask gives the positions at which it holds. `rows` are the sizes that it goes over.
Value Checker::chosenPositions(const Value &index, const Shape &rows, Span span) {
  Value positions = isList(index.type) ? asTensor(index, span) : index;
  if (positions.bad())
    return positions;
  if (positions.type->elem != Elem::Bool) {
    if (!isInteger(positions.type->elem)) {
      error(Code::BadOperand, span, "an index tensor holds ints or bools, this is " + describe(index));
      return bad(span);
    }
    return materialise(convert(positions, Elem::I64, span), "index");
  }
  const Shape &dims = positions.type->dims;
  for (size_t k = 0; k < dims.size(); ++k)
    if (!requireEqual(dims[k], rows[k], span, "the mask has size {0}, the tensor {1}")) {
      error(Code::ShapeMismatch, span,
            "the mask is " + describe(positions) + ", what it chooses from has size " + rows[k].str() +
                " in dimension " + std::to_string(k));
      return bad(span);
    }
  if (dims.size() > 1)
    positions = reshaped(positions, {productOf(dims)}, span);
  return materialise(
      externValue("dl_rt_nonzero", {positions}, tensorType(Elem::I64, {Dim::fresh("n")}), span, true, false), "chosen");
}

Dim Checker::productOf(const Shape &dims) {
  Dim product(int64_t(1));
  for (const Dim &d : dims)
    product = product * d;
  return product;
}

Value Checker::reshaped(const Value &x, Shape dims, Span span) {
  return opValue("reshape", {x}, tensorType(x.type->elem, std::move(dims)), span);
}

Value Checker::permuted(const Value &x, const std::vector<int64_t> &order, Span span) {
  bool same = true;
  Shape dims;
  for (size_t k = 0; k < order.size(); ++k) {
    same &= order[k] == int64_t(k);
    dims.push_back(x.type->dims[size_t(order[k])]);
  }
  return same ? x : opValue("permute", {x}, tensorType(x.type->elem, std::move(dims)), span, {{"dims", Attr(order)}});
}

// Fails unless all positions lie in the dimension; gives them counted from the front.
Value Checker::checkedPositions(const Value &index, const Dim &size, Span span) {
  Value n = dimValue(size, span), zero = intValue(0, span);
  Value low = callBuiltin("ge", {index, callBuiltin("neg", {n}, span)}, span),
        high = callBuiltin("lt", {index, n}, span);
  require(callBuiltin("all", {callBuiltin("and", {low, high}, span)}, span), strValue("an index is out of range", span),
          span);
  return callBuiltin("where", {callBuiltin("lt", {index, zero}, span), callBuiltin("add", {index, n}, span), index},
                     span);
}

// x taken apart for an index with index tensors: the other items applied, and which dimensions the tensors choose from.
std::optional<Checker::Chosen> Checker::chosenOf(const Value &base, const std::vector<ast::IndexItem> &items,
                                                 const std::vector<Value> &values, Span span) {
  Chosen out;
  std::vector<ast::IndexItem> others;
  std::vector<Value> otherValues;
  size_t consumed = 0;
  auto taken = [&](size_t p) { return isTensor(values[p].type) || isList(values[p].type); };
  auto rankOf = [&](size_t p) {
    return isTensor(values[p].type) && values[p].type->elem == Elem::Bool ? values[p].type->dims.size() : 1;
  };
  for (size_t p = 0; p < items.size(); ++p)
    consumed += items[p].kind == ast::IndexItem::Slice ? 1 : items[p].kind == ast::IndexItem::Single ? rankOf(p) : 0;
  size_t rank = base.type->dims.size(), dim = 0;
  if (consumed > rank) {
    error(Code::RankMismatch, span, "too many indices for " + describe(base));
    return std::nullopt;
  }
  for (size_t p = 0; p < items.size(); ++p) {
    if (!taken(p)) {
      others.push_back(items[p]);
      otherValues.push_back(values[p]);
      dim += items[p].kind == ast::IndexItem::Ellipsis ? rank - consumed
             : items[p].kind == ast::IndexItem::Single ? 0
                                                       : 1;
      continue;
    }
    out.dims.push_back(dim);
    out.ranks.push_back(rankOf(p));
    out.indices.push_back(values[p]);
    out.spans.push_back(items[p].span);
    for (size_t k = 0; k < rankOf(p); ++k, ++dim) {
      ast::IndexItem all{};
      all.kind = ast::IndexItem::Slice;
      all.span = items[p].span;
      others.push_back(all);
      otherValues.push_back(unit(span));
    }
  }
  Shape shape;
  std::optional<std::vector<SliceItem>> slices = sliceItems(base.type, others, otherValues, span, shape);
  if (!slices)
    return std::nullopt;
  bool whole = true;
  for (const SliceItem &item : *slices)
    whole &= item.kind == SliceItem::Full;
  out.slices = std::move(*slices);
  out.isWhole = whole;
  out.rest = tensorType(base.type->elem, shape);
  return out;
}

Value Checker::gatherItems(const Value &base, const std::vector<ast::IndexItem> &items,
                           const std::vector<Value> &values, Span span) {
  std::optional<Chosen> chosen = chosenOf(base, items, values, span);
  if (!chosen)
    return bad(span);
  Value x = base;
  if (!chosen->isWhole) {
    x.type = chosen->rest;
    x.known = {};
    x.expr = make(ExprKind::Slice, x.type, span);
    x.expr->args = {base.expr};
    x.expr->slices = chosen->slices;
  }
  x = materialise(x, "rows");
  const Shape dims = x.type->dims;
  // The chosen dimensions to the front, as one.
  std::vector<int64_t> order;
  Shape front;
  std::vector<Value> positions;
  bool adjacent = true;
  for (size_t p = 0; p < chosen->dims.size(); ++p) {
    Shape rows;
    adjacent &= p == 0 || chosen->dims[p] == size_t(order.back()) + 1;
    for (size_t k = 0; k < chosen->ranks[p]; ++k) {
      order.push_back(int64_t(chosen->dims[p] + k));
      rows.push_back(dims[chosen->dims[p] + k]);
    }
    positions.push_back(chosenPositions(chosen->indices[p], rows, chosen->spans[p]));
    if (positions.back().bad())
      return bad(span);
    front.push_back(productOf(rows));
  }
  const size_t first = size_t(order[0]), count = order.size();
  std::vector<int64_t> others;
  for (size_t k = 0; k < dims.size(); ++k)
    if (std::find(order.begin(), order.end(), int64_t(k)) == order.end())
      others.push_back(int64_t(k));
  order.insert(order.end(), others.begin(), others.end());
  x = permuted(x, order, span);
  Value index = positions[0];
  if (count > 1) {
    Shape merged{productOf(front)};
    for (int64_t k : others)
      merged.push_back(dims[size_t(k)]);
    x = reshaped(x, merged, span);
  }
  if (positions.size() > 1) {
    index = checkedPositions(positions[0], front[0], chosen->spans[0]);
    for (size_t p = 1; p < positions.size() && !index.bad(); ++p)
      index = callBuiltin("add",
                          {callBuiltin("mul", {index, dimValue(front[p], span)}, span),
                           checkedPositions(positions[p], front[p], chosen->spans[p])},
                          span);
    index = materialise(index, "index");
  }
  if (index.bad())
    return bad(span);
  Value out = callBuiltin("take", {x, index}, chosen->spans[0]);
  if (out.bad() || !adjacent)
    return out;
  // What was chosen goes back to where the index stands.
  const size_t lead = index.type->dims.size();
  std::vector<int64_t> back;
  for (size_t k = 0; k < first; ++k)
    back.push_back(int64_t(lead + k));
  for (size_t k = 0; k < lead; ++k)
    back.push_back(int64_t(k));
  for (size_t k = first + lead; k < out.type->dims.size(); ++k)
    back.push_back(int64_t(k));
  return permuted(out, back, span);
}

// ------------------------------------------------------------------------------------------------------ writing
// A place at computed positions: what the other items leave, and in it the positions along dimensions that lie side by
// side.
std::optional<std::vector<Place::Step>> Checker::chosenSteps(const Type &type, const std::vector<ast::IndexItem> &items,
                                                             const std::vector<Value> &values, Span span) {
  Value base = bad(span);
  base.type = type;
  std::optional<Chosen> chosen = chosenOf(base, items, values, span);
  if (!chosen)
    return std::nullopt;
  std::vector<Place::Step> steps;
  if (!chosen->isWhole) {
    Place::Step others;
    others.kind = Place::Step::Slices;
    others.slices = chosen->slices;
    others.type = chosen->rest;
    steps.push_back(std::move(others));
  }
  const Shape &dims = chosen->rest->dims;
  Place::Step step;
  step.kind = Place::Step::Chosen;
  step.index = uint32_t(chosen->dims[0]);
  step.rank = 0;
  Value positions;
  for (size_t p = 0; p < chosen->dims.size(); ++p) {
    if (chosen->dims[p] != step.index + step.rank) {
      error(Code::NotAssignable, span, "the index tensors of an assignment stand side by side");
      return std::nullopt;
    }
    Shape rows(dims.begin() + long(chosen->dims[p]), dims.begin() + long(chosen->dims[p] + chosen->ranks[p]));
    Value index = materialise(chosen->indices[p], "index");
    Value these = chosenPositions(index, rows, chosen->spans[p]);
    if (!these.bad() && chosen->dims.size() > 1)
      these = checkedPositions(these, productOf(rows), chosen->spans[p]);
    if (these.bad())
      return std::nullopt;
    if (p == 0 && chosen->isWhole && index.type->elem == Elem::Bool && chosen->ranks[p] == dims.size())
      step.mask = index.expr;
    positions =
        p == 0
            ? these
            : callBuiltin("add", {callBuiltin("mul", {positions, dimValue(productOf(rows), span)}, span), these}, span);
    if (positions.bad())
      return std::nullopt;
    step.rank += uint32_t(chosen->ranks[p]);
  }
  Shape out(dims.begin(), dims.begin() + step.index);
  out.insert(out.end(), positions.type->dims.begin(), positions.type->dims.end());
  out.insert(out.end(), dims.begin() + step.index + step.rank, dims.end());
  step.type = tensorType(type->elem, std::move(out));
  if (positions.type->dims.size() != 1)
    positions = reshaped(positions, {productOf(positions.type->dims)}, span);
  step.position = materialise(positions, "positions").expr;
  steps.push_back(std::move(step));
  return steps;
}

// The tensor with the dimensions from which is chosen as one.
Value Checker::mergedRows(const Value &x, const Place::Step &step, Span span) {
  if (step.rank == 1)
    return x;
  const Shape &from = x.type->dims;
  Shape dims(from.begin(), from.begin() + step.index);
  dims.push_back(productOf({from.begin() + step.index, from.begin() + step.index + step.rank}));
  dims.insert(dims.end(), from.begin() + step.index + step.rank, from.end());
  return reshaped(x, std::move(dims), span);
}

static Value positionsOf(const Place::Step &step) {
  Value v;
  v.type = step.position->type;
  v.expr = step.position;
  return v;
}

Value Checker::readChosen(const Value &whole, const Place::Step &step, Span span) {
  std::vector<ast::IndexItem> items;
  std::vector<Value> values;
  Value x = mergedRows(whole, step, span);
  for (uint32_t k = 0; k <= step.index; ++k) {
    ast::IndexItem item{};
    item.kind = k == step.index ? ast::IndexItem::Single : ast::IndexItem::Slice;
    item.span = span;
    items.push_back(item);
    values.push_back(k == step.index ? positionsOf(step) : unit(span));
  }
  Value read = gatherItems(x, items, values, span);
  return read.bad() || read.type->dims.size() == step.type->dims.size() ? read : reshaped(read, step.type->dims, span);
}

// `value` has the type of the step. Later positions win over earlier ones.
Value Checker::withChosen(const Value &whole, const Place::Step &step, const Value &value, Span span) {
  Value x = mergedRows(whole, step, span), given = value;
  const Dim count = step.position->type->dims[0];
  if (given.type->dims.size() != x.type->dims.size()) {
    Shape rows = x.type->dims;
    rows[step.index] = count;
    given = reshaped(given, std::move(rows), span);
  }
  given = materialise(given, "value");
  Variable *variable = makeVariable("changed", x.type, span, true);
  Stmt *let = makeStmt(StmtKind::Let, span);
  let->variable = variable;
  let->value = x.expr;
  emit(let);
  auto read = [&](Type type) {
    Expr *e = make(ExprKind::Var, std::move(type), span);
    e->variable = variable;
    return e;
  };
  auto at = [&](const Shape &dims, Expr *index) {
    std::vector<SliceItem> slices;
    for (size_t k = 0; k < dims.size(); ++k) {
      SliceItem item{};
      item.kind = k == step.index ? SliceItem::Single : SliceItem::Full;
      item.index = k == step.index ? index : nullptr;
      item.length = dims[k];
      item.span = span;
      slices.push_back(item);
    }
    return slices;
  };
  emitFor("i", span, intValue(0, span), dimValue(count, span), std::nullopt, [&](const Value &i) {
    Shape rest = given.type->dims;
    rest.erase(rest.begin() + step.index);
    Expr *part = make(ExprKind::Slice, tensorType(given.type->elem, rest), span);
    part->args = {given.expr};
    part->slices = at(given.type->dims, i.expr);
    Expr *update = make(ExprKind::UpdateSlice, x.type, span);
    update->args = {read(x.type), part};
    update->slices = at(x.type->dims, sliceAt(positionsOf(step), i, span).expr);
    Stmt *assign = makeStmt(StmtKind::Assign, span);
    assign->variable = variable;
    assign->value = update;
    emit(assign);
  });
  Value out = whole;
  out.known = {};
  out.binding = nullptr;
  out.expr = read(x.type);
  out.type = x.type;
  return step.rank == 1 ? out : reshaped(out, whole.type->dims, span);
}

} // namespace dl::sema
