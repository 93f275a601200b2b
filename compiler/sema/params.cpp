// Params and backward: the imperative form of differentiation. In a program that uses it every param of a module, and
// every variable made by `param(…)`, has two hidden fields behind it, its gradient and its token. A read of the param
// is a leaf under that token; backward asks for the gradients by the tokens of all params in sight.
#include "compiler/sema/checker.h"
#include "compiler/sema/module_parts.h"

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

// Whether a `param` of the type has a gradient: a floating-point tensor, or a tuple, record or list of such.
static bool isTrained(const Type &type) {
  switch (type->kind) {
  case TypeKind::Tensor:
    return isFloat(type->elem) && !isRagged(type);
  case TypeKind::Tuple:
  case TypeKind::Record:
    return !type->items.empty() && std::all_of(type->items.begin(), type->items.end(), isTrained);
  case TypeKind::List:
    return type->items[0]->kind == TypeKind::Tensor && isTrained(type->items[0]);
  default:
    return false;
  }
}

bool Checker::isMissed(const Field &field) const {
  return imperative_ && field.kind == Field::Param && holdsFloat(field.type) && !isTrained(field.type);
}

Value Checker::zeroGradient(const Type &type, Span span) {
  Value zero = floatValue(0, type->elem, span);
  return type->dims.empty() ? zero : opValue("full", {zero}, type, span);
}

Value Checker::zerosOf(const Value &param, Span span) {
  if (param.type->kind == TypeKind::Tensor)
    return zeroGradient(param.type, span);
  std::vector<Value> parts;
  if (isList(param.type))
    parts.push_back(zeroGradient(storedParts(opened(param).type)[0].type, span));
  else
    for (uint32_t k = 0; k < param.type->items.size(); ++k)
      parts.push_back(zerosOf(part(param, k, span), span));
  return fromParts(param.type, parts, span);
}

// A token, or one for each element of a list.
Value Checker::newToken(const Type &type, Span span) {
  Value token = opValue("param.token", {}, scalarType(Elem::I64), span);
  return isScalar(type) ? token : opValue("full", {token}, type, span);
}

// Behind the param that was added last: its gradient, zero so far, and its token.
void Checker::addCompanions(ModuleInstance &module, Value &value, Span span) {
  const Field param = module.fields.back();
  if (!imperative_ || !isTrained(param.type))
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
  Value own;
  own.type = param.type;
  own.expr = value.expr->args.back();
  own.span = span;
  add(".grad", zerosOf(own, span));
  add(".token", tokensOf(own, span));
}

Value Checker::tokensOf(const Value &param, Span span) {
  if (isList(param.type)) {
    Type each = tensorType(Elem::I64, {storedParts(opened(param).type)[0].type->dims[0]});
    Value tokens = newToken(each, span);
    return fromParts(listType(param.type->dims[0], scalarType(Elem::I64)), {tokens}, span);
  }
  if (param.type->kind == TypeKind::Tensor)
    return newToken(scalarType(Elem::I64), span);
  std::vector<Value> parts;
  auto node = std::make_shared<TypeNode>(*param.type);
  for (uint32_t k = 0; k < param.type->items.size(); ++k) {
    parts.push_back(tokensOf(part(param, k, span), span));
    node->items[k] = parts.back().type;
  }
  return fromParts(node, parts, span);
}

