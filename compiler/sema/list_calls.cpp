// What is done with lists: indexing, methods, showing.
#include "compiler/sema/checker.h"
#include "compiler/sema/habits.h"

namespace dl::sema {

// A function of the library by its name.
Value Checker::callLibrary(const std::string &name, std::vector<Argument> args, Span span) {
  Binding *b = preludeScope_ ? preludeScope_->find(name) : nullptr;
  if (!b) {
    error(Code::InternalError, span, "the standard library has no `" + name + "`");
    return bad(span);
  }
  return callValue(readBinding(b, span), std::move(args), span);
}

// xs[i], xs[a:b:c], xs[indices], xs[mask]
Value Checker::checkListIndex(const Value &base, const ast::Index *expr) {
  Value list = opened(materialise(base, "list"));
  if (expr->items.size() != 1 || expr->items[0].kind == ast::IndexItem::Ellipsis ||
      expr->items[0].kind == ast::IndexItem::New) {
    error(Code::BadOperand, expr->span, "a list takes one index or one range").label(expr->base->span, describe(base));
    return bad(expr->span);
  }
  const ast::IndexItem &item = expr->items[0];
  std::optional<std::vector<Value>> values = indexValues(expr->items);
  if (!values)
    return bad(expr->span);
  const Dim length = list.type->dims[0];
  const Type positions = tensorType(Elem::I64, {length});
  Shape out;
  Value count = opValue("arange", {}, positions, expr->span);
  if (item.kind == ast::IndexItem::Single && isTensor((*values)[0].type)) {
    Value chosen = gatherItems(count, expr->items, *values, expr->span);
    return chosen.bad() ? chosen : takenItems(list, materialise(chosen, "chosen"), expr->span);
  }
  std::optional<std::vector<SliceItem>> slices = sliceItems(positions, expr->items, *values, expr->span, out);
  if (!slices)
    return bad(expr->span);
  const SliceItem &at = (*slices)[0];
  if (at.kind == SliceItem::Full)
    return list;
  Value begin;
  begin.type = scalarType(Elem::I64);
  begin.span = item.span;
  begin.expr = at.kind == SliceItem::Single ? at.index : at.begin;
  if (begin.expr->dim)
    begin.known.dim = begin.expr->dim;
  begin = materialise(begin, "index");
  if (at.kind == SliceItem::Single)
    return opened(listAt(list, begin, item.span));
  if (at.step == 1)
    return listRange(list, begin, at.length, expr->span);
  Value index = count;
  index.type = tensorType(Elem::I64, out);
  index.expr = make(ExprKind::Slice, index.type, expr->span);
  index.expr->args = {count.expr};
  index.expr->slices = *slices;
  return takenItems(list, materialise(index, "chosen"), expr->span);
}

// The library's function for each method that needs none of the checker; `changes`: its result takes the list's place,
// the second part of a tuple is what the call gives.
struct ListMethod {
  const char *name;
  const char *function;
  enum Kind { Reads, Changes, ChangesAndGives } kind;
};
static const ListMethod kListMethods[] = {
    {"insert", "list_insert", ListMethod::Changes}, {"pop", "list_pop", ListMethod::ChangesAndGives},
    {"remove", "list_remove", ListMethod::Changes}, {"reverse", "list_reverse", ListMethod::Changes},
    {"sort", "list_sort", ListMethod::Changes},     {"index", "list_index", ListMethod::Reads},
    {"count", "list_count", ListMethod::Reads},     {"contains", "list_contains", ListMethod::Reads},
    {"copy", "list_copy", ListMethod::Reads},
};

std::optional<Value> Checker::callListMethod(const ast::Member *callee, const Value &base,
                                             const std::vector<ast::Arg> &ast, Span span) {
  const std::string &name = callee->name;
  const ListMethod *method = nullptr;
  for (const ListMethod &m : kListMethods)
    if (name == m.name)
      method = &m;
  bool append = name == "append" || name == "push", extend = name == "extend", clear = name == "clear";
  if (!method && !append && !extend && !clear)
    return std::nullopt;
  if (!isList(base.type)) {
    if (append || extend)
      error(Code::UnknownMember, callee->nameSpan, "`" + name + "` is for lists, this is " + describe(base))
          .withHelp("declare it as a list, as in `var xs: list[f32] = [1.0]`");
    else
      return std::nullopt;
    checkArguments(ast);
    return bad(span);
  }
  std::optional<Place> place;
  if (!method || method->kind != ListMethod::Reads) {
    place = placeOf(callee->base, true);
    if (!place || !writable(*place, callee->base->span)) {
      checkArguments(ast);
      return bad(span);
    }
  }
  std::vector<Argument> args = checkArguments(ast);
  for (Argument &a : args) {
    if (a.value.bad())
      return bad(span);
    if (a.ref) {
      error(Code::MissingRef, a.span, "`" + name + "` does not change its argument").withHelp("leave out the `&`");
      return bad(span);
    }
  }
  Value whole = place ? readPlace(*place, callee->base->span) : base;
  if (whole.bad())
    return bad(span);
  whole.span = callee->base->span;
  whole = opened(materialise(whole, "list"));
  const Type item = whole.type->items[0];
  if (append || extend || clear) {
    size_t wanted = clear ? 0 : 1;
    if (args.size() != wanted || (wanted && !args[0].name.empty())) {
      error(Code::WrongArguments, span,
            "`" + name + "` takes " +
                (clear    ? "no argument"
                 : append ? "the new element"
                          : "the list of new elements"));
      return bad(span);
    }
    Value added;
    if (append) {
      settle(args[0]);
      Value v = args[0].value;
      if (Growing *growing = growingOf(callee->base); growing && !v.bad() && widen(*growing, *place->root, item, v))
        return bad(span);
      if (v.bad() || !fitItem(v, item, args[0].span, "the new element"))
        return bad(span);
      added = listOf({v}, item, span);
    } else if (extend) {
      settle(args[0]);
      Value v = args[0].value;
      if (v.items) {
        std::vector<Value> items = *v.items;
        for (Value &each : items)
          if (!fitItem(each, item, args[0].span, "a new element"))
            return bad(span);
        added = listOf(std::move(items), item, span);
      } else {
        added = asList(v, span);
        if (added.bad() || !conformList(added, listType(Dim::open(), item), args[0].span, "what is added"))
          return bad(span);
        added = opened(added);
      }
    }
    if (added.bad() && !clear)
      return bad(span);
    writePlace(*place, clear ? listOf({}, item, span) : joinedLists(whole, materialise(added, "added"), span), span);
    return unit(span);
  }
  Argument self = argumentOf(whole, callee->base->span);
  // An element adapts to the list's type where one is asked for.
  for (Argument &a : args)
    if ((name == "insert" && &a == &args.back()) || name == "remove" || method->kind == ListMethod::Reads) {
      settle(a);
      if (a.value.bad() || !fitItem(a.value, item, a.span, "the element"))
        return bad(span);
    }
  args.insert(args.begin(), self);
  if (name == "sort")
    for (const Argument &a : args)
      if (!a.name.empty() && a.name != "key" && a.name != "descending") {
        Diagnostic &d = error(Code::WrongArguments, a.nameSpan, "`sort` has no parameter `" + a.name + "`");
        std::string help = habitHelp(a.name);
        d.withHelp(help.empty() ? "it has `key` and `descending`" : help);
        return bad(span);
      }
  // Numbers are sorted as a tensor, whatever else has an order by comparing.
  bool byKey = std::any_of(args.begin(), args.end(), [](const Argument &a) { return a.name == "key"; });
  if (name == "sort" && isTensor(item) && !byKey) {
    error(Code::BadOperand, span, "`sort` puts numbers, texts, and tuples and lists of them in order, not tensors")
        .withHelp("`xs.sort(key=fn(x) = sum(x))` puts them in the order of a number");
    return bad(span);
  }
  bool byComparing = name == "sort" && (byKey || !isScalar(item));
  Value result = callLibrary(byComparing ? "list_sort_by" : method->function, std::move(args), span);
  if (result.bad() || method->kind == ListMethod::Reads)
    return result;
  result = materialise(result, "changed");
  if (method->kind == ListMethod::Changes) {
    writePlace(*place, result, span);
    return unit(span);
  }
  Value given = materialise(part(result, 1, span), "item");
  writePlace(*place, part(result, 0, span), span);
  return given;
}

// A value that is to become an element of a list.
bool Checker::fitItem(Value &value, const Type &item, Span span, const std::string &what) {
  if (isRagged(item) && isTensor(value.type) && value.type->dims.size() == item->dims.size()) {
    Shape dims = item->dims;
    dims[0] = value.type->dims[0];
    return conform(value, tensorType(item->elem, dims), span, what);
  }
  if (isList(item) && value.items) {
    std::vector<Value> items = *value.items;
    for (Value &v : items)
      if (!fitItem(v, item->items[0], span, what))
        return false;
    value = listOf(std::move(items), item->items[0], span);
    return !value.bad();
  }
  if (item->kind == TypeKind::Tuple && value.type->kind == TypeKind::Tuple &&
      item->items.size() == value.type->items.size() && !sameType(item, value.type)) {
    Value whole = materialise(value, "tuple");
    std::vector<Value> parts;
    for (uint32_t i = 0; i < item->items.size(); ++i) {
      parts.push_back(part(whole, i, span));
      parts.back().span = span;
      if (!fitItem(parts.back(), item->items[i], span, what + ": item " + std::to_string(i)))
        return false;
    }
    value = tupleValue(std::move(parts), span);
    return !value.bad();
  }
  return conform(value, item, span, what);
}

// [a, b, c]
Value Checker::formatList(const Value &value, const std::string &format, Span span) {
  Value list = opened(materialise(value, "shown"));
  const Type &item = list.type->items[0];
  if (isScalar(item))
    return externValue("dl_rt_format_list", {storedPart(list, 0, span), strValue(format, span)}, strType(), span, true,
                       false);
  Variable *text = makeVariable("text", strType(), span, true);
  auto read = [&] {
    Value v;
    v.type = strType();
    v.span = span;
    v.expr = make(ExprKind::Var, v.type, span);
    v.expr->variable = text;
    return v;
  };
  Stmt *let = makeStmt(StmtKind::Let, span);
  let->variable = text;
  let->value = strValue("[", span).expr;
  emit(let);
  bool shown = true;
  emitFor("i", span, intValue(0, span), dimValue(list.type->dims[0], span), std::nullopt, [&](const Value &i) {
    Value separator;
    separator.type = strType();
    separator.span = span;
    separator.expr = make(ExprKind::If, strType(), span);
    separator.expr->args = {opValue("gt", {i, intValue(0, span)}, scalarType(Elem::Bool), span).expr};
    separator.expr->thenBody = makeBody();
    separator.expr->thenBody->value = strValue(", ", span).expr;
    separator.expr->elseBody = makeBody();
    separator.expr->elseBody->value = strValue("", span).expr;
    Value shownItem = formatItem(opened(listAt(list, i, span)), format, span);
    shown = !shownItem.bad();
    Stmt *assign = makeStmt(StmtKind::Assign, span);
    assign->variable = text;
    assign->value = concatStrings({read(), separator, shownItem}, span).expr;
    if (shown)
      emit(assign);
  });
  return shown ? concatStrings({read(), strValue("]", span)}, span) : bad(span);
}

} // namespace dl::sema
