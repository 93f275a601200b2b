// grad, value_and_grad, vjp, jvp: which function is differentiated with respect to which of its flattened parameters.
#include "compiler/sema/checker.h"

namespace dl::sema {

// A function that is about to be differentiated, instantiated for its arguments.
struct Checker::Differentiated {
  std::vector<std::string> names; // by name instead of by position

  Prepared prepared;
  std::vector<Expr *> args;  // of the instance
  std::vector<uint32_t> wrt; // flat positions
  Type gradient;             // one type, or a tuple for several positions
  Type value;                // the function's result, in the caller's sizes
  std::vector<Value> values; // all that the instance may take
  std::vector<bool> isMut;
  std::vector<std::optional<Place>> places; // of the values that it changes; a copy is changed where there is none
};

uint32_t Checker::leafCount(const Type &type) const {
  if (type->kind == TypeKind::Tensor || type->kind == TypeKind::Str)
    return 1;
  uint32_t count = 0;
  for (const Part &part : storedParts(type))
    count += leafCount(part.type);
  return count;
}

// The type of the gradient with respect to a value of this type; nothing when it has none.
std::optional<Type> Checker::gradientType(const Type &type) const {
  switch (type->kind) {
  case TypeKind::Tensor:
    return isFloat(type->elem) ? std::optional(type) : std::nullopt;
  case TypeKind::Module: {
    Type record = paramsType(type);
    return record->items.empty() ? std::nullopt : std::optional(record);
  }
  case TypeKind::List: {
    if (isRagged(type->items[0]) || isList(type->items[0]))
      return std::nullopt;
    std::optional<Type> item = gradientType(type->items[0]);
    return item ? std::optional(listType(type->dims[0], *item)) : std::nullopt;
  }
  case TypeKind::Tuple:
  case TypeKind::Record: {
    auto node = std::make_shared<TypeNode>(*type);
    for (Type &item : node->items) {
      std::optional<Type> g = gradientType(item);
      if (!g)
        return std::nullopt;
      item = *g;
    }
    return type->items.empty() ? std::nullopt : std::optional<Type>(node);
  }
  default:
    return std::nullopt;
  }
}

// The flat positions of the parameters that are trained.
void Checker::paramLeaves(const Type &type, TreePlace place, uint32_t &position, std::vector<uint32_t> &out) const {
  if (type->kind == TypeKind::Tensor) {
    out.push_back(position++);
    return;
  }
  // A list is stored as one list for each part of its elements.
  const Type element = isList(type) ? type->items[0] : type;
  if (isList(type) && element->kind == TypeKind::Tensor) {
    paramLeaves(element, place, position, out);
    return;
  }
  std::vector<ParamPart> params = paramParts(element, place, ParamSet::Trained);
  size_t next = 0;
  std::vector<Part> parts = storedParts(type);
  for (uint32_t i = 0; i < parts.size(); ++i) {
    if (next < params.size() && params[next].index == i)
      paramLeaves(parts[i].type, params[next++].place, position, out);
    else
      position += leafCount(parts[i].type);
  }
}

// The flat positions of the leaves that gradientType() keeps, in its order.
void Checker::differentiableLeaves(const Type &type, uint32_t &position, std::vector<uint32_t> &out) const {
  switch (type->kind) {
  case TypeKind::Tensor:
    out.push_back(position++);
    return;
  case TypeKind::Tuple:
  case TypeKind::Record:
    for (const Type &item : type->items) {
      if (gradientType(item))
        differentiableLeaves(item, position, out);
      else
        position += leafCount(item);
    }
    return;
  case TypeKind::List:
    if (type->items[0]->kind == TypeKind::Tensor)
      out.push_back(position++);
    else
      differentiableLeaves(columnsOf(type), position, out);
    return;
  case TypeKind::Module:
    paramLeaves(type, TreePlace::Top, position, out);
    return;
  default:
    position += leafCount(type);
  }
}

Target Checker::targetOrWrapper(const Value &fn, size_t arity) {
  if (std::optional<Target> target = targetOf(fn); target && !(target->fn && target->fn->isExtern))
    return *target;
  return wrapperOf(fn, arity, false);
}

Target Checker::wrapperOf(const Value &fn, size_t arity, bool isCheckpoint) {
  std::vector<ast::Param> &params = wrapperParams_[{arity, isCheckpoint}];
  if (params.empty())
    for (size_t i = 0; i < arity; ++i) {
      ast::Param p;
      p.name = "x" + std::to_string(i);
      params.push_back(p);
    }
  Target t;
  t.isWrapper = true;
  t.isCheckpoint = isCheckpoint;
  t.env = builtinScope_;
  t.name = fn.type->kind == TypeKind::Function ? fn.type->function->name : "fn";
  t.params = &params;
  t.span = fn.span;
  t.self = fn;
  return t;
}

// A number as written takes the type that the parameter asks for, also behind `grad(…)`; a whole one is otherwise meant
// as a float.
void Checker::adaptLiteral(Value &v, const Value &fn, size_t position) {
  if (v.bad() || !v.known.literal || v.type->kind != TypeKind::Tensor)
    return;
  Value inner = fn;
  while (inner.type->kind == TypeKind::Function && details(*inner.type->function).kind == FunctionDetails::Grad)
    inner = part(inner, 0, inner.span);
  std::optional<Elem> elem;
  if (std::optional<Target> target = targetOf(inner); target && target->params && position < target->params->size())
    if (const ast::TypeExpr *type = (*target->params)[position].type)
      elem = elemNamed(type->name);
  if (!elem && isInteger(v.type->elem))
    elem = Elem::F32;
  if (elem && isFloat(*elem) && *elem != v.type->elem)
    v = convertLiteral(v, *elem);
}

bool Checker::prepareGradient(Differentiated &d, const Value &fn, std::vector<Argument> args,
                              const std::vector<int64_t> &positions, const std::string &what, Span span) {
  if (fn.type->kind != TypeKind::Function && fn.type->kind != TypeKind::Module) {
    error(Code::NotCallable, fn.span.valid() ? fn.span : span,
          "`" + what + "` takes a function, this is " + describe(fn));
    return false;
  }
  Target target = targetOrWrapper(fn, args.size());
  if (target.module) {
    error(Code::BadGradient, span, "`" + target.name + "` is a module's constructor, which has no gradient");
    return false;
  }
  for (int64_t w : positions)
    if (w >= 0 && w < int64_t(args.size()) && !args[size_t(w)].value.bad()) {
      adaptLiteral(args[size_t(w)].value, fn, size_t(w));
      args[size_t(w)].value.known = {};
    }
  std::vector<Argument> slots;
  if (!bindArguments(target, args, slots, span))
    return false;
  for (const Argument &slot : slots)
    if (slot.value.bad())
      return false;
  if (!matchSignature(target, slots, span))
    return false;
  std::vector<std::vector<std::string>> paths; // per entry of wrt: the member of the argument that is meant
  std::vector<int64_t> wrt = positions;
  paths.resize(wrt.size());
  for (const std::string &name : d.names) {
    size_t dot = name.find('.');
    const std::vector<ast::Param> &params = *target.params;
    size_t k = 0;
    while (k < params.size() && params[k].name != name.substr(0, dot))
      ++k;
    if (k == params.size()) {
      std::vector<std::string> names;
      for (const ast::Param &p : params)
        names.push_back(p.name);
      Diagnostic &e =
          error(Code::BadGradient, span, "`" + target.name + "` has no argument `" + name.substr(0, dot) + "`");
      e.label(target.span, "defined here");
      if (std::string near = didYouMean(name.substr(0, dot), names); !near.empty())
        e.withHelp("did you mean `" + near + "`?");
      return false;
    }
    wrt.push_back(int64_t(k));
    paths.emplace_back();
    for (size_t at = dot; at != std::string::npos;) {
      size_t next = name.find('.', at + 1);
      paths.back().push_back(name.substr(at + 1, next == std::string::npos ? next : next - at - 1));
      at = next;
    }
  }
  std::vector<Value> values = target.captures;
  if (target.self)
    values.push_back(*target.self);
  size_t base = values.size();
  for (Argument &slot : slots) {
    if (slot.ref && what != "grad" && what != "value_and_grad") {
      error(Code::BadGradient, slot.span, "`" + what + "` takes no function that changes its arguments");
      return false;
    }
    values.push_back(slot.value);
  }
  for (Value &v : values)
    if (!v.bad())
      v = paramsRead(v, span);
  std::vector<bool> isMut(values.size(), false);
  d.places.resize(values.size());
  if (target.self)
    isMut[base - 1] = target.selfMut;
  for (size_t k = 0; k < slots.size(); ++k) {
    isMut[base + k] = slots[k].ref.has_value();
    d.places[base + k] = slots[k].ref;
  }
  for (int64_t w : wrt) {
    if (w < 0 || w >= int64_t(slots.size())) {
      error(Code::BadGradient, span,
            "`" + target.name + "` has no argument " + std::to_string(w) + " (they count from 0)")
          .label(target.span, "defined here");
      return false;
    }
    Value &v = values[base + size_t(w)];
    v.known = {};
    std::optional<Type> g = gradientType(v.type);
    if (!g) {
      std::string name = (*target.params)[size_t(w)].name;
      Diagnostic &e = error(Code::BadGradient, slots[size_t(w)].span,
                            "there is no gradient with respect to `" + name + "`, which is " + describe(v));
      if (v.type->kind == TypeKind::Tensor && isInteger(v.type->elem))
        e.withHelp("integers have no gradient; convert with `f32(…)`, or choose other arguments with `wrt=`");
      else if (holdsModule(v.type) && !paramsType(v.type, ParamSet::All)->items.empty())
        e.withHelp("all its parameters are frozen; `requires_grad_(true)` trains them again");
      else if (holdsModule(v.type))
        e.withHelp("the module has no `param`");
      return false;
    }
  }
  d.prepared = instantiate(target, values, isMut, span);
  if (!d.prepared.instance)
    return false;
  Instance &instance = *d.prepared.instance;
  if (!instance.result)
    return false;
  uint32_t position = 0;
  std::map<size_t, std::vector<uint32_t>> leaves;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!instance.passed[i])
      continue;
    d.args.push_back(values[i].expr);
    uint32_t at = position;
    if (i >= base)
      for (int64_t w : wrt)
        if (size_t(w) == i - base && !leaves.count(i))
          differentiableLeaves(values[i].type, at, leaves[i]);
    position += leafCount(values[i].type);
  }
  std::vector<Type> types;
  for (size_t i = 0; i < wrt.size(); ++i) {
    const std::vector<uint32_t> &flat = leaves[base + size_t(wrt[i])];
    Type type = *gradientType(values[base + size_t(wrt[i])].type);
    // A member's gradient is a part of the argument's.
    size_t first = 0, count = flat.size();
    for (const std::string &member : paths[i]) {
      size_t k = 0;
      while (k < type->names.size() && type->names[k] != member)
        ++k;
      if (type->kind != TypeKind::Record || k == type->names.size()) {
        Diagnostic &e = error(Code::BadGradient, span, "`wrt`: " + str(type) + " has no param `" + member + "`");
        if (std::string near = didYouMean(member, type->names); !near.empty())
          e.withHelp("did you mean `" + near + "`?");
        return false;
      }
      for (size_t before = 0; before < k; ++before)
        first += leafCount(type->items[before]);
      type = type->items[k];
      count = leafCount(type);
    }
    d.wrt.insert(d.wrt.end(), flat.begin() + long(first), flat.begin() + long(first + count));
    types.push_back(type);
  }
  d.values = std::move(values);
  d.isMut = std::move(isMut);
  d.gradient = types.size() == 1 ? types[0] : tupleType(types);
  Expr *scratch = make(ExprKind::Call, unitType(), span);
  scratch->function = instance.function;
  Body *nowhere = makeBody();
  Restore<Body *> inner(frame_->body, nowhere);
  d.value = resultFor(d.prepared, target, scratch, false, span).type;
  return true;
}

