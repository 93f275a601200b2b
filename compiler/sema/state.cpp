// What modules hold, by name: state_dict and its files, named_parameters, children.
#include "compiler/sema/checker.h"

#include <algorithm>
#include <cctype>

namespace dl::sema {

using StateMap = std::vector<std::pair<StatePath, Value>>;

Value Checker::valueAt(const Value &whole, const StatePath &path, Span span) {
  Value v = whole;
  for (const StateStep &step : path)
    v = step.isItem      ? opened(listAt(v, intValue(step.index, span), span))
        : isList(v.type) ? storedPart(v, step.index, span)
                         : part(v, step.index, span);
  return isList(v.type) ? storedPart(v, 0, span) : v;
}

// The same for all elements of a list together: `changes` are columns of it.
Value Checker::replaceColumns(const Value &list, const StateMap &changes, size_t depth, Span span) {
  if (changes.back().first.size() == depth)
    return fromParts(list.type, {changes.back().second}, span);
  std::vector<Value> columns;
  for (uint32_t k = 0; k < storedParts(list.type).size(); ++k) {
    StateMap inner;
    std::copy_if(changes.begin(), changes.end(), std::back_inserter(inner),
                 [&](const auto &c) { return c.first[depth].index == k; });
    Value old = storedPart(list, k, span);
    columns.push_back(inner.empty() ? old : replaceColumns(old, inner, depth + 1, span));
  }
  return fromParts(list.type, columns, span);
}

// `whole` with other values at these paths. Precondition: `whole` is materialised; the types are those of the parts.
Value Checker::replaceParts(const Value &whole, const StateMap &changes, size_t depth, Span span) {
  bool list = isList(whole.type);
  if (list && (changes.back().first.size() == depth || !changes.back().first[depth].isItem))
    return replaceColumns(whole, changes, depth, span);
  size_t count = list ? size_t(whole.type->dims[0].constant()) : partsOfTree(whole.type).size();
  std::vector<Value> parts;
  for (uint32_t i = 0; i < count; ++i) {
    StateMap inner;
    std::copy_if(changes.begin(), changes.end(), std::back_inserter(inner),
                 [&](const auto &c) { return c.first[depth].index == i; });
    Value old = list ? opened(listAt(whole, intValue(i, span), span)) : storedPart(whole, i, span);
    if (inner.empty())
      parts.push_back(old);
    else if (inner.back().first.size() == depth + 1 && !isList(old.type))
      parts.push_back(inner.back().second);
    else
      parts.push_back(replaceParts(list ? materialise(old, "item") : old, inner, depth + 1, span));
  }
  return list ? listOf(std::move(parts), whole.type->items[0], span) : fromParts(whole.type, parts, span);
}

// ------------------------------------------------------------------------------------------------------ by name
// Whether each entry is one tensor with a name that is known; an error where it is not.
bool Checker::allNamed(const std::vector<StateEntry> &entries, Span span) {
  for (const StateEntry &e : entries)
    if (e.each) {
      error(Code::NotConstant, span,
            "how many `" + e.name + "` there are is known only when the program runs, so they have no names here")
          .withHelp("`save(path, model)`, `load(path, &model)`, `tree_map` and a loop over `parameters()` take them");
      return false;
    }
  return true;
}

// state_dict(m): every parameter and buffer under PyTorch's name, as a record.
Value Checker::stateDict(const Value &value, Span span) {
  if (!allNamed(stateOf(value.type), span))
    return bad(span);
  Value whole = materialise(value, "model"), out;
  std::vector<std::string> names;
  std::vector<Type> types;
  out.span = span;
  out.expr = make(ExprKind::Tuple, nullptr, span);
  for (const StateEntry &e : stateOf(value.type)) {
    names.push_back(e.name);
    types.push_back(e.type);
    out.expr->args.push_back(valueAt(whole, e.path, span).expr);
  }
  out.type = out.expr->type = recordType(std::move(names), std::move(types));
  return out;
}

// Pairs of a name and a value: parameters or buffers.
Value Checker::namedState(const Value &value, bool parameters, Span span) {
  std::vector<StateEntry> entries = stateOf(value.type);
  std::erase_if(entries, [&](const StateEntry &e) { return e.isParam != parameters || e.tied; });
  if (!allNamed(entries, span))
    return bad(span);
  Value whole = materialise(value, "model");
  std::vector<Value> pairs;
  for (const StateEntry &e : entries)
    pairs.push_back(tupleValue({strValue(e.name, span), valueAt(whole, e.path, span)}, span));
  return tupleValue(std::move(pairs), span);
}

// The modules inside, with PyTorch's names: the direct ones, or all of them and the module itself, which is called "".
void Checker::namedModules(const Value &value, const std::string &name, bool all,
                           std::vector<std::pair<std::string, Value>> &out) {
  if (value.type->kind == TypeKind::Module && (all || !name.empty())) {
    out.emplace_back(name, value);
    if (!all)
      return;
  }
  if (isList(value.type) && !value.type->dims[0].isConst()) {
    error(Code::NotConstant, value.span,
          "how many modules are in `" + name + "` is known only when the program runs, so they have no names here")
        .withHelp("loop over the list itself");
    return;
  }
  if (isList(value.type))
    for (int64_t i = 0; i < value.type->dims[0].constant(); ++i)
      namedModules(materialise(listAt(value, intValue(i, value.span), value.span), "item"),
                   name.empty() ? std::to_string(i) : name + "." + std::to_string(i), all, out);
  for (const NamedPart &p : partsOfTree(value.type)) {
    if (!holdsModule(p.type))
      continue;
    const std::string *pack = value.type->kind == TypeKind::Module ? packName(*value.type->module) : nullptr;
    bool isPack = pack && *pack == p.name;
    std::string inner = isPack ? name : name.empty() ? p.name : name + "." + p.name;
    namedModules(part(value, p.index, value.span), inner, all, out);
  }
}

// rec["name"], and keys(), values(), items() of a record and of a container whose items have names.
std::optional<Value> Checker::recordMethod(const Value &base, const std::string &name, Span span) {
  if (name != "keys" && name != "values" && name != "items")
    return std::nullopt;
  if (std::optional<Value> pack = packOf(base, span); pack && pack->type->kind == TypeKind::Record)
    return recordMethod(*pack, name, span);
  if (base.type->kind != TypeKind::Record)
    return std::nullopt;
  Value whole = materialise(base, "record");
  std::vector<Value> out;
  for (const NamedPart &p : partsOfTree(base.type)) {
    Value key = strValue(p.name, span), value = part(whole, p.index, span);
    out.push_back(name == "keys" ? key : name == "values" ? value : tupleValue({key, value}, span));
  }
  return tupleValue(std::move(out), span);
}

std::optional<uint32_t> Checker::recordPart(const Type &record, const Value &key, Span span) {
  if (key.bad())
    return std::nullopt;
  if (isInt(key.type) && key.known.dim && key.known.dim->isConst()) {
    if (std::optional<uint32_t> i = partNamed(record, key.known.dim->str()))
      return i;
    int64_t size = int64_t(record->items.size()), at = key.known.dim->constant();
    bool numbered = size > 0 && std::isdigit(static_cast<unsigned char>(record->names[0][0]));
    if (!numbered && at >= -size && at < size)
      return uint32_t(at < 0 ? at + size : at);
  } else if (!key.known.text) {
    error(Code::NotConstant, span,
          "the name of a record's member must be known when the program is compiled, this is " + describe(key));
    return std::nullopt;
  } else if (std::optional<uint32_t> i = partNamed(record, *key.known.text)) {
    return i;
  }
  std::string wanted = key.known.text ? *key.known.text : key.known.dim->str();
  Diagnostic &d = error(Code::UnknownMember, span, "the record has no member `" + wanted + "`");
  std::string near = didYouMean(wanted, record->names);
  if (!near.empty())
    d.withHelp("did you mean `" + near + "`?");
  return std::nullopt;
}

// ------------------------------------------------------------------------------------------------- load_state_dict
namespace {

std::string listed(const std::string &what, const std::vector<std::string> &items) {
  constexpr size_t kShown = 8;
  if (items.empty())
    return "";
  std::string text = "\n  " + what + ": ";
  for (size_t i = 0; i < items.size() && i < kShown; ++i)
    text += (i ? ", " : "") + items[i];
  return text + (items.size() > kShown ? " and " + std::to_string(items.size() - kShown) + " more" : "");
}

// The entries with storage of their own; under each name the others of the same storage.
std::vector<std::pair<StateEntry, std::vector<std::string>>> storages(const Type &type) {
  std::vector<std::pair<StateEntry, std::vector<std::string>>> out;
  std::vector<StateEntry> all = stateOf(type);
  for (StateEntry &e : all)
    if (!e.tied)
      out.push_back({e, {e.name.empty() ? "value" : e.name}});
  for (const StateEntry &e : all)
    for (auto &[own, names] : out)
      if (e.tied && own.path == e.path)
        names.push_back(e.name);
  return out;
}

} // namespace

bool Checker::isStateFile(const Type &type) const {
  return type->kind == TypeKind::Module && type->module->decl->name == "StateFile" &&
         details(*type->module).env == preludeScope_;
}

// The value with the state of `given`: a record from state_dict(), or what load(path) gives.
Value Checker::withState(const Value &value, const Value &given, bool strict, Span span, Span givenSpan) {
  Value whole = materialise(value, "model");
  if (isStateFile(given.type))
    return readState(*memberOf(materialise(given, "file"), "path", givenSpan), whole, strict, span);
  if (given.type->kind != TypeKind::Record) {
    Diagnostic &d =
        error(Code::TypeMismatch, givenSpan,
              "`load_state_dict` takes what `state_dict()` or `load(path)` gives, this is " + describe(given));
    if (given.type->kind == TypeKind::Module)
      d.withHelp("write `" + sourceText(givenSpan, 30) + ".state_dict()`");
    else if (given.type->kind == TypeKind::Str)
      d.withHelp("write `load(" + sourceText(givenSpan, 30) + ")`");
    return bad(span);
  }
  Value dict = materialise(given, "state");
  std::vector<StateEntry> have = stateOf(dict.type);
  std::vector<std::string> missing, unexpected, differing;
  std::set<std::string> known;
  StateMap changes;
  for (const auto &[own, names] : storages(value.type)) {
    known.insert(names.begin(), names.end());
    auto it = std::find_if(have.begin(), have.end(), [&, &names = names](const StateEntry &e) {
      return std::find(names.begin(), names.end(), e.name) != names.end();
    });
    if (it == have.end()) {
      missing.push_back(own.name);
      continue;
    }
    bool fits = !own.each && it->type->dims.size() == own.type->dims.size();
    for (size_t i = 0; fits && i < own.type->dims.size(); ++i)
      fits = compareDims(it->type->dims[i], own.type->dims[i]) != Proof::Different;
    if (!fits) {
      differing.push_back(own.name + " is " + str(it->type) + ", expected " + (own.type ? str(own.type) : "a list"));
      continue;
    }
    Value v = convert(valueAt(dict, it->path, span), own.type->elem, span);
    v.known = {};
    if (!conform(v, own.type, givenSpan, "`" + own.name + "`"))
      return bad(span);
    changes.emplace_back(own.path, v);
  }
  for (const StateEntry &e : have)
    if (!known.count(e.name))
      unexpected.push_back(e.name);
  if (!differing.empty() || (strict && (!missing.empty() || !unexpected.empty()))) {
    Diagnostic &d = error(Code::TypeMismatch, givenSpan,
                          "the state does not fit " + str(value.type) + ":" +
                              (strict ? listed("missing", missing) + listed("unexpected", unexpected) : "") +
                              listed("of another shape", differing));
    if (differing.empty())
      d.withHelp("`strict=false` takes what is there under the same name");
    return bad(span);
  }
  return changes.empty() ? whole : replaceParts(whole, changes, 0, span);
}

// ---------------------------------------------------------------------------------------------------------- files
static std::string joinLines(const std::vector<std::string> &lines, const char *separator) {
  std::string text;
  for (const std::string &line : lines)
    text += (text.empty() ? "" : separator) + line;
  return text;
}

bool Checker::storedAlone(const StateEntry &entry, Span span) {
  if (!entry.type)
    error(Code::NotConstant, span,
          "`" + entry.name + "`, in a list whose length changes or in a list of lists, is not written to files")
        .withHelp("a `let` member is not saved; `save(path, tensor(xs))` writes the tensors of a list");
  return entry.type != nullptr;
}

// The value with a safetensors file's weights in the place of its own.
Value Checker::readState(const Value &path, const Value &whole, bool strict, Span span) {
  std::vector<std::pair<StateEntry, std::vector<std::string>>> own = storages(whole.type);
  if (own.empty())
    return whole;
  std::vector<Type> types;
  std::vector<std::string> names;
  for (const auto &[entry, alternatives] : own) {
    if (!storedAlone(entry, span))
      return bad(span);
    // What is in the file has sizes of its own where the program does not know them.
    types.push_back(mapDims(entry.type, [](const Dim &d) { return d.isConst() ? d : Dim::fresh("n"); }));
    names.push_back(joinLines(alternatives, "\t"));
  }
  std::vector<Value> passed{path, strValue(joinLines(names, "\n"), span), intValue(strict, span)};
  // What the file lacks stays as it is.
  for (const auto &[entry, alternatives] : own)
    if (!strict)
      passed.push_back(valueAt(whole, entry.path, span));
  for (const auto &[entry, alternatives] : own)
    if (entry.each)
      passed.push_back(dimValue(entry.type->dims[0], span));
  bool single = types.size() == 1;
  Value loaded = externValue("dl_rt_load", std::move(passed), single ? types[0] : tupleType(types), span, false, false);
  loaded = materialise(loaded, "loaded");
  StateMap changes;
  for (uint32_t i = 0; i < types.size(); ++i) {
    const StateEntry &entry = own[i].first;
    Value v = single ? loaded : part(loaded, i, span);
    if (!conform(v, entry.type, span, "`" + (entry.name.empty() ? "value" : entry.name) + "` of the file"))
      return bad(span);
    changes.emplace_back(entry.path, v);
  }
  if (own[0].first.path.empty() && !isList(whole.type))
    return changes[0].second;
  return replaceParts(whole, changes, 0, span);
}

// save(path, value)
Value Checker::saveValue(std::vector<Argument> args, Span span) {
  if (args.size() != 2 || args[0].value.type->kind != TypeKind::Str) {
    error(Code::WrongArguments, span, "`save` takes a path and a module, as in `save(\"model.safetensors\", model)`");
    return bad(span);
  }
  settle(args[1]);
  if (args[1].value.bad())
    return bad(span);
  const Type &type = args[1].value.type;
  std::vector<StateEntry> entries = stateOf(type);
  if (isScalar(type) || (entries.empty() && type->kind != TypeKind::Module)) {
    error(Code::TypeMismatch, args[1].span,
          "`save` writes the tensors of a module, a state_dict or a tuple under their names; this is " +
              describe(args[1].value))
        .withHelp("`write_text(path, \"{x}\")` writes a text");
    return bad(span);
  }
  Value whole = materialise(args[1].value, "saved");
  std::vector<std::string> names;
  std::vector<Value> passed{args[0].value, Value{}};
  for (const StateEntry &e : entries) {
    if (!storedAlone(e, span))
      return bad(span);
    names.push_back(e.name.empty() ? "value" : e.name);
    passed.push_back(valueAt(whole, e.path, span));
  }
  passed[1] = strValue(joinLines(names, "\n"), span);
  return externValue("dl_rt_save", std::move(passed), unitType(), span, false, false);
}

} // namespace dl::sema
