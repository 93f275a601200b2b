// Elements of differing size that lie one after another.
#include "runtime/core/arguments.h"

using namespace dl::rt;

// in: ends (i64[n]), where each element ends; index (i64[k]), negative ones count from the end.
// out: i64[m], the rows of the chosen elements; i64[k], where each of them ends.
DL_RUNTIME_FUNCTION(ragged_rows) {
  call.expect(2, 2);
  const dl_value &ends = call.tensor(0, 1), &index = call.tensor(1, 1);
  const int64_t *end = elements<const int64_t>(ends), *chosen = elements<const int64_t>(index);
  int64_t n = ends.sizes[0], k = index.sizes[0], total = 0;
  auto at = [&](int64_t i) { return chosen[i] < 0 ? chosen[i] + n : chosen[i]; };
  auto begin = [&](int64_t i) { return i == 0 ? 0 : end[i - 1]; };
  int64_t *newEnds = elements<int64_t>(call.tensorResult(1, DL_I64, &k, 1));
  for (int64_t i = 0; i < k; ++i) {
    if (at(i) < 0 || at(i) >= n)
      fail("index ", chosen[i], " is out of range for size ", n);
    total += end[at(i)] - begin(at(i));
    newEnds[i] = total;
  }
  int64_t *rows = elements<int64_t>(call.tensorResult(0, DL_I64, &total, 1));
  for (int64_t i = 0; i < k; ++i)
    for (int64_t row = begin(at(i)); row < end[at(i)]; ++row)
      *rows++ = row;
}
