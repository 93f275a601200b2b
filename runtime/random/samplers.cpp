// Distributions with parameters, sampled with rejection or by searching: each element has a stream of its own.
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "runtime/random/stream.h"
#include "runtime/text/format.h"

namespace dl::rt {
namespace {

// G. Marsaglia, W. Tsang, "A simple method for generating gamma variables", 2000; below 1, a + 1 times u^(1/a).
double standardGamma(Stream &stream, double a) {
  double factor = 1;
  if (a < 1) {
    factor = portableExp(portableLog(stream.open()) / a);
    a += 1;
  }
  double d = a - 1.0 / 3, c = 1 / (3 * __builtin_sqrt(d));
  while (true) {
    double x = stream.normal(), y = 1 + c * x;
    if (y <= 0)
      continue;
    double v = y * y * y, u = stream.open(), xx = x * x;
    if (u < 1 - 0.0331 * xx * xx || portableLog(u) < 0.5 * xx + d * (1 - v + portableLog(v)))
      return factor * d * v;
  }
}

// By multiplication below 10 (D. Knuth), else W. Hörmann's transformed rejection PTRS, "The transformed rejection
// method for generating Poisson random variables", 1993.
double poisson(Stream &stream, double rate) {
  if (rate == 0)
    return 0;
  if (rate < 10) {
    double limit = portableExp(-rate), product = stream.open(), count = 0;
    for (; product > limit; product *= stream.open())
      ++count;
    return count;
  }
  double logRate = portableLog(rate), b = 0.931 + 2.53 * __builtin_sqrt(rate), a = -0.059 + 0.02483 * b;
  double inverseAlpha = 1.1239 + 1.1328 / (b - 3.4), vr = 0.9277 - 3.6224 / (b - 2);
  while (true) {
    double u = stream.unit() - 0.5, v = stream.open(), us = 0.5 - std::fabs(u);
    double k = std::floor((2 * a / us + b) * u + rate + 0.43);
    if (us >= 0.07 && v <= vr)
      return k;
    if (k < 0 || (us < 0.013 && v > us))
      continue;
    if (portableLog(v * inverseAlpha / (a / (us * us) + b)) <= -rate + k * logRate - portableLogGamma(k + 1))
      return k;
  }
}

// Waiting times below n p = 10, else W. Hörmann's BTRS, "The generation of binomial random variates", 1993.
double binomial(Stream &stream, double n, double p) {
  if (p > 0.5)
    return n - binomial(stream, n, 1 - p);
  if (p == 0 || n == 0)
    return 0;
  if (n * p < 10) {
    double scale = portableLog1p(-p), sum = 0, count = 0;
    while (true) {
      sum += std::ceil(portableLog(stream.open()) / scale);
      if (sum > n)
        return count;
      ++count;
    }
  }
  double spread = __builtin_sqrt(n * p * (1 - p)), b = 1.15 + 2.53 * spread, a = -0.0873 + 0.0248 * b + 0.01 * p;
  double centre = n * p + 0.5, vr = 0.92 - 4.2 / b, alpha = (2.83 + 5.1 / b) * spread;
  double m = std::floor((n + 1) * p), logOdds = portableLog(p / (1 - p));
  double most = portableLogGamma(m + 1) + portableLogGamma(n - m + 1);
  while (true) {
    double u = stream.unit() - 0.5, v = stream.open(), us = 0.5 - std::fabs(u);
    double k = std::floor((2 * a / us + b) * u + centre);
    if (us >= 0.07 && v <= vr)
      return k;
    if (k < 0 || k > n)
      continue;
    double bound = most - portableLogGamma(k + 1) - portableLogGamma(n - k + 1) + (k - m) * logOdds;
    if (portableLog(v * alpha / (a / (us * us) + b)) <= bound)
      return k;
  }
}

// Fills result 0 by sample(stream, parameters…); valid(parameters…) is checked before anything is drawn.
template <class Sample, class Valid>
void drawFrom(const Call &call, double least, const Sample &sample, const Valid &valid, const char *requirement) {
  const dl_value &first = call.tensor(0), &last = call.tensor(call.numIn - 1);
  dl_value &out = call.shapedResult(0);
  int64_t count = numel(out);
  if (numel(first) != count || numel(last) != count || first.dtype != out.dtype || last.dtype != out.dtype)
    call.failHere("parameters ", shapeText(first), " and ", shapeText(last), " for ", shapeText(out));
  dispatchFloat(out.dtype, call.name, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T *a = elements<const T>(first), *b = elements<const T>(last);
    T *to = elements<T>(out), floor = least > 0 ? std::numeric_limits<T>::min() : T(0);
    for (int64_t i = 0; i < count; ++i)
      if (!valid(static_cast<double>(a[i]), static_cast<double>(b[i])))
        call.failHere(requirement, ", not ", shortestFloat(static_cast<double>(a[i]), out.dtype),
                      call.numIn > 1 ? concat(" and ", shortestFloat(static_cast<double>(b[i]), out.dtype))
                                     : std::string());
    drawStreams(count, [&](Stream &stream, int64_t i) {
      to[i] = std::max(static_cast<T>(sample(stream, static_cast<double>(a[i]), static_cast<double>(b[i]))), floor);
    });
  });
}

// Weights of one row, checked: what they sum up to, in f64, and how many are not 0.
template <class T> double checkedSum(const Call &call, const T *weights, int64_t n, int64_t &positive) {
  double sum = 0;
  positive = 0;
  for (int64_t k = 0; k < n; ++k) {
    double w = static_cast<double>(weights[k]);
    if (!(w >= 0) || !std::isfinite(w))
      call.failHere("the weight ", shortestFloat(w, DL_F64), " is not a number from 0 on");
    sum += w;
    positive += w > 0;
  }
  return sum;
}

} // namespace
} // namespace dl::rt

