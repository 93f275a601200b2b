// Functions whose name means one thing for some arguments and another for others, as in Python and PyTorch.
#include "compiler/sema/checker.h"

#include <algorithm>

namespace dl::sema {
namespace {

bool isTensorHere(const Argument &a) {
  return a.name.empty() && !a.value.bad() && a.value.type->kind == TypeKind::Tensor;
}

bool isFloatNumber(const Value &v) {
  return !v.bad() && v.type->kind == TypeKind::Tensor && isScalar(v.type) && isFloat(v.type->elem);
}

// The name in `max(x, dim=1)`, `x.min(1)` and `cummax(x, 0)`, which in PyTorch give a pair.
std::string extremumAlong(const ast::Expr *expr) {
  if (expr->kind != ast::ExprKind::Call)
    return "";
  auto *call = ast::as<const ast::Call>(expr);
  bool isMember = call->callee->kind == ast::ExprKind::Member;
  std::string name = isMember                                    ? ast::as<const ast::Member>(call->callee)->name
                     : call->callee->kind == ast::ExprKind::Name ? ast::as<const ast::Name>(call->callee)->name
                                                                 : "";
  if (name != "max" && name != "min" && name != "cummax" && name != "cummin")
    return "";
  for (size_t i = isMember ? 0 : 1; i < call->args.size(); ++i) {
    const ast::Expr *value = call->args[i].value;
    if (value->kind == ast::ExprKind::Unary)
      value = ast::as<const ast::Unary>(value)->operand;
    if (call->args[i].name == "dim" || (call->args[i].name.empty() && value->kind == ast::ExprKind::Int))
      return name;
  }
  return "";
}

} // namespace

Diagnostic *Checker::takenForPair(const ast::Expr *expr, const Value &value, Span place) {
  std::string name = extremumAlong(expr);
  if (name.empty() || !isTensor(value.type)) // a function of the program's own may give a pair
    return nullptr;
  const std::string text = sourceText(expr->span, 30);
  return &error(Code::BadPattern, place, "`" + name + "` gives the values alone, not a pair with their positions")
              .label(expr->span, describe(value))
              .withHelp(name.starts_with("cum")
                            ? "`" + text + "` is the values"
                            : "`" + text + "` is the values, `arg" + name + "` gives the positions");
}

// `max(x, dim=1)[0]`, which would be the first row.
Diagnostic *Checker::takenForPair(const ast::Index *expr, const Value &base) {
  if (expr->items.size() != 1 || expr->items[0].kind != ast::IndexItem::Single ||
      expr->items[0].value->kind != ast::ExprKind::Int)
    return nullptr;
  const int64_t index = ast::as<const ast::IntLit>(expr->items[0].value)->value;
  Diagnostic *d = index == 0 || index == 1 ? takenForPair(expr->base, base, expr->items[0].span) : nullptr;
  return d ? &d->note("where row " + std::to_string(index) + " of the values is meant, a `let` gives them a name first")
           : nullptr;
}

// max(x, dim), max(a, b), max(a, b, c) and max of what is no number.
std::optional<Value> Checker::callExtremum(const Value &callee, const std::string &name, std::vector<Argument> &args,
                                           Span span) {
  // Of two values it is the elementwise one; of more it goes on from there.
  if (args.size() > 2 && std::all_of(args.begin(), args.end(), isTensorHere) &&
      (isScalar(args[0].value.type) || !args[2].value.known.boolean)) {
    Argument last = args.back();
    args.pop_back();
    Value rest = callValue(callee, std::move(args), span);
    return rest.bad() ? rest : callValue(callee, {argumentOf(rest, span), last}, span);
  }
  if (args.size() == 2 && args[0].name.empty() && args[1].name.empty() && !args[0].value.bad() &&
      !args[1].value.bad() &&
      (isScalar(args[0].value.type) || isTensor(args[1].value.type) || !args[1].value.known.dim))
    return callIntrinsic(name, std::move(args), span);
  bool byKey = std::any_of(args.begin(), args.end(), [](const Argument &a) { return a.name == "key"; });
  bool ofOthers = !args.empty() && !args[0].value.bad() && isList(args[0].value.type) &&
                  args[0].value.type->items[0]->kind != TypeKind::Tensor;
  if (ofOthers || (byKey && !args.empty() && !args[0].value.bad()))
    return callLibrary("list_" + name, std::move(args), span);
  return std::nullopt;
}

std::optional<Value> Checker::callByArguments(const Value &callee, const FunctionDetails &d,
                                              std::vector<Argument> &args, Span span) {
  if (d.kind == FunctionDetails::Builtin) {
    if (d.name == "max" || d.name == "min")
      return callExtremum(callee, d.name, args, span);
    // arange(n) is an op, what has further arguments or is no int is made of it.
    if (d.name == "arange" &&
        (args.size() > 1 || (args.size() == 1 && (!args[0].name.empty() || isFloatNumber(args[0].value)))))
      return callLibrary("arange_between", std::move(args), span);
    if (d.name == "index_add" && args.size() > signatures_.at(d.name).params.size())
      return callLibrary("index_add_along", std::move(args), span);
  }
  // Of a text its parts, of a tensor its pieces: of one size, or of the sizes in a tuple or a bracket literal.
  if (d.kind == FunctionDetails::Declared && d.fn->name == "split" && d.env->isLibrary && !args.empty() &&
      isTensorHere(args[0])) {
    if (args.size() < 2 || args[1].value.bad())
      return callLibrary("split_along", std::move(args), span);
    Value &sizes = args[1].value;
    if (sizes.items)
      sizes = tupleValue(*sizes.items, sizes.span);
    if (sizes.type->kind != TypeKind::Tuple)
      return callLibrary("split_along", std::move(args), span);
    if (args[1].name == "split_size")
      args[1].name = "sizes";
    return callLibrary("split_with_sizes", std::move(args), span);
  }
  return std::nullopt;
}

} // namespace dl::sema
