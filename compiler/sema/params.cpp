// Params and backward: the imperative form of differentiation. In a program that uses it every param of a module, and
// every variable made by `param(…)`, has two hidden fields behind it, its gradient and its token. A read of the param
// is a leaf under that token; backward asks for the gradients by the tokens of all params in sight.
#include "compiler/sema/checker.h"

#include <algorithm>

namespace dl::sema {

// Whether a text may use params imperatively. Comments that mention the words only cost memory for gradients.
bool Checker::mentionsParams(std::string_view text) {
  auto isWord = [](char c) { return c == '_' || std::isalnum(static_cast<unsigned char>(c)); };
  for (std::string_view word :
       {"backward", "zero_grad", "requires_grad", "requires_grad_", "is_leaf", "grad_fn", ".grad", "param"})
    for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
      size_t end = at + word.size();
      bool whole = (at == 0 || !isWord(text[at - 1]) || word[0] == '.') && (end == text.size() || !isWord(text[end]));
      if (whole && word == "param") {
        while (end < text.size() && text[end] == ' ')
          ++end;
        whole = end < text.size() && text[end] == '('; // the function, not the word of a member
      }
      if (whole)
        return true;
    }
  return false;
}

bool Checker::isParameter(const Type &type) const {
  if (!type || type->kind != TypeKind::Module || !preludeScope_)
    return false;
  const Binding *b = preludeScope_->find("Parameter");
  return b && type->module->decl == b->module;
}

bool Checker::hasGradient(const ModuleInstance &module, size_t field) {
  const std::vector<Field> &fields = module.fields;
  return fields[field].kind == Field::Param && field + 2 < fields.size() &&
         fields[field + 1].name == fields[field].name + ".grad";
}

bool Checker::holdsParams(const Type &type) const {
  if (!type)
    return false;
  if (type->kind == TypeKind::Module) {
    for (size_t i = 0; i < type->module->fields.size(); ++i)
      if (hasGradient(*type->module, i) || holdsParams(type->module->fields[i].type))
        return true;
    return false;
  }
  return std::any_of(type->items.begin(), type->items.end(), [&](const Type &item) { return holdsParams(item); });
}

static Value zeroOf(const Type &type, const Value &zero, const std::function<Value(Value)> &full) {
  return type->dims.empty() ? zero : full(zero);
}

// Behind the param that was added last: its gradient, zero so far, and its token.
void Checker::addCompanions(ModuleInstance &module, Value &value, Span span) {
  const Field param = module.fields.back();
  if (!imperative_ || param.type->kind != TypeKind::Tensor || !isFloat(param.type->elem))
    return;
  auto add = [&](const char *suffix, const Value &initial) {
    Variable *variable = makeVariable(param.name + suffix, initial.type, span, false);
    Stmt *let = makeStmt(StmtKind::Let, span);
    let->variable = variable;
    let->value = initial.expr;
    emit(let);
    Expr *read = make(ExprKind::Var, initial.type, span);
    read->variable = variable;
    Field f;
    f.kind = Field::Let;
    f.name = param.name + suffix;
    f.type = initial.type;
    module.fields.push_back(std::move(f));
    value.expr->args.push_back(read);
  };
  add(".grad", zeroOf(param.type, floatValue(0, param.type->elem, span),
                      [&](Value zero) { return opValue("full", {zero}, param.type, span); }));
  add(".token", opValue("param.token", {}, scalarType(Elem::I64), span, {{"frozen", false}}));
}

Value Checker::leafOf(const Value &value, const Value &token, Span span) {
  return opValue("param.leaf", {value, token}, value.type, span);
}

Place Checker::valuePlace(Place place) const {
  const Type &type = place.steps.empty() ? place.root->type : place.steps.back().type;
  if (!isParameter(type))
    return place;
  Place::Step step;
  step.type = type->module->fields[0].type;
  place.steps.push_back(step);
  return place;
}

std::optional<Place> Checker::companionOf(const Place &place, uint32_t offset) const {
  Place out = valuePlace(place);
  if (out.steps.empty() || out.steps.back().kind != Place::Step::Part)
    return std::nullopt;
  const Type &owner = out.steps.size() == 1 ? out.root->type : out.steps[out.steps.size() - 2].type;
  Place::Step &last = out.steps.back();
  if (owner->kind != TypeKind::Module || !hasGradient(*owner->module, last.index))
    return std::nullopt;
  last.index += offset;
  last.type = owner->module->fields[last.index].type;
  return out;
}