using namespace dl::rt;

// Kernel. in: concentrations (f32 or f64).  out: of the same shape, gamma distributed with rate 1; never 0.
DL_RUNTIME_FUNCTION(standard_gamma) {
  call.expect(1, 1);
  drawFrom(
      call, 1, [](Stream &stream, double a, double) { return standardGamma(stream, a); },
      [](double a, double) { return a > 0 && std::isfinite(a); }, "the concentration must be positive");
}

// Kernel. in: rates (f32 or f64).  out: counts, of the same shape and type.
DL_RUNTIME_FUNCTION(poisson) {
  call.expect(1, 1);
  drawFrom(
      call, 0, [](Stream &stream, double rate, double) { return poisson(stream, rate); },
      [](double rate, double) { return rate >= 0 && std::isfinite(rate); }, "the rate must be 0 or more");
}

// Kernel. in: numbers of trials, probabilities (both f32 or f64).  out: counts, of the same shape and type.
DL_RUNTIME_FUNCTION(binomial) {
  call.expect(2, 1);
  drawFrom(
      call, 0, [](Stream &stream, double n, double p) { return binomial(stream, n, p); },
      [](double n, double p) { return n >= 0 && n == std::floor(n) && std::isfinite(n) && p >= 0 && p <= 1; },
      "the trials must be a whole number and the probability lie in [0, 1]");
}

// Kernel. in: weights (f32 or f64) [*S, k], replacement (i64), n (i64).  out: i64[*S, n], positions drawn in proportion
// to the weights.
DL_RUNTIME_FUNCTION(multinomial) {
  call.expect(3, 1);
  const dl_value &weights = call.tensor(0);
  bool replacement = call.integer(1);
  dl_value &out = call.shapedResult(0);
  int64_t n = out.sizes[out.rank - 1], k = weights.sizes[weights.rank - 1];
  int64_t rows = n ? numel(out) / n : 0;
  if (rows && (k == 0 || numel(weights) / k != rows))
    call.failHere("weights ", shapeText(weights), " for ", shapeText(out));
  int64_t *to = elements<int64_t>(out);
  dispatchFloat(weights.dtype, "multinomial", [&](auto tag) {
    const auto *from = elements<const typename decltype(tag)::type>(weights);
    std::vector<double> sums(static_cast<size_t>(rows));
    for (int64_t row = 0; row < rows; ++row) {
      int64_t positive;
      sums[static_cast<size_t>(row)] = checkedSum(call, from + row * k, k, positive);
      if (positive < (replacement ? 1 : n))
        call.failHere("cannot draw ", n, replacement ? "" : " different", " positions, ", positive, " of the ", k,
                      " weights are positive");
    }
    drawStreams(rows, [&](Stream &stream, int64_t row) {
      const auto *weight = from + row * k;
      int64_t *picked = to + row * n;
      std::vector<double> sorted(static_cast<size_t>(k));
      if (replacement) {
        double sum = 0;
        int64_t last = 0;
        for (int64_t i = 0; i < k; ++i) {
          sum += static_cast<double>(weight[i]);
          sorted[static_cast<size_t>(i)] = sum;
          last = weight[i] > 0 ? i : last;
        }
        for (int64_t i = 0; i < n; ++i) {
          int64_t at = std::upper_bound(sorted.begin(), sorted.end(), stream.unit() * sums[static_cast<size_t>(row)]) -
                       sorted.begin();
          picked[i] = std::min(at, last); // rounding may reach the end
        }
        return;
      }
      // Each position arrives after an exponential time of its rate; the first n win.
      for (int64_t i = 0; i < k; ++i) {
        double u = stream.open();
        sorted[static_cast<size_t>(i)] = weight[i] > 0 ? -portableLog(u) / static_cast<double>(weight[i]) : HUGE_VAL;
      }
      std::vector<int64_t> order(static_cast<size_t>(k));
      std::iota(order.begin(), order.end(), int64_t{0});
      std::partial_sort(order.begin(), order.begin() + n, order.end(), [&](int64_t i, int64_t j) {
        double a = sorted[static_cast<size_t>(i)], b = sorted[static_cast<size_t>(j)];
        return a < b || (a == b && i < j);
      });
      std::copy_n(order.begin(), n, picked);
    });
  });
}
