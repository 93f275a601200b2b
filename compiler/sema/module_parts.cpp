#include "compiler/sema/module_parts.h"

#include <algorithm>
#include <utility>

namespace dl::sema {

std::vector<NamedPart> partsOfTree(const Type &type) {
  std::vector<NamedPart> parts;
  if (type->kind == TypeKind::Module) {
    for (const Field &f : type->module->fields)
      parts.push_back({uint32_t(parts.size()), f.name, f.type});
  } else if (type->kind == TypeKind::Tuple || type->kind == TypeKind::Record) {
    for (const Type &item : type->items) {
      uint32_t i = uint32_t(parts.size());
      parts.push_back({i, type->kind == TypeKind::Record ? type->names[i] : std::to_string(i), item});
    }
  }
  return parts;
}

std::optional<uint32_t> partNamed(const Type &type, const std::string &name) {
  for (const NamedPart &p : partsOfTree(type))
    if (p.name == name)
      return p.index;
  return std::nullopt;
}

const std::string *packName(const ModuleInstance &module) {
  for (const ast::Param &p : module.decl->params)
    if (p.isVariadic)
      return &p.name;
  return nullptr;
}

bool isCompileTime(const Type &type, const Known &known) {
  switch (type->kind) {
  case TypeKind::None:
  case TypeKind::ElemType:
    return true;
  case TypeKind::Str:
    return known.text.has_value();
  case TypeKind::Tensor:
    return (known.dim && known.dim->isConst()) || known.boolean.has_value();
  case TypeKind::Tuple:
    for (size_t i = 0; i < type->items.size(); ++i)
      if (i >= known.items.size() || !isCompileTime(type->items[i], known.items[i]))
        return false;
    return true;
  case TypeKind::Function:
    return type->function->captureTypes.empty();
  default:
    return false;
  }
}

bool holdsModule(const Type &type) {
  if (type->kind == TypeKind::Module)
    return true;
  if (isList(type))
    return holdsModule(type->items[0]);
  std::vector<NamedPart> parts = partsOfTree(type);
  return std::any_of(parts.begin(), parts.end(), [](const NamedPart &p) { return holdsModule(p.type); });
}

bool holdsFloat(const Type &type) {
  if (type->kind == TypeKind::Tensor)
    return isFloat(type->elem);
  if (isList(type))
    return holdsFloat(type->items[0]);
  std::vector<NamedPart> parts = partsOfTree(type);
  return std::any_of(parts.begin(), parts.end(), [](const NamedPart &p) { return holdsFloat(p.type); });
}

// ---------------------------------------------------------------------------------------------------- parameters
static bool holdsParams(const Type &type, TreePlace place, ParamSet set) {
  if (isList(type))
    return !isRagged(type->items[0]) && !isList(type->items[0]) && holdsParams(type->items[0], place, set);
  if (type->kind == TypeKind::Tensor)
    return place != TreePlace::Plain && (place == TreePlace::Top || isFloat(type->elem));
  return !paramParts(type, place, set).empty();
}

std::vector<ParamPart> paramParts(const Type &type, TreePlace place, ParamSet set) {
  std::vector<ParamPart> out;
  bool mixed = place == TreePlace::Top && type->kind != TypeKind::Module && holdsModule(type);
  for (const NamedPart &p : partsOfTree(type)) {
    TreePlace inner = place;
    if (type->kind == TypeKind::Module) {
      const Field &f = type->module->fields[p.index];
      if (f.kind == Field::Buffer || (f.kind == Field::Param && f.frozen && set == ParamSet::Trained))
        continue;
      inner = f.kind == Field::Param ? TreePlace::Param : TreePlace::Plain;
    } else if (mixed && !holdsModule(p.type) && !holdsFloat(p.type)) {
      continue;
    }
    if (holdsParams(p.type, inner, set))
      out.push_back({p, inner});
  }
  return out;
}

// --------------------------------------------------------------------------------------------------------- state
namespace {

class StateWalker {
public:
  explicit StateWalker(std::vector<StateEntry> &out) : out_(out) {}

