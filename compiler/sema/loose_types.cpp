// Modules as records. An int, a bool or a text that a module is made with is part of its type, so that sizes and
// choices inside are known. In a list and in a `var` that is declared as a module of that name they are values that
// differ.
#include "compiler/sema/checker.h"
#include "compiler/sema/free_names.h"
#include "compiler/sema/module_parts.h"

#include <algorithm>

namespace dl::sema {

// The type of a module that is made from values of these types, nothing else of them being known. There is none where a
// size of another member depends on them.
std::optional<Type> Checker::looseType(const ast::ModuleDecl *decl, Scope *env, const std::vector<Type> &given) {
  std::string key =
      std::to_string(reinterpret_cast<uintptr_t>(decl)) + "@" + std::to_string(reinterpret_cast<uintptr_t>(env));
  for (const Type &type : given)
    key += "|" + typeKey(type, [](const Dim &d) { return d.key(); });
  if (auto it = looseTypes_.find(key); it != looseTypes_.end())
    return it->second;
  looseTypes_.emplace(key, std::nullopt); // what a module of its own kind inside finds
  return looseTypes_[key] = makeLooseType(decl, env, given);
}

std::optional<Type> Checker::makeLooseType(const ast::ModuleDecl *decl, Scope *env, const std::vector<Type> &given) {
  Target target = targetOfModule(decl, env);
  std::vector<Value> values;
  for (size_t i = 0; i < given.size(); ++i) {
    Value v = bad(decl->params[i].span);
    v.type = given[i];
    if (isInt(v.type))
      v.known.dim = Dim::fresh(decl->params[i].name, false);
    values.push_back(v);
  }
  // Only the type is wanted: what is made for it is no part of the program.
  size_t functions = program_.functions.size();
  Restore<std::map<std::string, Instance *>> instances(instanceByKey_);
  Restore<std::set<const void *>> instantiated(instantiated_);
  Diagnostics scratch(sources_);
  Aside aside(*this, scratch);
  Body *nowhere = makeBody();
  Restore<Body *> inner(frame_->body, nowhere);
  Prepared prepared = instantiate(target, values, std::vector<bool>(values.size(), false), decl->nameSpan);
  program_.functions.resize(functions);
  if (!prepared.instance || !prepared.instance->result || scratch.hasErrors())
    return std::nullopt;
  auto module = std::make_shared<ModuleInstance>(*prepared.instance->result->module);
  auto d = std::make_shared<ModuleDetails>(details(*module));
  for (ModuleDetails::Hyper &hyper : d->hyper)
    hyper.known = {};
  module->details = d;
  module->name = decl->name;
  for (Field &f : module->fields) {
    f.dim.reset();
    f.type = withOpenLists(f.type);
    // What was declared as `f32[_]` has a size of its own in each.
    auto p =
        std::find_if(decl->params.begin(), decl->params.end(), [&](const ast::Param &p) { return p.name == f.name; });
    if (p != decl->params.end() && p->type && p->type->kind == ast::TypeKind::Tensor && isAny(p->type->dims[0]) &&
        isTensor(f.type) && f.type->dims[0].isSymbol()) {
      Shape dims = f.type->dims;
      dims[0] = Dim::open();
      f.type = tensorType(f.type->elem, std::move(dims));
    }
  }
  bool sized = false;
  forEachModuleDim(*module, [&](const Dim &dim) { sized |= !dim.isConst() && !dim.isOpen(); });
  return sized ? std::nullopt : std::optional(moduleType(module));
}

bool Checker::namesModule(const ast::TypeExpr *type, Scope *scope) const {
  return type->kind == ast::TypeKind::Tuple
             ? std::any_of(type->items.begin(), type->items.end(),
                           [&](const ast::TypeExpr *item) { return namesModule(item, scope); })
             : type->kind == ast::TypeKind::Named && namedModule(type->name, scope);
}

// What makes a module hold modules of its own kind, by the types of its parameters, has no end.
bool Checker::holdsItself(const ast::TypeExpr *type, Scope *scope, std::set<const ast::ModuleDecl *> within) const {
  for (const ast::TypeExpr *item : type->items)
    if (holdsItself(item, scope, within))
      return true;
  Binding *b = type->kind == ast::TypeKind::Named ? namedModule(type->name, scope) : nullptr;
  if (!b)
    return false;
  if (!within.insert(b->module).second)
    return true;
  return std::any_of(b->module->params.begin(), b->module->params.end(),
                     [&](const ast::Param &p) { return p.type && holdsItself(p.type, b->env, within); });
}

// By the types that the declaration says.
std::optional<Type> Checker::looseType(const ast::TypeExpr *type, Scope *scope) {
  Binding *b = type->kind == ast::TypeKind::Named ? namedModule(type->name, scope) : nullptr;
  if (!b)
    return std::nullopt;
  if (holdsItself(type, scope, {}))
    return std::nullopt;
  std::vector<Type> given;
  for (const ast::Param &p : b->module->params) {
    Diagnostics scratch(sources_);
    Aside aside(*this, scratch);
    std::optional<Type> each;
    if (p.type && !p.isVariadic)
      each = p.type->kind == ast::TypeKind::Named && namedModule(p.type->name, b->env)
                 ? looseType(p.type, b->env)
                 : resolveType(p.type, newScope(b->env), true);
    if (!each)
      return std::nullopt;
    given.push_back(*each);
  }
  return looseType(b->module, b->env, given);
}

// By what one of them was given. `silent`: only where no method mentions it, since a method may need it when the
// program is compiled.
std::optional<Type> Checker::looseType(const Type &type, bool silent) {
  if (type->kind != TypeKind::Module)
    return std::nullopt;
  const ModuleInstance &module = *type->module;
  const std::vector<ModuleDetails::Hyper> &hyper = details(module).hyper;
  if (hyper.size() != module.decl->params.size())
    return std::nullopt;
  std::set<std::string> mentioned;
  for (const ast::MemberDecl &member : module.decl->members)
    if (silent && member.kind == ast::MemberDecl::Fn && member.fn)
      collectNames(member.fn, nullptr, mentioned);
  std::vector<Type> given;
  for (const ModuleDetails::Hyper &h : hyper) {
    bool isPlain = h.type->kind == TypeKind::Tensor || h.type->kind == TypeKind::Str;
    if (!isPlain || mentioned.count(h.name))
      return std::nullopt;
    given.push_back(h.type);
  }
  return looseType(module.decl, details(module).env, given);
}

// Whether a module of the one type can be made one of the other, in which more of what it was given are values.
bool Checker::loosens(const Type &have, const Type &want) const {
  if (have->kind != TypeKind::Module || want->kind != TypeKind::Module || have->module->decl != want->module->decl)
    return false;
  auto key = [](const ModuleDetails::Member &m) {
    auto dim = [](const Dim &d) { return d.key(); };
    return typeKey(m.type, dim) + knownKey(m.known, dim);
  };
  const auto &members = details(*have->module).members;
  for (const auto &[name, member] : details(*want->module).members) {
    auto it = members.find(name);
    if (it == members.end() || member.tied != it->second.tied)
      return false;
    if (member.field < 0 && member.tied.empty() && (it->second.field >= 0 || key(it->second) != key(member)))
      return false;
  }
  std::function<bool(const Type &, const Type &)> fits = [&](const Type &from, const Type &to) {
    if (isList(from) && isList(to))
      return (to->dims[0].isOpen() || from->dims[0] == to->dims[0]) && fits(from->items[0], to->items[0]);
    if (isRagged(to) && isTensor(from) && from->elem == to->elem && from->dims.size() == to->dims.size())
      return std::equal(from->dims.begin() + 1, from->dims.end(), to->dims.begin() + 1);
    return sameType(from, to) || loosens(from, to);
  };
  for (const Field &f : want->module->fields) {
    std::optional<uint32_t> index = partNamed(have, f.name);
    auto it = members.find(f.name);
    if (f.dim || (index ? have->module->fields[*index].frozen != f.frozen : it == members.end()) ||
        !fits(index ? have->module->fields[*index].type : it->second.type, f.type))
      return false;
  }
  return true;
}

bool Checker::loosen(Value &value, const Type &type, Span span, const std::string &what) {
  Value from = materialise(value, "record");
  std::vector<Value> parts;
  for (const Field &f : type->module->fields) {
    std::optional<uint32_t> index = partNamed(value.type, f.name);
    const ModuleDetails::Member *member = index ? nullptr : &details(*value.type->module).members.at(f.name);
    Value v = index ? storedPart(from, *index, span) : constantOf(member->type, member->known, span);
    if (!fitItem(v, f.type, span, what + ": `" + f.name + "`"))
      return false;
    parts.push_back(v);
  }
  value = fromParts(type, parts, value.span);
  return true;
}

// The same for each element of a list, column by column.
bool Checker::loosenList(Value &list, const Type &type, Span span, const std::string &what) {
  Value from = opened(materialise(list, "list"));
  const Type have = from.type->items[0], want = type->items[0];
  const Dim length = from.type->dims[0];
  std::vector<Value> parts;
  for (const Field &f : want->module->fields) {
    std::optional<uint32_t> index = partNamed(have, f.name);
    Type column = listType(length, f.type);
    Value v;
    if (index) {
      v = storedPart(from, *index, span);
    } else {
      const ModuleDetails::Member &member = details(*have->module).members.at(f.name);
      if (!isScalar(member.type))
        return typeMismatch(list, str(type), span, what);
      v = constantOf(member.type, member.known, span);
      v = fromParts(column, {opValue("full", {v}, tensorType(f.type->elem, {length}), span)}, span);
    }
    if (!conformList(v, column, span, what + ": `" + f.name + "`"))
      return false;
    parts.push_back(v);
  }
  list = fromParts(listType(length, want), parts, list.span);
  list.type = type;
  list.expr->type = type;
  return true;
}

} // namespace dl::sema