void Checker::paramPlaces(const Place &place, std::vector<Place> &out) const {
  const Type &type = place.steps.empty() ? place.root->type : place.steps.back().type;
  auto visit = [&](uint32_t index, const Type &part) {
    Place inner = place;
    Place::Step step;
    step.index = index;
    step.type = part;
    inner.steps.push_back(step);
    paramPlaces(inner, out);
  };
  if (type->kind == TypeKind::Tuple || type->kind == TypeKind::Record)
    for (uint32_t i = 0; i < type->items.size(); ++i)
      if (holdsParams(type->items[i]))
        visit(i, type->items[i]);
  if (type->kind != TypeKind::Module)
    return;
  for (uint32_t i = 0; i < type->module->fields.size(); ++i) {
    const Field &f = type->module->fields[i];
    if (hasGradient(*type->module, i)) {
      Place inner = place;
      Place::Step step;
      step.index = i;
      step.type = f.type;
      inner.steps.push_back(step);
      out.push_back(std::move(inner));
    } else if (holdsParams(f.type)) {
      visit(i, f.type);
    }
  }
}

// Whether params lie in a list, where each has no place of its own.
static bool listsParams(const Type &type, const std::function<bool(const Type &)> &holdsParams) {
  if (!holdsParams(type))
    return false;
  if (isList(type))
    return true;
  auto inside = [&](const Type &part) { return listsParams(part, holdsParams); };
  if (type->kind == TypeKind::Module)
    return std::any_of(type->module->fields.begin(), type->module->fields.end(),
                       [&](const Field &f) { return inside(f.type); });
  return std::any_of(type->items.begin(), type->items.end(), inside);
}

Value Checker::callParamFunction(const std::string &name, std::vector<Argument> args, Span span) {
  if (name == "param")
    return makeParam(std::move(args), span);
  if (name == "backward")
    return backward(std::move(args), span);
  if (name == "zero_grad" || name == "clear_grads")
    return zeroGrad(name, args, span);
  if (name == "requires_grad_")
    return setRequiresGrad(args, span);
  if (name == "is_grad_enabled") {
    if (!args.empty()) {
      error(Code::WrongArguments, span, "`is_grad_enabled` takes no argument");
      return bad(span);
    }
    return boolValue(frame_->noGrad == 0, span);
  }
  if (name == "gradients" && args.size() == 1 && args[0].ref) // a param variable, too
    return gradientsOf(args[0].value, span);
  if (args.size() != 1 || args[0].ref) {
    error(Code::WrongArguments, span, "`" + name + "` takes one value");
    return bad(span);
  }
  settle(args[0]);
  const Value &x = args[0].value;
  if (x.bad())
    return bad(span);
  if (name == "gradients")
    return gradientsOf(x, span);
  if (name != "set_grad_enabled")
    return graphInfo(name, x, span);
  if (!x.known.boolean) {
    error(Code::NotConstant, args[0].span, "`set_grad_enabled` takes a bool that is known when the program is compiled")
        .withHelp("choose with `if c { … } else { no_grad { … } }`");
    return bad(span);
  }
  frame_->noGrad = *x.known.boolean ? 0 : 1;
  return unit(span);
}

// param(x): the value of a new param variable.
Value Checker::makeParam(std::vector<Argument> args, Span span) {
  if (args.size() != 1 || !args[0].name.empty() || args[0].ref) {
    error(Code::WrongArguments, span, "`param` takes the value to start from, as in `var w = param(rand(2, 2))`");
    return bad(span);
  }
  settle(args[0]);
  Value &x = args[0].value;
  if (x.bad())
    return bad(span);
  if (x.known.literal && x.type->kind == TypeKind::Tensor && isInteger(x.type->elem))
    x = convertLiteral(x, Elem::F32);
  if (x.type->kind != TypeKind::Tensor || !isFloat(x.type->elem)) {
    error(Code::TypeMismatch, args[0].span,
          "a `param` is trained, so it holds floating-point numbers, not " + describe(x))
        .withHelp(x.type->kind == TypeKind::Tensor ? "convert it: `param(f32(…))`" : "make one param of each tensor");
    return bad(span);
  }
  x.known = {};
  return callValue(readBinding(preludeScope_->find("Parameter"), span), std::move(args), span);
}