Value Checker::leafOf(const Value &value, const Value &token, Span span) {
  if (value.type->kind == TypeKind::Tensor)
    return opValue("param.leaf", {value, token}, value.type, span);
  std::vector<Value> parts;
  for (uint32_t k = 0; k < storedParts(value.type).size(); ++k)
    parts.push_back(isList(value.type) ? leafOf(storedPart(value, k, span), storedPart(token, k, span), span)
                                       : leafOf(part(value, k, span), part(token, k, span), span));
  return fromParts(value.type, parts, span);
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
  // The member that is a param, and the way to a part of it.
  size_t member = out.steps.size();
  for (size_t i = out.steps.size();
       i-- > 0 && out.steps[i].kind != Place::Step::Slices && out.steps[i].kind != Place::Step::Chosen;) {
    const Type &owner = i == 0 ? out.root->type : out.steps[i - 1].type;
    if (owner->kind == TypeKind::Module) {
      if (hasGradient(*owner->module, out.steps[i].index))
        member = i;
      break;
    }
  }
  if (member == out.steps.size())
    return std::nullopt;
  const Type &owner = member == 0 ? out.root->type : out.steps[member - 1].type;
  out.steps[member].index += offset;
  out.steps[member].type = owner->module->fields[out.steps[member].index].type;
  for (size_t i = member + 1; i < out.steps.size(); ++i)
    out.steps[i].type = out.steps[i - 1].type->items[out.steps[i].kind == Place::Step::Item ? 0 : out.steps[i].index];
  return out;
}

// Adds the place of a param, part by part.
void Checker::addParam(const Place &place, ParamPlaces &out) const {
  const Type type = place.steps.back().type;
  if (type->kind == TypeKind::Tensor)
    out.single.push_back(place);
  else if (isList(type))
    out.lists.push_back({place, {{}}});
  else
    for (uint32_t i = 0; i < type->items.size(); ++i) {
      Place inner = place;
      Place::Step step;
      step.index = i;
      step.type = type->items[i];
      inner.steps.push_back(step);
      addParam(inner, out);
    }
}

void Checker::paramPlaces(const Place &place, ParamPlaces &out) const {
  const Type &type = place.steps.empty() ? place.root->type : place.steps.back().type;
  auto visit = [&](uint32_t index, const Type &part) {
    Place inner = place;
    Place::Step step;
    step.index = index;
    step.type = part;
    inner.steps.push_back(step);
    if (type->kind == TypeKind::Module && hasGradient(*type->module, index))
      addParam(inner, out);
    else if (type->kind == TypeKind::Module && isMissed(type->module->fields[index]))
      out.complete = false;
    else if (holdsParams(part))
      paramPlaces(inner, out);
  };
  if (type->kind == TypeKind::Tuple || type->kind == TypeKind::Record)
    for (uint32_t i = 0; i < type->items.size(); ++i)
      visit(i, type->items[i]);
  if (type->kind == TypeKind::Module)
    for (uint32_t i = 0; i < type->module->fields.size(); ++i)
      visit(i, type->module->fields[i].type);
  if (isList(type)) {
    ParamList list{place, {}};
    out.complete &= paramColumns(type, list);
    out.lists.push_back(std::move(list));
  }
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
  ParamPlaces params;
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
    Place place;
    place.root = b;
    place.span = span;
    paramPlaces(place, params);
    if (!params.complete) {
      error(Code::BadGradient, span,
            "`backward` does not reach all params of `" + b->name +
                "`: some lie in lists inside of lists, or in a list with other sizes for each element")
          .label(b->span, str(b->type))
          .withHelp("hold the modules in a tuple or in `nn.Sequential`, or use `value_and_grad`");
      return bad(span);
    }
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
  for (const Place &p : params.single)
    operands.push_back(readPlace(*companionOf(p, 2), span));
  for (const ParamList &list : params.lists)
    for (const std::vector<uint32_t> &path : list.paths)
      operands.push_back(readColumn(list, path, 2, span));
  auto addGradient = [&](const Value &gradient) {
    operands.push_back(gradient);
    types.push_back(gradient.type);
  };
  for (const Place &p : params.single)
    addGradient(readPlace(*companionOf(p, 1), span));
  for (const ParamList &list : params.lists)
    for (const std::vector<uint32_t> &path : list.paths)
      addGradient(readColumn(list, path, 1, span));
  Value sums = opValue("param.backward", operands, tupleType(types), span, {{"weighted", args.size() == 2}});
  Variable *variable = makeVariable("gradients", sums.type, span, false);
  Stmt *let = makeStmt(StmtKind::Let, span);
  let->variable = variable;
  let->value = sums.expr;
  emit(let);
  sums.expr = make(ExprKind::Var, sums.type, span);
  sums.expr->variable = variable;
  uint32_t next = 0;
  for (const Place &p : params.single)
    writePlace(*companionOf(p, 1), part(sums, next++, span), span);
  for (const ParamList &list : params.lists) {
    std::vector<Value> columns;
    for (size_t i = 0; i < list.paths.size(); ++i)
      columns.push_back(part(sums, next++, span));
    writeColumns(list, 1, columns, span);
  }
  return unit(span);
}