Value Checker::makeGrad(const Value &fn, std::vector<Argument> args, bool wantValue, Span span) {
  const char *name = wantValue ? "value_and_grad" : "grad";
  FunctionDetails d;
  d.kind = FunctionDetails::Grad;
  d.wantValue = wantValue;
  d.wrt = {0};
  if (fn.type->kind != TypeKind::Function && fn.type->kind != TypeKind::Module) {
    error(Code::NotCallable, fn.span.valid() ? fn.span : span,
          std::string("`") + name + "` takes a function, this is " + describe(fn))
        .withHelp("write `" + std::string(name) + "(f)(x)`, not `" + name + "(f(x))`");
    return bad(span);
  }
  for (Argument &a : args) {
    if (a.name == "has_aux" || a.name == "allow_unused") {
      if (!a.value.known.boolean) {
        error(Code::NotConstant, a.span, "`" + a.name + "` is `true` or `false`, known when the program is compiled");
        return bad(span);
      }
      (a.name == "has_aux" ? d.hasAux : d.allowUnused) = *a.value.known.boolean;
      continue;
    }
    if (a.name != "wrt") {
      error(Code::WrongArguments, a.span,
            std::string("`") + name +
                "` takes a function, `wrt`, `has_aux` and `allow_unused`; the arguments follow, as in `" + name +
                "(f)(x)`");
      return bad(span);
    }
    bool named = a.value.known.text.has_value();
    if (named)
      d.wrtNames = {*a.value.known.text};
    if (a.value.type->kind == TypeKind::Tuple && !a.value.known.items.empty()) {
      named = true;
      for (const Known &item : a.value.known.items)
        named &= item.text.has_value();
      for (const Known &item : a.value.known.items)
        if (named)
          d.wrtNames.push_back(*item.text);
    }
    if (named) {
      d.wrt.clear();
      continue;
    }
    std::optional<Attr> attr;
    if (!attrOf(a.value, "`wrt`", attr))
      return bad(span);
    if (attr && std::holds_alternative<int64_t>(*attr))
      d.wrt = {std::get<int64_t>(*attr)};
    else if (attr && std::holds_alternative<std::vector<int64_t>>(*attr) &&
             !std::get<std::vector<int64_t>>(*attr).empty())
      d.wrt = std::get<std::vector<int64_t>>(*attr);
    else {
      error(Code::TypeMismatch, a.span, "`wrt` is an argument's number or name, or a tuple of them")
          .withHelp("for example `wrt=(0, 2)`, or `wrt=(\"model.fc1\", \"x\")`");
      return bad(span);
    }
  }
  return functionValue(std::move(d),
                       std::string(name) + "(" +
                           (fn.type->kind == TypeKind::Function ? fn.type->function->name : str(fn.type)) + ")",
                       {fn}, span);
}

