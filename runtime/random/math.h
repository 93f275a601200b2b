// Logarithms, exponentials, sine and cosine in plain IEEE operations, so that random numbers have the same bits on
// every machine: the C library's differ from version to version. Compile without contraction of multiplications and
// additions.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

#include "runtime/kernels/targets.h"

namespace dl::rt {

// ln x for normal x > 0. x = 2^e m with m in [1/sqrt 2, sqrt 2); ln m = 2 atanh(s), s = (m - 1) / (m + 1), by its
// Taylor series.
DL_INLINE double portableLog(double x) {
  int64_t bits = std::bit_cast<int64_t>(x);
  int64_t shifted = bits - 0x3FE6A09E667F3BCD; // 1 / sqrt 2
  int64_t exponent = shifted >> 52;
  double m = std::bit_cast<double>(bits - (exponent << 52));
  double s = (m - 1) / (m + 1), z = s * s;
  double p = 1.0 / 19;
  p = p * z + 1.0 / 17;
  p = p * z + 1.0 / 15;
  p = p * z + 1.0 / 13;
  p = p * z + 1.0 / 11;
  p = p * z + 1.0 / 9;
  p = p * z + 1.0 / 7;
  p = p * z + 1.0 / 5;
  p = p * z + 1.0 / 3;
  return static_cast<double>(static_cast<int32_t>(exponent)) * 0.693147180559945309417232 + (2 * s + 2 * s * (z * p));
}

struct Turn {
  double cosine, sine;
};

// cos(2 pi t) and sin(2 pi t) for t in [0, 1): a quarter turn by Taylor series around the nearest axis.
DL_INLINE Turn portableTurn(double t) {
  int32_t quarter = static_cast<int32_t>(t * 4 + 0.5);              // 0 … 4
  double angle = (t - quarter * 0.25) * 6.283185307179586476925287; // in [-pi/4, pi/4]
  double z = angle * angle;
  double s = -1.0 / 1307674368000;
  s = s * z + 1.0 / 6227020800;
  s = s * z - 1.0 / 39916800;
  s = s * z + 1.0 / 362880;
  s = s * z - 1.0 / 5040;
  s = s * z + 1.0 / 120;
  s = s * z - 1.0 / 6;
  s = angle + angle * (z * s);
  double c = 1.0 / 20922789888000;
  c = c * z - 1.0 / 87178291200;
  c = c * z + 1.0 / 479001600;
  c = c * z - 1.0 / 3628800;
  c = c * z + 1.0 / 40320;
  c = c * z - 1.0 / 720;
  c = c * z + 1.0 / 24;
  c = c * z - 0.5;
  c = 1 + z * c;
  bool swap = quarter & 1;
  double cosine = swap ? s : c, sine = swap ? c : s;
  cosine = ((quarter + 1) & 2) ? -cosine : cosine;
  sine = (quarter & 2) ? -sine : sine;
  return {cosine, sine};
}

// e^x: 2^n e^r with |r| <= ln(2) / 2, by its Taylor series. 0 below -745, infinite above 709.
inline double portableExp(double x) {
  if (x != x)
    return x;
  if (x > 709)
    return std::numeric_limits<double>::infinity();
  if (x < -745)
    return 0;
  double scaled = x * 1.442695040888963407;
  int32_t n = static_cast<int32_t>(scaled + (scaled < 0 ? -0.5 : 0.5));
  // ln 2 in two parts, the first with so few digits that its multiples are exact.
  double r = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
  double p = 1;
  for (int k = 14; k > 0; --k)
    p = 1 + r * p / k;
  auto power = [](int32_t exponent) { return std::bit_cast<double>(static_cast<int64_t>(exponent + 1023) << 52); };
  // In two steps, since the result may be subnormal.
  return p * power(n / 2) * power(n - n / 2);
}

// ln(1 + x) for x > -1: the rounding of 1 + x is made good (W. Kahan).
inline double portableLog1p(double x) {
  double u = 1 + x;
  return u == 1 ? x : portableLog(u) * x / (u - 1);
}

// ln Gamma(x) for x > 0: Stirling's series from 10 on, the recurrence below.
inline double portableLogGamma(double x) {
  double product = 1;
  for (; x < 10; x += 1)
    product *= x;
  double z = 1 / (x * x);
  double p = -691.0 / 360360;
  p = p * z + 1.0 / 1188;
  p = p * z - 1.0 / 1680;
  p = p * z + 1.0 / 1260;
  p = p * z - 1.0 / 360;
  p = p * z + 1.0 / 12;
  return (x - 0.5) * portableLog(x) - x + 0.918938533204672741780 + p / x - portableLog(product);
}

} // namespace dl::rt
