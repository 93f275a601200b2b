// The posed hand; its Jacobian by numbers that carry a derivative for every column.
#include "tests/adbench/dual.h"
#include "tests/adbench/problems.h"

namespace dl::adbench {
namespace {

using std::cos;
using std::sin;
using std::sqrt;

constexpr int kBones = 22;

template <class T> struct Matrix4 {
  T at[4][4] = {};
};

template <class T, class A, class B> Matrix4<T> product(const A &a, const B &b) {
  Matrix4<T> out;
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 4; ++j)
      for (int k = 0; k < 4; ++k)
        out.at[i][j] += T(a.at[i][k]) * T(b.at[k][j]);
  return out;
}

template <class T> Matrix4<T> constant(const double *numbers) {
  Matrix4<T> out;
  for (int i = 0; i < 16; ++i)
    out.at[i / 4][i % 4] = T(numbers[i]);
  return out;
}

// Rotation by an angle about an axis of the frame (0 x, 1 y, 2 z).
template <class T> Matrix4<T> about(int axis, const T &angle) {
  Matrix4<T> out;
  for (int i = 0; i < 4; ++i)
    out.at[i][i] = T(1.0);
  int i = (axis + 1) % 3, j = (axis + 2) % 3;
  out.at[i][i] = out.at[j][j] = cos(angle);
  out.at[j][i] = sin(angle);
  out.at[i][j] = -sin(angle);
  return out;
}

template <class T> void globalRotation(const T *r, T out[3][3]) {
  T square = r[0] * r[0] + r[1] * r[1] + r[2] * r[2];
  if (valueOf(square) < 1e-8) {
    for (int i = 0; i < 3; ++i)
      for (int j = 0; j < 3; ++j)
        out[i][j] = T(i == j ? 1.0 : 0.0);
    return;
  }
  T angle = sqrt(square), s = sin(angle), c = cos(angle);
  T n[3] = {r[0] / angle, r[1] / angle, r[2] / angle};
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j)
      out[i][j] = n[i] * n[j] * (T(1.0) - c);
  for (int i = 0; i < 3; ++i) {
    out[i][i] += c;
    out[(i + 2) % 3][(i + 1) % 3] += n[i] * s;
    out[(i + 1) % 3][(i + 2) % 3] += -(n[i] * s);
  }
}

template <class T> struct Pose {
  Matrix4<T> bones[kBones];
  T rotation[3][3], shift[3];

  Pose(const Hand &p, const T *theta) {
    T angles[kBones][3] = {};
    for (int finger = 0; finger < 5; ++finger) {
      const T *t = theta + 6 + 4 * finger;
      angles[2 + 4 * finger][0] = t[0];
      angles[2 + 4 * finger][1] = t[1];
      angles[3 + 4 * finger][0] = t[2];
      angles[4 + 4 * finger][0] = t[3];
    }
    Matrix4<T> absolute[kBones];
    for (int b = 0; b < kBones; ++b) {
      Matrix4<T> turn = product<T>(about(2, angles[b][1]), product<T>(about(1, angles[b][2]), about(0, angles[b][0])));
      Matrix4<T> relative = product<T>(constant<T>(&p.relatives[16 * b]), turn);
      absolute[b] = p.parents[b] < 0 ? relative : product<T>(absolute[p.parents[b]], relative);
      bones[b] = product<T>(absolute[b], constant<T>(&p.inverses[16 * b]));
    }
    globalRotation(theta, rotation);
    for (int i = 0; i < 3; ++i)
      shift[i] = theta[3 + i];
  }

  void vertex(const Hand &p, int64_t which, T out[3]) const {
    T local[3] = {};
    for (int b = 0; b < kBones; ++b)
      for (int i = 0; i < 3; ++i) {
        T sum(0.0);
        for (int j = 0; j < 4; ++j)
          sum += bones[b].at[i][j] * T(p.vertices[4 * which + j]);
        local[i] += sum * T(p.weights[b * p.v + which]);
      }
    for (int i = 0; i < 3; ++i)
      out[i] = rotation[i][0] * local[0] + rotation[i][1] * local[1] + rotation[i][2] * local[2] + shift[i];
  }
};

template <class T> void error(const Hand &p, const Pose<T> &pose, bool complicated, int64_t n, const T *u, T out[3]) {
  T corner[3][3];
  int count = complicated ? 3 : 1;
  for (int i = 0; i < count; ++i)
    pose.vertex(p, complicated ? p.corners[3 * n + i] : p.vertex[n], corner[i]);
  for (int i = 0; i < 3; ++i) {
    T there =
        complicated ? u[0] * corner[0][i] + u[1] * corner[1][i] + (T(1.0) - u[0] - u[1]) * corner[2][i] : corner[0][i];
    out[i] = T(p.points[3 * n + i]) - there;
  }
}

} // namespace

void objective(const Hand &p, bool complicated, Numbers &errors) {
  errors.resize(static_cast<size_t>(3 * p.n));
  Pose<double> pose(p, p.theta.data());
  for (int64_t n = 0; n < p.n; ++n)
    error(p, pose, complicated, n, &p.u[2 * n], &errors[3 * n]);
}

void jacobian(const Hand &p, bool complicated, Numbers &columns) {
  using T = Dual<28>;
  int64_t count = complicated ? 28 : 26;
  columns.resize(static_cast<size_t>(count * 3 * p.n));
  T theta[26];
  for (int i = 0; i < 26; ++i)
    theta[i] = T::variable(p.theta[i], i);
  Pose<T> pose(p, theta);
  for (int64_t n = 0; n < p.n; ++n) {
    T u[2] = {T::variable(p.u[2 * n], 26), T::variable(p.u[2 * n + 1], 27)}, out[3];
    error(p, pose, complicated, n, u, out);
    for (int64_t column = 0; column < count; ++column)
      for (int i = 0; i < 3; ++i)
        columns[(column * p.n + n) * 3 + i] = out[i].d[column];
  }
}

} // namespace dl::adbench