Value Checker::callGrad(const Value &callee, std::vector<Argument> args, Span span) {
  const FunctionDetails &info = details(*callee.type->function);
  for (Argument &a : args)
    if (a.value.bad())
      return bad(span);
  Value fn = part(callee, 0, callee.span);
  Differentiated d;
  d.names = info.wrtNames;
  if (!prepareGradient(d, fn, std::move(args), info.wrt, info.wantValue ? "value_and_grad" : "grad", span))
    return bad(span);
  Value out;
  out.span = span;
  Type scalar = d.value;
  if (scalar && info.hasAux) {
    if (scalar->kind != TypeKind::Tuple || scalar->items.size() != 2) {
      error(Code::BadGradient, span,
            "with `has_aux` the function gives `(value, other results)`; `" + d.prepared.instance->function->name +
                "` gives " + str(scalar))
          .label(d.prepared.instance->function->span, "defined here");
      return bad(span);
    }
    scalar = scalar->items[0];
  }
  if (!scalar || !isScalar(scalar) || !isFloat(scalar->elem)) {
    if (scalar) {
      Diagnostic &e = error(Code::BadGradient, span,
                            "only a scalar float function has a gradient; `" + d.prepared.instance->function->name +
                                "` gives " + str(d.value));
      if (isTensor(d.value))
        e.withHelp("reduce the result with `sum` or `mean`, or use `vjp`");
      else if (d.value->kind == TypeKind::Tuple && d.value->items.size() == 2 && !info.hasAux)
        e.withHelp("`has_aux=true` differentiates the first result and hands on the second");
      e.label(d.prepared.instance->function->span, "defined here");
    }
    return bad(span);
  }
  bool values = info.wantValue || info.hasAux;
  out.type = values ? tupleType({d.value, d.gradient}) : d.gradient;
  out.expr = make(ExprKind::Grad, out.type, span);
  out.expr->function = d.prepared.instance->function;
  out.expr->args = d.args;
  out.expr->grad.kind = GradInfo::Vjp;
  out.expr->grad.wrt = d.wrt;
  out.expr->grad.wantValue = values;
  out.expr->grad.allowUnused = info.allowUnused;
  out.expr->grad.numArgs = uint32_t(d.args.size());
  std::vector<const Place *> places;
  for (const std::optional<Place> &place : d.places)
    places.push_back(place ? &*place : nullptr);
  std::vector<std::pair<Place, Value>> writeBack = passMutable(d.values, d.isMut, places, out.expr, span);
  out = materialise(out, "gradient");
  for (auto &[place, value] : writeBack)
    if (value.expr)
      writePlace(place, value, span);
  if (!info.hasAux || info.wantValue)
    return out;
  // grad with has_aux gives (gradient, aux).
  return tupleValue({part(out, 1, span), part(part(out, 0, span), 1, span)}, span);
}

