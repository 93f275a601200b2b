// f(*xs): each item is an argument.
#include "compiler/sema/checker.h"

namespace dl::sema {

void Checker::spreadArgument(const ast::Spread *expr, std::vector<Argument> &arguments) {
  constexpr int64_t maxItems = 4096;
  const Span span = expr->span;
  auto add = [&](Value item) {
    item.span = span;
    arguments.push_back(argumentOf(std::move(item), span));
  };
  Value whole = checkExpr(expr->operand);
  std::optional<Iterable> over = whole.bad() ? std::nullopt : iterable(whole, span, "`*`");
  if (!over)
    return add(bad(span));
  if (!over->length) {
    for (Value &item : over->items)
      add(std::move(item));
    return;
  }
  if (over->length->isConst() && over->length->constant() <= maxItems) {
    for (int64_t i = 0; i < over->length->constant(); ++i)
      add(materialise(over->at(intValue(i, span)), "item"));
    return;
  }
  // Sequential(*layers) is Sequential(layers), however many there are.
  bool isWhole = isList(whole.type) && holdsModule(whole.type);
  add(isWhole ? std::move(whole) : bad(span));
  if (isWhole)
    arguments.back().isSpread = true;
  else
    rejectSpread(arguments.back());
}

void Checker::rejectSpread(const Argument &argument) {
  error(Code::NotConstant, argument.span,
        "how many arguments there are is settled when compiled, and this has as many items as the program finds")
      .withHelp("a parameter of the type `list[…]` takes a list as it is");
}

} // namespace dl::sema
