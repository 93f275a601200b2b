// tree_map: functions of the tensors of modules, gradients, tuples and records.
#include "compiler/sema/checker.h"

namespace dl::sema {

// What tells the structures of two trees apart; nothing when they are alike.
static std::optional<std::string> difference(const Type &a, const Type &b, const std::string &path) {
  std::string place = path.empty() ? "" : " at `" + path + "`";
  if (a->kind != b->kind)
    return str(a) + " and " + str(b) + place;
  auto at = [&](const std::string &name) { return path.empty() ? name : path + "." + name; };
  for (auto [one, other, which] : {std::tuple(a, b, "first"), std::tuple(b, a, "other")})
    for (const NamedPart &p : partsOfTree(one))
      if (!partNamed(other, p.name))
        return "only the " + std::string(which) + " has `" + at(p.name) + "`";
  if (isList(a))
    return difference(a->items[0], b->items[0], at("*"));
  if (a->names != b->names)
    return "their members stand in another order" + place;
  for (const NamedPart &p : partsOfTree(a))
    if (std::optional<std::string> inner = difference(p.type, b->items[p.index], at(p.name)))
      return inner;
  return std::nullopt;
}

// f applied to the tensors of trees of one structure; `none` stays.
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
  if (first->kind == TypeKind::None)
    return trees[0];
  if (isList(first))
    return mapLists(fn, trees, span);
  if (first->kind != TypeKind::Record && first->kind != TypeKind::Tuple) {
    error(Code::TypeMismatch, span,
          "`tree_map` goes over tensors, tuples, lists, records and the parameters of modules; this is " + str(first));
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
  if (shape->kind == TypeKind::None)
    return tree;
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
    if (holdsModule(tree.type))
      tree = paramsOf(tree, args[i].span);
    trees.push_back(materialise(tree, "tree"));
    if (std::optional<std::string> why = difference(trees[0].type, tree.type, "")) {
      Diagnostic &d = error(Code::TypeMismatch, args[i].span, "`tree_map` takes values of one structure: " + *why);
      d.label(args[1].span, str(args[1].value.type));
      if (trees[0].type->kind == TypeKind::Record && tree.type->kind == TypeKind::Record)
        d.withHelp("frozen parameters have no gradient: freeze before the optimiser is made");
      return bad(span);
    }
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
    if (from->kind == TypeKind::None)
      return;
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
  } else if (holdsModule(args[1].value.type) && sameType(mapped.type, shape)) {
    out = computedParams(withParams(args[1].value, mapped, span), span);
  }
  return out;
}

} // namespace dl::sema
