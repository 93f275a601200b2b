#include "runtime/core/arguments.h"

#include <algorithm>
#include <cstring>

namespace dl::rt {

int64_t checkedBytes(const int64_t *sizes, int rank, int64_t elementSize) {
  int64_t bytes = elementSize;
  bool empty = false;
  for (int d = 0; d < rank; ++d) {
    if (sizes[d] < 0)
      fail("a tensor cannot have the shape ", sizesText(sizes, rank));
    if (__builtin_mul_overflow(bytes, std::max<int64_t>(sizes[d], 1), &bytes))
      fail("out of memory: a tensor of shape ", sizesText(sizes, rank));
    empty |= sizes[d] == 0;
  }
  return empty ? 0 : bytes;
}

dl_value &Call::tensorResult(int64_t i, int32_t dtype, const int64_t *sizes, int rank) const {
  dl_value &value = result(i);
  bool agrees = value.dtype == dtype && value.rank == rank;
  for (int d = 0; agrees && d < rank; ++d)
    agrees = value.sizes[d] == sizes[d] || (!value.data && value.sizes[d] == -1);
  if (!agrees)
    failHere("the result is ", dtypeName(dtype), sizesText(sizes, rank), ", ", shapeText(value), " is expected");
  if (!value.data) {
    void *data = allocate(checkedBytes(sizes, rank, dtypeSize(dtype)));
    value.data = data;
    for (int d = 0; d < rank; ++d)
      value.sizes[d] = sizes[d];
  }
  return value;
}

dl_value &Call::shapedResult(int64_t i) const {
  dl_value &value = result(i);
  if (value.rank > 0 && !value.data)
    value.data = allocate(checkedBytes(value.sizes, value.rank, dtypeSize(value.dtype)));
  return value;
}

void Call::setString(int64_t i, std::string_view text) const {
  int64_t size = static_cast<int64_t>(text.size());
  dl_value &value = tensorResult(i, DL_U8, &size, 1);
  if (size)
    std::memcpy(value.data, text.data(), text.size());
}

void Call::setInteger(int64_t i, int64_t number) const {
  dl_value &value = result(i);
  if (value.rank != 0)
    failHere("result ", i, " is no scalar");
  if (isFloat(value.dtype))
    value.f = static_cast<double>(number);
  else
    value.i = number;
}

void Call::setNumber(int64_t i, double number) const {
  dl_value &value = result(i);
  if (value.rank != 0 || !isFloat(value.dtype))
    failHere("result ", i, " is no floating-point scalar");
  value.f = number;
}

} // namespace dl::rt
