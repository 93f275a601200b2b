// Modules: construction, fields, training mode.
#include "compiler/sema/checker.h"
#include "compiler/sema/free_names.h"

#include <algorithm>

namespace dl::sema {

Value Checker::fieldValue(const Value &module, uint32_t index, Span span) {
  const Field &f = module.type->module->fields[index];
  if (f.dim) {
    Value v = dimValue(*f.dim, span);
    return v;
  }
  auto get = [&](uint32_t k) {
    Value v;
    v.type = module.type->module->fields[k].type;
    v.span = span;
    if (module.expr->kind == ExprKind::Tuple && isTrivial(module)) {
      v.expr = module.expr->args[k];
      return opened(v);
    }
    v.expr = make(ExprKind::Get, v.type, span);
    v.expr->args = {module.expr};
    v.expr->index = k;
    return opened(v);
  };
  if (frame_->noGrad == 0 && hasGradient(*module.type->module, index))
    return leafOf(get(index), get(index + 2), span);
  return get(index);
}

// What in a value of the type cannot be trained.
std::optional<Type> Checker::untrainable(const Type &type) const {
  switch (type->kind) {
  case TypeKind::Tensor:
    return isFloat(type->elem) ? std::nullopt : std::optional<Type>(type);
  case TypeKind::None:
    return std::nullopt;
  case TypeKind::Tuple:
  case TypeKind::Record:
  case TypeKind::List:
    for (const Type &item : type->items)
      if (std::optional<Type> other = untrainable(item))
        return other;
    return std::nullopt;
  default:
    return isParameter(type) ? std::nullopt : std::optional<Type>(type);
  }
}

// `param weight = tied(embed.weight)`: a second name for the storage of a member above.
static bool isTie(const ast::MemberDecl &member) {
  if (!member.value || member.value->kind != ast::ExprKind::Call)
    return false;
  const ast::Call *call = ast::as<const ast::Call>(member.value);
  return call->callee->kind == ast::ExprKind::Name && ast::as<const ast::Name>(call->callee)->name == "tied";
}

Value Checker::tiedValue(const Value &module, const std::vector<uint32_t> &path, Span span) {
  Value v = module;
  for (uint32_t index : path)
    v = part(v, index, span);
  return v;
}

bool Checker::tieMember(const ast::MemberDecl &member, ModuleInstance &m) {
  const ast::Call *call = ast::as<const ast::Call>(member.value);
  auto fail = [&](Span span, const std::string &message) {
    error(Code::WrongArguments, span, message)
        .withHelp("`tied(embed.weight)` shares the storage of a member above, or of a member of one");
    declare(scope_, newBinding(Binding::Local, member.name, member.span));
    return false;
  };
  if (call->args.size() != 1 || !call->args[0].name.empty())
    return fail(call->span, "`tied` takes one member of this module");
  std::vector<const ast::Expr *> chain{call->args[0].value};
  while (chain.back()->kind == ast::ExprKind::Member || chain.back()->kind == ast::ExprKind::Index)
    chain.push_back(chain.back()->kind == ast::ExprKind::Member ? ast::as<const ast::Member>(chain.back())->base
                                                                : ast::as<const ast::Index>(chain.back())->base);
  ModuleDetails::Member tied;
  Type at = moduleType(std::make_shared<ModuleInstance>(m));
  for (size_t i = chain.size(); i-- > 0;) {
    const ast::Expr *e = chain[i];
    std::string name;
    if (e->kind == ast::ExprKind::Name || e->kind == ast::ExprKind::Member) {
      name = e->kind == ast::ExprKind::Name ? ast::as<const ast::Name>(e)->name : ast::as<const ast::Member>(e)->name;
      if (name == "self" && e->kind == ast::ExprKind::Name)
        continue;
    } else if (e->kind == ast::ExprKind::Index && ast::as<const ast::Index>(e)->items.size() == 1 &&
               ast::as<const ast::Index>(e)->items[0].value) {
      Value index = checkExpr(ast::as<const ast::Index>(e)->items[0].value);
      if (index.bad() || !index.known.isConstant())
        return fail(e->span, "an index in `tied` must be known when the program is compiled");
      name = index.known.text ? *index.known.text : index.known.dim ? index.known.dim->str() : "";
    } else {
      return fail(e->span, "`tied` takes a member of this module");
    }
    if (at->kind == TypeKind::Module)
      if (const std::string *pack = packName(*at->module); pack && !partNamed(at, name))
        if (std::optional<uint32_t> k = partNamed(at, *pack)) {
          tied.tied.push_back(*k);
          at = partsOfTree(at)[*k].type;
        }
    if (at->kind == TypeKind::Module)
      if (auto it = details(*at->module).members.find(name);
          it != details(*at->module).members.end() && !it->second.tied.empty())
        return fail(e->span, "`" + name + "` is tied itself; tie to the same member");
    std::optional<uint32_t> k = partNamed(at, name);
    if (!k)
      return fail(e->span, at->kind == TypeKind::Module
                               ? "`" + m.decl->name + "` has no stored member `" + name + "` above this one"
                               : str(at) + " has no part `" + name + "`");
    tied.tied.push_back(*k);
    at = partsOfTree(at)[*k].type;
  }
  tied.type = at;
  Value v = checkExpr(call->args[0].value);
  if (v.bad())
    return false;
  if (member.kind == ast::MemberDecl::Param && (v.type->kind != TypeKind::Tensor || !isFloat(v.type->elem)))
    return fail(call->args[0].value->span, "a `param` is a float tensor, this is " + describe(v));
  details(m).members[member.name] = std::move(tied);
  declareLocal(member.name, v, member.span, false);
  return true;
}

// The hyper-parameters become constants or fields, then every member is evaluated in order and sees those before it.
BlockResult Checker::constructModule(const Target &target, Scope *scope, const std::vector<Binding *> &hyper) {
  const ast::ModuleDecl *decl = target.module;
  BlockResult result;
  auto m = std::make_shared<ModuleInstance>();
  auto d = std::make_shared<ModuleDetails>();
  m->decl = decl;
  d->env = target.env;
  std::set<std::string> assigned, mentioned, memberNames, methods;
  for (const ast::MemberDecl &member : decl->members) {
    if (member.kind == ast::MemberDecl::Fn && member.fn) {
      if (member.fn->isMut)
        collectAssigned(member.fn, assigned);
      if (!methods.insert(member.fn->name).second)
        error(Code::Redefinition, member.fn->nameSpan,
              "`" + member.fn->name + "` is defined twice in `" + decl->name + "`");
      collectNames(member.fn, nullptr, mentioned);
      continue;
    }
    memberNames.insert(member.name);
  }
  Value module = unit(target.span);
  module.expr = make(ExprKind::Tuple, nullptr, target.span);
  bool failed = false;
  // `grows`: a list whose length may change.
  auto add = [&](Field::Kind kind, const std::string &name, const Value &v, bool keep, bool grows) {
    ModuleDetails::Member member;
    if (!keep && isCompileTime(v.type, v.known)) {
      member.type = v.type;
      member.known = v.known;
      member.known.literal = false;
      m->constants.emplace_back(name, knownKey(v.known, [](const Dim &dim) { return dim.str(); }));
    } else {
      member.field = int(m->fields.size());
      Field f;
      f.kind = kind;
      f.name = name;
      f.type = grows && isList(v.type) ? listType(Dim::open(), v.type->items[0]) : v.type;
      // A field that a method may change serves in no size.
      if (isInt(v.type) && !keep)
        f.dim = v.known.dim;
      m->fields.push_back(std::move(f));
      module.expr->args.push_back(v.expr);
      if (kind == Field::Param)
        addCompanions(*m, module, target.span);
    }
    d->members[name] = std::move(member);
  };
  for (Binding *b : hyper) {
    if (!b->type) {
      failed = true;
      continue;
    }
    Value v = readBinding(b, b->span);
    if (v.bad()) {
      failed = true;
      continue;
    }
    d->hyper.push_back({b->name, v.type, v.known});
    // A module that only the members' values look at is not kept: an optimiser's state is not the model.
    const std::string *pack = packName(*m);
    bool kept =
        !holdsModule(v.type) || mentioned.count(b->name) || assigned.count(b->name) || (pack && *pack == b->name);
    if (kept && !memberNames.count(b->name)) // a member of the same name takes its place
      add(Field::Let, b->name, v, assigned.count(b->name) != 0, false);
  }
  m->details = d;
  m->name = moduleTitle(*m);
  for (const ast::MemberDecl &member : decl->members) {
    if (member.kind == ast::MemberDecl::Fn)
      continue;
    if (d->members.count(member.name)) {
      error(Code::Redefinition, member.span, "`" + member.name + "` is defined twice in `" + decl->name + "`");
      failed = true;
      continue;
    }
    if (isTie(member)) {
      failed |= !tieMember(member, *m);
      continue;
    }
    Value v = checkExpr(member.value);
    if (!v.bad() && member.type) {
      if (!matchType(member.type, v, scope, "`" + member.name + "`"))
        v = bad(member.span);
    }
    if (!v.bad() && v.type->kind == TypeKind::Unit) {
      error(Code::TypeMismatch, member.value->span, "this gives no value");
      v = bad(member.span);
    }
    if (v.bad()) {
      failed = true;
      Binding *b = newBinding(Binding::Local, member.name, member.span);
      declare(scope_, b);
      continue;
    }
    if (member.type || member.kind != ast::MemberDecl::Let) {
      v.known.literal = false;
      if (v.type->kind == TypeKind::Tensor && isFloat(v.type->elem))
        v.known.number.reset();
    }
    Field::Kind kind = member.kind == ast::MemberDecl::Param    ? Field::Param
                       : member.kind == ast::MemberDecl::Buffer ? Field::Buffer
                                                                : Field::Let;
    if (std::optional<Type> other = kind == Field::Param ? untrainable(v.type) : std::nullopt) {
      error(Code::TypeMismatch, member.value->span,
            "a `param` is trained, so it holds floating-point numbers, not " +
                (*other == v.type ? describe(v) : str(*other)))
          .withHelp("`buffer` holds state that is not trained");
      failed = true;
    }
    bool keep = assigned.count(member.name) || member.name == "training" ||
                (kind == Field::Buffer && v.type->kind != TypeKind::None);
    v.known.literal = false;
    if (keep && isInt(v.type))
      v.known = {};
    v.span = member.value->span;
    // The other members read it from a variable.
    Restore<int> mode(frame_->noGrad, 0);
    if (keep && isInt(v.type)) {
      Variable *variable = makeVariable(member.name, v.type, member.span, false);
      Stmt *let = makeStmt(StmtKind::Let, member.span);
      let->variable = variable;
      let->value = v.expr;
      emit(let);
      Binding *b = newBinding(Binding::Local, member.name, member.span);
      b->type = v.type;
      b->variable = variable;
      b->isMutable = true; // so that it is not taken for a size
      declare(scope_, b);
    } else {
      declareLocal(member.name, v, member.span, false);
    }
    Value read = readName(member.name, member.span);
    if (read.bad()) {
      failed = true;
      continue;
    }
    add(kind, member.name, read, keep, kind != Field::Param && member.type && member.type->kind == ast::TypeKind::List);
  }
  if (failed) {
    result.value = bad(target.span);
    return result;
  }
  // A method that asks for `training` without declaring it: true until eval().
  if (mentioned.count("training") && !d->members.count("training"))
    add(Field::Let, "training", boolValue(true, target.span), true, false);
  module.type = moduleType(m);
  module.expr->type = module.type;
  result.value = module;
  return result;
}

// Sets every member called `training`, as PyTorch's train() and eval() do.
Value Checker::setTraining(const Value &value, const Value &training, Span span) {
  if (isList(value.type))
    return setListTraining(value, training, span);
  std::function<bool(const NamedPart &)> hasFlag = [&](const NamedPart &p) {
    std::vector<NamedPart> inner = partsOfTree(elementOf(p.type));
    return (p.name == "training" && isScalar(p.type)) || std::any_of(inner.begin(), inner.end(), hasFlag);
  };
  Value out = value;
  for (const NamedPart &p : partsOfTree(value.type)) {
    bool isFlag =
        value.type->kind == TypeKind::Module && p.name == "training" && isScalar(p.type) && p.type->elem == Elem::Bool;
    if (isFlag)
      out = withPart(out, p.index, training, span);
    else if (hasFlag(p))
      out = withPart(out, p.index, setTraining(part(value, p.index, span), training, span), span);
  }
  return out;
}

} // namespace dl::sema