// checkpoint(f) is f, of which a reverse pass keeps only the arguments.
Value Checker::makeCheckpoint(std::vector<Argument> args, Span span) {
  if (args.size() != 1 ||
      (args[0].value.type->kind != TypeKind::Function && args[0].value.type->kind != TypeKind::Module)) {
    error(Code::WrongArguments, span, "`checkpoint` takes a function; its arguments follow, as in `checkpoint(f)(x)`");
    return bad(span);
  }
  FunctionDetails d;
  d.kind = FunctionDetails::Checkpoint;
  return functionValue(std::move(d), "checkpoint(" + str(args[0].value.type) + ")", {args[0].value}, span);
}

Value Checker::callCheckpoint(const Value &callee, std::vector<Argument> args, Span span) {
  for (Argument &a : args) {
    if (!a.ref)
      continue;
    error(Code::BadGradient, a.span, "a function that changes its arguments has no checkpoint")
        .withHelp("let it give the new value instead");
    return bad(span);
  }
  Target target = wrapperOf(part(callee, 0, callee.span), args.size(), true);
  return callTarget(target, std::move(args), std::nullopt, span);
}

// vjp(f, x, …) gives (f(x, …), pullback).
Value Checker::callVjp(std::vector<Argument> args, Span span) {
  if (args.size() < 2) {
    error(Code::WrongArguments, span, "`vjp` takes a function and its arguments");
    return bad(span);
  }
  for (Argument &a : args) {
    settle(a);
    if (a.value.bad())
      return bad(span);
    if (&a != &args[0])
      adaptLiteral(a.value, args[0].value, size_t(&a - &args[1]));
    a.value.known.literal = false;
    a.value.known.number.reset();
    a.value = materialise(a.value, "x");
  }
  std::vector<Value> captures;
  for (const Argument &a : args)
    captures.push_back(a.value);
  Value y = callValue(args[0].value, {args.begin() + 1, args.end()}, span);
  if (y.bad())
    return bad(span);
  FunctionDetails d;
  d.kind = FunctionDetails::Pullback;
  Value pullback = functionValue(std::move(d), "pullback", std::move(captures), span);
  return tupleValue({y, pullback}, span);
}

