// Trees of tensors: the parameters of modules, tree_map, files of weights.
#include "compiler/sema/checker.h"

namespace dl::sema {

// The parameters in a type as a record; null when there are none. Tuples of modules are records with names 0, 1, ….
Type Checker::paramsType(const Type &type) const {
  switch (type->kind) {
  case TypeKind::Module: {
    if (isParameter(type))
      return type->module->fields[0].type;
    std::vector<std::string> names;
    std::vector<Type> items;
    for (const Field &f : type->module->fields) {
      if (f.kind == Field::Buffer)
        continue;
      Type inner;
      if (f.kind == Field::Param)
        inner = f.type->kind == TypeKind::Tensor ? f.type : isList(f.type) ? gradientType(f.type).value_or(nullptr) : paramsType(f.type);
      else if (holdsModules(f.type))
        inner = paramsType(f.type);
      if (!inner || (inner->kind == TypeKind::Record && inner->items.empty()))
        continue;
      names.push_back(f.name);
      items.push_back(inner);
    }
    return recordType(std::move(names), std::move(items));
  }
  case TypeKind::Tuple: {
    std::vector<std::string> names;
    std::vector<Type> items;
    for (size_t i = 0; i < type->items.size(); ++i) {
      if (!holdsModules(type->items[i]))
        continue;
      Type inner = paramsType(type->items[i]);
      if (inner->items.empty())
        continue;
      names.push_back(std::to_string(i));
      items.push_back(inner);
    }
    return recordType(std::move(names), std::move(items));
  }
  case TypeKind::List: {
    Type inner = paramsType(type->items[0]);
    bool none = inner->kind == TypeKind::Record && inner->items.empty();
    return none ? inner : listType(type->dims[0], inner);
  }
  case TypeKind::Record:
  case TypeKind::Tensor:
    return type;
  default:
    return recordType({}, {});
  }
}

namespace {

// The index of a named part of a module or tuple.
uint32_t partNamed(const Type &type, const std::string &name) {
  if (type->kind == TypeKind::Module) {
    for (size_t i = 0; i < type->module->fields.size(); ++i)
      if (type->module->fields[i].name == name)
        return uint32_t(i);
  }
  return uint32_t(std::strtoul(name.c_str(), nullptr, 10));
}

} // namespace

Value Checker::paramsOf(const Value &value, Span span) {
  Type type = paramsType(value.type);
  if (isList(value.type))
    return paramsOfList(value, span);
  if (value.type->kind == TypeKind::Tensor || value.type->kind == TypeKind::Record)
    return value;
  if (isParameter(value.type))
    return part(value, 0, span);
  Value whole = materialise(value, "model");
  Value v;
  v.type = type;
  v.span = span;
  v.expr = make(ExprKind::Tuple, type, span);
  for (const std::string &name : type->names)
    v.expr->args.push_back(paramsOf(part(whole, partNamed(value.type, name), span), span).expr);
  return v;
}

Value Checker::withParams(const Value &value, const Value &params, Span span) {
  Type type = paramsType(value.type);
  Value given = params;
  if (value.type->kind == TypeKind::Tensor || value.type->kind == TypeKind::Record)
    return conform(given, value.type, span, "the parameters") ? given : bad(span);
  if (isList(value.type))
    return withListParams(value, given, span);
  if (!conform(given, type, span, "the parameters"))
    return bad(span);
  if (isParameter(value.type))
    return withPart(value, 0, given, span);
  given = materialise(given, "params");
  Value whole = materialise(value, "model"), out = whole;
  for (uint32_t i = 0; i < type->names.size(); ++i) {
    uint32_t k = partNamed(value.type, type->names[i]);
    Value inner = withParams(part(whole, k, span), part(given, i, span), span);
    if (inner.bad())
      return inner;
    out = withPart(out, k, inner, span);
  }
  return out;
}

// f applied to the tensors of trees of one structure.
Value Checker::mapTree(const Value &fn, const std::vector<Value> &trees, Span span) {
  const Type &first = trees[0].type;
  if (first->kind == TypeKind::Tensor) {
    std::vector<Argument> args;
    for (const Value &t : trees) {
      Argument a;
      a.value = t;
      a.span = span;
      args.push_back(std::move(a));
    }
    Value v = callValue(fn, std::move(args), span);
    return v.bad() ? v : materialise(v, "leaf");
  }
  if (isList(first))
    return mapLists(fn, trees, span);
  if (first->kind != TypeKind::Record && first->kind != TypeKind::Tuple) {
    error(Code::TypeMismatch, span, "`tree_map` goes over tensors, tuples, lists, records and the parameters of modules; this is " + str(first));
    return bad(span);
  }
  for (const Value &t : trees) {
    if (t.type->kind == first->kind && t.type->items.size() == first->items.size() && t.type->names == first->names)
      continue;
    error(Code::TypeMismatch, span, "`tree_map` takes values of one structure, these are " + str(first) + " and " + str(t.type));
    return bad(span);
  }
  Value out;
  out.span = span;
  auto node = std::make_shared<TypeNode>(*first);
  out.expr = make(ExprKind::Tuple, nullptr, span);
  for (uint32_t i = 0; i < first->items.size(); ++i) {
    std::vector<Value> items;
    for (const Value &t : trees)
      items.push_back(part(t, i, span));
    Value v = mapTree(fn, items, span);
    if (v.bad())
      return v;
    node->items[i] = v.type;
    out.expr->args.push_back(v.expr);
  }
  out.type = node;
  out.expr->type = out.type;
  return out;
}

// From a tree of tuples the tree of their parts `index`; `shape` is the structure that was mapped.
Value Checker::unzip(const Value &tree, const Type &shape, uint32_t index, Span span) {
  if (shape->kind == TypeKind::Tensor)
    return isList(tree.type) ? storedPart(tree, index, span) : part(tree, index, span);
  if (isList(shape))
    return unzipLists(tree, shape, index, span);
  Value out;
  out.span = span;
  auto node = std::make_shared<TypeNode>(*shape);
  out.expr = make(ExprKind::Tuple, nullptr, span);
  for (uint32_t i = 0; i < shape->items.size(); ++i) {
    Value v = unzip(part(tree, i, span), shape->items[i], index, span);
    node->items[i] = v.type;
    out.expr->args.push_back(v.expr);
  }
  out.type = node;
  out.expr->type = out.type;
  return out;
}

// tree_map(f, a, b, …): the structure of a with f's results; when f gives a tuple, a tuple of such structures. A module
// counts as its parameters, and the result is a module when the first tree is one and f gives its parameters' types.
Value Checker::treeMap(std::vector<Argument> args, Span span) {
  if (args.size() < 2) {
    error(Code::WrongArguments, span, "`tree_map` takes a function and at least one tree");
    return bad(span);
  }
  Value fn = args[0].value;
  if (fn.type->kind != TypeKind::Function) {
    error(Code::NotCallable, args[0].span, "`tree_map` takes a function first, this is " + describe(fn));
    return bad(span);
  }
  fn = materialise(fn, "f");
  std::vector<Value> trees;
  for (size_t i = 1; i < args.size(); ++i) {
    settle(args[i]);
    if (args[i].value.bad())
      return bad(span);
    Value tree = args[i].value;
    if (tree.type->kind == TypeKind::Module)
      tree = paramsOf(tree, args[i].span);
    trees.push_back(materialise(tree, "tree"));
  }
  Value mapped = mapTree(fn, trees, span);
  if (mapped.bad())
    return mapped;
  const Type shape = trees[0].type;
  // The leaves' common count of parts, where they are tuples.
  int64_t parts = -2; // none seen
  std::function<void(const Type &, const Type &)> count = [&](const Type &from, const Type &to) {
    if (isList(from)) {
      count(from->items[0], to->items[0]);
      return;
    }
    if (from->kind == TypeKind::Tensor) {
      int64_t n = to->kind == TypeKind::Tuple ? int64_t(to->items.size()) : -1;
      parts = parts == -2 || parts == n ? n : -3;
      return;
    }
    for (size_t i = 0; i < from->items.size(); ++i)
      count(from->items[i], to->items[i]);
  };
  count(shape, mapped.type);
  Value out = mapped;
  if (parts >= 0) {
    mapped = materialise(mapped, "mapped");
    std::vector<Value> items;
    for (uint32_t k = 0; k < uint32_t(parts); ++k)
      items.push_back(unzip(mapped, shape, k, span));
    out = tupleValue(std::move(items), span);
  } else if (args[1].value.type->kind == TypeKind::Module && sameType(mapped.type, shape)) {
    out = withParams(args[1].value, mapped, span);
  }
  return out;
}

// Every tensor and number that a file of weights holds, under PyTorch's name: "fc1.weight", "0.bias".
void Checker::namedTensors(const Value &value, const std::string &prefix, std::vector<std::pair<std::string, Value>> &out, bool paramsOnly) {
  auto at = [&](const std::string &name) { return prefix.empty() ? name : prefix + "." + name; };
  const Type &t = value.type;
  if (isList(t)) {
    if (!t->dims[0].isConst())
      error(Code::NotConstant, value.span, "the elements of " + (prefix.empty() ? str(t) : "`" + prefix + "`") + " have no names, because how many there are is not known when the program is compiled")
          .withHelp("a member that is not declared as `list[…]` keeps the length that it has at first");
    for (int64_t i = 0; t->dims[0].isConst() && i < t->dims[0].constant(); ++i)
      namedTensors(opened(listAt(value, intValue(i, value.span), value.span)), at(std::to_string(i)), out, paramsOnly);
    return;
  }
  if (isParameter(t)) {
    namedTensors(part(value, 0, value.span), prefix, out, paramsOnly);
    return;
  }
  if (t->kind == TypeKind::Module) {
    for (uint32_t i = 0; i < t->module->fields.size(); ++i) {
      const Field &f = t->module->fields[i];
      bool state = f.kind != Field::Let && (!paramsOnly || f.kind == Field::Param);
      bool holds = holdsModules(f.type) || f.type->kind == TypeKind::Record || (isList(f.type) && state);
      if (f.type->kind == TypeKind::Tensor ? state : holds) {
        // The parameter pack of a container adds no name of its own: Sequential's layers are "0", "1", ….
        bool pack = false;
        for (const ast::Param &p : t->module->decl->params)
          pack |= p.isVariadic && p.name == f.name;
        namedTensors(part(value, i, value.span), pack ? prefix : at(f.name), out, paramsOnly);
      }
    }
    return;
  }
  if (t->kind == TypeKind::Tuple || t->kind == TypeKind::Record) {
    for (uint32_t i = 0; i < t->items.size(); ++i)
      namedTensors(part(value, i, value.span), at(t->kind == TypeKind::Record ? t->names[i] : std::to_string(i)), out, paramsOnly);
    return;
  }
  if (t->kind == TypeKind::Tensor)
    out.emplace_back(prefix.empty() ? "value" : prefix, value);
}

static std::string joinNames(const std::vector<std::pair<std::string, Value>> &named) {
  std::string text;
  for (const auto &[name, value] : named)
    text += (text.empty() ? "" : "\n") + name;
  return text;
}

// save(path, model)
Value Checker::saveValue(std::vector<Argument> args, Span span) {
  if (args.size() != 2 || args[0].value.type->kind != TypeKind::Str) {
    error(Code::WrongArguments, span, "`save` takes a path and a value, as in `save(\"model.safetensors\", model)`");
    return bad(span);
  }
  settle(args[1]);
  if (args[1].value.bad())
    return bad(span);
  Value whole = materialise(args[1].value, "saved");
  std::vector<std::pair<std::string, Value>> named;
  namedTensors(whole, "", named, false);
  std::vector<Value> passed{args[0].value, strValue(joinNames(named), span)};
  for (auto &[name, value] : named)
    passed.push_back(value);
  return externValue("dl_rt_save", std::move(passed), unitType(), span, false, false);
}

Value Checker::rebuild(const Value &value, std::vector<Value> &leaves, size_t &next, Span span) {
  const Type &t = value.type;
  if (t->kind == TypeKind::Tensor)
    return leaves[next++];
  Value out = value;
  if (isList(t)) {
    for (int64_t i = 0; t->dims[0].isConst() && i < t->dims[0].constant(); ++i) {
      Value position = intValue(i, span);
      Value inner = rebuild(opened(listAt(materialise(out, "list"), position, span)), leaves, next, span);
      out = withListItem(materialise(out, "list"), position, inner, span);
    }
    return out;
  }
  size_t count = t->kind == TypeKind::Module ? t->module->fields.size() : t->kind == TypeKind::Tuple || t->kind == TypeKind::Record ? t->items.size() : 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (t->kind == TypeKind::Module) {
      const Field &f = t->module->fields[i];
      bool holds = holdsModules(f.type) || f.type->kind == TypeKind::Record || (isList(f.type) && f.kind != Field::Let);
      if (f.type->kind == TypeKind::Tensor ? f.kind == Field::Let : !holds)
        continue;
    } else if (t->items[i]->kind != TypeKind::Tensor && !holdsModules(t->items[i]) && !isList(t->items[i]) && t->items[i]->kind != TypeKind::Record) {
      continue;
    }
    size_t before = next;
    Value inner = rebuild(part(value, i, span), leaves, next, span);
    if (next != before)
      out = withPart(out, i, inner, span);
  }
  return out;
}

