#include <algorithm>
#include <cstring>

#include "runtime/core/buffer.h"
#include "runtime/core/threads.h"
#include "runtime/kernels/gemm.h"
#include "runtime/kernels/targets.h"

namespace dl::rt {
namespace {

// Blocks of A and B that fit the caches.
constexpr int64_t kBlockM = 96, kBlockN = 1008, kBlockK = 256;
constexpr int64_t kTiny = 16 * 16 * 16; // below, packing does not pay

typedef double Vector __attribute__((vector_size(64), aligned(8)));

// C[Rows, 8 Vectors] += A panel (k by Rows) times B panel (k by 8 Vectors). The sums stay in registers.
template <int Rows, int Vectors>
DL_INLINE void tileOf(const double *a, const double *b, double *c, int64_t ldc, int64_t k) {
  Vector sums[Rows][Vectors];
  for (int r = 0; r < Rows; ++r)
    for (int v = 0; v < Vectors; ++v)
      sums[r][v] = *reinterpret_cast<const Vector *>(c + r * ldc + v * 8);
  for (int64_t p = 0; p < k; ++p) {
    Vector row[Vectors];
    for (int v = 0; v < Vectors; ++v)
      row[v] = *reinterpret_cast<const Vector *>(b + (p * Vectors + v) * 8);
#pragma clang loop unroll(full)
    for (int r = 0; r < Rows; ++r)
#pragma clang loop unroll(full)
      for (int v = 0; v < Vectors; ++v)
        sums[r][v] += a[p * Rows + r] * row[v];
  }
  for (int r = 0; r < Rows; ++r)
    for (int v = 0; v < Vectors; ++v)
      *reinterpret_cast<Vector *>(c + r * ldc + v * 8) = sums[r][v];
}

// With 32 registers of 512 bits, 24 sums hide the latency of the additions; other machines have 16 smaller ones.
#if defined(__x86_64__)
// Compilers split such vectors for this target unless they are told that they must be legal.
__attribute__((target("arch=x86-64-v4"), min_vector_width(512))) void tile8x24(const double *a, const double *b,
                                                                               double *c, int64_t ldc, int64_t k) {
  tileOf<8, 3>(a, b, c, ldc, k);
}
bool hasWideRegisters() { return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"); }
#endif
DL_CLONES void tile4x8(const double *a, const double *b, double *c, int64_t ldc, int64_t k) {
  tileOf<4, 1>(a, b, c, ldc, k);
}

struct Matrix {
  const double *data;
  int64_t rowStride, columnStride;
  double at(int64_t row, int64_t column) const { return data[row * rowStride + column * columnStride]; }
};

int64_t roundUp(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// The product with tiles of one size.
template <int64_t kRows, int64_t kColumns, void (*tile)(const double *, const double *, double *, int64_t, int64_t)>
struct Tiled {
  // Panels of kRows rows, each k-major, padded with zeros.
  static void packA(const Matrix &a, int64_t row, int64_t rows, int64_t k0, int64_t k, double *out) {
    for (int64_t panel = 0; panel < rows; panel += kRows, out += k * kRows)
      for (int64_t p = 0; p < k; ++p)
        for (int64_t r = 0; r < kRows; ++r)
          out[p * kRows + r] = panel + r < rows ? a.at(row + panel + r, k0 + p) : 0;
  }

  // Panels of kColumns columns, each k-major, padded with zeros.
  static void packB(const Matrix &b, int64_t k0, int64_t k, int64_t column, int64_t columns, double *out) {
    for (int64_t panel = 0; panel < columns; panel += kColumns, out += k * kColumns)
      for (int64_t p = 0; p < k; ++p)
        for (int64_t j = 0; j < kColumns; ++j)
          out[p * kColumns + j] = panel + j < columns ? b.at(k0 + p, column + panel + j) : 0;
  }

  static void tilesOfBlock(const double *a, const double *b, double *c, int64_t ldc, int64_t rows, int64_t columns,
                           int64_t k) {
    double edge[kRows * kColumns];
    for (int64_t j = 0; j < columns; j += kColumns)
      for (int64_t i = 0; i < rows; i += kRows) {
        const double *ap = a + i * k, *bp = b + j * k;
        double *cp = c + i * ldc + j;
        int64_t height = std::min(kRows, rows - i), width = std::min(kColumns, columns - j);
        if (height == kRows && width == kColumns) {
          tile(ap, bp, cp, ldc, k);
          continue;
        }
        std::memset(edge, 0, sizeof edge);
        for (int64_t r = 0; r < height; ++r)
          std::copy_n(cp + r * ldc, width, edge + r * kColumns);
        tile(ap, bp, edge, kColumns, k);
        for (int64_t r = 0; r < height; ++r)
          std::copy_n(edge + r * kColumns, width, cp + r * ldc);
      }
  }

  // Adds a b to c.
  static void product(const Matrix &a, const Matrix &b, double *c, int64_t m, int64_t n, int64_t k) {
    int64_t bands = (m + kBlockM - 1) / kBlockM;
    int64_t depth = std::min(kBlockK, k);
    int64_t bandSize = depth * roundUp(std::min(kBlockM, m), kRows);
    Buffer<double> packedB(depth * roundUp(std::min(kBlockN, n), kColumns));
    Buffer<double> packedA(bands * bandSize);
    for (int64_t j = 0; j < n; j += kBlockN)
      for (int64_t p = 0; p < k; p += kBlockK) {
        int64_t width = std::min(kBlockN, n - j), kk = std::min(kBlockK, k - p);
        packB(b, p, kk, j, width, packedB.data());
        parallelFor(0, bands, 1, [&](int64_t from, int64_t to) {
          for (int64_t band = from; band < to; ++band) {
            int64_t row = band * kBlockM, rows = std::min(kBlockM, m - row);
            double *panel = packedA.data() + band * bandSize;
            packA(a, row, rows, p, kk, panel);
            tilesOfBlock(panel, packedB.data(), c + row * n + j, n, rows, width, kk);
          }
        });
      }
  }
};

} // namespace

void gemm(const GemmShape &shape, const double *aData, const double *bData, double *c) {
  auto [m, n, k, transA, transB] = shape;
  Matrix a{aData, transA ? 1 : k, transA ? m : 1}, b{bData, transB ? 1 : n, transB ? k : 1};
  std::fill_n(c, m * n, 0.0);
  if (m * n * k <= kTiny) {
    for (int64_t i = 0; i < m; ++i)
      for (int64_t p = 0; p < k; ++p) {
        double factor = a.at(i, p);
        for (int64_t j = 0; j < n; ++j)
          c[i * n + j] += factor * b.at(p, j);
      }
    return;
  }
#if defined(__x86_64__)
  static const bool wide = hasWideRegisters();
  if (wide)
    return Tiled<8, 24, tile8x24>::product(a, b, c, m, n, k);
#endif
  Tiled<4, 8, tile4x8>::product(a, b, c, m, n, k);
}

} // namespace dl::rt
