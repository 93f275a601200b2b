#include "runtime/kernels/special.h"

#include <cmath>
#include <limits>

#include "runtime/core/arguments.h"
#include "runtime/core/threads.h"

namespace dl::rt {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

} // namespace

double logGamma(double x) {
  int sign;
  return lgamma_r(x, &sign);
}

double digamma(double x) {
  if (x == 0)
    return std::copysign(kInfinity, -x);
  if (x < 0) {
    if (x == std::floor(x))
      return kNaN;
    double whole, part = std::modf(x, &whole); // the tangent's period is 1
    return digamma(1 - x) - M_PI / std::tan(M_PI * part);
  }
  double result = 0;
  for (; x < 10; x += 1)
    result -= 1 / x;
  double y = 0;
  if (x < 1e17) {
    double z = 1 / (x * x);
    constexpr double terms[] = {1.0 / 12, -691.0 / 32760, 1.0 / 132, -1.0 / 240, 1.0 / 252, -1.0 / 120, 1.0 / 12};
    for (double term : terms)
      y = y * z + term;
    y *= z;
  }
  return result + std::log(x) - 0.5 / x - y;
}

double zeta(double s, double q) {
  if (s == 1)
    return kInfinity;
  if (!(s > 1) || std::isnan(q))
    return kNaN;
  if (q <= 0) {
    if (q == std::floor(q))
      return kInfinity;
    if (s != std::floor(s))
      return kNaN;
  }
  double sum = std::pow(q, -s), at = q, power = 0;
  for (int i = 0; i < 9 || at <= 9; ++i) {
    at += 1;
    power = std::pow(at, -s);
    sum += power;
    if (std::fabs(power) < kEpsilon / 2 * std::fabs(sum))
      return sum;
  }
  sum += power * at / (s - 1) - 0.5 * power;
  // B(2k) / (2k)!, inverted.
  constexpr double terms[] = {12.0,
                              -720.0,
                              30240.0,
                              -1209600.0,
                              47900160.0,
                              -1.8924375803183791606e9,
                              7.47242496e10,
                              -2.950130727918164224e12,
                              1.1646782814350067249e14,
                              -4.5979787224074726105e15,
                              1.8152105401943546773e17,
                              -7.1661652561756670113e18};
  double rising = 1, k = 0;
  for (double term : terms) {
    rising *= s + k;
    power /= at;
    double added = rising * power / term;
    sum += added;
    if (std::fabs(added / sum) < kEpsilon / 2)
      return sum;
    rising *= s + k + 1;
    power /= at;
    k += 2;
  }
  return sum;
}

namespace {

// A number and its derivative by a.
struct Dual {
  double value, slope;
};
Dual operator+(Dual x, Dual y) { return {x.value + y.value, x.slope + y.slope}; }
Dual operator*(Dual x, Dual y) { return {x.value * y.value, x.slope * y.value + x.value * y.slope}; }
Dual operator/(Dual x, Dual y) {
  double q = x.value / y.value;
  return {q, (x.slope - q * y.slope) / y.value};
}

constexpr int kMostTerms = 20000;

// With p(x) = x^(a-1) e^-x / Gamma(a): P = p x / a (1 + x / (a + 1) + x^2 / ((a + 1)(a + 2)) + …). The p cancels:
// -(dP/da) / p = -x (d/da log p S + dS/da), S = 1 / a + ….
double gradientBySeries(double a, double x, double logSlope) {
  Dual term = Dual{1, 0} / Dual{a, 1}, sum = term;
  for (int n = 1; n < kMostTerms; ++n) {
    term = term * (Dual{x, 0} / Dual{a + n, 1});
    sum = sum + term;
    if (term.value < kEpsilon * sum.value && std::fabs(term.slope) <= kEpsilon * std::fabs(sum.slope))
      break;
  }
  return -x * (logSlope * sum.value + sum.slope);
}

// 1 - P = p x h, h the continued fraction 1 / (x + 1 - a - 1 (1 - a) / (x + 3 - a - …)), by Lentz's method.
double gradientByFraction(double a, double x, double logSlope) {
  constexpr double tiny = 1e-300;
  Dual b{x + 1 - a, -1}, c{1 / tiny, 0}, d = Dual{1, 0} / b, h = d;
  for (int i = 1; i < kMostTerms; ++i) {
    Dual an{-i * (i - a), static_cast<double>(i)};
    b = b + Dual{2, 0};
    d = an * d + b;
    if (std::fabs(d.value) < tiny)
      d.value = tiny;
    c = b + an / c;
    if (std::fabs(c.value) < tiny)
      c.value = tiny;
    d = Dual{1, 0} / d;
    Dual step = d * c;
    h = h * step;
    if (std::fabs(step.value - 1) < kEpsilon && std::fabs(step.slope) < kEpsilon * std::fabs(h.slope / h.value))
      break;
  }
  return x * (logSlope * h.value + h.slope);
}

} // namespace

