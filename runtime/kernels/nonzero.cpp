// Where a mask holds.
#include <algorithm>

#include "runtime/core/arguments.h"

using namespace dl::rt;

// in: mask (bool[n]).  out: i64[k], the positions of the elements that are true, in order.
DL_RUNTIME_FUNCTION(nonzero) {
  call.expect(1, 1);
  const dl_value &mask = call.tensor(0, 1);
  if (mask.dtype != DL_BOOL)
    call.failHere("the mask is ", shapeText(mask), ", not bool");
  const uint8_t *set = elements<const uint8_t>(mask);
  int64_t n = mask.sizes[0], count = n - std::count(set, set + n, uint8_t{0});
  int64_t *to = elements<int64_t>(call.tensorResult(0, DL_I64, &count, 1));
  for (int64_t i = 0; i < n; ++i)
    if (set[i])
      *to++ = i;
}
