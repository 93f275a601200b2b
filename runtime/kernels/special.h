// The functions of analysis that the C library lacks, in f64.
#pragma once

namespace dl::rt {

// The logarithm of |Gamma(x)|; infinite at 0, -1, -2, …
double logGamma(double x);

// The derivative of log Gamma: by its recurrence up to 10, then the asymptotic series; reflection below 0. NaN at -1,
// -2, …, infinite at 0, as in PyTorch.
double digamma(double x);

// Hurwitz's zeta, the sum over k >= 0 of (k + q)^-s: nine terms and more, then Euler and Maclaurin's formula (S.
// Moshier, Cephes). NaN for s < 1 and, where s is no integer, for q < 0.
double zeta(double s, double q);

// How a sample x of the gamma distribution with concentration a and rate 1 moves with a when its quantile stays:
// dx/da = -(dP/da) / p(x), P the regularised lower incomplete gamma function and p its density (M. Figurnov, S.
// Mohamed, A. Mnih, "Implicit reparameterization gradients", NeurIPS 2018). P's series below a + 1 and its continued
// fraction above are differentiated term by term; far out, from a = 1e5 on, Wilson and Hilferty's normal approximation
// gives the quantile.
double gammaSampleGradient(double a, double x);

} // namespace dl::rt
