// x[…]: slices of tensors, parts of tuples, gathering by index tensors.
#include "compiler/sema/checker.h"
#include "compiler/sema/record_items.h"

#include <utility>

namespace dl::sema {

Value Checker::checkIndex(const ast::Index *expr) {
  Value base = checkExpr(expr->base);
  if (base.bad()) {
    for (const ast::IndexItem &i : expr->items)
      if (i.value)
        checkExpr(i.value);
    return bad(expr->span);
  }
  switch (base.type->kind) {
  case TypeKind::Tensor:
    return takenForPair(expr, base) ? bad(expr->span) : sliceTensor(base, expr->items, expr->span);
  case TypeKind::Tuple:
    return indexTuple(base, expr);
  case TypeKind::List:
    return checkListIndex(base, expr);
  case TypeKind::Str:
    return indexStr(base, expr);
  case TypeKind::Record: {
    std::optional<std::vector<Value>> key = indexValues(expr->items);
    if (!key)
      return bad(expr->span);
    if (key->size() != 1 || expr->items[0].kind != ast::IndexItem::Single)
      break;
    bool named = (*key)[0].known.text && partNamed(base.type, *(*key)[0].known.text);
    Value record = !named && wrapsItems(base.type) ? part(base, 0, expr->span) : base;
    if (isList(record.type))
      return checkListIndex(record, expr);
    std::optional<uint32_t> i = recordPart(record.type, (*key)[0], expr->items[0].span);
    return i ? part(record, *i, expr->span) : bad(expr->span);
  }
  case TypeKind::Module:
    if (const ast::FnDecl *at = methodNamed(*base.type->module, "at");
        at && expr->items.size() == 1 && expr->items[0].kind == ast::IndexItem::Single) {
      Argument index = argumentOf(checkExpr(expr->items[0].value), expr->items[0].span);
      return index.value.bad() ? bad(expr->span) : callMethod(base, std::nullopt, at, {index}, expr->span);
    }
    if (std::optional<Value> pack = packOf(base, expr->span)) {
      if (pack->type->kind == TypeKind::Record) {
        std::optional<std::vector<Value>> key = indexValues(expr->items);
        std::optional<uint32_t> i =
            key && key->size() == 1 ? recordPart(pack->type, (*key)[0], expr->items[0].span) : std::nullopt;
        return i ? part(*pack, *i, expr->span) : bad(expr->span);
      }
      Value items = isList(pack->type) ? checkListIndex(*pack, expr) : indexTuple(*pack, expr);
      return items.bad() || expr->items[0].kind != ast::IndexItem::Slice ? items : slicePack(base, items, expr->span);
    }
    break;
  default:
    break;
  }
  error(Code::BadOperand, expr->span, str(base.type) + " cannot be indexed").label(expr->base->span, describe(base));
  return bad(expr->span);
}

Value Checker::indexTuple(const Value &base, const ast::Index *expr) {
  int64_t size = int64_t(base.type->items.size());
  if (expr->items.size() != 1 || expr->items[0].kind == ast::IndexItem::Ellipsis ||
      expr->items[0].kind == ast::IndexItem::New) {
    error(Code::BadOperand, expr->span, "a tuple takes one index or one range");
    return bad(expr->span);
  }
  const ast::IndexItem &item = expr->items[0];
  auto constant = [&](const ast::Expr *e, int64_t fallback, int64_t &out) {
    out = fallback;
    if (!e)
      return true;
    Value v = checkExpr(e);
    if (v.bad())
      return false;
    if (!isInt(v.type) || !v.known.dim || !v.known.dim->isConst()) {
      error(Code::NotConstant, e->span, "an index of a tuple must be an int that is known when the program is compiled")
          .label(expr->base->span, describe(base));
      return false;
    }
    out = v.known.dim->constant();
    return true;
  };
  if (item.kind == ast::IndexItem::Single) {
    int64_t i;
    if (!constant(item.value, 0, i))
      return bad(expr->span);
    int64_t at = i < 0 ? i + size : i;
    if (at < 0 || at >= size) {
      error(Code::BadDimension, item.span,
            "index " + std::to_string(i) + " is out of range for a tuple of " + std::to_string(size))
          .label(expr->base->span, describe(base));
      return bad(expr->span);
    }
    return part(base, uint32_t(at), expr->span);
  }
  int64_t begin, end, step;
  if (!constant(item.step, 1, step))
    return bad(expr->span);
  if (step == 0) {
    error(Code::BadDimension, item.span, "the step of a range is not 0");
    return bad(expr->span);
  }
  // As in Python: backwards, a range begins behind the last item and ends before the first.
  int64_t least = step > 0 ? 0 : -1, most = step > 0 ? size : size - 1;
  auto bound = [&](const ast::Expr *e, int64_t fallback, int64_t &out) {
    if (!constant(e, fallback, out))
      return false;
    out = e ? std::clamp(out < 0 ? out + size : out, least, most) : fallback;
    return true;
  };
  if (!bound(item.begin, step > 0 ? 0 : most, begin) || !bound(item.end, step > 0 ? most : -1, end))
    return bad(expr->span);
  Value whole = materialise(base, "tuple");
  std::vector<Value> items;
  for (int64_t i = begin; step > 0 ? i < end : i > end; i += step)
    items.push_back(part(whole, uint32_t(i), expr->span));
  return tupleValue(std::move(items), expr->span);
}

// The items of a slice, and the result's shape. Precondition: none of the items is an index tensor.
std::optional<std::vector<SliceItem>> Checker::sliceItems(const Type &base, const std::vector<ast::IndexItem> &items,
                                                          const std::vector<Value> &values, Span span, Shape &out) {
  size_t consumed = 0;
  bool ellipsis = false;
  for (const ast::IndexItem &i : items) {
    consumed += i.kind == ast::IndexItem::Single || i.kind == ast::IndexItem::Slice;
    if (i.kind == ast::IndexItem::Ellipsis && std::exchange(ellipsis, true)) {
      error(Code::BadDimension, i.span, "only one `...` may stand in an index");
      return std::nullopt;
    }
  }
  size_t rank = base->dims.size();
  if (consumed > rank) {
    error(Code::RankMismatch, span,
          rank == 0 ? "a scalar cannot be indexed"
                    : std::to_string(consumed) + " indices for " + str(base) + ", which has " + std::to_string(rank) +
                          (rank == 1 ? " dimension" : " dimensions"));
    return std::nullopt;
  }
  std::vector<SliceItem> result;
  size_t k = 0; // the dimension of the base
  auto full = [&](Span at) {
    SliceItem item{};
    item.kind = SliceItem::Full;
    item.length = base->dims[k];
    item.span = at;
    result.push_back(item);
    out.push_back(base->dims[k++]);
  };
  const Elem i64 = Elem::I64;
  // An index as i64; nothing after an error.
  auto integer = [&](const ast::Expr *e, const Value *given = nullptr) -> std::optional<Value> {
    Value v = given ? *given : checkExpr(e);
    if (v.bad())
      return std::nullopt;
    if (!isScalar(v.type) || !isInteger(v.type->elem)) {
      error(Code::BadOperand, e->span, "an index is an int, this is " + describe(v));
      return std::nullopt;
    }
    return convert(v, i64, e->span);
  };
  for (size_t at = 0; at < items.size(); ++at) {
    const ast::IndexItem &i = items[at];
    switch (i.kind) {
    case ast::IndexItem::New: {
      SliceItem item{};
      item.kind = SliceItem::New;
      item.length = Dim(int64_t(1));
      item.span = i.span;
      result.push_back(item);
      out.push_back(Dim(int64_t(1)));
      break;
    }
    case ast::IndexItem::Ellipsis:
      for (size_t n = rank - consumed; n > 0; --n)
        full(i.span);
      break;
    case ast::IndexItem::Single: {
      std::optional<Value> v = integer(i.value, &values[at]);
      if (!v)
        return std::nullopt;
      const Dim size = frame_->resolve(base->dims[k]);
      if (v->known.dim) {
        Dim index = frame_->resolve(*v->known.dim);
        bool tooLarge = (index - size).nonNegative();
        bool tooSmall = index.isConst() && size.isConst() && index.constant() < -size.constant();
        if (tooLarge || tooSmall) {
          error(Code::BadDimension, i.span,
                "index " + index.str() + " is out of range for dimension " + std::to_string(k) + " of size " +
                    size.str());
          return std::nullopt;
        }
      }
      SliceItem item{};
      item.kind = SliceItem::Single;
      item.index = v->expr;
      item.span = i.span;
      result.push_back(item);
      ++k;
      break;
    }
    case ast::IndexItem::Slice: {
      if (!i.begin && !i.end && !i.step) {
        full(i.span);
        break;
      }
      const Dim size = base->dims[k];
      int64_t step = 1;
      if (i.step) {
        std::optional<Value> v = integer(i.step);
        if (!v)
          return std::nullopt;
        if (!v->known.dim || !v->known.dim->isConst()) {
          error(Code::NotConstant, i.step->span, "the step of a slice must be known when the program is compiled")
              .withHelp("`x[arange(begin, end, step)]` takes the elements one by one, and can be assigned to");
          return std::nullopt;
        }
        if (v->known.dim->constant() == 0) {
          error(Code::BadDimension, i.step->span, "the step of a slice cannot be 0");
          return std::nullopt;
        }
        step = v->known.dim->constant();
      }
      // Backwards, -1 stands before the first element.
      const Dim lowest(int64_t(step < 0 ? -1 : 0));
      // A bound counted from the front: symbolic where its sign is known, else computed when the program runs.
      auto bound = [&](const ast::Expr *e, const Dim &fallback) -> std::optional<Dim> {
        if (!e)
          return fallback;
        std::optional<Value> v = integer(e);
        if (!v)
          return std::nullopt;
        if (v->known.dim) {
          const Dim &d = *v->known.dim;
          if (d.nonNegative())
            return d;
          if ((Dim(int64_t(-1)) - d).nonNegative())
            return Dim::max(size + d, lowest);
          if ((d - size).isConst() && step > 0)
            return Dim::max(d, lowest); // n - c: nothing is left when c exceeds n
        }
        Value index = materialise(*v, "index");
        Value zero = intValue(0, e->span);
        Value wrapped = opValue("where",
                                {opValue("lt", {index, zero}, scalarType(Elem::Bool), e->span),
                                 opValue("add", {index, dimValue(size, e->span)}, index.type, e->span), index},
                                scalarType(i64), e->span);
        wrapped = opValue("maximum", {wrapped, intValue(lowest.constant(), e->span)}, scalarType(i64), e->span);
        Variable *variable = makeVariable("bound", scalarType(i64), e->span, false);
        variable->dim = Dim::fresh("bound", step > 0);
        Stmt *let = makeStmt(StmtKind::Let, e->span);
        let->variable = variable;
        let->value = wrapped.expr;
        emit(let);
        return variable->dim;
      };
      const Dim last = size - Dim(int64_t(1));
      std::optional<Dim> begin = bound(i.begin, step < 0 ? last : Dim(int64_t(0))),
                         end = bound(i.end, step < 0 ? lowest : size);
      if (!begin || !end)
        return std::nullopt;
      if (step < 0 && i.begin)
        begin = Dim::min(*begin, last);
      Dim length = step < 0 ? Dim::max(*begin - *end, Dim(int64_t(0)))
                            : Dim::max(Dim::min(*end, size) - *begin, Dim(int64_t(0)));
      const int64_t stride = step < 0 ? -step : step;
      if (stride != 1)
        length = Dim::floorDiv(length + Dim(stride - 1), Dim(stride));
      // A form that says little to a reader is better named.
      constexpr size_t kReadable = 24;
      if (length.str().size() > kReadable) {
        Variable *variable = makeVariable("length", scalarType(i64), i.span, false);
        variable->dim = Dim::fresh("n");
        Stmt *let = makeStmt(StmtKind::Let, i.span);
        let->variable = variable;
        let->value = dimValue(length, i.span).expr;
        emit(let);
        length = *variable->dim;
      }
      SliceItem item{};
      item.kind = SliceItem::Range;
      item.begin = dimValue(step < 0 ? *begin : Dim::min(*begin, size), i.span).expr;
      item.length = length;
      item.step = step;
      item.span = i.span;
      result.push_back(item);
      out.push_back(length);
      ++k;
      break;
    }
    }
  }
  while (k < rank)
    full(span);
  return result;
}

std::optional<std::vector<Value>> Checker::indexValues(const std::vector<ast::IndexItem> &items) {
  std::vector<Value> values;
  bool failed = false;
  for (const ast::IndexItem &item : items) {
    values.push_back(item.kind == ast::IndexItem::Single ? checkExpr(item.value) : unit(item.span));
    failed |= values.back().bad();
  }
  return failed ? std::nullopt : std::optional(std::move(values));
}

Value Checker::sliceTensor(const Value &base, const std::vector<ast::IndexItem> &items, Span span) {
  std::optional<std::vector<Value>> values = indexValues(items);
  if (!values)
    return bad(span);
  for (const Value &v : *values)
    if (isTensor(v.type) || isList(v.type))
      return gatherItems(base, items, *values, span);
  Shape out;
  std::optional<std::vector<SliceItem>> slices = sliceItems(base.type, items, *values, span, out);
  if (!slices)
    return bad(span);
  Value v;
  v.type = tensorType(base.type->elem, out);
  v.span = span;
  v.expr = make(ExprKind::Slice, v.type, span);
  v.expr->args = {base.expr};
  v.expr->slices = std::move(*slices);
  return v;
}

// base[index] along the first dimension.
Value Checker::sliceAt(const Value &base, Value index, Span span) {
  Value v;
  v.type = tensorType(base.type->elem, {base.type->dims.begin() + 1, base.type->dims.end()});
  v.span = span;
  v.expr = make(ExprKind::Slice, v.type, span);
  v.expr->args = {base.expr};
  SliceItem item{};
  item.kind = SliceItem::Single;
  item.index = index.expr;
  item.span = span;
  v.expr->slices.push_back(item);
  for (size_t k = 1; k < base.type->dims.size(); ++k) {
    SliceItem rest{};
    rest.kind = SliceItem::Full;
    rest.length = base.type->dims[k];
    rest.span = span;
    v.expr->slices.push_back(rest);
  }
  return v;
}

} // namespace dl::sema
