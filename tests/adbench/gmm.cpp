// The mixture's log-likelihood point by point, and its gradient by hand.
#include "tests/adbench/problems.h"

#include <algorithm>
#include <cmath>

namespace dl::adbench {
namespace {

double logSumExp(const Numbers &x) {
  double top = *std::max_element(x.begin(), x.end()), sum = 0;
  for (double value : x)
    sum += std::exp(value - top);
  return top + std::log(sum);
}

// Value, and gradient where the pointers are not null.
double likelihood(const Gmm &p, double *dAlphas, double *dMeans, double *dIcf) {
  const int64_t d = p.d, k = p.k, rows = d * (d + 1) / 2;
  const double pi = 3.14159265358979323846;
  Numbers diagonals(static_cast<size_t>(k * d)), sums(static_cast<size_t>(k));
  for (int64_t c = 0; c < k; ++c)
    for (int64_t i = 0; i < d; ++i) {
      sums[c] += p.icf[c * rows + i];
      diagonals[c * d + i] = std::exp(p.icf[c * rows + i]);
    }
  Numbers centred(static_cast<size_t>(k * d)), mapped(static_cast<size_t>(k * d)), back(static_cast<size_t>(d));
  Numbers terms(static_cast<size_t>(k));
  double total = 0;
  for (int64_t n = 0; n < p.n; ++n) {
    for (int64_t c = 0; c < k; ++c) {
      double *z = &centred[c * d], *y = &mapped[c * d];
      const double *below = &p.icf[c * rows + d];
      for (int64_t i = 0; i < d; ++i)
        z[i] = p.x[n * d + i] - p.means[c * d + i];
      for (int64_t i = 0; i < d; ++i)
        y[i] = diagonals[c * d + i] * z[i];
      for (int64_t i = 0; i < d; ++i) {
        for (int64_t j = i + 1; j < d; ++j)
          y[j] += below[j - i - 1] * z[i];
        below += d - i - 1;
      }
      double square = 0;
      for (int64_t i = 0; i < d; ++i)
        square += y[i] * y[i];
      terms[c] = p.alphas[c] + sums[c] - 0.5 * square;
    }
    double lse = logSumExp(terms);
    total += lse;
    for (int64_t c = 0; dAlphas && c < k; ++c) {
      double share = std::exp(terms[c] - lse);
      const double *z = &centred[c * d], *y = &mapped[c * d], *below = &p.icf[c * rows + d];
      double *dBelow = dIcf + c * rows + d;
      dAlphas[c] += share;
      for (int64_t i = 0; i < d; ++i) {
        back[i] = diagonals[c * d + i] * y[i];
        dIcf[c * rows + i] += share * (1 - diagonals[c * d + i] * y[i] * z[i]);
      }
      for (int64_t i = 0; i < d; ++i) {
        double sum = 0;
        for (int64_t j = i + 1; j < d; ++j) {
          sum += below[j - i - 1] * y[j];
          dBelow[j - i - 1] -= share * y[j] * z[i];
        }
        back[i] += sum;
        below += d - i - 1;
        dBelow += d - i - 1;
      }
      for (int64_t i = 0; i < d; ++i)
        dMeans[c * d + i] += share * back[i];
    }
  }
  double weights = logSumExp(p.alphas);
  total += -0.5 * static_cast<double>(p.n * d) * std::log(2 * pi) - static_cast<double>(p.n) * weights;
  double freedom = static_cast<double>(d + p.m + 1), half = 0.5 * freedom;
  double constant = freedom * static_cast<double>(d) * (std::log(p.gamma) - 0.5 * std::log(2.0)) -
                    0.25 * static_cast<double>(d * (d - 1)) * std::log(pi);
  for (int64_t j = 1; j <= d; ++j)
    constant -= std::lgamma(half + 0.5 * static_cast<double>(1 - j));
  double prior = -static_cast<double>(k) * constant;
  double gamma2 = p.gamma * p.gamma;
  for (int64_t c = 0; c < k; ++c) {
    prior -= static_cast<double>(p.m) * sums[c];
    for (int64_t i = 0; i < rows; ++i) {
      double entry = i < d ? diagonals[c * d + i] : p.icf[c * rows + i];
      prior += 0.5 * gamma2 * entry * entry;
      if (dIcf)
        dIcf[c * rows + i] += gamma2 * (i < d ? entry * entry : entry) - (i < d ? static_cast<double>(p.m) : 0);
    }
    if (dAlphas)
      dAlphas[c] -= static_cast<double>(p.n) * std::exp(p.alphas[c] - weights);
  }
  return total + prior;
}

} // namespace

double objective(const Gmm &problem) { return likelihood(problem, nullptr, nullptr, nullptr); }

double gradient(const Gmm &problem, Numbers &alphas, Numbers &means, Numbers &icf) {
  alphas.assign(problem.alphas.size(), 0);
  means.assign(problem.means.size(), 0);
  icf.assign(problem.icf.size(), 0);
  return likelihood(problem, alphas.data(), means.data(), icf.data());
}

} // namespace dl::adbench
