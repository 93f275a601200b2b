// Modules that hold others in a parameter `*layers`: indexing, slices, length, loops.
#include "compiler/sema/checker.h"

namespace dl::sema {

std::optional<Value> Checker::packOf(const Value &module, Span span) {
  if (module.type->kind != TypeKind::Module)
    return std::nullopt;
  const std::string *name = packName(*module.type->module);
  return name ? memberOf(module, *name, span) : std::nullopt;
}

// The place of that tuple; nothing when all in it is known when the program is compiled.
std::optional<Place> Checker::packPlace(const Place &module, Span span) const {
  const Type &type = module.steps.empty() ? module.root->type : module.steps.back().type;
  const std::string *name = type->kind == TypeKind::Module ? packName(*type->module) : nullptr;
  if (!name)
    return std::nullopt;
  auto it = details(*type->module).members.find(*name);
  if (it == details(*type->module).members.end() || it->second.field < 0)
    return std::nullopt;
  Place place = module;
  Place::Step step;
  step.index = uint32_t(it->second.field);
  step.type = type->module->fields[step.index].type;
  place.steps.push_back(step);
  place.span = span;
  return place;
}

// m[a:b]: a module of the same declaration with some of the items.
Value Checker::slicePack(const Value &module, const Value &items, Span span) {
  FunctionDetails d;
  d.kind = FunctionDetails::Constructor;
  d.module = module.type->module->decl;
  d.env = details(*module.type->module).env;
  Value constructor = functionValue(std::move(d), module.type->module->decl->name, {}, span);
  Argument a;
  a.value = items;
  a.value.span = a.span = span;
  return callValue(constructor, {a}, span);
}

} // namespace dl::sema
