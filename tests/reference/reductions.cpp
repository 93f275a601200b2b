#include "tests/reference/operations.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace dl::reference {

using sema::Elem;

// In any order: each of the n - 1 additions may round the largest partial sum.
Number sum(Elem elem, const std::vector<Number> &parts) {
  if (!sema::isFloat(elem)) {
    uint64_t total = 0;
    for (const Number &x : parts)
      total += static_cast<uint64_t>(static_cast<int64_t>(x.value));
    return {wrapped(elem, static_cast<int64_t>(total)), 0};
  }
  long double value = 0, error = 0, size = 0;
  for (const Number &x : parts) {
    value += x.value;
    error += x.error;
    size += std::fabs(x.value);
  }
  if (parts.size() < 2)
    return {value, error};
  return rounded(elem, {value, error + unitRoundoff(elem) * static_cast<long double>(parts.size()) * size});
}

namespace {

Number product(const Operation &op, const std::vector<Number> &parts) {
  Number result{1, 0};
  for (const Number &x : parts)
    result = (*findBinary("mul"))(op.elem, result, x, op.trace);
  return result;
}

// The position of the first extremum. Two that are equal share a derivative, so who else is one belongs to the trace.
size_t extremeAt(const std::vector<Number> &parts, bool largest, bool exactly, Trace &trace) {
  size_t best = 0;
  for (size_t i = 1; i < parts.size(); ++i)
    if (largest ? parts[i].value > parts[best].value : parts[i].value < parts[best].value)
      best = i;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (exactly && i != best)
      compare(parts[i], parts[best], trace);
    trace.add(parts[i].value == parts[best].value);
  }
  return best;
}

} // namespace

Number extremum(const std::vector<Number> &parts, bool largest, Trace &trace) {
  Number best = parts[extremeAt(parts, largest, false, trace)];
  for (const Number &x : parts)
    best.error = std::max(best.error, x.error);
  return best;
}

namespace {

Number reduce(const Operation &op, const std::vector<Number> &parts) {
  if (op.name == "sum")
    return sum(op.elem, parts);
  if (op.name == "prod")
    return product(op, parts);
  if (op.name == "any" || op.name == "all") {
    bool any = op.name == "any";
    bool found = std::any_of(parts.begin(), parts.end(), [&](const Number &x) { return (x.value != 0) == any; });
    return {static_cast<long double>(found == any), 0};
  }
  if (parts.empty() && op.name == "greatest")
    return {-std::numeric_limits<long double>::infinity(), 0};
  if (parts.empty())
    throw Unsupported("an extremum of nothing");
  bool largest = op.name == "max" || op.name == "greatest" || op.name == "argmax";
  if (op.name == "argmax" || op.name == "argmin")
    return {static_cast<long double>(extremeAt(parts, largest, true, op.trace)), 0};
  return extremum(parts, largest, op.trace);
}

} // namespace

bool reduction(const Operation &op, Array &result) {
  static const std::vector<std::string> names = {"sum", "prod", "max",    "greatest", "min",
                                                 "any", "all",  "argmax", "argmin"};
  if (std::find(names.begin(), names.end(), op.name) == names.end())
    return false;
  const Array &x = op.args[0];
  size_t rank = x.shape.size();
  std::vector<bool> reduced(rank, op.attr("dim") == nullptr);
  if (const sema::Attr *dim = op.attr("dim")) {
    if (const auto *one = std::get_if<int64_t>(dim))
      reduced[dimension(*one, rank)] = true;
    else
      for (int64_t d : std::get<std::vector<int64_t>>(*dim))
        reduced[dimension(d, rank)] = true;
  }
  std::vector<int64_t> inner(rank, 1), outer(rank, 1);
  for (size_t k = 0; k < rank; ++k)
    (reduced[k] ? inner : outer)[k] = x.shape[k];
  result = {op.elem, {}, {}};
  for (size_t k = 0; k < rank; ++k)
    if (!reduced[k] || op.flag("keepdim"))
      result.shape.push_back(outer[k]);
  forEachIndex(outer, [&](const std::vector<int64_t> &base) {
    std::vector<Number> parts;
    forEachIndex(inner, [&](std::vector<int64_t> index) {
      for (size_t k = 0; k < rank; ++k)
        index[k] += base[k];
      parts.push_back(x.data[stretched(x.shape, index)]);
    });
    result.data.push_back(reduce(op, parts));
  });
  return true;
}

} // namespace dl::reference
