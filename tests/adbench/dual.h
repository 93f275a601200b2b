// Numbers that carry their derivatives in N directions: forward mode in plain C++, for the references.
#pragma once

#include <array>
#include <cmath>

namespace dl::adbench {

template <int N> struct Dual {
  double value = 0;
  std::array<double, N> d{};

  Dual() = default;
  Dual(double value) : value(value) {}
  static Dual variable(double value, int direction) {
    Dual x(value);
    x.d[static_cast<size_t>(direction)] = 1;
    return x;
  }
  // f(x) with derivative df at x.
  Dual chain(double f, double df) const {
    Dual out(f);
    for (size_t i = 0; i < N; ++i)
      out.d[i] = df * d[i];
    return out;
  }
  // a of this plus b of the other, with value f.
  Dual join(double f, double a, const Dual &other, double b) const {
    Dual out(f);
    for (size_t i = 0; i < N; ++i)
      out.d[i] = a * d[i] + b * other.d[i];
    return out;
  }

  friend Dual operator+(const Dual &x, const Dual &y) { return x.join(x.value + y.value, 1, y, 1); }
  friend Dual operator-(const Dual &x, const Dual &y) { return x.join(x.value - y.value, 1, y, -1); }
  friend Dual operator*(const Dual &x, const Dual &y) { return x.join(x.value * y.value, y.value, y, x.value); }
  friend Dual operator/(const Dual &x, const Dual &y) {
    double q = x.value / y.value;
    return x.join(q, 1 / y.value, y, -q / y.value);
  }
  friend Dual operator-(const Dual &x) { return x.chain(-x.value, -1); }
  Dual &operator+=(const Dual &y) { return *this = *this + y; }
  friend Dual sin(const Dual &x) { return x.chain(std::sin(x.value), std::cos(x.value)); }
  friend Dual cos(const Dual &x) { return x.chain(std::cos(x.value), -std::sin(x.value)); }
  friend Dual sqrt(const Dual &x) {
    double root = std::sqrt(x.value);
    return x.chain(root, 0.5 / root);
  }
};

inline double valueOf(double x) { return x; }
template <int N> double valueOf(const Dual<N> &x) { return x.value; }

} // namespace dl::adbench
