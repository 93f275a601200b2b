// Calls: which function is meant, which argument belongs to which parameter, and what the signature demands.
#include "compiler/sema/checker.h"
#include "compiler/sema/habits.h"

#include <algorithm>

namespace dl::sema {

static bool isReducer(const std::string &name) {
  static const std::set<std::string> names = {"sum", "prod", "max", "min", "any", "all", "mean"};
  return names.count(name) != 0;
}

std::vector<Argument> Checker::checkArguments(const std::vector<ast::Arg> &args) {
  std::vector<Argument> out;
  std::vector<size_t> marks;
  for (const ast::Arg &a : args) {
    if (a.value->kind == ast::ExprKind::Spread) {
      spreadArgument(ast::as<const ast::Spread>(a.value), out);
      marks.resize(out.size(), mark());
      continue;
    }
    Argument arg;
    arg.name = a.name;
    arg.span = a.value->span;
    if (!a.name.empty())
      arg.nameSpan = {a.span.file, a.span.begin, a.span.begin + uint32_t(a.name.size())};
    if (a.value->kind == ast::ExprKind::Ref) {
      arg.ref = placeOf(ast::as<const ast::Ref>(a.value)->operand, true);
      arg.value = arg.ref && writable(*arg.ref, arg.span) ? readPlace(*arg.ref, arg.span) : bad(arg.span);
    } else if (a.value->kind == ast::ExprKind::Bracket) {
      arg.value = checkBracket(ast::as<const ast::Bracket>(a.value), true);
      arg.bracket = !arg.value.bad() && arg.value.type->kind == TypeKind::Tuple;
    } else {
      arg.value = checkExpr(a.value);
    }
    if (arg.value.span.file == 0 || !arg.value.bad())
      arg.value.span = arg.span;
    out.push_back(std::move(arg));
    marks.push_back(mark());
  }
  for (size_t i = out.size(); i-- > 0;)
    pin(out[i].value, marks[i]);
  return out;
}

// A bracket literal becomes a tensor where no list of tensors is asked for.
void Checker::settle(Argument &a) {
  if (!a.bracket || a.value.bad())
    return;
  std::vector<Value> items;
  Value whole = materialise(a.value, "items");
  for (uint32_t i = 0; i < whole.type->items.size(); ++i)
    items.push_back(whole.parts ? (*whole.parts)[i] : part(whole, i, a.span));
  if (items.empty())
    a.value.items = std::make_shared<const std::vector<Value>>();
  else
    a.value = gathered(std::move(items), a.span);
  a.bracket = false;
}

Value Checker::checkCall(const ast::Call *expr) {
  if (expr->args.size() == 1 && expr->args[0].value->kind == ast::ExprKind::Comprehension &&
      expr->callee->kind == ast::ExprKind::Name) {
    const ast::Comprehension *c = ast::as<const ast::Comprehension>(expr->args[0].value);
    const std::string &name = ast::as<const ast::Name>(expr->callee)->name;
    if (c->reducing && isReducer(name))
      return checkComprehension(c, name, expr->span);
    if (c->reducing) {
      error(Code::NotCallable, expr->callee->span, "`" + name + "` does not reduce a loop")
          .withHelp("sum, prod, max, min, mean, any and all do");
      return bad(expr->span);
    }
  }
  if (expr->callee->kind == ast::ExprKind::Member)
    return callMember(ast::as<const ast::Member>(expr->callee), expr->args, expr->span);
  if (expr->callee->kind == ast::ExprKind::Name) {
    // A method of the module around, called without `self.`.
    const std::string &name = ast::as<const ast::Name>(expr->callee)->name;
    Binding *b = lookup(name, scope_), *self = b && b->kind == Binding::Member ? localOf(b->self) : nullptr;
    bool isField = self && self->type && details(*self->type->module).members.count(name);
    if (const ast::FnDecl *fn = self && self->type && !isField ? methodNamed(*self->type->module, name) : nullptr) {
      noteName(expr->callee);
      std::optional<Place> place;
      if (fn->isMut) {
        place.emplace();
        place->root = self;
        place->span = expr->span;
        if (!writable(*place, expr->span))
          return bad(expr->span);
      }
      return callMethod(readBinding(self, expr->span), place, fn, checkArguments(expr->args), expr->span);
    }
  }
  Value callee = checkExpr(expr->callee);
  std::vector<Argument> args = checkArguments(expr->args);
  if (callee.bad())
    return bad(expr->span);
  return callModule(expr->callee, callee, std::move(args), expr->span);
}

// x |> f, x |> f(2), x |> m.layer
Value Checker::checkPipe(const ast::Pipe *expr) {
  Argument first = argumentOf(checkExpr(expr->input), expr->input->span);
  size_t evaluated = mark();
  Value callee = checkExpr(expr->callee);
  std::vector<Argument> args = checkArguments(expr->args);
  pin(first.value, evaluated);
  args.insert(args.begin(), std::move(first));
  if (callee.bad())
    return bad(expr->span);
  return callModule(expr->callee, callee, std::move(args), expr->span);
}

const ast::FnDecl *Checker::methodNamed(const ModuleInstance &module, const std::string &name) const {
  for (const ast::MemberDecl &m : module.decl->members)
    if (m.kind == ast::MemberDecl::Fn && m.fn && m.fn->name == name)
      return m.fn;
  return nullptr;
}

// base.name(args): a member of a file, a method, a member that is called, or the function `name` with base as its first
// argument.
Value Checker::callMember(const ast::Member *callee, const std::vector<ast::Arg> &ast, Span span) {
  if (growUnknown(callee, ast))
    return bad(span);
  if (std::optional<Value> v = growTuple(callee, ast, span))
    return *v;
  Value base = checkExpr(callee->base);
  if (base.bad()) {
    checkArguments(ast);
    return bad(span);
  }
  noteMember(callee, base);
  if (base.space) {
    Value f = checkMember(callee);
    std::vector<Argument> args = checkArguments(ast);
    return f.bad() ? bad(span) : callValue(f, std::move(args), span);
  }
  if (base.type->kind == TypeKind::Module) {
    const ModuleInstance &m = *base.type->module;
    bool isMember = details(m).members.count(callee->name) != 0;
    if (const ast::FnDecl *fn = isMember ? nullptr : methodNamed(m, callee->name)) {
      std::optional<Place> place;
      if (fn->isMut) {
        place = placeOf(callee->base, true);
        if (!place || !writable(*place, callee->base->span)) {
          checkArguments(ast);
          return bad(span);
        }
      }
      return callMethod(base, place, fn, checkArguments(ast), span);
    }
  }
  if (isList(base.type) || base.type->kind == TypeKind::Tensor || base.type->kind == TypeKind::Tuple)
    if (isList(base.type) || !lookupCallable(callee->name, scope_))
      if (std::optional<Value> v = callListMethod(callee, base, ast, span))
        return *v;
  if (base.type->kind != TypeKind::Tensor && !(base.type->kind == TypeKind::Module && callee->name == "training"))
    if (std::optional<Value> member = memberOf(base, callee->name, callee->span))
      return callModule(callee, *member, checkArguments(ast), span);
  if (std::optional<Value> items = ast.empty() ? recordMethod(base, callee->name, span) : std::nullopt)
    return *items;
  Binding *b = lookupCallable(callee->name, scope_);
  if (!b) {
    // x.dtype(1) calls a property; anything else is missing, which checkMember says.
    if (base.type->kind == TypeKind::Tensor)
      if (std::optional<Value> member = memberOf(base, callee->name, callee->span))
        return callValue(*member, checkArguments(ast), span);
    checkMember(callee);
    checkArguments(ast);
    return bad(span);
  }
  Value f = readBinding(b, callee->nameSpan);
  size_t evaluated = mark();
  std::vector<Argument> args = checkArguments(ast);
  pin(base, evaluated);
  Argument first = argumentOf(base, callee->base->span);
  static const std::set<std::string> inPlace = {"train", "eval", "load_state_dict", "requires_grad_"};
  if (b->kind == Binding::Function && !b->fn && inPlace.count(b->name))
    first.ref = placeOf(callee->base, false);
  args.insert(args.begin(), std::move(first));
  if (b->kind == Binding::Function && !b->fn && b->name == "requires_grad_")
    return requiresGrad(std::move(args), span);
  return f.bad() ? bad(span) : callValue(f, std::move(args), span);
}

Target Checker::targetOfFn(const ast::FnDecl *fn, Scope *env) {
  Target t;
  t.fn = fn;
  t.env = env;
  t.name = fn->name;
  t.params = &fn->params;
  t.result = fn->result;
  t.body = fn->body;
  t.span = fn->nameSpan.valid() ? fn->nameSpan : fn->span;
  return t;
}

Target Checker::targetOfModule(const ast::ModuleDecl *module, Scope *env) {
  Target t;
  t.module = module;
  t.env = env;
  t.name = module->name;
  t.params = &module->params;
  t.span = module->nameSpan;
  return t;
}

// What is instantiated when this function value is called; nothing for values that are no declared functions.
std::optional<Target> Checker::targetOf(const Value &callee) {
  if (callee.type->kind == TypeKind::Module) {
    const ModuleInstance &m = *callee.type->module;
    const ast::FnDecl *forward = methodNamed(m, "forward");
    if (!forward)
      return std::nullopt;
    Target t = targetOfFn(forward, details(m).env);
    t.name = std::string(m.decl->name) + ".forward";
    t.self = callee;
    t.selfMut = forward->isMut;
    return t;
  }
  if (callee.type->kind != TypeKind::Function)
    return std::nullopt;
  const FunctionDetails &d = details(*callee.type->function);
  auto captures = [&](Target &t) {
    for (uint32_t i = 0; i < callee.type->function->captureTypes.size(); ++i)
      t.captures.push_back(part(callee, i, callee.span));
  };
  switch (d.kind) {
  case FunctionDetails::Declared: {
    Target t = targetOfFn(d.fn, d.env);
    t.captured = d.captured;
    captures(t);
    return t;
  }
  case FunctionDetails::Lambda: {
    Target t;
    t.lambda = d.lambda;
    t.env = d.env;
    t.name = "fn";
    t.params = &d.lambda->params;
    t.result = d.lambda->result;
    t.body = d.lambda->body;
    t.span = d.lambda->span;
    t.captured = d.captured;
    captures(t);
    return t;
  }
  case FunctionDetails::Method: {
    Target t = targetOfFn(d.fn, d.env);
    t.name = callee.type->function->name;
    t.self = part(callee, 0, callee.span);
    t.selfMut = d.fn->isMut;
    return t;
  }
  case FunctionDetails::Constructor:
    return targetOfModule(d.module, d.env);
  default:
    return std::nullopt;
  }
}

Value Checker::callMethod(const Value &self, const std::optional<Place> &place, const ast::FnDecl *fn,
                          std::vector<Argument> args, Span span) {
  Target t = targetOfFn(fn, details(*self.type->module).env);
  t.name = self.type->module->decl->name + "." + fn->name;
  t.self = self;
  t.selfMut = fn->isMut;
  return callTarget(t, std::move(args), place, span);
}

Value Checker::callValue(const Value &callee, std::vector<Argument> args, Span span) {
  if (callee.type->kind == TypeKind::ElemType) {
    if (args.size() != 1 || !args[0].name.empty()) {
      error(Code::WrongArguments, span, "a conversion takes one value");
      return bad(span);
    }
    settle(args[0]);
    return args[0].value.bad()
               ? bad(span)
               : callIntrinsic("convert_to", {args[0], Argument{"", callee, callee.span, std::nullopt, false}}, span);
  }
  if (callee.type->kind == TypeKind::Function) {
    const FunctionDetails &d = details(*callee.type->function);
    if (std::optional<Value> meant = callByArguments(callee, d, args, span))
      return *meant;
    if (d.kind == FunctionDetails::Builtin || d.kind == FunctionDetails::Intrinsic)
      for (const Argument &a : args)
        if (a.isSpread) {
          rejectSpread(a);
          return bad(span);
        }
    switch (d.kind) {
    case FunctionDetails::Builtin:
      return callBuiltin(signatures_.at(d.name), std::move(args), span);
    case FunctionDetails::Intrinsic:
      return callIntrinsic(d.name, std::move(args), span);
    case FunctionDetails::Grad:
      return callGrad(callee, std::move(args), span);
    case FunctionDetails::Pullback:
      return callPullback(callee, std::move(args), span);
    case FunctionDetails::Checkpoint:
      return callCheckpoint(callee, std::move(args), span);
    case FunctionDetails::Vmap:
      return callVmap(callee, std::move(args), span);
    case FunctionDetails::Declared:
      if (d.fn->isExtern)
        return callExtern(d.fn, d.env, std::move(args), span);
      break;
    default:
      break;
    }
  }
  std::optional<Target> target = targetOf(callee);
  if (!target) {
    Diagnostic &d = error(Code::NotCallable, callee.span.valid() ? callee.span : span,
                          "this is " + describe(callee) + ", which cannot be called");
    if (callee.type->kind == TypeKind::Module)
      d.withHelp("a module is called through its `fn forward`");
    return bad(span);
  }
  if (target->selfMut && callee.type->kind == TypeKind::Module)
    return callModule(nullptr, callee, std::move(args), span);
  if (target->selfMut) {
    error(Code::MissingRef, span,
          "`" + target->name + "` changes its module, so it is called as a method of a variable");
    return bad(span);
  }
  return callTarget(*target, std::move(args), std::nullopt, span);
}

bool Checker::bindArguments(const Target &target, std::vector<Argument> &args, std::vector<Argument> &slots,
                            Span span) {
  const std::vector<ast::Param> &params = *target.params;
  const std::string called = "`" + target.name + "`";
  slots.assign(params.size(), {});
  std::vector<bool> filled(params.size(), false);
  bool ok = true;
  size_t next = 0;
  // A container takes named items too: Sequential(fc=Linear(2, 3), act=ReLU()).
  auto pack = std::find_if(params.begin(), params.end(),
                           [&](const ast::Param &p) { return target.module && p.isVariadic && !p.type; });
  std::vector<std::string> itemNames;
  std::vector<Value> items;
  for (Argument &a : args) {
    ok &= !a.value.bad();
    // ParameterList([a, b]) has two items, also where a and b could be one tensor.
    bool isItems = pack == params.begin() && args.size() == 1 && a.name.empty() && ok;
    if (isItems && a.bracket && !a.value.type->items.empty() && isTensor(a.value.type->items[0]))
      a.bracket = false;
    settle(a);
    if (isItems && a.value.isRows && isTensor(a.value.type))
      a.value = asList(a.value, a.span);
    if (!a.name.empty()) {
      auto it = std::find_if(params.begin(), params.end(), [&](const ast::Param &p) { return p.name == a.name; });
      if (it == params.end() && pack != params.end() && ok) {
        if (std::find(itemNames.begin(), itemNames.end(), a.name) != itemNames.end()) {
          error(Code::WrongArguments, a.span, "the item `" + a.name + "` of " + called + " is given twice");
          ok = false;
        }
        itemNames.push_back(a.name);
        items.push_back(materialise(a.value, a.name));
        continue;
      }
      if (it == params.end() || it->isVariadic) {
        std::vector<std::string> names;
        for (const ast::Param &p : params)
          names.push_back(p.name);
        Diagnostic &d = error(Code::WrongArguments, a.nameSpan, called + " has no parameter `" + a.name + "`");
        std::string near = didYouMean(a.name, names);
        if (std::string habit = habitHelp(a.name); !habit.empty())
          d.withHelp(habit);
        else if (!near.empty())
          d.withHelp("did you mean `" + near + "`?");
        d.label(target.span, "defined here");
        ok = false;
        continue;
      }
      size_t k = size_t(it - params.begin());
      if (filled[k]) {
        error(Code::WrongArguments, a.span, "the parameter `" + a.name + "` of " + called + " is given twice");
        ok = false;
        continue;
      }
      filled[k] = true;
      noteParameter(a.nameSpan, *it);
      slots[k] = std::move(a);
      continue;
    }
    while (next < params.size() && filled[next] && !params[next].isVariadic)
      ++next;
    if (next >= params.size()) {
      std::string count = std::to_string(params.size()) + (params.size() == 1 ? " argument" : " arguments");
      error(Code::WrongArguments, a.span, called + " takes " + count + ", not " + std::to_string(args.size()))
          .label(target.span, "defined here");
      return false;
    }
    if (params[next].isVariadic) {
      std::vector<Value> items;
      if (filled[next])
        for (uint32_t i = 0; i < slots[next].value.type->items.size(); ++i)
          items.push_back(part(slots[next].value, i, a.span));
      else if (!a.value.bad() && (a.value.type->kind == TypeKind::Tuple ||
                                  (isList(a.value.type) && (isItems || holdsModule(a.value.type))))) {
        // f(shape) is f(2, 3) for shape = (2, 3).
        slots[next] = std::move(a);
        filled[next] = true;
        continue;
      }
      if (a.value.bad())
        return false;
      if (!filled[next] && params[next].type && a.value.items && isTensor(a.value.type) &&
          isInteger(a.value.type->elem) && a.value.type->dims.size() == 1)
        items = *a.value.items; // rand([2, 3])
      else
        items.push_back(materialise(a.value, params[next].name));
      slots[next].value = tupleValue(std::move(items), a.span);
      slots[next].span = a.span;
      filled[next] = true;
      continue;
    }
    if (a.isSpread) {
      rejectSpread(a);
      return false;
    }
    filled[next] = true;
    slots[next] = std::move(a);
  }
  if (!items.empty()) {
    Argument &slot = slots[size_t(pack - params.begin())];
    if (filled[size_t(pack - params.begin())]) {
      error(Code::WrongArguments, slot.span, "the items of " + called + " are named or not, not both");
      return false;
    }
    filled[size_t(pack - params.begin())] = true;
    slot.value = tupleValue(std::move(items), span);
    if (slot.value.bad())
      return false;
    slot.value.type = slot.value.expr->type = recordType(itemNames, slot.value.type->items);
    slot.span = span;
  }
  for (size_t k = 0; k < params.size() && ok; ++k) {
    if (filled[k])
      continue;
    if (params[k].isVariadic) {
      slots[k].value = tupleValue({}, span);
    } else if (params[k].defaultValue) {
      // A default may mention the parameters before it.
      Scope *scope = newScope(target.env);
      for (size_t i = 0; i < k; ++i) {
        Binding *b = newBinding(Binding::Constant, params[i].name, params[i].span);
        b->type = slots[i].value.type;
        b->known = slots[i].value.known;
        if (b->type && b->type->kind == TypeKind::Tensor && !b->known.isConstant())
          continue;
        declare(scope, b);
      }
      Restore<Scope *> inner(scope_, scope);
      slots[k].value = checkExpr(params[k].defaultValue);
      ok &= !slots[k].value.bad();
      slots[k].value.span = params[k].defaultValue->span;
    } else {
      error(Code::WrongArguments, span, called + " needs the argument `" + params[k].name + "`")
          .label(target.span, "defined here");
      return false;
    }
    slots[k].span = span;
  }
  for (size_t k = 0; k < params.size() && ok; ++k) {
    if (params[k].isMut && !slots[k].ref) {
      error(Code::MissingRef, slots[k].span,
            "`" + params[k].name + "` is changed by " + called + ", so it is passed as `&" +
                sourceText(slots[k].span, 30) + "`")
          .label(params[k].span, "declared `mut` here");
      ok = false;
    } else if (!params[k].isMut && slots[k].ref) {
      error(Code::MissingRef, slots[k].span, called + " does not change `" + params[k].name + "`")
          .withHelp("leave out the `&`");
      ok = false;
    }
  }
  return ok;
}

Scope *Checker::memberScope(Scope *env, const Type &module, Binding *self) {
  Scope *scope = newScope(env);
  const ModuleInstance &m = *module->module;
  for (const auto &[name, member] : details(m).members) {
    if (self) {
      Binding *b = newBinding(Binding::Member, name, m.decl->nameSpan);
      b->self = self;
      declare(scope, b);
      continue;
    }
    const Type &type = member.field >= 0 ? m.fields[size_t(member.field)].type : member.type;
    std::optional<Dim> dim = member.field >= 0 ? m.fields[size_t(member.field)].dim : member.known.dim;
    if (dim)
      bindShapeName(name, *dim, m.decl->nameSpan, scope);
    else if (type && type->kind == TypeKind::ElemType)
      bindElemName(name, type, m.decl->nameSpan, scope);
  }
  if (self) {
    for (const ast::MemberDecl &member : m.decl->members) {
      if (member.kind != ast::MemberDecl::Fn || !member.fn)
        continue;
      Binding *b = newBinding(Binding::Member, member.fn->name, member.span);
      b->self = self;
      declare(scope, b);
    }
    declare(scope, self);
  }
  return scope;
}

// Checks the arguments against the declared types: literals adapt, sizes are bound and compared.
Scope *Checker::matchSignature(const Target &target, std::vector<Argument> &slots, Span span) {
  const std::vector<ast::Param> &params = *target.params;
  Scope *parent = target.self && !target.isWrapper ? memberScope(target.env, target.self->type, nullptr) : target.env;
  // Sizes of functions further out, which the caller may not know: the function itself carries them along.
  Scope *carried = newScope(parent);
  for (size_t i = 0; i < target.captured.size(); ++i) {
    Binding *outer = target.captured[i];
    const Value &value = target.captures[i];
    if (outer->isMutable || localOf(outer) || shapeName(outer->name, target.env) != outer)
      continue;
    Binding *b = newBinding(Binding::Local, outer->name, outer->span);
    b->type = value.type;
    b->known = value.known;
    declare(carried, b);
  }
  Scope *scope = newScope(carried);
  bool ok = true;
  auto what = [&](const ast::Param &p) { return "`" + p.name + "` of `" + target.name + "`"; };
  auto itemsOf = [&](size_t k) {
    std::vector<Value> items;
    for (uint32_t i = 0; i < slots[k].value.type->items.size(); ++i)
      items.push_back(part(slots[k].value, i, slots[k].span));
    return items;
  };
  for (size_t k = 0; k < params.size(); ++k) {
    Value &v = slots[k].value;
    const ast::TypeExpr *type = params[k].type;
    bool isIntType = type && type->kind == ast::TypeKind::Named && (type->name == "int" || type->name == "i64");
    if (params[k].isVariadic && type) {
      std::vector<Value> items = itemsOf(k);
      for (Value &item : items) {
        if (!matchType(type, item, scope, what(params[k])))
          return nullptr;
        if (isIntType)
          intDim(item, params[k].name);
        item.known.literal = false;
      }
      v = tupleValue(std::move(items), slots[k].span);
      continue;
    }
    if (isIntType) {
      ok &= matchType(type, v, scope, what(params[k]));
      if (ok)
        bindShapeName(params[k].name, intDim(v, params[k].name), params[k].span, scope);
      v.known.literal = false;
    } else if (!type && isInt(v.type) && v.known.dim) {
      bindShapeName(params[k].name, *v.known.dim, params[k].span, scope);
    } else if (!type && v.type->kind == TypeKind::ElemType) {
      bindElemName(params[k].name, v.type, params[k].span, scope);
    }
  }
  if (!ok)
    return nullptr;
  for (size_t k = 0; k < params.size(); ++k)
    if (!params[k].isVariadic)
      bindSignatureDims(params[k].type, slots[k].value.type, scope);
  for (size_t k = 0; k < params.size(); ++k)
    if (!params[k].isVariadic)
      solveSignatureDims(params[k].type, slots[k].value.type, scope, false);
  for (size_t k = 0; k < params.size(); ++k) {
    if (!params[k].type || params[k].isVariadic)
      continue;
    Value &v = slots[k].value;
    if (!matchType(params[k].type, v, scope, what(params[k]))) {
      ok = false;
      continue;
    }
    // A declared type makes a run-time value of a literal; ints, bools and texts stay known.
    v.known.literal = false;
    v.known.number.reset();
    std::function<void(Known &)> forget = [&](Known &known) {
      known.literal = false;
      known.number.reset();
      for (Known &item : known.items)
        forget(item);
    };
    forget(v.known);
  }
  return ok ? scope : nullptr;
}

// Whether two places of one variable may have a part in common.
static bool overlap(const Place &a, const Place &b) {
  for (size_t i = 0; i < a.steps.size() && i < b.steps.size(); ++i) {
    if (a.steps[i].kind != Place::Step::Part || b.steps[i].kind != Place::Step::Part)
      return true;
    if (a.steps[i].index != b.steps[i].index)
      return false;
  }
  return true;
}

// Lets the call change the values at `isMut`, each at its place or, where there is none, a copy of it: variables take
// the new value directly; parts are to be written back by the caller, with the values that are given.
std::vector<std::pair<Place, Value>> Checker::passMutable(const std::vector<Value> &values,
                                                          const std::vector<bool> &isMut,
                                                          const std::vector<const Place *> &places, Expr *call,
                                                          Span span) {
  std::vector<std::pair<Place, Value>> writeBack;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!isMut[i])
      continue;
    if (!places[i]) {
      Stmt *copy = makeStmt(StmtKind::Let, span);
      copy->variable = makeVariable("copy", values[i].type, span, true);
      copy->value = values[i].expr;
      emit(copy);
      call->mutArgs.push_back(copy->variable);
      continue;
    }
    const Place &place = *places[i];
    Binding *local = localOf(place.root);
    for (const auto &[other, value] : writeBack)
      if (other.root == place.root && overlap(other, place))
        error(Code::NotAssignable, span, "`" + place.root->name + "` is changed twice by one call");
    bool direct = place.steps.empty() && local && !local->resizable;
    Variable *variable = direct ? local->variable : makeVariable(place.root->name, values[i].type, span, true);
    if (!direct) {
      Stmt *let = makeStmt(StmtKind::Let, span);
      let->variable = variable;
      let->value = values[i].expr;
      emit(let);
    }
    Value after = values[i];
    after.known = {};
    after.expr = make(ExprKind::Var, values[i].type, span);
    after.expr->variable = variable;
    if (!direct)
      for (Expr *&arg : call->args)
        if (arg == values[i].expr)
          arg = after.expr;
    call->mutArgs.push_back(variable);
    writeBack.emplace_back(place, direct ? Value{} : after);
  }
  return writeBack;
}