Value Checker::callPullback(const Value &callee, std::vector<Argument> args, Span span) {
  size_t count = callee.type->function->captureTypes.size();
  std::vector<Argument> own(count - 1);
  std::vector<int64_t> wrt;
  for (uint32_t i = 1; i < count; ++i) {
    own[i - 1].value = part(callee, i, span);
    own[i - 1].span = span;
    if (gradientType(own[i - 1].value.type))
      wrt.push_back(int64_t(i) - 1);
  }
  if (wrt.empty() || args.size() != 1) {
    error(args.size() != 1 ? Code::WrongArguments : Code::BadGradient, span,
          args.size() != 1 ? "a pullback takes the cotangent of the result" : "none of the arguments has a gradient");
    return bad(span);
  }
  settle(args[0]);
  if (args[0].value.bad())
    return bad(span);
  Differentiated d;
  if (!prepareGradient(d, part(callee, 0, span), std::move(own), wrt, "vjp", span) || !d.value)
    return bad(span);
  Value dy = args[0].value;
  std::optional<Type> cotangent = gradientType(d.value);
  if (!cotangent) {
    error(Code::BadGradient, span, "the result is " + str(d.value) + ", which has no gradient");
    return bad(span);
  }
  if (!conform(dy, *cotangent, args[0].span, "the cotangent"))
    return bad(span);
  Value out;
  out.span = span;
  out.type = d.gradient;
  out.expr = make(ExprKind::Grad, out.type, span);
  out.expr->function = d.prepared.instance->function;
  out.expr->args = d.args;
  out.expr->grad.wrt = d.wrt;
  out.expr->grad.wantValue = false;
  out.expr->grad.numArgs = uint32_t(d.args.size());
  out.expr->args.push_back(dy.expr);
  return materialise(out, "gradient");
}

