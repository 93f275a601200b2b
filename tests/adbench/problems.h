// Inputs of the ADBench objectives, made by chance, and what the reference computes from them.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace dl::adbench {

using Numbers = std::vector<double>;

inline Numbers normals(std::mt19937_64 &source, int64_t count, double scale = 1, double shift = 0) {
  std::normal_distribution<double> distribution(shift, scale);
  Numbers out(static_cast<size_t>(count));
  for (double &x : out)
    x = distribution(source);
  return out;
}

inline std::vector<int64_t> integers(std::mt19937_64 &source, int64_t count, int64_t end) {
  std::vector<int64_t> out(static_cast<size_t>(count));
  for (int64_t &x : out)
    x = static_cast<int64_t>(source() % static_cast<uint64_t>(end));
  return out;
}

// x[n, d]; alphas[k], means[k, d], icf[k, d (d + 1) / 2].
struct Gmm {
  int64_t n, d, k, m = 0;
  double gamma = 1;
  Numbers alphas, means, icf, x;

  Gmm(int64_t n, int64_t d, int64_t k, uint64_t seed) : n(n), d(d), k(k) {
    std::mt19937_64 source(seed);
    alphas = normals(source, k);
    means = normals(source, k * d);
    icf = normals(source, k * d * (d + 1) / 2, 0.3);
    x = normals(source, n * d);
  }
};
double objective(const Gmm &problem);
// With respect to alphas, means and icf; gives the objective too.
double gradient(const Gmm &problem, Numbers &alphas, Numbers &means, Numbers &icf);

// main[layers, 2, 4, b], extra[3, b], state[layers, 2, b], sequence[steps, b].
struct Lstm {
  int64_t layers, steps, b;
  Numbers main, extra, state, sequence;

  Lstm(int64_t layers, int64_t steps, int64_t b, uint64_t seed) : layers(layers), steps(steps), b(b) {
    std::mt19937_64 source(seed);
    main = normals(source, layers * 8 * b, 0.5);
    extra = normals(source, 3 * b, 0.5);
    state = normals(source, layers * 2 * b, 0.5);
    sequence.resize(static_cast<size_t>(steps * b));
    for (double &bit : sequence)
      bit = source() % 3 == 0 ? 1 : 0;
  }
};
double objective(const Lstm &problem);
double gradient(const Lstm &problem, Numbers &main, Numbers &extra);

// cameras[c, 11], points[m, 3], w[p], obs[p, 2], features[p, 2].
struct Ba {
  int64_t c, m, p;
  Numbers cameras, points, w, features;
  std::vector<int64_t> obs;

  Ba(int64_t c, int64_t m, int64_t p, uint64_t seed) : c(c), m(m), p(p) {
    std::mt19937_64 source(seed);
    cameras = normals(source, c * 11, 0.3);
    for (int64_t i = 0; i < 11; ++i)
      cameras[static_cast<size_t>(i)] *= i < 3 ? 0 : 1; // one camera that does not turn
    points = normals(source, m * 3, 0.5, 6);
    w = normals(source, p);
    features = normals(source, p * 2);
    std::vector<int64_t> which = integers(source, p, c), what = integers(source, p, m);
    for (int64_t i = 0; i < p; ++i) {
      obs.push_back(which[static_cast<size_t>(i)]);
      obs.push_back(what[static_cast<size_t>(i)]);
    }
  }
};
void objective(const Ba &problem, Numbers &errors, Numbers &weightErrors);
// blocks[p, 2, 15]: with respect to the camera, the point and the weight.
void jacobian(const Ba &problem, Numbers &blocks, Numbers &weights);

// theta[26], u[n, 2]; relatives and inverses [22, 4, 4], parents[22], vertices[v, 4], weights[22, v], points[n, 3];
// corners[n, 3], of which the simple form uses vertex[n].
struct Hand {
  int64_t v, n;
  Numbers theta, u, relatives, inverses, vertices, weights, points;
  std::vector<int64_t> parents, vertex, corners;

  Hand(int64_t v, int64_t n, uint64_t seed) : v(v), n(n) {
    std::mt19937_64 source(seed);
    theta = normals(source, 26, 0.5);
    u = normals(source, n * 2, 0.2, 0.3);
    for (int64_t bone = 0; bone < 22; ++bone) {
      parents.push_back(bone < 2 ? bone - 1 : (bone - 2) % 4 == 0 ? 1 : bone - 1);
      for (Numbers *matrices : {&relatives, &inverses}) {
        Numbers matrix = normals(source, 16, 0.2);
        for (size_t i = 0; i < 16; ++i)
          matrix[i] = i >= 12 ? (i == 15 ? 1 : 0) : matrix[i] + (i % 5 == 0 ? 1 : 0);
        matrices->insert(matrices->end(), matrix.begin(), matrix.end());
      }
    }
    vertices = normals(source, v * 4);
    for (int64_t i = 0; i < v; ++i)
      vertices[static_cast<size_t>(4 * i + 3)] = 1;
    weights = normals(source, 22 * v, 0.1);
    points = normals(source, n * 3);
    vertex = integers(source, n, v);
    corners = integers(source, 3 * n, v);
  }
};
// errors[n, 3]; the columns of the Jacobian [26, n, 3], or [28, n, 3] with u's two at the end.
void objective(const Hand &problem, bool complicated, Numbers &errors);
void jacobian(const Hand &problem, bool complicated, Numbers &columns);

} // namespace dl::adbench
