// Element types: names, sizes, and choosing code by them.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dl/abi.h"
#include "runtime/core/failure.h"

namespace dl::rt {

constexpr int kDTypes = 7;

constexpr std::string_view dtypeName(int32_t dtype) {
  constexpr std::string_view names[kDTypes] = {"f32", "f64", "bf16", "i32", "i64", "u8", "bool"};
  return dtype >= 0 && dtype < kDTypes ? names[dtype] : "?";
}

constexpr int64_t dtypeSize(int32_t dtype) {
  constexpr int64_t sizes[kDTypes] = {4, 8, 2, 4, 8, 1, 1};
  return dtype >= 0 && dtype < kDTypes ? sizes[dtype] : 0;
}

constexpr bool isFloat(int32_t dtype) { return dtype == DL_F32 || dtype == DL_F64 || dtype == DL_BF16; }

// The upper half of an f32.
struct BFloat16 {
  uint16_t bits;

  BFloat16() = default;
  // Rounds to nearest, ties to even; NaN stays NaN.
  explicit BFloat16(float value) {
    uint32_t wide = std::bit_cast<uint32_t>(value);
    if (std::isnan(value))
      bits = static_cast<uint16_t>((wide >> 16) | 0x40);
    else
      bits = static_cast<uint16_t>((wide + 0x7FFF + ((wide >> 16) & 1)) >> 16);
  }
  operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};

template <class T> struct TypeTag {
  using type = T;
};

// Calls body(TypeTag<T>{}) with the C++ type of the elements; bool elements are bytes.
template <class Body> decltype(auto) dispatch(int32_t dtype, Body &&body) {
  switch (dtype) {
  case DL_F32:
    return body(TypeTag<float>{});
  case DL_F64:
    return body(TypeTag<double>{});
  case DL_BF16:
    return body(TypeTag<BFloat16>{});
  case DL_I32:
    return body(TypeTag<int32_t>{});
  case DL_I64:
    return body(TypeTag<int64_t>{});
  case DL_U8:
  case DL_BOOL:
    return body(TypeTag<uint8_t>{});
  default:
    fail("unknown element type ", dtype);
  }
}

// The same for f32 and f64 only; `what` names the operation in the error.
template <class Body> decltype(auto) dispatchFloat(int32_t dtype, std::string_view what, Body &&body) {
  switch (dtype) {
  case DL_F32:
    return body(TypeTag<float>{});
  case DL_F64:
    return body(TypeTag<double>{});
  default:
    fail(what, ": elements must be f32 or f64, not ", dtypeName(dtype));
  }
}

} // namespace dl::rt