// jvp(f, x, …, dx, …) gives (f(x, …), the derivative of f there along the tangents).
Value Checker::callJvp(std::vector<Argument> args, Span span) {
  if (args.size() < 3 || args.size() % 2 == 0) {
    error(Code::WrongArguments, span, "`jvp` takes a function, its arguments and as many tangents");
    return bad(span);
  }
  for (Argument &a : args) {
    settle(a);
    if (a.value.bad())
      return bad(span);
  }
  size_t count = args.size() / 2;
  std::vector<int64_t> wrt;
  for (size_t i = 0; i < count; ++i)
    wrt.push_back(int64_t(i));
  Differentiated d;
  if (!prepareGradient(d, args[0].value, {args.begin() + 1, args.begin() + 1 + long(count)}, wrt, "jvp", span) ||
      !d.value)
    return bad(span);
  std::vector<Value> tangents;
  for (size_t i = 0; i < count; ++i) {
    const Argument &given = args[1 + count + i];
    tangents.push_back(given.value);
    if (!conform(tangents.back(), count == 1 ? d.gradient : d.gradient->items[i], given.span, "the tangent"))
      return bad(span);
  }
  std::optional<Type> tangent = gradientType(d.value);
  if (!tangent) {
    error(Code::BadGradient, span, "the result is " + str(d.value) + ", which has no derivative");
    return bad(span);
  }
  Value out;
  out.span = span;
  out.type = tupleType({d.value, *tangent});
  out.expr = make(ExprKind::Grad, out.type, span);
  out.expr->function = d.prepared.instance->function;
  out.expr->args = d.args;
  out.expr->grad.kind = GradInfo::Jvp;
  out.expr->grad.wrt = d.wrt;
  out.expr->grad.numArgs = uint32_t(d.args.size());
  for (const Value &tangent : tangents)
    out.expr->args.push_back(tangent.expr);
  return materialise(out, "derivative");
}

} // namespace dl::sema
