// Little-endian numbers in files, and the element types that only files have.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

namespace dl::rt {

static_assert(std::endian::native == std::endian::little);

template <class T> T loadAs(const uint8_t *from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// IEEE half precision to single; exact.
inline float halfToFloat(uint16_t half) {
  uint32_t sign = uint32_t{half & 0x8000u} << 16, exponent = half >> 10 & 31, mantissa = half & 1023u;
  if (exponent == 31)
    return std::bit_cast<float>(sign | 0x7F800000 | mantissa << 13);
  if (exponent == 0) {
    float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
}

} // namespace dl::rt
