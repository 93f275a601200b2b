// Ops that move elements without changing them.
#include "tests/reference/operations.h"

#include <numeric>

namespace dl::reference {
namespace {

std::vector<size_t> dimensions(const sema::Attr &attr, size_t rank) {
  std::vector<size_t> dims;
  if (const auto *one = std::get_if<int64_t>(&attr))
    dims.push_back(dimension(*one, rank));
  else
    for (int64_t d : std::get<std::vector<int64_t>>(attr))
      dims.push_back(dimension(d, rank));
  return dims;
}

Array permuted(const Array &x, const std::vector<size_t> &order) {
  Array result{x.elem, {}, {}};
  for (size_t d : order)
    result.shape.push_back(x.shape[d]);
  forEachIndex(result.shape, [&](const std::vector<int64_t> &index) {
    std::vector<int64_t> source(index.size());
    for (size_t k = 0; k < order.size(); ++k)
      source[order[k]] = index[k];
    result.data.push_back(x.data[stretched(x.shape, source)]);
  });
  return result;
}

Array flipped(const Array &x, const std::vector<size_t> &dims) {
  Array result{x.elem, x.shape, {}};
  forEachIndex(x.shape, [&](std::vector<int64_t> index) {
    for (size_t d : dims)
      index[d] = x.shape[d] - 1 - index[d];
    result.data.push_back(x.data[stretched(x.shape, index)]);
  });
  return result;
}

Array joined(const Operation &op, bool stacks) {
  std::vector<Array> parts = op.args;
  size_t dim = dimension(op.integer("dim"), parts[0].shape.size() + stacks);
  if (stacks)
    for (Array &part : parts)
      part.shape.insert(part.shape.begin() + static_cast<ptrdiff_t>(dim), 1);
  Array result{op.elem, parts[0].shape, {}};
  result.shape[dim] = 0;
  for (const Array &part : parts)
    result.shape[dim] += part.shape[dim];
  forEachIndex(result.shape, [&](std::vector<int64_t> index) {
    size_t which = 0;
    while (index[dim] >= parts[which].shape[dim])
      index[dim] -= parts[which++].shape[dim];
    result.data.push_back(parts[which].data[stretched(parts[which].shape, index)]);
  });
  return result;
}

} // namespace

bool reshaping(const Operation &op, Array &result) {
  const std::string &name = op.name;
  if (name == "cat" || name == "stack") {
    result = joined(op, name == "stack");
    return true;
  }
  if (op.args.empty())
    return false;
  const Array &x = op.args[0];
  size_t rank = x.shape.size();
  if (name == "reshape" || name == "flatten" || name == "squeeze" || name == "unsqueeze") {
    if (countOf(op.shape) != static_cast<int64_t>(x.data.size()))
      throw Contradiction("a new shape with another number of elements");
    result = {x.elem, op.shape, x.data};
    return true;
  }
  if (name == "expand") {
    result = {x.elem, op.shape, {}};
    forEachIndex(op.shape,
                 [&](const std::vector<int64_t> &index) { result.data.push_back(x.data[stretched(x.shape, index)]); });
    return true;
  }
  if (name == "transpose") {
    std::vector<size_t> order(rank);
    std::iota(order.begin(), order.end(), size_t(0));
    std::swap(order[dimension(op.integer("dim0"), rank)], order[dimension(op.integer("dim1"), rank)]);
    result = permuted(x, order);
    return true;
  }
  if (name == "permute" || name == "flip") {
    std::vector<size_t> dims = dimensions(*op.attr("dims"), rank);
    result = name == "flip" ? flipped(x, dims) : permuted(x, dims);
    return true;
  }
  return false;
}

} // namespace dl::reference
