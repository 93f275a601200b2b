// Matrix products.
#include <algorithm>
#include <cstring>

#include "runtime/core/arguments.h"
#include "runtime/core/threads.h"
#include "runtime/kernels/gemm.h"
#include "runtime/kernels/targets.h"

namespace dl::rt {

namespace {

// What products of T are summed in: integers wrap around, bf16 gets the precision of f32.
template <class T> struct SumOf {
  using type = std::make_unsigned_t<T>;
};
template <> struct SumOf<BFloat16> {
  using type = float;
};

template <class T> void plainGemm(const GemmShape &s, const T *a, const T *b, T *c) {
  using Sum = typename SumOf<T>::type;
  for (int64_t i = 0; i < s.m; ++i)
    for (int64_t j = 0; j < s.n; ++j) {
      Sum sum = 0;
      for (int64_t p = 0; p < s.k; ++p)
        sum += static_cast<Sum>(a[s.transA ? p * s.m + i : i * s.k + p]) *
               static_cast<Sum>(b[s.transB ? j * s.k + p : p * s.n + j]);
      c[i * s.n + j] = static_cast<T>(sum);
    }
}

// A product with the corner cases taken out: no rows, no columns, nothing to sum.
template <class T> void product(const GemmShape &s, const T *a, const T *b, T *c) {
  if (s.m == 0 || s.n == 0)
    return;
  if (s.k == 0)
    std::memset(static_cast<void *>(c), 0, static_cast<size_t>(s.m * s.n) * sizeof(T));
  else if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>)
    gemm(s, a, b, c);
  else
    plainGemm(s, a, b, c);
}

DL_CLONES void addBiasF32(float *rows, int64_t count, int64_t n, const float *bias) {
  for (int64_t i = 0; i < count; ++i)
    for (int64_t j = 0; j < n; ++j)
      rows[i * n + j] += bias[j];
}

DL_CLONES void addBiasReluF32(float *rows, int64_t count, int64_t n, const float *bias) {
  for (int64_t i = 0; i < count; ++i)
    for (int64_t j = 0; j < n; ++j) {
      float value = rows[i * n + j] + bias[j];
      rows[i * n + j] = value < 0 ? 0 : value; // NaN stays
    }
}

DL_CLONES void reluF32(float *values, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    values[i] = values[i] < 0 ? 0 : values[i];
}

void epilogue(float *rows, int64_t count, int64_t n, const float *bias, bool relu) {
  if (bias && relu)
    addBiasReluF32(rows, count, n, bias);
  else if (bias)
    addBiasF32(rows, count, n, bias);
  else if (relu)
    reluF32(rows, count * n);
}

template <class T> void epilogue(T *rows, int64_t count, int64_t n, const T *bias, bool relu) {
  for (int64_t i = 0; i < count; ++i)
    for (int64_t j = 0; j < n; ++j) {
      T value = bias ? static_cast<T>(rows[i * n + j] + bias[j]) : rows[i * n + j];
      rows[i * n + j] = relu && value < T(0) ? T(0) : value;
    }
}

void requireSameType(const Call &call, const dl_value &a, const dl_value &b) {
  if (a.dtype != b.dtype)
    call.failHere("element types differ, ", dtypeName(a.dtype), " and ", dtypeName(b.dtype));
}

} // namespace
} // namespace dl::rt

using namespace dl::rt;

// Kernel. in: a, b, transA, transB (0 or 1; default 0).  out: c.
//   a[M, K] (or [K, M] when transA), b[K, N] (or [N, K] when transB) -> c[M, N]
//   a[B, M, K], b[B, K, N] -> c[B, M, N], each transposed in its last two dimensions. All of one element type.
DL_RUNTIME_FUNCTION(matmul) {
  if (call.numIn != 2 && call.numIn != 4)
    call.expect(4, 1);
  const dl_value &a = call.argument(0), &b = call.argument(1);
  bool transA = call.numIn > 2 && call.integer(2), transB = call.numIn > 2 && call.integer(3);
  requireSameType(call, a, b);
  int rank = a.rank;
  if (rank != b.rank || (rank != 2 && rank != 3) || (rank == 3 && a.sizes[0] != b.sizes[0]))
    call.failHere("shapes ", shapeText(a), " and ", shapeText(b), " do not multiply");
  int r = rank - 2;
  GemmShape s{transA ? a.sizes[r + 1] : a.sizes[r], transB ? b.sizes[r] : b.sizes[r + 1],
              transA ? a.sizes[r] : a.sizes[r + 1], transA, transB};
  if ((transB ? b.sizes[r + 1] : b.sizes[r]) != s.k)
    call.failHere("inner dimensions differ, ", s.k, " and ", transB ? b.sizes[r + 1] : b.sizes[r]);
  int64_t shape[3] = {a.sizes[0], s.m, s.n};
  dl_value &c = call.tensorResult(0, a.dtype, rank == 3 ? shape : shape + 1, rank);
  int64_t batch = rank == 3 ? a.sizes[0] : 1;
  dispatch(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    auto some = [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; ++i)
        product(s, elements<const T>(a) + i * s.m * s.k, elements<const T>(b) + i * s.k * s.n,
                elements<T>(c) + i * s.m * s.n);
    };
    if (batch >= 2 * dl_num_threads())
      parallelFor(0, batch, std::max<int64_t>(1, 65536 / (1 + s.m * s.n * s.k)), some);
    else
      some(0, batch);
  });
}

// Kernel. in: x[M, K], w[N, K], (bias[N])?, activation (0 none, 1 relu).  out: y[M, N] = activation(x w^T + bias).
DL_RUNTIME_FUNCTION(linear) {
  const dl_value &x = call.tensor(0, 2), &w = call.tensor(1, 2);
  bool hasBias = call.argument(2).rank == 1;
  bool relu = call.integer(hasBias ? 3 : 2) == 1;
  requireSameType(call, x, w);
  if (x.sizes[1] != w.sizes[1])
    call.failHere("inner dimensions differ, ", x.sizes[1], " and ", w.sizes[1]);
  GemmShape s{x.sizes[0], w.sizes[0], x.sizes[1], false, true};
  if (hasBias) {
    requireSameType(call, x, call.in[2]);
    if (call.in[2].sizes[0] != s.n)
      call.failHere("the bias has ", call.in[2].sizes[0], " elements, ", s.n, " are needed");
  }
  int64_t shape[2] = {s.m, s.n};
  dl_value &y = call.tensorResult(0, x.dtype, shape, 2);
  dispatch(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    product(s, elements<const T>(x), elements<const T>(w), elements<T>(y));
    if (!hasBias && !relu)
      return;
    parallelFor(0, s.m, std::max<int64_t>(1, 32768 / (1 + s.n)), [&](int64_t from, int64_t to) {
      epilogue(elements<T>(y) + from * s.n, to - from, s.n, hasBias ? elements<const T>(call.in[2]) : nullptr, relu);
    });
  });
}
