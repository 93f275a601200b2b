// Calls of modules, and the functions of the language that concern modules as a whole.
#include "compiler/sema/checker.h"
#include "compiler/sema/free_names.h"

namespace dl::sema {

// ------------------------------------------------------------------------------------------------ calls that change
const ast::FnDecl *Checker::mutForward(const Type &type) const {
  const ast::FnDecl *fn = type->kind == TypeKind::Module ? methodNamed(*type->module, "forward") : nullptr;
  return fn && fn->isMut ? fn : nullptr;
}

// Whether calling the module assigns members of its own, not only of the modules inside.
static bool changesItself(const ModuleInstance &module) {
  std::set<std::string> assigned;
  bool mutForward = false;
  for (const ast::MemberDecl &m : module.decl->members)
    if (m.kind == ast::MemberDecl::Fn && m.fn && m.fn->isMut) {
      collectAssigned(m.fn, assigned);
      mutForward |= m.fn->name == "forward";
    }
  for (const Field &f : module.fields)
    if (mutForward && assigned.count(f.name) && !holdsModule(f.type))
      return true;
  return false;
}

// The name of a module inside that changes when it is called, whether it is trained or not.
std::optional<std::string> Checker::changesAlways(const Type &type) const {
  const Type &element = elementOf(type);
  if (element->kind == TypeKind::Module && changesItself(*element->module) && !partNamed(element, "training"))
    return element->module->decl->name;
  for (const NamedPart &p : partsOfTree(elementOf(type)))
    if (std::optional<std::string> name = changesAlways(p.type))
      return name;
  return std::nullopt;
}

// Whether any module inside is in training mode; `onlyChanging`: of those that change when they are called. Nothing
// when there is none.
std::optional<Value> Checker::trainingFlag(const Value &module, bool onlyChanging, Span span) {
  std::optional<Value> any;
  bool list = isList(module.type);
  const Type &element = elementOf(module.type);
  for (const NamedPart &p : partsOfTree(element)) {
    std::optional<Value> flag;
    Value inner = list ? storedPart(module, p.index, span) : part(module, p.index, span);
    if (p.name != "training")
      flag = trainingFlag(inner, onlyChanging, span);
    else if (element->kind == TypeKind::Module && (!onlyChanging || changesItself(*element->module)))
      flag = list ? callBuiltin("any", {storedPart(inner, 0, span)}, span) : inner;
    if (flag)
      any = any ? opValue("or", {*any, *flag}, flag->type, span) : *flag;
  }
  return any;
}

// m(x). A module whose `mut fn forward` changes it is called in place where it is a variable. Anywhere else a copy of
// it is called, which must not be in training: what it learns would be lost.
Value Checker::callModule(const ast::Expr *callee, const Value &module, std::vector<Argument> args, Span span) {
  const ast::FnDecl *forward = mutForward(module.type);
  if (!forward)
    return callValue(module, std::move(args), span);
  Value whole = materialise(module, "module");
  std::optional<Value> training = trainingFlag(whole, true, span);
  std::optional<std::string> always = changesAlways(module.type);
  if (training || always) {
    std::optional<Place> place = callee ? placeOf(callee, false) : std::nullopt;
    if (place && isWritable(*place))
      return callMethod(module, place, forward, std::move(args), span);
    bool method = place && place->root->name == "self";
    if (always || method) {
      Diagnostic &d =
          error(Code::MissingRef, span,
                "calling " + str(module.type) + " changes " + (always ? "`" + *always + "`" : "it when it is trained") +
                    ", so it must be a variable here");
      d.withHelp(method ? "write `mut fn " + frame_->function->name.substr(frame_->function->name.rfind('.') + 1) + "`"
                        : "declare it with `var`, or as a parameter `mut model` that is passed as `&model`");
      return bad(span);
    }
    require(opValue("not", {*training}, training->type, span),
            strValue("`" + (callee ? sourceText(callee->span, 40) : str(module.type)) +
                         "` is in training mode and changes when it is called, but this is a copy of it; pass it as "
                         "`&model` to a parameter `mut model`, or call `eval(&model)` first",
                     span),
            span);
  }
  Binding *copy = newBinding(Binding::Local, "module", span);
  copy->type = whole.type;
  copy->isMutable = true;
  copy->depth = frame_->depth;
  copy->variable = makeVariable("module", whole.type, span, true);
  Stmt *let = makeStmt(StmtKind::Let, span);
  let->variable = copy->variable;
  let->value = whole.expr;
  emit(let);
  Place place;
  place.root = copy;
  place.span = span;
  return callMethod(readBinding(copy, span), place, forward, std::move(args), span);
}

// ------------------------------------------------------------------------------------------------------- functions
const std::set<std::string> &moduleIntrinsics() {
  static const std::set<std::string> names = {"train",
                                              "eval",
                                              "parameters",
                                              "named_parameters",
                                              "named_buffers",
                                              "children",
                                              "named_children",
                                              "modules",
                                              "named_modules",
                                              "state_dict",
                                              "load_state_dict",
                                              "num_parameters",
                                              "requires_grad_",
                                              "with",
                                              "save",
                                              "load",
                                              "params",
                                              "with_params",
                                              "same_structure"};
  return names;
}

std::optional<Value> Checker::callModuleIntrinsic(const std::string &name, std::vector<Argument> &args, Span span) {
  if (!moduleIntrinsics().count(name))
    return std::nullopt;
  if (name == "with")
    return withMembers(std::move(args), span);
  if (name == "requires_grad_") {
    // requires_grad_(&m, false) changes what backward() reaches; m.requires_grad_(false) the module's type too.
    bool imperative = !args.empty() && args[0].ref && !paramsAt(*args[0].ref).empty();
    return imperative ? setRequiresGrad(args, span) : requiresGrad(std::move(args), span);
  }
  if (name == "save")
    return saveValue(std::move(args), span);
  auto option = [&](const char *key, bool fallback) -> std::optional<Value> {
    for (size_t i = 0; i < args.size(); ++i) {
      if (args[i].name != key)
        continue;
      Value v = args[i].value;
      args.erase(args.begin() + long(i));
      if (!isScalar(v.type) || v.type->elem != Elem::Bool) {
        error(Code::TypeMismatch, v.span, "`" + std::string(key) + "` is a bool, this is " + describe(v));
        return std::nullopt;
      }
      return v;
    }
    return boolValue(fallback, span);
  };
  auto known = [&](const char *key, bool fallback) -> std::optional<bool> {
    std::optional<Value> v = option(key, fallback);
    if (v && !v->known.boolean)
      error(Code::NotConstant, v->span, "`" + std::string(key) + "` must be known when the program is compiled");
    return v ? v->known.boolean : std::nullopt;
  };
  auto takes = [&](size_t least, size_t most, const std::string &form) {
    bool ok = args.size() >= least && args.size() <= most;
    for (const Argument &a : args)
      ok &= a.name.empty();
    if (!ok)
      error(Code::WrongArguments, span, "`" + name + "` is called as `" + form + "`");
    return ok;
  };
  auto inPlace = [&](const std::string &form) {
    if (args[0].ref)
      return writable(*args[0].ref, args[0].span);
    error(Code::MissingRef, args[0].span, "`" + name + "` changes the module that it is given")
        .withHelp("write `" + form + "` with a variable");
    return false;
  };
  if (name == "train" || name == "eval") {
    std::optional<Value> mode = option("mode", name == "train");
    if (mode && name == "train" && args.size() == 2 && args[1].name.empty()) {
      mode = args[1].value;
      args.pop_back();
    }
    if (!mode || !takes(1, 1, name + "(&model)") || !inPlace(name + "(&model)"))
      return bad(span);
    if (!isScalar(mode->type) || mode->type->elem != Elem::Bool) {
      error(Code::TypeMismatch, mode->span, "the mode of `train` is a bool, this is " + describe(*mode));
      return bad(span);
    }
    if (!holdsModule(args[0].value.type)) {
      error(Code::TypeMismatch, args[0].span, "`" + name + "` takes a module, this is " + describe(args[0].value));
      return bad(span);
    }
    writePlace(*args[0].ref, setTraining(args[0].value, *mode, span), span);
    return unit(span);
  }
  if (name == "load") {
    std::optional<bool> strict = known("strict", true);
    if (!strict || !takes(1, 2, "load(path)` or `load(path, &model)"))
      return bad(span);
    if (args[0].value.type->kind != TypeKind::Str) {
      error(Code::TypeMismatch, args[0].span, "`load` takes the path of a file, this is " + describe(args[0].value));
      return bad(span);
    }
    if (args.size() == 1) {
      Binding *file = preludeScope_ ? preludeScope_->find("StateFile") : nullptr;
      return file ? callValue(functionOf(file, span), {args[0]}, span) : bad(span);
    }
    Value whole = materialise(args[1].value, "model");
    Value out = readState(args[0].value, whole, *strict, span);
    if (!args[1].ref || out.bad())
      return out;
    writePlace(*args[1].ref, out, span);
    return unit(span);
  }
  if (name == "load_state_dict") {
    std::optional<bool> strict = known("strict", true);
    if (!strict || !takes(2, 2, "model.load_state_dict(state, strict=true)") || !inPlace("model.load_state_dict(…)"))
      return bad(span);
    Value out = withState(args[0].value, args[1].value, *strict, span, args[1].span);
    if (!out.bad())
      writePlace(*args[0].ref, out, span);
    return out.bad() ? out : unit(span);
  }
  std::optional<bool> trainable = name == "num_parameters" ? known("trainable", false) : false;
  bool pair = name == "with_params" || name == "same_structure";
  if (!trainable || !takes(pair ? 2 : 1, pair ? 2 : 1, pair ? name + "(model, parameters)" : "model." + name + "()"))
    return bad(span);
  for (Argument &a : args) {
    settle(a);
    if (a.value.bad())
      return bad(span);
  }
  const Value &x = args[0].value;
  if (name == "params" || name == "parameters")
    return paramsOf(x, span, name == "params" ? ParamSet::Trained : ParamSet::All);
  if (name == "with_params")
    return withParams(x, args[1].value, span);
  if (name == "same_structure")
    return boolValue(sameType(paramsType(x.type), paramsType(args[1].value.type)), span);
  if (name == "num_parameters") {
    materialise(x, "counted");
    return dimValue(numbersIn(paramsType(x.type, *trainable ? ParamSet::Trained : ParamSet::All)), span);
  }
  if (!holdsModule(x.type)) {
    error(Code::TypeMismatch, args[0].span, "`" + name + "` takes a module, this is " + describe(x));
    return bad(span);
  }
  if (name == "state_dict")
    return stateDict(x, span);
  if (name == "named_parameters" || name == "named_buffers")
    return namedState(x, name == "named_parameters", span);
  std::vector<std::pair<std::string, Value>> inside;
  namedModules(materialise(x, "model"), "", name == "modules" || name == "named_modules", inside);
  std::vector<Value> items;
  for (auto &[key, value] : inside)
    items.push_back(name[0] == 'n' ? tupleValue({strValue(key, span), value}, span) : value);
  return tupleValue(std::move(items), span);
}

} // namespace dl::sema