// load(path, &model): fills the model; load(path, model) gives a model with the file's weights.
Value Checker::loadInto(std::vector<Argument> args, Span span) {
  if (args.size() != 2 || args[0].value.type->kind != TypeKind::Str) {
    error(Code::WrongArguments, span, "`load` takes a path and a value of the type to load, as in `load(\"model.safetensors\", &model)`");
    return bad(span);
  }
  Value whole = materialise(args[1].value, "model");
  std::vector<std::pair<std::string, Value>> named;
  namedTensors(whole, "", named, false);
  if (named.empty())
    return args[1].ref ? unit(span) : whole;
  std::vector<Type> types;
  for (auto &[name, value] : named)
    types.push_back(value.type);
  bool single = types.size() == 1;
  Value loaded = externValue("dl_rt_load", {args[0].value, strValue(joinNames(named), span)}, single ? types[0] : tupleType(types), span, false, false);
  loaded = materialise(loaded, "loaded");
  std::vector<Value> leaves;
  for (uint32_t i = 0; i < types.size(); ++i)
    leaves.push_back(single ? loaded : part(loaded, i, span));
  size_t next = 0;
  Value out = rebuild(whole, leaves, next, span);
  if (!args[1].ref)
    return out;
  writePlace(*args[1].ref, out, span);
  return unit(span);
}

} // namespace dl::sema
