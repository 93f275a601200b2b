// Along one dimension: sorting, searching, running sums.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "runtime/core/arguments.h"
#include "runtime/core/threads.h"

using namespace dl::rt;

namespace {

// A tensor as lines along a dimension: line l has `length` elements, `step` apart, from start(l) on.
struct Lines {
  int64_t count, length, step;

  Lines(const dl_value &value, int64_t dim) : count(1), length(value.sizes[dim]), step(1) {
    for (int d = 0; d < value.rank; ++d) {
      count *= d == dim ? 1 : value.sizes[d];
      step *= d > dim ? value.sizes[d] : 1;
    }
  }
  int64_t start(int64_t line) const { return line / step * step * length + line % step; }
  // Lines worth a thread, for work that grows with the number of elements.
  int64_t grain() const { return std::max<int64_t>(1, 4096 / std::max<int64_t>(length, 1)); }
};

int64_t dimensionOf(const Call &call, int64_t argument) {
  int64_t dim = call.integer(argument), rank = call.tensor(0).rank;
  if (dim < 0 || dim >= rank)
    call.failHere("there is no dimension ", dim, " in ", shapeText(call.tensor(0)));
  return dim;
}

// NaN is larger than every number, as in PyTorch.
template <class T> bool less(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return a < b;
  else
    return static_cast<double>(a) < static_cast<double>(b) ||
           (std::isnan(static_cast<double>(b)) && !std::isnan(static_cast<double>(a)));
}

} // namespace

// Kernel. in: x, dim, descending (i64).  out: i64 of x's shape, the positions in sorted order; equal elements keep
// theirs.
DL_RUNTIME_FUNCTION(argsort) {
  call.expect(3, 1);
  const dl_value &x = call.tensor(0);
  Lines lines(x, dimensionOf(call, 1));
  bool descending = call.integer(2);
  int64_t *to = elements<int64_t>(call.tensorResult(0, DL_I64, x.sizes, x.rank));
  dispatch(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T *from = elements<const T>(x);
    parallelFor(0, lines.count, lines.grain(), [&](int64_t first, int64_t last) {
      std::vector<int64_t> order(static_cast<size_t>(lines.length));
      for (int64_t line = first; line < last; ++line) {
        const T *values = from + lines.start(line);
        std::iota(order.begin(), order.end(), int64_t{0});
        std::sort(order.begin(), order.end(), [&](int64_t i, int64_t j) {
          T a = values[i * lines.step], b = values[j * lines.step];
          if (descending ? less(b, a) : less(a, b))
            return true;
          return !(descending ? less(a, b) : less(b, a)) && i < j;
        });
        for (int64_t i = 0; i < lines.length; ++i)
          to[lines.start(line) + i * lines.step] = order[static_cast<size_t>(i)];
      }
    });
  });
}

// Kernel. in: x, dim, reverse (i64).  out: of x's type, the sums of the elements up to each one (from it on when
// reverse), added in order in f64 or i64.
DL_RUNTIME_FUNCTION(cumsum) {
  call.expect(3, 1);
  const dl_value &x = call.tensor(0);
  Lines lines(x, dimensionOf(call, 1));
  bool reverse = call.integer(2);
  dl_value &out = call.tensorResult(0, x.dtype, x.sizes, x.rank);
  dispatch(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    using Sum = std::conditional_t<std::is_integral_v<T>, int64_t, double>;
    using Number = std::conditional_t<std::is_integral_v<T> || std::is_same_v<T, double>, T, float>;
    const T *from = elements<const T>(x);
    T *to = elements<T>(out);
    parallelFor(0, lines.count, lines.grain(), [&](int64_t first, int64_t last) {
      for (int64_t line = first; line < last; ++line) {
        Sum sum = 0;
        for (int64_t i = 0; i < lines.length; ++i) {
          int64_t at = lines.start(line) + (reverse ? lines.length - 1 - i : i) * lines.step;
          sum += static_cast<Sum>(from[at]);
          to[at] = T(static_cast<Number>(sum));
        }
      }
    });
  });
}

// Kernel. in: sorted [n] or [*S, n], values ([*S, m] in the second case), right (i64).  out: i64 of the values' shape,
// the first position whose element is not less than the value (`right`: is greater).
DL_RUNTIME_FUNCTION(searchsorted) {
  call.expect(3, 1);
  const dl_value &sorted = call.tensor(0), &values = call.tensor(1);
  bool right = call.integer(2), shared = sorted.rank == 1;
  if (!shared &&
      (sorted.rank != values.rank || !std::equal(sorted.sizes, sorted.sizes + sorted.rank - 1, values.sizes)))
    call.failHere("sorted numbers ", shapeText(sorted), " for values ", shapeText(values));
  int64_t length = sorted.sizes[sorted.rank - 1], row = std::max<int64_t>(values.sizes[values.rank - 1], 1);
  int64_t *to = elements<int64_t>(call.tensorResult(0, DL_I64, values.sizes, values.rank));
  dispatch(sorted.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T *from = elements<const T>(sorted), *wanted = elements<const T>(values);
    parallelFor(0, numel(values), 1024, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        const T *begin = from + (shared ? 0 : i / row * length), *end = begin + length;
        to[i] = (right ? std::upper_bound(begin, end, wanted[i], less<T>)
                       : std::lower_bound(begin, end, wanted[i], less<T>)) -
                begin;
      }
    });
  });
}
