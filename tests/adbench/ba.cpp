// Bundle adjustment observation by observation; the Jacobian's blocks by numbers that carry 15 derivatives.
#include "tests/adbench/dual.h"
#include "tests/adbench/problems.h"

namespace dl::adbench {
namespace {

using std::cos;
using std::sin;
using std::sqrt;

template <class T> void reproject(const T *camera, const T *point, const T &w, const double *feature, T *error) {
  T x[3] = {point[0] - camera[3], point[1] - camera[4], point[2] - camera[5]}, turned[3];
  const T *r = camera;
  T cross[3] = {r[1] * x[2] - r[2] * x[1], r[2] * x[0] - r[0] * x[2], r[0] * x[1] - r[1] * x[0]};
  T square = r[0] * r[0] + r[1] * r[1] + r[2] * r[2];
  if (valueOf(square) > 0) {
    T angle = sqrt(square), s = sin(angle) / angle, c = cos(angle);
    T along = (r[0] * x[0] + r[1] * x[1] + r[2] * x[2]) * (T(1.0) - c) / square;
    for (int i = 0; i < 3; ++i)
      turned[i] = x[i] * c + cross[i] * s + r[i] * along;
  } else {
    for (int i = 0; i < 3; ++i)
      turned[i] = x[i] + cross[i];
  }
  T a = turned[0] / turned[2], b = turned[1] / turned[2], rr = a * a + b * b;
  T distortion = T(1.0) + camera[9] * rr + camera[10] * rr * rr;
  error[0] = w * (a * distortion * camera[6] + camera[7] - T(feature[0]));
  error[1] = w * (b * distortion * camera[6] + camera[8] - T(feature[1]));
}

} // namespace

void objective(const Ba &p, Numbers &errors, Numbers &weightErrors) {
  errors.resize(static_cast<size_t>(2 * p.p));
  weightErrors.resize(static_cast<size_t>(p.p));
  for (int64_t o = 0; o < p.p; ++o) {
    reproject(&p.cameras[11 * p.obs[2 * o]], &p.points[3 * p.obs[2 * o + 1]], p.w[o], &p.features[2 * o],
              &errors[2 * o]);
    weightErrors[o] = 1 - p.w[o] * p.w[o];
  }
}

void jacobian(const Ba &p, Numbers &blocks, Numbers &weights) {
  using T = Dual<15>;
  blocks.resize(static_cast<size_t>(30 * p.p));
  weights.resize(static_cast<size_t>(p.p));
  for (int64_t o = 0; o < p.p; ++o) {
    T camera[11], point[3], error[2];
    for (int i = 0; i < 11; ++i)
      camera[i] = T::variable(p.cameras[11 * p.obs[2 * o] + i], i);
    for (int i = 0; i < 3; ++i)
      point[i] = T::variable(p.points[3 * p.obs[2 * o + 1] + i], 11 + i);
    reproject(camera, point, T::variable(p.w[o], 14), &p.features[2 * o], error);
    for (int row = 0; row < 2; ++row)
      std::copy(error[row].d.begin(), error[row].d.end(), &blocks[30 * o + 15 * row]);
    weights[o] = -2 * p.w[o];
  }
}

} // namespace dl::adbench
