// Identity and substitution of what is known when the program is compiled.
#include "compiler/sema/values.h"

namespace dl::sema {

std::string typeText(const Type &type, const Known &known) {
  std::string text = str(type);
  if (known.dim && isInt(type))
    return text + " = " + known.dim->str();
  if (known.boolean)
    return text + (*known.boolean ? " = true" : " = false");
  return text;
}

std::string knownKey(const Known &k, const DimKey &dimKey) {
  std::string text = k.literal ? "~" : "";
  if (k.dim)
    text += "i" + dimKey(*k.dim);
  if (k.boolean)
    text += *k.boolean ? "true" : "false";
  if (k.number) {
    char buffer[40];
    snprintf(buffer, sizeof buffer, "%a", *k.number);
    text += buffer;
  }
  if (k.text)
    text += "\"" + std::to_string(k.text->size()) + ":" + *k.text;
  if (!k.items.empty()) {
    text += "(";
    for (const Known &item : k.items)
      text += knownKey(item, dimKey) + ",";
    text += ")";
  }
  return text;
}

Known mapKnown(const Known &k, const DimMap &map) {
  Known out = k;
  if (out.dim)
    out.dim = map(*out.dim);
  for (Known &item : out.items)
    item = mapKnown(item, map);
  return out;
}

void forEachKnownDim(const Known &k, const std::function<void(const Dim &)> &visit) {
  if (k.dim)
    visit(*k.dim);
  for (const Known &item : k.items)
    forEachKnownDim(item, visit);
}

static std::string pointerKey(const void *p) { return std::to_string(reinterpret_cast<uintptr_t>(p)); }

std::string moduleKey(const ModuleInstance &m, const DimKey &dimKey) {
  std::string text = "M" + pointerKey(m.decl) + "{";
  for (const Field &f : m.fields) {
    text += f.name + (f.frozen ? "!:" : ":") + typeKey(f.type, dimKey);
    if (f.dim)
      text += "=" + dimKey(*f.dim);
    text += ";";
  }
  for (const auto &[name, member] : details(m).members)
    if (member.field < 0) {
      text += name + "=" + typeKey(member.type, dimKey) + knownKey(member.known, dimKey);
      for (uint32_t part : member.tied)
        text += "/" + std::to_string(part);
      text += ";";
    }
  return text + "}";
}

std::string functionKey(const FunctionValue &f, const DimKey &dimKey) {
  const FunctionDetails &d = details(f);
  std::string text = "F" + std::to_string(d.kind) + "," + pointerKey(d.fn) + "," + pointerKey(d.lambda) + "," +
                     pointerKey(d.module) + "," + pointerKey(d.env) + "," + d.name + (d.wantValue ? "v" : "") +
                     (d.hasAux ? "x" : "") + (d.allowUnused ? "u" : "");
  for (int64_t w : d.wrt)
    text += "w" + std::to_string(w);
  for (const std::string &name : d.wrtNames)
    text += "n" + name;
  text += "{";
  for (size_t i = 0; i < f.captureTypes.size(); ++i) {
    if (i < d.captured.size())
      text += pointerKey(d.captured[i]) + ":";
    text += typeKey(f.captureTypes[i], dimKey);
    if (i < d.capturedKnown.size())
      text += knownKey(d.capturedKnown[i], dimKey);
    text += ";";
  }
  return text + "}";
}

std::shared_ptr<const ModuleInstance> mapModuleDims(const ModuleInstance &m, const DimMap &map) {
  auto out = std::make_shared<ModuleInstance>(m);
  for (Field &f : out->fields) {
    f.type = mapDims(f.type, map);
    if (f.dim)
      f.dim = map(*f.dim);
  }
  auto d = std::make_shared<ModuleDetails>(details(m));
  for (auto &[name, member] : d->members) {
    member.type = mapDims(member.type, map);
    member.known = mapKnown(member.known, map);
  }
  for (ModuleDetails::Hyper &hyper : d->hyper) {
    hyper.type = mapDims(hyper.type, map);
    hyper.known = mapKnown(hyper.known, map);
  }
  out->details = d;
  return out;
}

std::shared_ptr<const FunctionValue> mapFunctionDims(const FunctionValue &f, const DimMap &map) {
  auto out = std::make_shared<FunctionValue>(f);
  for (Type &t : out->captureTypes)
    t = mapDims(t, map);
  auto d = std::make_shared<FunctionDetails>(details(f));
  for (Known &k : d->capturedKnown)
    k = mapKnown(k, map);
  out->details = d;
  return out;
}

void forEachModuleDim(const ModuleInstance &m, const std::function<void(const Dim &)> &visit) {
  for (const Field &f : m.fields) {
    forEachDim(f.type, visit);
    if (f.dim)
      visit(*f.dim);
  }
  for (const auto &[name, member] : details(m).members) {
    if (member.field >= 0)
      continue;
    forEachDim(member.type, visit);
    forEachKnownDim(member.known, visit);
  }
}

void forEachFunctionDim(const FunctionValue &f, const std::function<void(const Dim &)> &visit) {
  for (size_t i = 0; i < f.captureTypes.size(); ++i) {
    forEachDim(f.captureTypes[i], visit);
    if (i < details(f).capturedKnown.size())
      forEachKnownDim(details(f).capturedKnown[i], visit);
  }
}

Dim Frame::resolve(const Dim &d) const {
  if (equal.empty() || d.isConst())
    return d;
  Dim out = d;
  // Chains of equalities are short; the bound only guards against a circle.
  for (int round = 0; round < 8; ++round) {
    Dim next = out.substitute([&](uint32_t id) -> std::optional<Dim> {
      auto it = equal.find(id);
      return it == equal.end() ? std::nullopt : std::optional<Dim>(it->second);
    });
    if (next == out)
      break;
    out = next;
  }
  return out;
}

std::optional<double> numberOf(const Value &v) {
  if (v.known.number)
    return v.known.number;
  if (v.known.dim && v.known.dim->isConst())
    return double(v.known.dim->constant());
  return std::nullopt;
}

} // namespace dl::sema
