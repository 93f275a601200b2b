// Params of the elements of a list, for backward. The elements' tensors lie in one, with the number of the element in
// front, and so do their gradients and tokens: each of these columns counts as one param. A param that is a list of
// tensors is such a column itself, with an empty path.
#include "compiler/sema/checker.h"

#include <map>

namespace dl::sema {

// Lists of lists, and tensors whose sizes differ from element to element, have no such column.
bool Checker::paramColumns(const Type &list, ParamList &out, std::vector<uint32_t> path) const {
  const Type &item = list->items[0];
  if (item->kind != TypeKind::Module && item->kind != TypeKind::Tuple && item->kind != TypeKind::Record)
    return !holdsParams(item);
  std::vector<Part> parts = storedParts(list);
  path.push_back(0);
  for (uint32_t k = 0; k < parts.size(); ++k) {
    path.back() = k;
    const Type &part = parts[k].type->items[0];
    bool isParam = item->kind == TypeKind::Module && hasGradient(*item->module, k);
    if (isParam ? part->kind != TypeKind::Tensor || isRagged(part)
                : item->kind == TypeKind::Module && isMissed(item->module->fields[k]))
      return false;
    if (isParam)
      out.paths.push_back(path);
    else if (!paramColumns(parts[k].type, out, path))
      return false;
  }
  return true;
}

Value Checker::readColumn(const ParamList &list, const std::vector<uint32_t> &path, uint32_t offset, Span span) {
  const Place place = path.empty() ? *companionOf(list.place, offset) : list.place;
  Value v = opened(materialise(readPlace(place, span), "list"));
  for (size_t i = 0; i < path.size(); ++i)
    v = storedPart(v, path[i] + (i + 1 == path.size() ? offset : 0), span);
  return storedPart(v, 0, span);
}

void Checker::writeColumns(const ParamList &list, uint32_t offset, const std::vector<Value> &columns, Span span) {
  if (list.paths.size() == 1 && list.paths[0].empty()) {
    const Place place = *companionOf(list.place, offset);
    return writePlace(place, fromParts(place.steps.back().type, columns, span), span);
  }
  std::function<Value(const Value &, size_t, const std::vector<size_t> &)> replaced =
      [&](const Value &old, size_t depth, const std::vector<size_t> &chosen) {
        std::vector<Value> parts;
        for (uint32_t k = 0; k < storedParts(old.type).size(); ++k)
          parts.push_back(storedPart(old, k, span));
        std::map<uint32_t, std::vector<size_t>> inner;
        for (size_t i : chosen) {
          const std::vector<uint32_t> &path = list.paths[i];
          if (path.size() == depth + 1) {
            Value &part = parts[path[depth] + offset];
            part = fromParts(part.type, {columns[i]}, span);
          } else {
            inner[path[depth]].push_back(i);
          }
        }
        for (const auto &[k, paths] : inner)
          parts[k] = replaced(parts[k], depth + 1, paths);
        return fromParts(old.type, parts, span);
      };
  std::vector<size_t> all;
  for (size_t i = 0; i < list.paths.size(); ++i)
    all.push_back(i);
  writePlace(list.place, replaced(materialise(readPlace(list.place, span), "list"), 0, all), span);
}

// The value with the gradient of each param in the param's place.
Value Checker::withGradients(const Value &value, Span span) {
  ParamChange change;
  change.value = [](const Value &, const Value &gradient, const Value &) { return gradient; };
  return mapParams(value, nullptr, change, span);
}

} // namespace dl::sema
