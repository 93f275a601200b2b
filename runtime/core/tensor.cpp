#include "dl/tensor.h"

#include <algorithm>
#include <cstring>

#include "runtime/core/dtype.h"
#include "runtime/core/memory.h"

namespace dl {

const char *name(DType dtype) { return rt::dtypeName(static_cast<int32_t>(dtype)).data(); }
int64_t size(DType dtype) { return rt::dtypeSize(static_cast<int32_t>(dtype)); }

namespace {

// The bytes of a tensor, or -1 when there can be no such tensor.
int64_t bytesOf(DType dtype, std::span<const int64_t> shape) {
  if (shape.size() > DL_MAX_RANK || size(dtype) == 0)
    return -1;
  int64_t bytes = size(dtype);
  for (int64_t extent : shape)
    if (extent < 0 || __builtin_mul_overflow(bytes, extent, &bytes))
      return -1;
  return bytes;
}

} // namespace

Tensor Tensor::wrap(void *elements, DType dtype, std::span<const int64_t> shape) {
  Tensor result;
  if (bytesOf(dtype, shape) < 0)
    return result;
  result.memory = std::shared_ptr<void>(elements, [](void *) {});
  result.sizes.assign(shape.begin(), shape.end());
  result.type = dtype;
  result.ok = true;
  return result;
}

Tensor Tensor::uninitialised(DType dtype, std::span<const int64_t> shape) {
  int64_t bytes = bytesOf(dtype, shape);
  void *block = bytes < 0 ? nullptr : rt::tryAllocate(static_cast<size_t>(bytes));
  if (!block)
    return {};
  Tensor result = wrap(block, dtype, shape);
  result.memory = std::shared_ptr<void>(block, rt::release);
  return result;
}

Tensor Tensor::zeros(DType dtype, std::span<const int64_t> shape) {
  Tensor result = uninitialised(dtype, shape);
  if (result.valid())
    std::memset(result.raw(), 0, static_cast<size_t>(result.bytes()));
  return result;
}

Tensor Tensor::string(std::string_view text) {
  int64_t length = static_cast<int64_t>(text.size());
  Tensor result = uninitialised(DType::u8, {length});
  if (result.valid())
    std::copy(text.begin(), text.end(), result.data<uint8_t>());
  return result;
}

Tensor Tensor::adopt(const dl_value &value) {
  DType dtype = static_cast<DType>(value.dtype);
  std::span<const int64_t> shape(value.sizes, static_cast<size_t>(value.rank));
  if (value.rank > 0) {
    Tensor result = wrap(value.data, dtype, shape);
    if (result.valid())
      result.memory = std::shared_ptr<void>(value.data, rt::release);
    return result;
  }
  Tensor result = uninitialised(dtype, shape);
  if (!result.valid())
    return result;
  rt::dispatch(value.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T element;
    if constexpr (std::is_same_v<T, rt::BFloat16>)
      element = T(static_cast<float>(value.f));
    else
      element = rt::isFloat(value.dtype) ? static_cast<T>(value.f) : static_cast<T>(value.i);
    std::memcpy(result.raw(), &element, sizeof element);
  });
  return result;
}

dl_value Tensor::value() const {
  dl_value value{};
  value.dtype = static_cast<int32_t>(type);
  value.rank = rank();
  std::copy(sizes.begin(), sizes.end(), value.sizes);
  if (rank() > 0 || !ok) {
    value.data = memory.get();
    return value;
  }
  rt::dispatch(value.dtype, [&](auto tag) {
    typename decltype(tag)::type element;
    std::memcpy(&element, memory.get(), sizeof element);
    if (rt::isFloat(value.dtype))
      value.f = static_cast<double>(element);
    else
      value.i = static_cast<int64_t>(element);
  });
  return value;
}

Tensor Tensor::clone() const {
  Tensor result = ok ? uninitialised(type, sizes) : Tensor();
  if (result.valid())
    std::memcpy(result.raw(), raw(), static_cast<size_t>(bytes()));
  return result;
}

int64_t Tensor::numel() const {
  int64_t count = ok ? 1 : 0;
  for (int64_t extent : sizes)
    count *= extent;
  return count;
}

double Tensor::item() const {
  if (numel() != 1)
    return 0;
  return rt::dispatch(static_cast<int32_t>(type), [&](auto tag) {
    return static_cast<double>(*static_cast<const typename decltype(tag)::type *>(raw()));
  });
}

std::string Tensor::text() const {
  std::span<const uint8_t> characters = span<uint8_t>();
  return {characters.begin(), characters.end()};
}

} // namespace dl