// Replaces the gradients (offset 1) or the tokens (offset 2).
void Checker::changeCompanions(const ParamPlaces &params, uint32_t offset, Span span,
                               const std::function<Value(const Value &)> &changed) {
  for (const Place &p : params.single) {
    Place place = *companionOf(p, offset);
    writePlace(place, changed(readPlace(place, span)), span);
  }
  for (const ParamList &list : params.lists) {
    std::vector<Value> columns;
    for (const std::vector<uint32_t> &path : list.paths)
      columns.push_back(changed(readColumn(list, path, offset, span)));
    writeColumns(list, offset, columns, span);
  }
}

// Of a param the place itself.
ParamPlaces Checker::paramsAt(const Place &place) const {
  ParamPlaces params;
  if (std::optional<Place> own = companionOf(place, 0))
    addParam(*own, params);
  else
    paramPlaces(place, params);
  return params;
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
    ParamPlaces params = paramsAt(*a.ref);
    if (params.empty() && paramsType(a.value.type)->kind != TypeKind::Record) {
      error(Code::BadGradient, a.span, "`" + sourceText(a.span, 30) + "` holds no param")
          .withHelp("a param is made with `var w = param(…)`");
      return bad(span);
    }
    changeCompanions(params, 1, span, [&](const Value &gradient) { return zeroGradient(gradient.type, span); });
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
  ParamPlaces params = paramsAt(*args[0].ref);
  bool inList = std::any_of(args[0].ref->steps.begin(), args[0].ref->steps.end(),
                            [](const Place::Step &step) { return step.kind == Place::Step::Item; });
  if (inList) {
    error(Code::BadGradient, args[0].span,
          "whether the params of a list require gradients is one answer for all of its elements")
        .withHelp("pass the list, or the module that holds it; a tuple has an answer for each element");
    return bad(span);
  }
  if (!params.complete) {
    error(Code::BadGradient, args[0].span,
          "`" + sourceText(args[0].span, 30) +
              "` has params in lists of lists, or of differing sizes in one list, which cannot be frozen")
        .withHelp("hold them in one list or in tuples; `grad(f, wrt=…)` takes the gradient by other members only");
    return bad(span);
  }
  if (params.empty()) {
    error(Code::BadGradient, args[0].span, "`" + sourceText(args[0].span, 30) + "` holds no param")
        .withHelp("a variable that requires a gradient is made with `var w = param(…)`");
    return bad(span);
  }
  // A param that is frozen for a while is the same param afterwards.
  changeCompanions(params, 2, span, [&](const Value &token) {
    return opValue("param.token", {token}, token.type, span, {{"frozen", Attr(frozen)}, {"again", Attr(!frozen)}});
  });
  return unit(span);
}

// The gradients of a module's params, in the structure of params(); for a param variable its gradient.
Value Checker::gradientsOf(const Value &value, Span span) {
  if (!holdsParams(value.type)) {
    error(Code::BadGradient, span, "there are no gradients here: the program uses no `backward`, which fills `.grad`")
        .withHelp("call `backward(loss)` first, or pass a gradient that `grad` or `value_and_grad` gave");
    return bad(span);
  }
  Value graded = withGradients(value, span);
  Restore<int> raw(frame_->noGrad, frame_->noGrad + 1);
  return paramsOf(graded, span);
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