double gammaSampleGradient(double a, double x) {
  if (!(a > 0) || !(x >= 0))
    return kNaN;
  if (x == 0)
    return 0;
  if (a >= 1e5) {
    // x = a (1 - 1 / (9 a) + z / (3 sqrt a))^3 for a fixed normal quantile z.
    double root = std::cbrt(x / a), z = (root - 1 + 1 / (9 * a)) * 3 * std::sqrt(a);
    return x / a + 3 * a * root * root * (1 / (9 * a * a) - z / (6 * a * std::sqrt(a)));
  }
  double logSlope = std::log(x) - digamma(a); // of p by a
  return x < a + 1 ? gradientBySeries(a, x, logSlope) : gradientByFraction(a, x, logSlope);
}

namespace {

constexpr int64_t kGrain = 256; // numbers worth a thread

template <class Function> void mapFloats(const Call &call, Function function) {
  dl_value &out = call.shapedResult(0);
  const dl_value &x = call.tensor(0), &y = call.tensor(call.numIn - 1);
  int64_t count = numel(out);
  if (numel(x) != count || numel(y) != count || x.dtype != out.dtype || y.dtype != out.dtype)
    call.failHere("operands ", shapeText(x), " and ", shapeText(y), " for ", shapeText(out));
  if (!isFloat(out.dtype))
    call.failHere("elements must be floating-point, not ", dtypeName(out.dtype));
  dispatch(out.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    using Number = std::conditional_t<std::is_same_v<T, double>, double, float>;
    const T *a = elements<const T>(x), *b = elements<const T>(y);
    T *to = elements<T>(out);
    parallelFor(0, count, kGrain, [&](int64_t from, int64_t end) {
      for (int64_t i = from; i < end; ++i)
        to[i] = T(static_cast<Number>(function(static_cast<double>(a[i]), static_cast<double>(b[i]))));
    });
  });
}

} // namespace
} // namespace dl::rt

using namespace dl::rt;

// Kernels. in: one or two tensors of f32, f64 or bf16.  out: the function of each element.
DL_RUNTIME_FUNCTION(erfc) {
  call.expect(1, 1);
  mapFloats(call, [](double x, double) { return std::erfc(x); });
}
DL_RUNTIME_FUNCTION(lgamma) {
  call.expect(1, 1);
  mapFloats(call, [](double x, double) { return logGamma(x); });
}
DL_RUNTIME_FUNCTION(digamma) {
  call.expect(1, 1);
  mapFloats(call, [](double x, double) { return digamma(x); });
}
DL_RUNTIME_FUNCTION(zeta) {
  call.expect(2, 1);
  mapFloats(call, zeta);
}
DL_RUNTIME_FUNCTION(gamma_sample_gradient) {
  call.expect(2, 1);
  mapFloats(call, gammaSampleGradient);
}
