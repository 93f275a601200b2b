// The tensor a C++ host hands to compiled code and gets back.
//
// Copies of a Tensor share its elements, as with NumPy; clone() copies them. Nothing here throws: what cannot be done
// yields an invalid tensor.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "dl/abi.h"

namespace dl {

enum class DType : int32_t {
  f32 = DL_F32,
  f64 = DL_F64,
  bf16 = DL_BF16,
  i32 = DL_I32,
  i64 = DL_I64,
  u8 = DL_U8,
  boolean = DL_BOOL,
};

// "f32", "bool", …
const char *name(DType dtype);
int64_t size(DType dtype);

template <class T> constexpr DType dtypeOf() {
  if constexpr (std::is_same_v<T, float>)
    return DType::f32;
  else if constexpr (std::is_same_v<T, double>)
    return DType::f64;
  else if constexpr (std::is_same_v<T, int32_t>)
    return DType::i32;
  else if constexpr (std::is_same_v<T, int64_t> || (std::is_integral_v<T> && std::is_signed_v<T> && sizeof(T) == 8))
    return DType::i64;
  else if constexpr (std::is_same_v<T, uint8_t>)
    return DType::u8;
  else {
    static_assert(std::is_same_v<T, bool>, "no element type of dl");
    return DType::boolean;
  }
}

class Tensor {
public:
  // An invalid tensor.
  Tensor() = default;

  // A scalar.
  template <class T>
    requires std::is_arithmetic_v<T>
  Tensor(T value) : Tensor(uninitialised(dtypeOf<T>(), {})) {
    if (T *p = data<T>())
      *p = value;
  }

  // A str.
  static Tensor string(std::string_view text);

  // Row-major, elements not set. Invalid when the shape is negative, of rank above DL_MAX_RANK, or too large for the
  // memory.
  static Tensor uninitialised(DType dtype, std::span<const int64_t> shape);
  static Tensor uninitialised(DType dtype, std::initializer_list<int64_t> shape) {
    return uninitialised(dtype, std::span(shape.begin(), shape.size()));
  }
  static Tensor zeros(DType dtype, std::span<const int64_t> shape);
  static Tensor zeros(DType dtype, std::initializer_list<int64_t> shape) {
    return zeros(dtype, std::span(shape.begin(), shape.size()));
  }

  // The host's own row-major elements, not copied: they must outlive every use of the tensor.
  template <class T> static Tensor borrow(T *elements, std::span<const int64_t> shape) {
    return wrap(const_cast<std::remove_const_t<T> *>(elements), dtypeOf<std::remove_const_t<T>>(), shape);
  }
  template <class T> static Tensor borrow(T *elements, std::initializer_list<int64_t> shape) {
    return borrow(elements, std::span(shape.begin(), shape.size()));
  }

  // A copy of values; invalid when their number does not fit the shape.
  template <class T> static Tensor from(std::span<const T> values, std::span<const int64_t> shape) {
    Tensor result = uninitialised(dtypeOf<T>(), shape);
    if (!result.valid() || result.numel() != static_cast<int64_t>(values.size()))
      return {};
    std::copy(values.begin(), values.end(), result.data<T>());
    return result;
  }
  template <class T> static Tensor from(std::initializer_list<T> values, std::initializer_list<int64_t> shape) {
    return from(std::span<const T>(values.begin(), values.size()), std::span(shape.begin(), shape.size()));
  }
  template <class T> static Tensor from(const std::vector<T> &values, std::initializer_list<int64_t> shape) {
    return from(std::span<const T>(values), std::span(shape.begin(), shape.size()));
  }

  // Takes over a result of compiled code: its block is freed with the last copy.
  static Tensor adopt(const dl_value &value);

  // The same elements as an argument of compiled code; valid as long as this tensor is.
  dl_value value() const;

  Tensor clone() const;

  bool valid() const { return ok; }
  DType dtype() const { return type; }
  int rank() const { return static_cast<int>(sizes.size()); }
  const std::vector<int64_t> &shape() const { return sizes; }
  int64_t size(int dimension) const { return sizes[static_cast<size_t>(dimension)]; }
  int64_t numel() const;
  int64_t bytes() const { return numel() * dl::size(type); }

  // The elements, or nullptr when they are of another type.
  template <class T> T *data() { return ok && dtypeOf<T>() == type ? static_cast<T *>(memory.get()) : nullptr; }
  template <class T> const T *data() const {
    return ok && dtypeOf<T>() == type ? static_cast<const T *>(memory.get()) : nullptr;
  }
  void *raw() { return memory.get(); }
  const void *raw() const { return memory.get(); }
  template <class T> std::span<const T> span() const {
    const T *p = data<T>();
    return {p, p ? static_cast<size_t>(numel()) : 0};
  }

  // The only element, converted; 0 for a tensor that does not hold exactly one.
  double item() const;
  // The text of a str.
  std::string text() const;

private:
  static Tensor wrap(void *elements, DType dtype, std::span<const int64_t> shape);

  std::shared_ptr<void> memory;
  std::vector<int64_t> sizes;
  DType type = DType::f32;
  bool ok = false;
};

} // namespace dl
