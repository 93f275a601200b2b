#include "runtime/kernels/gemm.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/core/buffer.h"
#include "runtime/core/threads.h"
#include "runtime/kernels/targets.h"

namespace dl::rt {
namespace {

// With 32 registers of 512 bits, 24 sums hide the latency of the additions. A machine without those takes each vector
// as several.
constexpr int kRows = 8, kVectors = 3;
// So much of A, in rows, and of the sums fits the second cache beside a panel of B in the first.
constexpr int64_t kBand = 96, kDepth = 256;
// Columns that are packed at a time.
constexpr int64_t kBlockPanels = 24;
// Multiplications that are worth a thread.
constexpr int64_t kGrain = 200000;
// For so few rows, B is read where it stands.
constexpr int64_t kFewRows = 3, kInPlaceRows = 96;
// With so many, all of A stays in the second cache while one panel after another is multiplied.
constexpr int64_t kRowsOfPanel = 512;
// Columns whose sums are formed side by side where both operands run along what is summed.
constexpr int kDots = 4;

template <class T> struct VectorOf {
  typedef T type __attribute__((vector_size(64), aligned(alignof(T))));
};
template <class T> using Vector = typename VectorOf<T>::type;
template <class T> constexpr int kLanes = 64 / static_cast<int>(sizeof(T));
template <class T> constexpr int kColumns = kVectors * kLanes<T>;

// An operand as multiplied, transposed or not.
template <class T> struct Matrix {
  const T *data;
  int64_t rowStride, columnStride;
  const T *at(int64_t row, int64_t column) const { return data + row * rowStride + column * columnStride; }
};

// ------------------------------------------------------------------------------------------------------------ tiles
// The operands of one tile: C[Rows, Vectors] = or += rows of A times columns of B, k steps of the sum.
template <class T> struct TileOperands {
  Matrix<T> a;
  const T *b;
  int64_t strideB;
  T *c;
  int64_t strideC, k;
  bool add;
};

// The sums stay in registers.
template <class T, int Rows, int Vectors> DL_INLINE void tileOf(const TileOperands<T> &o) {
  constexpr int lanes = kLanes<T>;
  Vector<T> sums[Rows][Vectors];
  for (int r = 0; r < Rows; ++r)
    for (int v = 0; v < Vectors; ++v)
      sums[r][v] = o.add ? *reinterpret_cast<const Vector<T> *>(o.c + r * o.strideC + v * lanes) : Vector<T>{};
  for (int64_t p = 0; p < o.k; ++p) {
    Vector<T> row[Vectors];
#pragma clang loop unroll(full)
    for (int v = 0; v < Vectors; ++v)
      row[v] = *reinterpret_cast<const Vector<T> *>(o.b + p * o.strideB + v * lanes);
#pragma clang loop unroll(full)
    for (int r = 0; r < Rows; ++r)
#pragma clang loop unroll(full)
      for (int v = 0; v < Vectors; ++v)
        sums[r][v] += *o.a.at(r, p) * row[v];
  }
  for (int r = 0; r < Rows; ++r)
    for (int v = 0; v < Vectors; ++v)
      *reinterpret_cast<Vector<T> *>(o.c + r * o.strideC + v * lanes) = sums[r][v];
}

// c[j] = the sum over a[p] b[j, p], for Columns rows of b.
template <class T, int Columns> DL_INLINE void dotsOf(const T *a, const T *b, int64_t strideB, int64_t k, T *c) {
  constexpr int lanes = kLanes<T>;
  Vector<T> sums[Columns] = {};
  int64_t p = 0;
  for (; p + lanes <= k; p += lanes) {
    Vector<T> left = *reinterpret_cast<const Vector<T> *>(a + p);
#pragma clang loop unroll(full)
    for (int j = 0; j < Columns; ++j)
      sums[j] += left * *reinterpret_cast<const Vector<T> *>(b + j * strideB + p);
  }
#pragma clang loop unroll(full)
  for (int j = 0; j < Columns; ++j) {
    T sum = 0;
    for (int i = 0; i < lanes; ++i)
      sum += sums[j][i];
    for (int64_t rest = p; rest < k; ++rest)
      sum += a[rest] * b[j * strideB + rest];
    c[j] = sum;
  }
}

template <int Step, class T, int... Lane>
DL_INLINE void exchange(Vector<T> &x, Vector<T> &y, std::integer_sequence<int, Lane...>) {
  constexpr int n = kLanes<T>;
  Vector<T> low = __builtin_shufflevector(x, y, (Lane & Step ? n + Lane - Step : Lane)...);
  y = __builtin_shufflevector(x, y, (Lane & Step ? n + Lane : Lane + Step)...);
  x = low;
}
template <class T, int Step> DL_INLINE void exchangeAll(Vector<T> *rows) {
  constexpr int n = kLanes<T>;
  if constexpr (Step < n) {
#pragma clang loop unroll(full)
    for (int i = 0; i < n; ++i)
      if (!(i & Step))
        exchange<Step, T>(rows[i], rows[i + Step], std::make_integer_sequence<int, n>());
    exchangeAll<T, 2 * Step>(rows);
  }
}
// 16 by 16 (f32) or 8 by 8 (f64) elements: rows of `in` become columns of `out`. The last of fewer rows stands for
// those that are missing.
template <class T>
DL_INLINE void transposeOf(const T *in, int64_t inStride, int64_t inRows, T *out, int64_t outStride) {
  constexpr int n = kLanes<T>;
  Vector<T> rows[n];
#pragma clang loop unroll(full)
  for (int i = 0; i < n; ++i)
    rows[i] = *reinterpret_cast<const Vector<T> *>(in + std::min<int64_t>(i, inRows - 1) * inStride);
  exchangeAll<T, 1>(rows);
#pragma clang loop unroll(full)
  for (int i = 0; i < n; ++i)
    *reinterpret_cast<Vector<T> *>(out + i * outStride) = rows[i];
}

// The inner loops, for one instruction set.
template <class T> struct Kernels {
  void (*tiles[kRows][kVectors])(const TileOperands<T> &);
  void (*dots)(const T *a, const T *b, int64_t strideB, int64_t k, T *c);
  void (*dot)(const T *a, const T *b, int64_t strideB, int64_t k, T *c);
  void (*transpose)(const T *in, int64_t inStride, int64_t inRows, T *out, int64_t outStride);
};

struct Plain {
  template <class T, int R, int V> static void tile(const TileOperands<T> &o) { tileOf<T, R, V>(o); }
  template <class T, int C> static void dots(const T *a, const T *b, int64_t strideB, int64_t k, T *c) {
    dotsOf<T, C>(a, b, strideB, k, c);
  }
  template <class T> static void transpose(const T *in, int64_t inStride, int64_t inRows, T *out, int64_t outStride) {
    transposeOf<T>(in, inStride, inRows, out, outStride);
  }
};
#if defined(__x86_64__)
#define DL_AVX2 __attribute__((target("arch=x86-64-v3")))
// Compilers split such vectors for this target unless they are told that they must be legal.
#define DL_AVX512 __attribute__((target("arch=x86-64-v4"), min_vector_width(512)))
struct Avx2 {
  template <class T, int R, int V> DL_AVX2 static void tile(const TileOperands<T> &o) { tileOf<T, R, V>(o); }
  template <class T, int C> DL_AVX2 static void dots(const T *a, const T *b, int64_t strideB, int64_t k, T *c) {
    dotsOf<T, C>(a, b, strideB, k, c);
  }
  template <class T>
  DL_AVX2 static void transpose(const T *in, int64_t inStride, int64_t inRows, T *out, int64_t outStride) {
    transposeOf<T>(in, inStride, inRows, out, outStride);
  }
};
struct Avx512 {
  template <class T, int R, int V> DL_AVX512 static void tile(const TileOperands<T> &o) { tileOf<T, R, V>(o); }
  template <class T, int C> DL_AVX512 static void dots(const T *a, const T *b, int64_t strideB, int64_t k, T *c) {
    dotsOf<T, C>(a, b, strideB, k, c);
  }
  template <class T>
  DL_AVX512 static void transpose(const T *in, int64_t inStride, int64_t inRows, T *out, int64_t outStride) {
    transposeOf<T>(in, inStride, inRows, out, outStride);
  }
};
#endif

template <class Set, class T, int... R> Kernels<T> kernelsOf(std::integer_sequence<int, R...>) {
  return {{{Set::template tile<T, R + 1, 1>, Set::template tile<T, R + 1, 2>, Set::template tile<T, R + 1, 3>}...},
          Set::template dots<T, kDots>,
          Set::template dots<T, 1>,
          Set::template transpose<T>};
}

template <class T> const Kernels<T> &kernels() {
  static const Kernels<T> chosen = [] {
    constexpr std::make_integer_sequence<int, kRows> rows;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq"))
      return kernelsOf<Avx512, T>(rows);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
      return kernelsOf<Avx2, T>(rows);
#endif
    return kernelsOf<Plain, T>(rows);
  }();
  return chosen;
}

// ---------------------------------------------------------------------------------------------------------- packing
int vectorsOf(int64_t columns, int lanes) { return static_cast<int>((columns + lanes - 1) / lanes); }

// `columns` columns of B from (row, column) on, row by row, filled up to whole vectors with any numbers.
template <class T> void packB(const Matrix<T> &b, int64_t row, int64_t k, int64_t column, int64_t columns, T *out) {
  constexpr int lanes = kLanes<T>;
  int64_t width = vectorsOf(columns, lanes) * lanes;
  if (b.columnStride == 1) {
    for (int64_t p = 0; p < k; ++p, out += width) {
      std::memcpy(out, b.at(row + p, column), static_cast<size_t>(columns) * sizeof(T));
      std::fill(out + columns, out + width, T(0));
    }
    return;
  }
  int64_t deep = b.rowStride == 1 ? k / lanes * lanes : 0;
  for (int64_t p = 0; p < deep; p += lanes)
    for (int64_t j = 0; j < columns; j += lanes)
      kernels<T>().transpose(b.at(row + p, column + j), b.columnStride, columns - j, out + p * width + j, width);
  for (int64_t p = deep; p < k; ++p)
    for (int64_t j = 0; j < width; ++j)
      out[p * width + j] = j < columns ? *b.at(row + p, column + j) : T(0);
}

// ---------------------------------------------------------------------------------------------------------- product
template <class T> struct Product {
  Matrix<T> a, b;
  T *c;
  int64_t m, n, k;

  static constexpr int lanes = kLanes<T>;
  static constexpr int64_t panel = kColumns<T>;

  void run() const {
    if (m <= kFewRows && a.columnStride == 1 && b.rowStride == 1)
      return byDots();
    int64_t blocks = (k + kDepth - 1) / kDepth, depth = (k + blocks - 1) / blocks;
    int64_t most = std::min((n + panel - 1) / panel, kBlockPanels);
    Buffer<T> packed(depth * most * panel), rows(m > kRowsOfPanel ? (m + kRows - 1) / kRows * kRows * depth : 1);
    for (int64_t j = 0; j < n; j += kBlockPanels * panel)
      for (int64_t p = 0; p < k; p += depth)
        block({j, std::min(kBlockPanels * panel, n - j), p, std::min(depth, k - p), packed.data(), rows.data()});
  }

  // Both operands run along what is summed.
  void byDots() const {
    parallelFor(0, n, std::max<int64_t>(kDots, kGrain / (1 + m * k)), [&](int64_t from, int64_t to) {
      for (; from < to; from += kDots)
        for (int64_t i = 0; i < m; ++i) {
          if (from + kDots <= to)
            kernels<T>().dots(a.at(i, 0), b.at(0, from), b.columnStride, k, c + i * n + from);
          else
            for (int64_t j = from; j < to; ++j)
              kernels<T>().dot(a.at(i, 0), b.at(0, j), b.columnStride, k, c + i * n + j);
        }
    });
  }

  // Columns, and what is summed, of one block; where its packed panels stand. The panels are of one width, as far as it
  // goes: one of a single vector would leave most registers unused.
  struct Block {
    int64_t column, columns, p, depth;
    T *packed, *rows;
    int64_t panels = (columns + panel - 1) / panel;
    int64_t width = vectorsOf((columns + panels - 1) / panels, lanes) * lanes;
  };
  static int64_t widthOf(const Block &s, int64_t i) { return std::min(s.width, s.columns - i * s.width); }
  bool inPlace(const Block &s, int64_t i) const {
    return m <= kInPlaceRows && b.columnStride == 1 && widthOf(s, i) % lanes == 0;
  }

  void block(const Block &s) const {
    int64_t panels = s.panels, bands = (m + kBand - 1) / kBand;
    if (m <= kRowsOfPanel) {
      // A panel is used while it is in the first cache.
      parallelFor(0, panels, grainOf(m * s.depth * s.width), [&](int64_t from, int64_t to) {
        for (int64_t i = from; i < to; ++i) {
          pack(s, i);
          multiply(s, i, a.at(0, s.p), a.rowStride, a.columnStride, kRows * a.rowStride, 0, m);
        }
      });
      return;
    }
    parallelFor(0, panels, grainOf(s.depth * s.width), [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; ++i)
        pack(s, i);
    });
    parallelFor(0, (m + kRows - 1) / kRows, grainOf(kRows * s.depth * 8), [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; ++i)
        packRows(s, i * kRows);
    });
    parallelFor(0, bands * panels, grainOf(kBand * s.depth * s.width), [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; ++i) {
        int64_t row = i / panels * kBand;
        multiply(s, i % panels, s.rows + row * s.depth, 1, kRows, kRows * s.depth, row, std::min(m, row + kBand));
      }
    });
  }
  static int64_t grainOf(int64_t work) { return std::max<int64_t>(1, kGrain / (1 + work)); }

  void pack(const Block &s, int64_t i) const {
    if (!inPlace(s, i))
      packB(b, s.p, s.depth, s.column + i * s.width, widthOf(s, i), s.packed + i * s.depth * s.width);
  }
  // The rows of one tile side by side.
  void packRows(const Block &s, int64_t row) const {
    T *out = s.rows + row * s.depth;
    int64_t count = std::min<int64_t>(kRows, m - row);
    for (int64_t p = 0; p < s.depth; ++p)
      for (int64_t r = 0; r < count; ++r)
        out[p * kRows + r] = *a.at(row + r, s.p + p);
  }
  // Rows of A, `next` apart from tile to tile, times a panel.
  void multiply(const Block &s, int64_t i, const T *rows, int64_t rowStride, int64_t columnStride, int64_t next,
                int64_t row, int64_t end) const {
    int64_t first = s.column + i * s.width, width = widthOf(s, i);
    TileOperands<T> o{{rows, rowStride, columnStride},
                      inPlace(s, i) ? b.at(s.p, first) : s.packed + i * s.depth * s.width,
                      inPlace(s, i) ? b.rowStride : vectorsOf(width, lanes) * lanes,
                      c + row * n + first,
                      n,
                      s.depth,
                      s.p > 0};
    rowsTimesPanel(o, next, end - row, width);
  }

  static void rowsTimesPanel(TileOperands<T> o, int64_t next, int64_t count, int64_t width) {
    int vectors = vectorsOf(width, lanes);
    bool whole = width == vectors * lanes;
    alignas(64) T edge[kRows * kColumns<T>];
    for (int64_t row = 0; row < count; row += kRows) {
      int rows = static_cast<int>(std::min<int64_t>(kRows, count - row));
      auto tile = kernels<T>().tiles[rows - 1][vectors - 1];
      if (whole) {
        tile(o);
      } else {
        TileOperands<T> beside = o;
        beside.c = edge;
        beside.strideC = panel;
        for (int r = 0; o.add && r < rows; ++r)
          std::copy_n(o.c + r * o.strideC, width, edge + r * panel);
        tile(beside);
        for (int r = 0; r < rows; ++r)
          std::copy_n(edge + r * panel, width, o.c + r * o.strideC);
      }
      o.a.data += next;
      o.c += kRows * o.strideC;
    }
  }
};

template <class T> void product(const GemmShape &shape, const T *aData, const T *bData, T *c) {
  auto [m, n, k, transA, transB] = shape;
  Matrix<T> a{aData, transA && m > 1 ? 1 : k, transA ? m : 1}, b{bData, transB ? 1 : n, transB ? k : 1};
  if (n == 1) // one column is one row of the product's transpose
    Product<T>{{bData, k, 1}, {aData, a.columnStride, a.rowStride}, c, 1, m, k}.run();
  else
    Product<T>{a, b, c, m, n, k}.run();
}

} // namespace

void gemm(const GemmShape &shape, const float *a, const float *b, float *c) { product(shape, a, b, c); }
void gemm(const GemmShape &shape, const double *a, const double *b, double *c) { product(shape, a, b, c); }

} // namespace dl::rt