  enum class Role { None, Param, Buffer };
  void visit(const Type &type, const std::string &name, Role role, bool frozen, bool tied) {
    if (type->kind == TypeKind::Tensor) {
      if (role != Role::None)
        add(type, name, role, frozen, tied);
      return;
    }
    auto at = [&](const std::string &part) { return name.empty() ? part : name + "." + part; };
    if (isList(type) && type->dims[0].isConst() && !each_) {
      for (int64_t i = 0; i < type->dims[0].constant(); ++i) {
        path_.push_back({uint32_t(i), true});
        visit(type->items[0], at(std::to_string(i)), role, frozen, tied);
        path_.pop_back();
      }
    } else if (isList(type)) {
      const Type *outer = std::exchange(each_, &type);
      nested_ += outer != nullptr;
      visit(type->items[0], at("*"), role, frozen, tied);
      nested_ -= outer != nullptr;
      each_ = outer;
    }
    // What param(x) makes has no name of its own inside.
    bool isVariable = type->kind == TypeKind::Module && type->module->fields.size() > 1 &&
                      type->module->fields[1].name == "data.grad";
    for (const NamedPart &p : partsOfTree(type)) {
      path_.push_back({p.index});
      if (type->kind == TypeKind::Module) {
        const Field &f = type->module->fields[p.index];
        const std::string *pack = packName(*type->module);
        Role inner = f.kind == Field::Param ? Role::Param : f.kind == Field::Buffer ? Role::Buffer : Role::None;
        visit(p.type, isVariable || (pack && *pack == p.name) ? name : at(p.name), inner, f.frozen, tied);
      } else {
        visit(p.type, at(p.name), role, frozen, tied);
      }
      path_.pop_back();
    }
    if (type->kind != TypeKind::Module)
      return;
    for (const auto &[member, info] : details(*type->module).members) {
      if (info.tied.empty())
        continue;
      size_t depth = path_.size();
      Type target = type;
      Role inner = Role::None;
      bool still = frozen;
      for (uint32_t part : info.tied) {
        if (target->kind == TypeKind::Module) {
          const Field &f = target->module->fields[part];
          inner = f.kind == Field::Param ? Role::Param : f.kind == Field::Buffer ? Role::Buffer : Role::None;
          still = f.frozen;
        }
        path_.push_back({part});
        target = partsOfTree(target)[part].type;
      }
      visit(target, at(member), inner, still, true);
      path_.resize(depth);
    }
  }

private:
  void add(const Type &type, const std::string &name, Role role, bool frozen, bool tied) {
    StateEntry entry{name, path_, type, role == Role::Param, frozen, tied, each_ != nullptr};
    if (each_) {
      std::vector<Dim> dims{(*each_)->dims[0]};
      dims.insert(dims.end(), type->dims.begin(), type->dims.end());
      // Lists in lists, and tensors of differing size, lie one after another; a list that grows has the file's length.
      bool apart = !nested_ && !isRagged(type) && !dims[0].isOpen();
      entry.type = apart ? tensorType(type->elem, std::move(dims)) : nullptr;
    }
    out_.push_back(std::move(entry));
  }

  std::vector<StateEntry> &out_;
  StatePath path_;
  const Type *each_ = nullptr; // the list around whose elements stand together
  int nested_ = 0;             // lists in it
};

} // namespace

std::vector<StateEntry> stateOf(const Type &type) {
  std::vector<StateEntry> out;
  StateWalker(out).visit(type, "", StateWalker::Role::Param, false, false);
  return out;
}

// --------------------------------------------------------------------------------------------------------- types
std::string moduleTitle(const ModuleInstance &module) {
  std::string shown;
  auto show = [&](const std::string &text) { shown += (shown.empty() ? "" : ", ") + text; };
  for (const ModuleDetails::Hyper &h : details(module).hyper) {
    Type type = h.type;
    if (auto it = details(module).members.find(h.name); it != details(module).members.end() && it->second.field >= 0)
      type = module.fields[size_t(it->second.field)].type;
    if (h.known.dim)
      show(h.known.dim->str());
    else if (type->kind == TypeKind::Module)
      show(str(type));
    else if (type->kind == TypeKind::Tuple && !type->items.empty() &&
             std::all_of(type->items.begin(), type->items.end(),
                         [](const Type &t) { return t->kind == TypeKind::Module; }))
      for (const Type &item : type->items)
        show(str(item));
  }
  return module.decl->name + "(" + shown + ")";
}

Type withPartType(const Type &type, uint32_t index, const Type &part) {
  if (type->kind != TypeKind::Module) {
    auto node = std::make_shared<TypeNode>(*type);
    node->items[index] = part;
    return node;
  }
  auto module = std::make_shared<ModuleInstance>(*type->module);
  module->fields[index].type = part;
  module->details = std::make_shared<ModuleDetails>(details(*type->module));
  module->name = moduleTitle(*module);
  return moduleType(module);
}

std::string typeChange(const Type &from, const Type &to, const std::string &name) {
  std::vector<NamedPart> have = partsOfTree(from), want = partsOfTree(to);
  bool alike = have.size() == want.size() && (from->kind != TypeKind::Module ||
                                              (to->kind == TypeKind::Module && from->module->decl == to->module->decl));
  for (size_t i = 0; alike && i < have.size(); ++i) {
    std::string part = name + "." + have[i].name;
    if (from->kind == TypeKind::Module && from->module->fields[i].frozen != to->module->fields[i].frozen)
      return "`" + part + "` is " + (to->module->fields[i].frozen ? "frozen" : "trained again");
    if (holdsModule(have[i].type) && !sameType(have[i].type, want[i].type))
      return typeChange(have[i].type, want[i].type, part);
  }
  return "`" + name + "` becomes " + str(to) + ", it was " + str(from);
}

Type withFrozen(const Type &type, bool frozen) {
  if (isList(type)) {
    Type item = withFrozen(type->items[0], frozen);
    return item == type->items[0] ? type : listType(type->dims[0], item);
  }
  Type out = type;
  for (const NamedPart &p : partsOfTree(type))
    if (Type part = withFrozen(p.type, frozen); part != p.type)
      out = withPartType(out, p.index, part);
  if (type->kind != TypeKind::Module)
    return out;
  auto module = std::make_shared<ModuleInstance>(*out->module);
  bool changed = false;
  for (Field &f : module->fields)
    if (f.kind == Field::Param && f.frozen != frozen) {
      f.frozen = frozen;
      changed = true;
    }
  return changed ? moduleType(module) : out;
}

} // namespace dl::sema
