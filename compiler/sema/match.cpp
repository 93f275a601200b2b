// match: a chain of branches. What the types decide is decided here, so that `none` has an arm of its own.
#include "compiler/sema/checker.h"

namespace dl::sema {

namespace {

bool takesAll(const ast::MatchPattern &pattern) {
  if (pattern.isTuple) {
    for (const ast::MatchPattern &item : pattern.items)
      if (!takesAll(item))
        return false;
    return true;
  }
  return !pattern.literal;
}

void collectNames(const ast::MatchPattern &pattern, std::vector<const ast::MatchPattern *> &out) {
  for (const ast::MatchPattern &item : pattern.items)
    collectNames(item, out);
  if (!pattern.isTuple && !pattern.literal && pattern.name != "_")
    out.push_back(&pattern);
}

} // namespace

Value Checker::checkMatch(const ast::Match *expr) {
  bool good = true;
  const ast::MatchArm *all = nullptr;
  for (const ast::MatchArm &arm : expr->arms) {
    std::vector<const ast::MatchPattern *> names;
    for (const ast::MatchPattern &p : arm.patterns)
      collectNames(p, names);
    for (size_t i = 0; i < names.size(); ++i) {
      bool twice = false;
      for (size_t k = 0; k < i; ++k)
        twice |= names[k]->name == names[i]->name;
      if (twice || arm.patterns.size() > 1) {
        error(Code::BadPattern, names[i]->span,
              twice ? "`" + names[i]->name + "` stands for two values here" : "patterns joined by `or` give no names")
            .withHelp("write `_` for what does not matter");
        good = false;
        break;
      }
    }
    if (all) {
      error(Code::BadPattern, arm.span, "this arm is never reached").label(all->span, "this one takes every value");
      good = false;
      break;
    }
    if (arm.patterns.size() == 1 && !arm.guard && !arm.patterns[0].isTuple && takesAll(arm.patterns[0]))
      all = &arm;
  }
  Value subject = checkExpr(expr->subject);
  if (!good || subject.bad())
    return bad(expr->span);
  return matchFrom(expr, materialise(subject, "subject"), 0);
}

Value Checker::matchFrom(const ast::Match *expr, const Value &subject, size_t first) {
  if (first == expr->arms.size()) {
    bool isBool = isScalar(subject.type) && subject.type->elem == Elem::Bool;
    error(Code::BadPattern, expr->subject->span, "this `match` has no arm for some values of " + str(subject.type))
        .withHelp(isBool ? "it needs `true` and `false`, or `_: …` for the rest" : "`_: …` at its end takes the rest");
    return bad(expr->span);
  }
  const ast::MatchArm &arm = expr->arms[first];
  Value cond = boolValue(false, arm.span);
  for (const ast::MatchPattern &pattern : arm.patterns) {
    Value each = matches(pattern, subject);
    if (each.bad())
      return bad(expr->span);
    if (each.known.boolean)
      cond = *each.known.boolean ? each : cond;
    else if (!cond.known.boolean)
      cond = opValue("or", {cond, each}, each.type, arm.span);
    else if (!*cond.known.boolean)
      cond = each;
  }
  // true and false: the second one takes the rest.
  if (isScalar(subject.type) && subject.type->elem == Elem::Bool) {
    bool seen[2] = {};
    for (size_t i = 0; i <= first; ++i)
      for (const ast::MatchPattern &pattern : expr->arms[i].patterns)
        if (!expr->arms[i].guard && pattern.literal && pattern.literal->kind == ast::ExprKind::Bool)
          seen[ast::as<const ast::BoolLit>(pattern.literal)->value] = true;
    if (seen[0] && seen[1] && !cond.known.boolean)
      cond = boolValue(true, arm.span);
  }
  auto taken = [&] {
    Restore<Scope *> inner(scope_, newScope(scope_));
    if (arm.patterns.size() == 1)
      bindMatch(arm.patterns[0], subject);
    return checkBlock(arm.body, newScope(scope_), true);
  };
  if (arm.guard && !(cond.known.boolean && !*cond.known.boolean)) {
    auto guard = [&] {
      Restore<Scope *> inner(scope_, newScope(scope_));
      if (arm.patterns.size() == 1)
        bindMatch(arm.patterns[0], subject);
      return BlockResult{checkScalarBool(arm.guard), false};
    };
    // Asked only where the pattern fits.
    cond = cond.known.boolean ? guard().value : runtimeIf(cond, arm.span, "conditions of this arm", guard, [&] {
      return BlockResult{boolValue(false, arm.span), false};
    });
    if (cond.bad())
      return bad(expr->span);
  }
  if (cond.known.boolean && !*cond.known.boolean)
    return matchFrom(expr, subject, first + 1);
  auto diverges = [&](Span span) {
    Value v = unit(span);
    v.expr = make(ExprKind::Unreachable, unitType(), span);
    return v;
  };
  if (cond.known.boolean) {
    BlockResult r = taken();
    return r.diverges ? diverges(expr->span) : r.value;
  }
  return runtimeIf(cond, expr->span, "arms of this `match`", taken, [&] {
    BlockResult rest;
    rest.value = matchFrom(expr, subject, first + 1);
    rest.diverges = !rest.value.bad() && rest.value.expr->kind == ExprKind::Unreachable;
    return rest;
  });
}

// Whether the value is one of the pattern; known where the types tell.
Value Checker::matches(const ast::MatchPattern &pattern, const Value &value) {
  Span span = pattern.span;
  auto never = [&](const std::string &what) {
    error(Code::BadPattern, span, "this pattern takes " + what + ", the value is " + str(value.type))
        .label(value.span, str(value.type));
    return bad(span);
  };
  const bool isNone = value.type->kind == TypeKind::None;
  if (pattern.isTuple) {
    const size_t size = pattern.items.size();
    if (isNone)
      return boolValue(false, span);
    if (value.type->kind != TypeKind::Tuple || value.type->items.size() != size)
      return never("a tuple of " + std::to_string(size));
    Value all = boolValue(true, span);
    for (uint32_t i = 0; i < size; ++i) {
      Value item = part(value, i, span);
      item.span = value.span;
      Value each = matches(pattern.items[i], item);
      if (each.bad() || (each.known.boolean && !*each.known.boolean))
        return each;
      if (!each.known.boolean)
        all = all.known.boolean ? each : opValue("and", {all, each}, each.type, span);
    }
    return all;
  }
  if (!pattern.literal)
    return boolValue(true, span);
  if (pattern.literal->kind == ast::ExprKind::None || isNone)
    return boolValue(isNone && pattern.literal->kind == ast::ExprKind::None, span);
  Value literal = checkExpr(pattern.literal);
  if (literal.bad())
    return literal;
  bool fits = literal.type->kind == TypeKind::Str
                  ? value.type->kind == TypeKind::Str
                  : isScalar(value.type) && (literal.type->elem == Elem::Bool) == (value.type->elem == Elem::Bool);
  if (!fits)
    return never(literal.type->kind == TypeKind::Str ? "a text"
                 : literal.type->elem == Elem::Bool  ? "a bool"
                                                     : "a number");
  return compareValues(ast::CompareOp::Eq, value, literal, span, span);
}

void Checker::bindMatch(const ast::MatchPattern &pattern, const Value &value) {
  if (pattern.isTuple) {
    for (uint32_t i = 0; i < pattern.items.size(); ++i)
      bindMatch(pattern.items[i], part(value, i, pattern.span));
  } else if (!pattern.literal && pattern.name != "_") {
    declareLocal(pattern.name, value, pattern.span, false);
  }
}

} // namespace dl::sema