Value Checker::backward(std::vector<Argument> args, Span span) {
  const char *usage =
      "`backward` takes a value and, when it is no scalar, a weight of its shape: `backward(y, weight)`";
  if (args.empty() || args.size() > 2 || args[0].ref || !args[0].name.empty() ||
      (args.size() == 2 &&
       (args[1].ref || (!args[1].name.empty() && args[1].name != "gradient" && args[1].name != "weight")))) {
    error(Code::WrongArguments, span, usage);
    return bad(span);
  }
  for (Argument &a : args) {
    settle(a);
    if (a.value.bad())
      return bad(span);
  }
  const Value &y = args[0].value;
  if (y.type->kind != TypeKind::Tensor || !isFloat(y.type->elem)) {
    Diagnostic &e =
        error(Code::BadGradient, args[0].span, "`backward` takes a floating-point value, this is " + describe(y));
    if (y.type->kind == TypeKind::Tensor)
      e.withHelp("integers and bools have no gradient");
    return bad(span);
  }
  bool single = std::all_of(y.type->dims.begin(), y.type->dims.end(),
                            [](const Dim &d) { return d.isConst() && d.constant() == 1; });
  if (args.size() == 1 && !single) {
    error(Code::BadGradient, args[0].span, "`backward` without a weight takes a scalar, this is " + describe(y))
        .withHelp("reduce it with `sum` or `mean`, or give a weight of its shape: `backward(" +
                  sourceText(args[0].span, 30) + ", ones_like(" + sourceText(args[0].span, 30) + "))`");
    return bad(span);
  }
  if (args.size() == 2 && !conform(args[1].value, y.type, args[1].span, "the weight of `backward`"))
    return bad(span);

  // The params in sight. What a function has by value it cannot change.
  std::vector<Place> params;
  std::set<const Binding *> seen;
  const Binding *byValue = nullptr;
  std::vector<Binding *> candidates;
  for (Scope *s = scope_; s; s = s->parent)
    for (const auto &[name, b] : s->names)
      if (b->kind == Binding::Local && b->frame == frame_ && b->variable && holdsParams(b->type) &&
          seen.insert(b).second)
        candidates.push_back(b);
  std::sort(candidates.begin(), candidates.end(),
            [](const Binding *a, const Binding *b) { return a->variable->id < b->variable->id; });
  const std::vector<Variable *> &given = frame_->function->params;
  for (Binding *b : candidates) {
    bool isGiven = frame_->caller && std::find(given.begin(), given.end(), b->variable) != given.end();
    if (isGiven && !b->isMutable) {
      byValue = b;
      continue;
    }
    if (listsParams(b->type, [&](const Type &t) { return holdsParams(t); })) {
      error(Code::BadGradient, span, "`backward` does not reach the params in the `list[…]` of `" + b->name + "`")
          .label(b->span, str(b->type))
          .withHelp("hold the modules in a tuple or in `nn.Sequential`, or use `value_and_grad`");
      return bad(span);
    }
    Place place;
    place.root = b;
    place.span = span;
    paramPlaces(place, params);
  }
  if (params.empty()) {
    Diagnostic &e = error(Code::BadGradient, span, "there is no param here that could take a gradient");
    if (byValue)
      e.label(byValue->span, "passed by value")
          .withHelp("declare it as `mut " + byValue->name + "`, so that its `.grad` reaches the caller");
    else
      e.withHelp("a param is made with `var w = param(…)` or by a module's `param` members");
    return bad(span);
  }
  std::vector<Value> operands{y};
  if (args.size() == 2)
    operands.push_back(args[1].value);
  std::vector<Type> types;
  for (const Place &p : params)
    operands.push_back(readPlace(*companionOf(p, 2), span));
  for (const Place &p : params) {
    operands.push_back(readPlace(*companionOf(p, 1), span));
    types.push_back(operands.back().type);
  }
  Value sums = opValue("param.backward", operands, tupleType(types), span, {{"weighted", args.size() == 2}});
  Variable *variable = makeVariable("gradients", sums.type, span, false);
  Stmt *let = makeStmt(StmtKind::Let, span);
  let->variable = variable;
  let->value = sums.expr;
  emit(let);
  sums.expr = make(ExprKind::Var, sums.type, span);
  sums.expr->variable = variable;
  for (uint32_t i = 0; i < params.size(); ++i)
    writePlace(*companionOf(params[i], 1), part(sums, i, span), span);
  return unit(span);
}

// zero_grad(&w, &model, …)
Value Checker::zeroGrad(const std::string &name, const std::vector<Argument> &args, Span span) {
  for (const Argument &a : args)
    if (!a.ref) {
      error(Code::MissingRef, a.span, "`" + name + "` changes the `.grad` of what it is given")
          .withHelp("write `" + name + "(&" + sourceText(a.span, 30) + ")`");
      return bad(span);
    }
  if (args.empty()) {
    error(Code::WrongArguments, span, "`" + name + "` takes params or modules, as in `zero_grad(&model)`");
    return bad(span);
  }
  for (const Argument &a : args) {
    std::vector<Place> params;
    if (std::optional<Place> own = companionOf(*a.ref, 0))
      params.push_back(*own);
    else
      paramPlaces(*a.ref, params);
    if (params.empty() && paramsType(a.value.type)->kind != TypeKind::Record) {
      error(Code::BadGradient, a.span, "`" + sourceText(a.span, 30) + "` holds no param")
          .withHelp("a param is made with `var w = param(…)`");
      return bad(span);
    }
    for (const Place &p : params) {
      Place gradient = *companionOf(p, 1);
      const Type &type = gradient.steps.back().type;
      writePlace(gradient,
                 zeroOf(type, floatValue(0, type->elem, span),
                        [&](Value zero) { return opValue("full", {zero}, type, span); }),
                 span);
    }
  }
  return unit(span);
}

