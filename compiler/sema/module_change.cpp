// Changes of a module that change its type: another sub-module, frozen parameters.
#include "compiler/sema/checker.h"

namespace dl::sema {

// Whether a value of type `to` makes another type of what holds one of type `from`: a module with other members or
// sizes.
bool Checker::changesType(const Type &from, const Type &to) const {
  if (from->kind != to->kind || !holdsModule(from) || !holdsModule(to) || sameType(from, to))
    return false;
  auto shapeless = [](const Dim &) { return std::string("_"); };
  if (typeKey(from, shapeless) != typeKey(to, shapeless))
    return true;
  std::vector<Dim> have, want;
  forEachDim(from, [&](const Dim &d) { have.push_back(d); });
  forEachDim(to, [&](const Dim &d) { want.push_back(d); });
  bool different = have.size() != want.size();
  for (size_t i = 0; !different && i < have.size(); ++i)
    different = compareDims(have[i], want[i]) == Proof::Different;
  return different;
}

Value Checker::replacePart(const Value &whole, uint32_t index, const Value &given, Span span) {
  Value from = materialise(whole, "model"), out;
  out.type = withPartType(whole.type, index, given.type);
  out.span = span;
  out.expr = make(ExprKind::Tuple, out.type, span);
  for (const NamedPart &p : partsOfTree(whole.type))
    out.expr->args.push_back(p.index == index ? given.expr : storedPart(from, p.index, span).expr);
  return out;
}

// The same tensors as a value of a type that differs only in what is known about its modules.
Value Checker::retyped(const Value &value, Type type, Span span) {
  if (sameType(value.type, type))
    return value;
  Value from = materialise(value, "model"), out = value;
  out.type = type;
  out.binding = nullptr;
  out.expr = make(ExprKind::Tuple, type, span);
  std::vector<Part> parts = storedParts(type);
  for (uint32_t i = 0; i < parts.size(); ++i)
    out.expr->args.push_back(retyped(storedPart(from, i, span), parts[i].type, span).expr);
  return out;
}

// m.requires_grad_(false), m.weight.requires_grad_(false): in place where it is called on a variable, else a changed
// copy.
Value Checker::requiresGrad(std::vector<Argument> args, Span span) {
  if (args.empty() || args.size() > 2) {
    error(Code::WrongArguments, span, "`requires_grad_` is called as `m.requires_grad_(false)`");
    return bad(span);
  }
  bool flag = true;
  if (args.size() == 2) {
    if (!args[1].value.known.boolean) {
      error(Code::NotConstant, args[1].span,
            "whether a parameter is trained must be known when the program is compiled, this is " +
                describe(args[1].value));
      return bad(span);
    }
    flag = *args[1].value.known.boolean;
  }
  const Value &given = args[0].value;
  std::optional<Place> place = args[0].ref;
  // In a program that calls backward() the variable's params change their tokens too.
  if (place) {
    if (!paramsAt(*place).empty() &&
        setRequiresGrad({args[0], Argument{"", boolValue(flag, span), span, std::nullopt, false}}, span).bad())
      return bad(span);
    if (isParameter(given.type))
      return unit(span);
  }
  if (place && given.type->kind == TypeKind::Tensor && !place->steps.empty() &&
      place->steps.back().kind == Place::Step::Part) {
    uint32_t index = place->steps.back().index;
    place->steps.pop_back();
    Value owner = readPlace(*place, span);
    if (owner.type->kind == TypeKind::Module && owner.type->module->fields[index].kind == Field::Param) {
      auto module = std::make_shared<ModuleInstance>(*owner.type->module);
      module->fields[index].frozen = !flag;
      if (writable(*place, span))
        writePlace(*place, retyped(owner, moduleType(module), span), span);
      return unit(span);
    }
  }
  if (!holdsModule(given.type) || !paramsType(given.type, ParamSet::All)->items.size()) {
    Diagnostic &d = error(Code::TypeMismatch, args[0].span,
                          "`requires_grad_` concerns the parameters of a module, this is " + describe(given));
    if (given.type->kind == TypeKind::Tensor)
      d.withHelp("the parameter of a variable is meant, `m.fc1.weight.requires_grad_(false)`, or a whole module, "
                 "`m.fc1.requires_grad_(false)`");
    return bad(span);
  }
  Value out = retyped(given, withFrozen(given.type, !flag), span);
  if (!place)
    return out;
  if (writable(*place, span))
    writePlace(*place, out, span);
  return unit(span);
}

// m.fc1.weight.requires_grad
std::optional<Value> Checker::readRequiresGrad(const ast::Member *expr) {
  if (expr->name != "requires_grad" || expr->base->kind != ast::ExprKind::Member)
    return std::nullopt;
  const ast::Member *inner = ast::as<const ast::Member>(expr->base);
  std::optional<Place> place = placeOf(inner->base, false);
  if (!place)
    return std::nullopt;
  const Type &owner = place->steps.empty() ? place->root->type : place->steps.back().type;
  std::optional<uint32_t> index = owner->kind == TypeKind::Module ? partNamed(owner, inner->name) : std::nullopt;
  if (!index || owner->module->fields[*index].kind != Field::Param)
    return std::nullopt;
  return boolValue(!owner->module->fields[*index].frozen, expr->span);
}

// m.with(fc2=…): a module with other members, which may have other types.
Value Checker::withMembers(std::vector<Argument> args, Span span) {
  if (args.size() < 2 || args[0].value.type->kind != TypeKind::Module) {
    error(Code::WrongArguments, span,
          "`with` takes a module and its new members, as in `m.with(fc2=nn.Linear(256, 100))`");
    return bad(span);
  }
  Value out = args[0].value;
  for (size_t i = 1; i < args.size(); ++i) {
    Argument &a = args[i];
    settle(a);
    if (a.value.bad())
      return bad(span);
    const auto &members = details(*out.type->module).members;
    auto it = members.find(a.name);
    if (it == members.end()) {
      if (a.name.empty())
        error(Code::UnknownMember, a.span, "the new members of a module are named, `m.with(fc2=…)`");
      else
        noMember(Code::UnknownMember, a.span, out.type, a.name, memberNames(out.type));
      return bad(span);
    }
    bool sized = it->second.field >= 0 && out.type->module->fields[size_t(it->second.field)].dim;
    if (!it->second.tied.empty() || sized || (it->second.field < 0 && !isCompileTime(a.value.type, a.value.known))) {
      error(Code::NotAssignable, a.span,
            !it->second.tied.empty()
                ? "`" + a.name + "` shares the storage of another member; replace that one"
                : "`" + a.name + "` of " + str(out.type) + " is known when the program is compiled and cannot become " +
                      describe(a.value));
      return bad(span);
    }
    if (it->second.field < 0) {
      auto module = std::make_shared<ModuleInstance>(*out.type->module);
      auto d = std::make_shared<ModuleDetails>(details(*module));
      d->members[a.name].type = a.value.type;
      d->members[a.name].known = a.value.known;
      d->members[a.name].known.literal = false;
      module->details = d;
      out = retyped(out, moduleType(module), span);
      continue;
    }
    uint32_t index = uint32_t(it->second.field);
    const Type &have = out.type->module->fields[index].type;
    if (!changesType(have, a.value.type) && !conform(a.value, have, a.span, "the new `" + a.name + "`"))
      return bad(span);
    out = replacePart(out, index, a.value, span);
    if (hasGradient(*out.type->module, index))
      out = computedParams(out, span, index);
  }
  return out;
}

} // namespace dl::sema
