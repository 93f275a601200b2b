// derivative fn f(x, …) { …; (y, fn(dy) = (dx, …), fn(dx, …) = dy) }: f gives y; each rule is a function of its own
// that takes the parameters and the cotangents of y, or the tangents of the parameters that have gradients, and calls
// what the body of f gives with them.
#include "compiler/sema/checker.h"

namespace dl::sema {

namespace {

enum RulePart : uint32_t { TheValue, Pullback, Pushforward };

bool isRule(const Type &type) { return type->kind == TypeKind::Function || type->kind == TypeKind::Module; }

bool endsWithRules(const Type &type) {
  if (type->kind != TypeKind::Tuple || type->items.size() < 2 || type->items.size() > 3)
    return false;
  const Type &pullback = type->items[Pullback];
  if (type->items.size() == 2)
    return isRule(pullback);
  return (isRule(pullback) || pullback->kind == TypeKind::None) && isRule(type->items[Pushforward]);
}

} // namespace

// A part of what the body gives.
Value Checker::partOfRule(const BlockResult &result, uint32_t index, const Target &target) {
  const Value &v = result.value;
  if (v.bad() || result.diverges)
    return v;
  if (!endsWithRules(v.type)) {
    if (index == TheValue)
      error(Code::BadGradient, v.span.valid() ? v.span : target.span,
            "a `derivative fn` ends with its value and its pullback, `(y, fn(dy) = (dx, …))`; this is " + describe(v))
          .withHelp(
              "`(y, fn(dy) = (dx, …), fn(dx, …) = dy)` has a rule for forward mode too; with `none` in the place of "
              "the pullback this is the only one");
    return bad(v.span);
  }
  return part(materialise(v, "rule"), index, v.span);
}

// One rule of the function: of what the body gives, the part `which` called with new parameters of the types `seeds`;
// its results have the types `expected`, `what` each.
Function *Checker::makeRule(Instance &instance, const Target &target, const std::vector<Value> &values,
                            const std::vector<bool> &isMut, uint32_t which, const std::vector<RuleValue> &seeds,
                            const std::vector<RuleValue> &expected, Span span) {
  Frame &frame = frames_.emplace_back();
  frame.caller = frame_->caller;
  frame.callSpan = span;
  Function &rule = program_.functionPool.emplace_back();
  frame.function = &rule;
  Restore<Frame *> outerFrame(frame_, &frame);
  Restore<Scope *> outerScope(scope_, target.env);
  Opened opened = openBody(instance, target, values, isMut);
  std::vector<Argument> args;
  for (const RuleValue &seed : seeds) {
    Variable *variable = makeVariable(seed.name, seed.type, target.span, false);
    rule.params.push_back(variable);
    rule.paramNames.push_back(variable->name);
    rule.isMut.push_back(false);
    Argument &arg = args.emplace_back();
    arg.span = arg.value.span = target.span;
    arg.value.type = seed.type;
    arg.value.expr = make(ExprKind::Var, seed.type, target.span);
    arg.value.expr->variable = variable;
  }
  scope_ = opened.scope;
  Value called = partOfRule(checkBlock(target.body, newScope(opened.scope), true), which, target);
  if (called.bad())
    return nullptr;
  Value given = callValue(called, std::move(args), target.span);
  if (given.bad())
    return nullptr;
  given = materialise(given, "derivatives");
  const std::string name = which == Pullback ? "pullback" : "pushforward";
  bool single = expected.size() == 1 && (which == Pushforward || given.type->kind != TypeKind::Tuple ||
                                         expected[0].type->kind == TypeKind::Tuple);
  // A gradient that is a tuple itself may stand alone or as the only one.
  if (single && which == Pullback && given.type->kind == TypeKind::Tuple && given.type->items.size() == 1 &&
      expected[0].type->items.size() != 1)
    single = false;
  if (!single && (given.type->kind != TypeKind::Tuple || given.type->items.size() != expected.size())) {
    std::string list;
    for (const RuleValue &value : expected)
      list += (list.empty() ? "" : ", ") + value.name;
    error(Code::BadGradient, target.span,
          "the " + name + " of `" + target.name + "` gives " + str(given.type) + ", expected the gradients of " +
              std::to_string(expected.size()) + (expected.size() == 1 ? " argument" : " arguments") + ": " + list);
    return nullptr;
  }
  std::vector<Value> results;
  for (size_t i = 0; i < expected.size(); ++i) {
    Value v = single ? given : part(given, uint32_t(i), target.span);
    if (!conform(v, expected[i].type, target.span,
                 which == Pullback ? "the gradient of `" + expected[i].name + "`"
                                   : "what the pushforward of `" + target.name + "` gives"))
      return nullptr;
    results.push_back(v);
  }
  Value result = tupleValue(std::move(results), target.span);
  rule.result = result.type;
  rule.body->value = result.expr;
  program_.functions.push_back(&rule);
  return &rule;
}

// `given`: the type of what the body gives, rules included.
void Checker::checkRules(Instance &instance, const Target &target, const std::vector<Value> &values,
                         const std::vector<bool> &isMut, const Type &given, Span span) {
  if (!given || !endsWithRules(given))
    return;
  std::optional<Type> resultTangent = gradientType(instance.result);
  if (!resultTangent) {
    error(Code::BadGradient, target.span,
          "`" + target.name + "` gives " + str(instance.result) + ", which has no derivative");
    return;
  }
  if (std::find(isMut.begin(), isMut.end(), true) != isMut.end()) {
    error(Code::BadGradient, target.span, "a `derivative fn` changes none of its arguments; `" + target.name + "` does")
        .withHelp("let it give the new value instead");
    return;
  }
  size_t base = values.size() - target.params->size();
  std::vector<RuleValue> gradients, tangents;
  std::vector<uint32_t> leaves;
  uint32_t position = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!instance.passed[i])
      continue;
    uint32_t at = position;
    position += leafCount(values[i].type);
    std::optional<Type> type = i >= base ? gradientType(values[i].type) : std::nullopt;
    if (!type)
      continue;
    differentiableLeaves(values[i].type, at, leaves);
    const std::string &name = (*target.params)[i - base].name;
    gradients.push_back({name, *type});
    tangents.push_back({"d" + name, *type});
  }
  Function &function = *instance.function;
  function.derivativeBy.assign(leaves.begin(), leaves.end());
  if (given->items[Pullback]->kind != TypeKind::None)
    function.derivative =
        makeRule(instance, target, values, isMut, Pullback, {{"cotangent", *resultTangent}}, gradients, span);
  if (given->items.size() > Pushforward)
    function.forwardDerivative =
        makeRule(instance, target, values, isMut, Pushforward, tangents, {{"the result", *resultTangent}}, span);
}

} // namespace dl::sema