// requires_grad_(&w), requires_grad_(&model.layer, false): a new token from here on.
Value Checker::setRequiresGrad(const std::vector<Argument> &args, Span span) {
  if (args.empty() || args.size() > 2 || !args[0].ref || (args.size() == 2 && !args[1].value.known.boolean)) {
    error(args.empty() || args[0].ref ? Code::WrongArguments : Code::MissingRef, span,
          "`requires_grad_` takes a param or a module, and a bool that is known when the program is compiled")
        .withHelp("write `requires_grad_(&w, false)`");
    return bad(span);
  }
  bool frozen = args.size() == 2 && !*args[1].value.known.boolean;
  std::vector<Place> params;
  if (std::optional<Place> own = companionOf(*args[0].ref, 0))
    params.push_back(*own);
  else
    paramPlaces(*args[0].ref, params);
  if (params.empty()) {
    error(Code::BadGradient, args[0].span, "`" + sourceText(args[0].span, 30) + "` holds no param")
        .withHelp("a variable that requires a gradient is made with `var w = param(…)`");
    return bad(span);
  }
  for (const Place &p : params)
    writePlace(*companionOf(p, 2), opValue("param.token", {}, scalarType(Elem::I64), span, {{"frozen", frozen}}), span);
  return unit(span);
}

// The gradients of a module's params, in the structure of params(); for a param variable its gradient.
Value Checker::gradientsOf(const Value &value, Span span) {
  std::function<Value(const Value &)> gather = [&](const Value &whole) -> Value {
    Type type = paramsType(whole.type);
    if (type->kind == TypeKind::Tensor) // a param variable
      return part(whole, 1, span);
    Value out;
    out.span = span;
    out.type = type;
    out.expr = make(ExprKind::Tuple, type, span);
    for (const std::string &name : type->names) {
      uint32_t k = *partNamed(whole.type, name);
      bool isParam = whole.type->kind == TypeKind::Module && hasGradient(*whole.type->module, k);
      out.expr->args.push_back((isParam ? part(whole, k + 1, span) : gather(part(whole, k, span))).expr);
    }
    return out;
  };
  if (!holdsParams(value.type)) {
    error(Code::BadGradient, span, "there are no gradients here: the program uses no `backward`, which fills `.grad`")
        .withHelp("call `backward(loss)` first, or pass a gradient that `grad` or `value_and_grad` gave");
    return bad(span);
  }
  return gather(materialise(value, "model"));
}

Value Checker::graphInfo(const std::string &what, const Value &value, Span span) {
  Type type = what == "grad_fn" ? strType() : scalarType(Elem::Bool);
  if (value.type->kind != TypeKind::Tensor || !isFloat(value.type->elem))
    return what == "grad_fn" ? strValue("none", span) : boolValue(what == "is_leaf", span);
  return opValue("param.graph", {value}, type, span, {{"what", what}});
}

// x.grad of a param; x.requires_grad, x.is_leaf and x.grad_fn of anything.
std::optional<Value> Checker::paramMember(const ast::Member *expr) {
  const std::string &name = expr->name;
  bool asks = name == "requires_grad" || name == "is_leaf" || name == "grad_fn";
  if (name != "grad" && !asks)
    return std::nullopt;
  std::optional<Place> place = placeOf(expr->base, false);
  if (place && localOf(place->root) != place->root)
    place = std::nullopt;
  Type type = !place ? nullptr : place->steps.empty() ? place->root->type : place->steps.back().type;
  if (name == "grad" && place)
    if (std::optional<Place> gradient = companionOf(*place, 1))
      return readPlace(*gradient, expr->span);
  Value base = checkExpr(expr->base);
  if (base.bad())
    return bad(expr->span);
  if (base.space || (base.type->kind == TypeKind::Module && details(*base.type->module).members.count(name)) ||
      (base.type->kind == TypeKind::Record &&
       std::find(base.type->names.begin(), base.type->names.end(), name) != base.type->names.end()))
    return std::nullopt;
  if (asks)
    return graphInfo(name, base, expr->span);
  std::string text = sourceText(expr->base->span, 30);
  Diagnostic &e = error(Code::BadGradient, expr->nameSpan, "`" + text + "` is no param, so it has no `.grad`");
  if (base.type->kind == TypeKind::Module)
    e.withHelp("its params have one, as in `" + text + ".weight.grad`");
  else if (base.binding && base.binding->kind == Binding::Local)
    e.label(base.binding->span, "declared here").withHelp("declare it as `var " + base.binding->name + " = param(…)`");
  else
    e.withHelp("a param is made with `var w = param(…)` or by a module's `param` members");
  return bad(expr->span);
}

} // namespace dl::sema
