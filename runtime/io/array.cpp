#include "runtime/io/array.h"

#include <algorithm>
#include <cstring>

namespace dl::rt {

int64_t declaredBytes(const std::vector<int64_t> &sizes, int64_t elementSize, uint64_t limit) {
  if (sizes.size() > DL_MAX_RANK)
    return -1;
  int64_t bytes = elementSize;
  bool empty = false;
  for (int64_t extent : sizes) {
    if (extent < 0 || __builtin_mul_overflow(bytes, std::max<int64_t>(extent, 1), &bytes))
      return -1;
    empty |= extent == 0;
  }
  if (empty)
    return 0;
  return static_cast<uint64_t>(bytes) > limit ? -1 : bytes;
}

ArrayView viewOf(const dl_value &value, uint64_t &storage) {
  std::vector<int64_t> sizes(value.sizes, value.sizes + value.rank);
  if (value.rank > 0)
    return {value.dtype, std::move(sizes), value.data};
  dispatch(value.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T element;
    if constexpr (std::is_same_v<T, BFloat16>)
      element = T(static_cast<float>(value.f));
    else
      element = isFloat(value.dtype) ? static_cast<T>(value.f) : static_cast<T>(value.i);
    std::memcpy(&storage, &element, sizeof element);
  });
  return {value.dtype, std::move(sizes), &storage};
}

namespace {

bool converts(int32_t from, int32_t to) { return from == to || isFloat(to) || (to == DL_I64 && !isFloat(from)); }

template <class From, class To> void convert(const uint8_t *from, void *to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    From element;
    std::memcpy(&element, from + i * static_cast<int64_t>(sizeof(From)), sizeof element);
    if constexpr (std::is_same_v<To, BFloat16> || std::is_same_v<From, BFloat16>)
      static_cast<To *>(to)[i] = To(static_cast<float>(element));
    else
      static_cast<To *>(to)[i] = static_cast<To>(element);
  }
}

} // namespace

void copyElements(const Array &array, int32_t dtype, void *to) {
  if (array.dtype == dtype) {
    if (!array.bytes.empty())
      std::memcpy(to, array.bytes.data(), array.bytes.size());
    return;
  }
  dispatch(array.dtype, [&](auto from) {
    dispatch(dtype, [&](auto target) {
      convert<typename decltype(from)::type, typename decltype(target)::type>(array.bytes.data(), to, array.numel());
    });
  });
}

std::string mismatch(const dl_value &wanted, const Array &array) {
  bool agrees = array.rank() == wanted.rank && converts(array.dtype, wanted.dtype);
  for (int d = 0; agrees && d < wanted.rank; ++d)
    agrees = wanted.sizes[d] == array.sizes[static_cast<size_t>(d)] || (!wanted.data && wanted.sizes[d] == -1);
  if (agrees)
    return "";
  std::string text(dtypeName(wanted.dtype));
  for (int d = 0; d < wanted.rank; ++d)
    text += concat(d ? ", " : "[", wanted.sizes[d] == -1 ? "_" : std::to_string(wanted.sizes[d]));
  return concat("holds ", arrayText(array.dtype, array.sizes), ", ", text, wanted.rank ? "]" : "", " is expected");
}

void deliver(const Call &call, int64_t i, const Array &array, std::string_view what) {
  dl_value &value = call.result(i);
  if (std::string problem = mismatch(value, array); !problem.empty())
    fail(what, ": ", problem);
  if (value.rank > 0) {
    call.tensorResult(i, value.dtype, array.sizes.data(), value.rank);
    copyElements(array, value.dtype, value.data);
    return;
  }
  alignas(8) uint8_t element[8] = {};
  copyElements(array, value.dtype, element);
  dispatch(value.dtype, [&](auto tag) {
    typename decltype(tag)::type number;
    std::memcpy(&number, element, sizeof number);
    if (isFloat(value.dtype))
      value.f = static_cast<double>(number);
    else
      value.i = static_cast<int64_t>(number);
  });
}

} // namespace dl::rt
