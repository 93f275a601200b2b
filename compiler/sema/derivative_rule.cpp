// derivative fn f(x, …) { …; (y, fn(dy) = (dx, …)) }: f gives y; its rule is a function of its own that takes the
// parameters and the cotangents of y and gives the gradients of all floats among the parameters, in flattened order.
#include "compiler/sema/checker.h"

namespace dl::sema {

// Part 0, the value, or part 1, the pullback, of what the body gives.
Value Checker::partOfRule(const BlockResult &result, uint32_t index, const Target &target) {
  const Value &v = result.value;
  if (v.bad() || result.diverges)
    return v;
  if (v.type->kind != TypeKind::Tuple || v.type->items.size() != 2 || v.type->items[1]->kind != TypeKind::Function) {
    if (index == 0)
      error(Code::BadGradient, v.span.valid() ? v.span : target.span,
            "a `derivative fn` ends with its value and its pullback, `(y, fn(dy) = (dx, …))`; this is " + describe(v));
    return bad(v.span);
  }
  return part(materialise(v, "rule"), index, v.span);
}

// The gradient of every float leaf of a value: those in `gradient` (of the type that gradientType() gives), or zeros.
void Checker::gradientLeaves(const Type &type, const Value *gradient, std::vector<Value> &out, Span span) {
  auto each = [&](size_t count, const std::function<const Type &(size_t)> &item,
                  const std::function<int(size_t)> &partOf) {
    for (size_t i = 0; i < count; ++i) {
      int k = gradient ? partOf(i) : -1;
      if (k < 0) {
        gradientLeaves(item(i), nullptr, out, span);
        continue;
      }
      Value g = part(*gradient, uint32_t(k), span);
      gradientLeaves(item(i), &g, out, span);
    }
  };
  switch (type->kind) {
  case TypeKind::Tensor: {
    if (!isFloat(type->elem))
      return;
    if (gradient) {
      out.push_back(*gradient);
      return;
    }
    Value zero = floatValue(0, type->elem, span);
    out.push_back(type->dims.empty() ? zero : opValue("full", {zero}, type, span));
    return;
  }
  case TypeKind::Tuple:
  case TypeKind::Record:
    each(
        type->items.size(), [&](size_t i) -> const Type & { return type->items[i]; },
        [&](size_t i) {
          if (!gradient || gradient->type->kind != TypeKind::Record || type->kind == TypeKind::Record)
            return int(i);
          for (size_t k = 0; k < gradient->type->names.size(); ++k)
            if (gradient->type->names[k] == std::to_string(i))
              return int(k);
          return -1;
        });
    return;
  case TypeKind::Module:
    each(
        type->module->fields.size(), [&](size_t i) -> const Type & { return type->module->fields[i].type; },
        [&](size_t i) {
          for (size_t k = 0; k < gradient->type->names.size(); ++k)
            if (gradient->type->names[k] == type->module->fields[i].name)
              return int(k);
          return -1;
        });
    return;
  case TypeKind::Function:
    for (const Type &item : type->function->captureTypes)
      gradientLeaves(item, nullptr, out, span);
    return;
  default:
    return;
  }
}

void Checker::checkRule(Instance &instance, const Target &target, const std::vector<Value> &values,
                        const std::vector<bool> &isMut, Span span) {
  std::optional<Type> cotangentType = gradientType(instance.result);
  if (!cotangentType) {
    error(Code::BadGradient, target.span,
          "`" + target.name + "` gives " + str(instance.result) + ", which has no derivative");
    return;
  }
  Frame &frame = frames_.emplace_back();
  frame.caller = frame_->caller;
  frame.callSpan = span;
  Function &rule = program_.functionPool.emplace_back();
  frame.function = &rule;
  Restore<Frame *> outerFrame(frame_, &frame);
  Restore<Scope *> outerScope(scope_, target.env);
  Opened opened = openBody(instance, target, values, isMut);
  Variable *cotangent = makeVariable("cotangent", *cotangentType, target.span, false);
  rule.params.push_back(cotangent);
  rule.paramNames.push_back(cotangent->name);
  rule.isMut.push_back(false);
  scope_ = opened.scope;
  Value pullback = partOfRule(checkBlock(target.body, newScope(opened.scope), true), 1, target);
  if (pullback.bad())
    return;
  Argument dy;
  dy.span = target.span;
  dy.value.type = *cotangentType;
  dy.value.span = target.span;
  dy.value.expr = make(ExprKind::Var, *cotangentType, target.span);
  dy.value.expr->variable = cotangent;
  Value gradients = callValue(pullback, {dy}, target.span);
  if (gradients.bad())
    return;
  gradients = materialise(gradients, "gradients");
  std::vector<size_t> wanted;
  size_t base = values.size() - target.params->size();
  for (size_t k = 0; k < target.params->size(); ++k)
    if (instance.passed[base + k] && gradientType(values[base + k].type))
      wanted.push_back(k);
  bool single = wanted.size() == 1 && gradients.type->kind != TypeKind::Tuple;
  if (!single && (gradients.type->kind != TypeKind::Tuple || gradients.type->items.size() != wanted.size())) {
    error(Code::BadGradient, target.span,
          "the pullback of `" + target.name + "` gives " + str(gradients.type) + ", expected the gradients of " +
              std::to_string(wanted.size()) + (wanted.size() == 1 ? " argument" : " arguments"));
    return;
  }
  std::vector<Value> leaves;
  size_t next = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!instance.passed[i])
      continue;
    bool own = i >= base && next < wanted.size() && wanted[next] == i - base;
    if (!own) {
      gradientLeaves(values[i].type, nullptr, leaves, target.span);
      continue;
    }
    Value g = single ? gradients : part(gradients, uint32_t(next), target.span);
    ++next;
    std::string name = (*target.params)[i - base].name;
    if (!conform(g, *gradientType(values[i].type), target.span, "the gradient of `" + name + "`"))
      return;
    gradientLeaves(values[i].type, &g, leaves, target.span);
  }
  Value result = tupleValue(std::move(leaves), target.span);
  rule.result = result.type;
  rule.body->value = result.expr;
  instance.function->derivative = &rule;
  program_.functions.push_back(&rule);
}

} // namespace dl::sema
