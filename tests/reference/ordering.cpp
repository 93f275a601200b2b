// Ops along one dimension that depend on the order of its elements.
#include "tests/reference/operations.h"

#include <algorithm>
#include <numeric>

namespace dl::reference {
namespace {

// Calls `visit` with the places of the elements of each row along the dimension.
template <class F> void forEachRow(const std::vector<int64_t> &shape, size_t dim, F visit) {
  std::vector<int64_t> outer = shape;
  outer[dim] = std::min<int64_t>(outer[dim], 1);
  auto step = static_cast<size_t>(countOf({shape.begin() + static_cast<ptrdiff_t>(dim) + 1, shape.end()}));
  forEachIndex(outer, [&](const std::vector<int64_t> &index) {
    size_t begin = 0;
    for (size_t k = 0; k < shape.size(); ++k)
      begin = begin * static_cast<size_t>(shape[k]) + static_cast<size_t>(index[k]);
    std::vector<size_t> places;
    for (size_t i = 0; i < static_cast<size_t>(shape[dim]); ++i)
      places.push_back(begin + i * step);
    visit(places);
  });
}

Array sorted(const Operation &op) {
  const Array &x = op.args[0];
  bool descending = op.flag("descending");
  Array result = Array::filled(op.elem, x.shape, {});
  forEachRow(x.shape, dimension(op.integer("dim", -1), x.shape.size()), [&](const std::vector<size_t> &places) {
    std::vector<size_t> order(places.size());
    std::iota(order.begin(), order.end(), size_t(0));
    std::sort(order.begin(), order.end(), [&](size_t i, size_t j) {
      long double a = x.data[places[i]].value, b = x.data[places[j]].value;
      return a == b ? i < j : descending ? a > b : a < b;
    });
    for (size_t i = 0; i < order.size(); ++i) {
      if (i > 0)
        compare(x.data[places[order[i - 1]]], x.data[places[order[i]]], op.trace);
      op.trace.add(static_cast<int>(order[i]));
      result.data[places[i]] = {static_cast<long double>(order[i]), 0};
    }
  });
  return result;
}

Array runningSum(const Operation &op) {
  Array result = op.args[0];
  result.elem = op.elem;
  bool reverse = op.flag("reverse");
  forEachRow(result.shape, dimension(op.integer("dim"), result.shape.size()), [&](std::vector<size_t> places) {
    if (reverse)
      std::reverse(places.begin(), places.end());
    // Parts may be summed by themselves, so each sum rounds as often as there are elements.
    Number total;
    long double size = 0, count = 0;
    for (size_t place : places) {
      Number &x = result.data[place];
      if (!sema::isFloat(op.elem)) {
        total = (*findBinary("add"))(op.elem, total, x, op.trace);
        x = total;
        continue;
      }
      total = {total.value + x.value, total.error + x.error};
      size += std::abs(x.value);
      x = count++ ? rounded(op.elem, {total.value, total.error + unitRoundoff(op.elem) * count * size}) : total;
    }
  });
  return result;
}

Array searched(const Operation &op) {
  const Array &row = op.args[0], &values = op.args[1];
  if (row.shape.size() != 1)
    throw Unsupported("searchsorted in several rows");
  Array result{op.elem, values.shape, {}};
  for (const Number &value : values.data) {
    auto before = [&](const Number &x) {
      int order = compare(x, value, op.trace);
      return op.flag("right") ? order <= 0 : order < 0;
    };
    result.data.push_back({static_cast<long double>(std::count_if(row.data.begin(), row.data.end(), before)), 0});
  }
  return result;
}

} // namespace

bool ordering(const Operation &op, Array &result) {
  if (op.name == "argsort")
    result = sorted(op);
  else if (op.name == "cumsum")
    result = runningSum(op);
  else if (op.name == "searchsorted")
    result = searched(op);
  else
    return false;
  return true;
}

} // namespace dl::reference
