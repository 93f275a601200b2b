// The text of a module: its tree with PyTorch's names, hyper-parameters, shapes and numbers of parameters.
#include "compiler/sema/checker.h"

#include <algorithm>

namespace dl::sema {

// The tied members, each with the place whose storage it shares.
static std::vector<std::pair<std::string, std::string>> ties(const ModuleInstance &m) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto &[name, member] : details(m).members) {
    if (member.tied.empty())
      continue;
    std::string target;
    Type at;
    for (uint32_t step : member.tied) {
      target += (at ? "." : "") + (at ? partsOfTree(at)[step].name : m.fields[step].name);
      at = at ? partsOfTree(at)[step].type : m.fields[step].type;
    }
    out.emplace_back(name, target);
  }
  return out;
}

// "Linear(in_features=784, out_features=256)", then for a module without others " # 200960 parameters: weight f32[256,
// 784], …", else a line for each part in it. One without others and without parameters is a record and shows what it
// holds: "Node(parent=-1, visits=3)".
Value Checker::moduleText(const Value &value, const std::string &indent, Span span) {
  const ModuleInstance &m = *value.type->module;
  Value whole = materialise(value, "shown");
  std::vector<Value> pieces;
  auto text = [&](const std::string &t) { pieces.push_back(strValue(t, span)); };
  std::vector<NamedPart> inner;
  const std::string *pack = packName(m);
  for (const NamedPart &p : partsOfTree(value.type)) {
    if (!holdsModule(p.type))
      continue;
    if (p.type->kind == TypeKind::Module) {
      inner.push_back(p);
      continue;
    }
    if (isList(p.type) && p.type->items[0]->kind == TypeKind::Module) {
      inner.push_back(p);
      continue;
    }
    for (const NamedPart &item : partsOfTree(p.type))
      if (item.type->kind == TypeKind::Module)
        inner.push_back({p.index, pack && *pack == p.name ? item.name : p.name + "." + item.name, item.type});
  }
  text(m.decl->name + "(");
  bool leaf = inner.empty() && ties(m).empty();
  bool isRecord =
      leaf && std::none_of(m.fields.begin(), m.fields.end(), [](const Field &f) { return f.kind == Field::Param; });
  auto isShort = [](const Type &t) { return isScalar(t) || t->kind == TypeKind::Str; };
  bool first = true;
  auto show = [&](const std::string &name, const Value &shown) {
    text(std::string(first ? "" : ", ") + name + "=");
    pieces.push_back(formatItem(shown, "", span));
    first = false;
  };
  const ast::FnDecl *says = methodNamed(m, "extra_repr");
  if (says) {
    Value said = callMethod(whole, std::nullopt, says, {}, span);
    if (!said.bad() && said.type->kind != TypeKind::Str) {
      error(Code::TypeMismatch, says->nameSpan, "`extra_repr` gives the text that `print` shows, a str");
      said = bad(span);
    }
    text(leaf ? "" : "\n" + indent + "  ");
    pieces.push_back(said);
  }
  std::set<std::string> told;
  for (const ModuleDetails::Hyper &h : details(m).hyper) {
    if (says || !leaf)
      break; // as in PyTorch, those of a module with others inside are left out
    if (h.type->kind == TypeKind::ElemType)
      continue; // it stands with the shapes
    auto it = details(m).members.find(h.name);
    bool own = it != details(m).members.end() && it->second.tied.empty();
    const Field *field = own && it->second.field >= 0 ? &m.fields[size_t(it->second.field)] : nullptr;
    bool isOwn = field && (isRecord ? isShort(field->type) : isScalar(field->type) && field->kind == Field::Let);
    if (isOwn)
      show(h.name, part(whole, uint32_t(it->second.field), span));
    else if (h.known.isConstant() && (!h.known.dim || h.known.dim->isConst()))
      show(h.name, constantOf(h.type, h.known, span));
    else
      continue;
    told.insert(h.name);
  }
  for (uint32_t i = 0; isRecord && !says && i < m.fields.size(); ++i)
    if (m.fields[i].kind == Field::Buffer && isShort(m.fields[i].type) && told.insert(m.fields[i].name).second)
      show(m.fields[i].name, part(whole, i, span));
  Dim count = numbersIn(paramsType(value.type, ParamSet::All));
  auto counted = [&] {
    pieces.push_back(formatValue(dimValue(count, span), "", span));
    text(count == Dim(int64_t(1)) ? " parameter" : " parameters");
  };
  std::vector<Field> state;
  for (const Field &f : m.fields) {
    bool shown = f.kind == Field::Buffer ? f.type->kind != TypeKind::None : f.kind != Field::Let && holdsFloat(f.type);
    if (shown && !holdsModule(f.type) && !(isRecord && told.count(f.name)))
      state.push_back(f);
  }
  auto describeField = [&](const Field &f) {
    return f.name + " " + str(f.type) + (f.kind == Field::Buffer ? " (buffer)" : f.frozen ? " (frozen)" : "");
  };
  if (leaf) {
    text(")");
    if (!state.empty()) {
      text(" # ");
      if (!isRecord) {
        counted();
        text(": ");
      }
      for (size_t i = 0; i < state.size(); ++i)
        text((i ? ", " : "") + describeField(state[i]));
    }
    return concatStrings(std::move(pieces), span);
  }
  for (const Field &f : state)
    text("\n" + indent + "  (" + f.name + "): " + str(f.type) +
         (f.kind == Field::Buffer ? " buffer"
          : f.frozen              ? " parameter (frozen)"
                                  : " parameter"));
  for (const NamedPart &p : inner) {
    Value of = part(whole, p.index, span);
    if (isList(of.type)) {
      // As PyTorch does, the elements of one type once: "(0-99): 100 x Linear(…)".
      const Dim &n = of.type->dims[0];
      std::string prefix = pack && *pack == p.name ? "" : p.name + ".";
      text("\n" + indent + "  (" + prefix + "0-");
      pieces.push_back(formatValue(dimValue(n - Dim(int64_t(1)), span), "", span));
      text("): ");
      pieces.push_back(formatValue(dimValue(n, span), "", span));
      text(" x ");
      pieces.push_back(moduleText(opened(listAt(of, intValue(0, span), span)), indent + "  ", span));
      continue;
    }
    if (of.type->kind != TypeKind::Module) {
      std::string last = p.name.substr(p.name.rfind('.') + 1);
      of = part(of, *partNamed(of.type, last), span);
    }
    text("\n" + indent + "  (" + p.name + "): ");
    pieces.push_back(moduleText(of, indent + "  ", span));
  }
  for (const auto &[name, target] : ties(m))
    text("\n" + indent + "  (" + name + "): tied to " + target);
  text("\n" + indent + ")");
  if (indent.empty()) {
    text(" # ");
    counted();
  }
  return concatStrings(std::move(pieces), span);
}

} // namespace dl::sema