Value Checker::callTarget(Target &target, std::vector<Argument> args, const std::optional<Place> &selfPlace,
                          Span span) {
  std::vector<Argument> slots;
  if (!bindArguments(target, args, slots, span))
    return bad(span);
  for (size_t k = 0; k < slots.size(); ++k) {
    if (slots[k].value.bad())
      return bad(span);
    // `mut w: f32[N]` takes the numbers of a param, `mut w` the param.
    if (slots[k].ref && (*target.params)[k].type && isParameter(slots[k].value.type)) {
      slots[k].ref = valuePlace(*slots[k].ref);
      slots[k].value = readPlace(*slots[k].ref, slots[k].span);
    }
  }
  if (!matchSignature(target, slots, span))
    return bad(span);
  std::vector<Value> values = target.captures;
  std::vector<bool> isMut(values.size(), false);
  if (target.self) {
    values.push_back(*target.self);
    isMut.push_back(target.selfMut);
  }
  for (size_t k = 0; k < slots.size(); ++k) {
    Value v = slots[k].value;
    if ((*target.params)[k].isMut) {
      v.known = {};
      v.type = withOpenLists(v.type);
    }
    values.push_back(v);
    isMut.push_back((*target.params)[k].isMut);
  }
  Prepared prepared = instantiate(target, values, isMut, span);
  if (!prepared.instance)
    return bad(span);
  Expr *call = make(ExprKind::Call, unitType(), span);
  call->function = prepared.instance->function;
  for (size_t i = 0; i < values.size(); ++i)
    if (prepared.instance->passed[i])
      call->args.push_back(values[i].expr);
  std::vector<const Place *> places;
  size_t base = values.size() - slots.size();
  for (size_t i = 0; i < values.size(); ++i)
    places.push_back(!isMut[i] ? nullptr : i < base ? &*selfPlace : &*slots[i - base].ref);
  std::vector<std::pair<Place, Value>> writeBack = passMutable(values, isMut, places, call, span);
  bool emitted = !writeBack.empty();
  Value result = resultFor(prepared, target, call, emitted, span);
  for (auto &[place, value] : writeBack)
    if (value.expr)
      writePlace(place, value, span);
  return result;
}

} // namespace dl::sema
