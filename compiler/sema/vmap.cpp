// vmap(f, dims): f over a new leading dimension, as one loop that fills the results.
#include "compiler/sema/checker.h"

namespace dl::sema {

Value Checker::makeVmap(std::vector<Argument> args, Span span) {
  FunctionDetails d;
  d.kind = FunctionDetails::Vmap;
  bool wrong = args.empty() || args.size() > 2 || (args.size() == 2 && !args[1].name.empty() && args[1].name != "dims");
  if (wrong || (args[0].value.type->kind != TypeKind::Function && args[0].value.type->kind != TypeKind::Module)) {
    error(Code::WrongArguments, span, "`vmap` takes a function and `dims`, as in `vmap(f, dims=(0, none))(x, y)`");
    return bad(span);
  }
  if (args.size() == 2) {
    const Value &dims = args[1].value;
    auto add = [&](const Type &type, const Known &known) {
      bool isDim = known.dim && known.dim->isConst();
      if (type->kind == TypeKind::None)
        d.wrt.push_back(FunctionDetails::kUnmapped);
      else if (isDim)
        d.wrt.push_back(known.dim->constant());
      return isDim || type->kind == TypeKind::None;
    };
    bool ok = true;
    if (dims.type->kind == TypeKind::Tuple)
      for (size_t i = 0; i < dims.type->items.size(); ++i)
        ok &= add(dims.type->items[i], dims.known.items[i]);
    else
      ok = add(dims.type, dims.known);
    if (!ok || d.wrt.empty()) {
      error(Code::NotConstant, args[1].span, "`dims` holds a dimension's number, or none, for each argument");
      return bad(span);
    }
  }
  const Value &fn = args[0].value;
  return functionValue(std::move(d), "vmap(" + str(fn.type) + ")", {fn}, span);
}

Value Checker::callVmap(const Value &callee, std::vector<Argument> args, Span span) {
  const FunctionDetails &info = details(*callee.type->function);
  Value fn = part(callee, 0, callee.span);
  if (args.empty() || (info.wrt.size() > 1 && info.wrt.size() != args.size())) {
    error(Code::WrongArguments, span,
          "the mapped function takes " + std::to_string(std::max<size_t>(info.wrt.size(), 1)) + " arguments, not " +
              std::to_string(args.size()));
    return bad(span);
  }
  std::optional<Dim> count;
  std::vector<bool> mapped(args.size(), false);
  for (size_t i = 0; i < args.size(); ++i) {
    Argument &a = args[i];
    settle(a);
    if (a.value.bad())
      return bad(span);
    int64_t dim = info.wrt.empty() ? 0 : info.wrt.size() == 1 ? info.wrt[0] : info.wrt[i];
    if (dim == FunctionDetails::kUnmapped)
      continue;
    mapped[i] = true;
    int64_t rank = a.value.type->kind == TypeKind::Tensor ? int64_t(a.value.type->dims.size()) : 0;
    int64_t at = dim < 0 ? dim + rank : dim;
    if (at < 0 || at >= rank) {
      error(Code::BadDimension, a.span,
            "`vmap` maps dimension " + std::to_string(dim) + ", which " + describe(a.value) + " does not have")
          .withHelp("`dims=none` leaves an argument as it is");
      return bad(span);
    }
    if (at != 0) {
      std::vector<int64_t> order{at};
      Shape dims{a.value.type->dims[size_t(at)]};
      for (int64_t k = 0; k < rank; ++k)
        if (k != at) {
          order.push_back(k);
          dims.push_back(a.value.type->dims[size_t(k)]);
        }
      a.value = opValue("permute", {a.value}, tensorType(a.value.type->elem, dims), a.span, {{"dims", Attr(order)}});
    }
    a.value.known = {};
    a.value = materialise(a.value, "mapped");
    if (!count)
      count = a.value.type->dims[0];
    else if (!requireEqual(*count, a.value.type->dims[0], a.span,
                           "vmap: sizes {0} and {1} of the mapped dimensions differ")) {
      error(Code::ShapeMismatch, a.span,
            "vmap: the mapped dimensions differ, " + count->str() + " and " + a.value.type->dims[0].str());
      return bad(span);
    }
  }
  if (!count) {
    error(Code::WrongArguments, span, "`vmap` maps none of the arguments");
    return bad(span);
  }
  // The results' variables stand before the loop; their types are known after its body.
  size_t before = frame_->body->stmts.size();
  std::vector<Variable *> results;
  Type shape;
  emitFor("i", span, intValue(0, span), dimValue(*count, span), std::nullopt, [&](const Value &i) {
    std::vector<Argument> own = args;
    for (size_t k = 0; k < own.size(); ++k)
      if (mapped[k])
        own[k].value = sliceAt(args[k].value, i, span);
    Value r = callValue(fn, std::move(own), span);
    if (r.bad())
      return;
    r = materialise(r, "row");
    bool tensors = true;
    std::function<void(const Value &)> store = [&](const Value &v) {
      if (v.type->kind == TypeKind::Tuple || v.type->kind == TypeKind::Record) {
        for (uint32_t k = 0; k < v.type->items.size(); ++k)
          store(part(v, k, span));
        return;
      }
      if (v.type->kind != TypeKind::Tensor) {
        tensors = false;
        return;
      }
      Shape dims{*count};
      dims.insert(dims.end(), v.type->dims.begin(), v.type->dims.end());
      Variable *variable = makeVariable("rows", tensorType(v.type->elem, dims), span, true);
      results.push_back(variable);
      Expr *read = make(ExprKind::Var, variable->type, span);
      read->variable = variable;
      Expr *update = make(ExprKind::UpdateSlice, variable->type, span);
      update->args = {read, v.expr};
      SliceItem row{};
      row.kind = SliceItem::Single;
      row.index = i.expr;
      row.span = span;
      update->slices.push_back(row);
      for (const Dim &d : v.type->dims) {
        SliceItem rest{};
        rest.kind = SliceItem::Full;
        rest.length = d;
        rest.span = span;
        update->slices.push_back(rest);
      }
      Stmt *assign = makeStmt(StmtKind::Assign, span);
      assign->variable = variable;
      assign->value = update;
      emit(assign);
    };
    store(r);
    if (!tensors) {
      error(Code::TypeMismatch, span, "`vmap` takes functions that give tensors, this gives " + str(r.type))
          .withHelp(isList(r.type) ? "`tensor(xs)` is the tensor of a list's elements" : "");
      return;
    }
    shape = r.type;
  });
  if (!shape)
    return bad(span);
  std::vector<Stmt *> lets;
  for (Variable *variable : results) {
    Elem elem = variable->type->elem;
    Value zero = elem == Elem::Bool ? boolValue(false, span)
                 : isFloat(elem)    ? floatValue(0, elem, span)
                                    : convertLiteral(intValue(0, span), elem);
    Stmt *let = makeStmt(StmtKind::Let, span);
    let->variable = variable;
    let->value = opValue("full", {zero}, variable->type, span).expr;
    lets.push_back(let);
  }
  frame_->body->stmts.insert(frame_->body->stmts.begin() + long(before), lets.begin(), lets.end());
  size_t next = 0;
  std::function<Value(const Type &)> gather = [&](const Type &t) {
    Value v;
    v.span = span;
    if (t->kind == TypeKind::Tensor) {
      v.type = results[next]->type;
      v.expr = make(ExprKind::Var, v.type, span);
      v.expr->variable = results[next++];
      return v;
    }
    auto node = std::make_shared<TypeNode>(*t);
    v.expr = make(ExprKind::Tuple, nullptr, span);
    for (Type &item : node->items) {
      Value inner = gather(item);
      item = inner.type;
      v.expr->args.push_back(inner.expr);
    }
    v.type = v.expr->type = node;
    return v;
  };
  return materialise(gather(shape), "rows");
}

} // namespace dl::sema
