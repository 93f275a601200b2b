// Two-dimensional pooling of x[N, C, H, W] and its gradients, f32 and f64, with PyTorch's rules.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "runtime/core/arguments.h"
#include "runtime/core/threads.h"
#include "runtime/kernels/targets.h"

namespace dl::rt {
namespace {

constexpr int64_t kGrain = 16384; // elements worth a thread

struct Axis {
  int64_t size, kernel, stride, pad, dilation, outputs;
};

struct PoolShape {
  Axis h, w;
  int64_t planes; // N * C
  int64_t inPlane() const { return h.size * w.size; }
  int64_t outPlane() const { return h.outputs * w.outputs; }
  int64_t planeGrain() const { return std::max<int64_t>(1, kGrain / (1 + inPlane())); }
  bool isTwoByTwo() const {
    auto plain = [](const Axis &a) {
      return a.kernel == 2 && a.stride == 2 && a.pad == 0 && a.dilation == 1 && a.outputs * 2 <= a.size;
    };
    return plain(h) && plain(w);
  }
};

Axis makeAxis(const Call &call, int64_t size, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation,
              bool ceil) {
  if (kernel < 1 || stride < 1 || dilation < 1)
    call.failHere("kernel, stride and dilation must be positive");
  if (pad < 0 || pad > kernel / 2)
    call.failHere("the padding ", pad, " is not between 0 and half the kernel of ", kernel);
  int64_t room = size + 2 * pad - dilation * (kernel - 1) - 1;
  if (room < 0)
    call.failHere("a window of ", kernel, " does not fit an input of ", size);
  int64_t outputs = (ceil ? room + stride - 1 : room) / stride + 1;
  if (ceil && (outputs - 1) * stride >= size + pad) // the last window must begin inside
    --outputs;
  return {size, kernel, stride, pad, dilation, outputs};
}

// Arguments from `at`: kernel h, w, stride h, w, padding h, w, and dilation h, w when `dilated`, then ceil_mode.
PoolShape poolShape(const Call &call, const dl_value &x, int64_t at, bool dilated) {
  bool ceil = call.integer(at + (dilated ? 8 : 6));
  auto axis = [&](int64_t size, int64_t i) {
    return makeAxis(call, size, call.integer(at + i), call.integer(at + 2 + i), call.integer(at + 4 + i),
                    dilated ? call.integer(at + 6 + i) : 1, ceil);
  };
  return {axis(x.sizes[2], 0), axis(x.sizes[3], 1), x.sizes[0] * x.sizes[1]};
}

void requireShape(const Call &call, const dl_value &dy, const dl_value &dx, const PoolShape &s) {
  if (dy.rank != 4 || dy.dtype != dx.dtype || dy.sizes[0] * dy.sizes[1] != s.planes || dy.sizes[2] != s.h.outputs ||
      dy.sizes[3] != s.w.outputs)
    call.failHere("dy has shape ", shapeText(dy), ", which is no output for an input of ", shapeText(dx));
}

// The larger of each pair, and whether it is the second. NaN wins over everything; of equals the first wins.
template <class T> DL_INLINE void maxOfPairs(const T *x, T *best, int32_t *second, int64_t n) {
  for (int64_t j = 0; j < n; ++j) {
    T left = x[2 * j], right = x[2 * j + 1];
    bool better = right > left || right != right;
    best[j] = better ? right : left;
    second[j] = better;
  }
}

// The larger of two rows of pairs, and where in the plane it stands.
template <class T>
DL_INLINE void maxOfRows(const T *best, const int32_t *second, T *y, int64_t *at, int64_t base, int64_t width,
                         int64_t n) {
#pragma clang loop vectorize(enable) vectorize_predicate(enable)
  for (int64_t j = 0; j < n; ++j) {
    T top = best[j], bottom = best[n + j];
    bool better = bottom > top || bottom != bottom;
    y[j] = better ? bottom : top;
    int64_t column = 2 * j + (better ? second[n + j] : second[j]);
    at[j] = base + column + (better ? width : 0);
  }
}

// A plane of windows of 2x2 without overlap; `best` and `second` have room for two rows of pairs per row of windows.
template <class T>
DL_INLINE void maxTwoByTwo(const PoolShape &s, const T *x, T *y, int64_t *at, T *best, int32_t *second) {
  int64_t n = s.w.outputs;
  if (s.w.size == 2 * n)
    maxOfPairs(x, best, second, 2 * s.h.outputs * n);
  else
    for (int64_t i = 0; i < 2 * s.h.outputs; ++i)
      maxOfPairs(x + i * s.w.size, best + i * n, second + i * n, n);
  for (int64_t i = 0; i < s.h.outputs; ++i)
    maxOfRows(best + 2 * i * n, second + 2 * i * n, y + i * n, at + i * n, 2 * i * s.w.size, s.w.size, n);
}

DL_CLONES void maxTwoByTwoF32(const PoolShape &s, const float *x, float *y, int64_t *at, float *best, int32_t *second) {
  maxTwoByTwo(s, x, y, at, best, second);
}
DL_CLONES void maxTwoByTwoF64(const PoolShape &s, const double *x, double *y, int64_t *at, double *best,
                              int32_t *second) {
  maxTwoByTwo(s, x, y, at, best, second);
}

template <class T> void maxTwoByTwoPlane(const PoolShape &s, const T *x, T *y, int64_t *at) {
  thread_local std::vector<T> best;
  thread_local std::vector<int32_t> second;
  size_t room = static_cast<size_t>(2 * s.outPlane());
  if (best.size() < room) {
    best.resize(room);
    second.resize(room);
  }
  if constexpr (std::is_same_v<T, float>)
    maxTwoByTwoF32(s, x, y, at, best.data(), second.data());
  else
    maxTwoByTwoF64(s, x, y, at, best.data(), second.data());
}

template <class T> void maxPlane(const PoolShape &s, const T *x, T *y, int64_t *at) {
  for (int64_t i = 0; i < s.h.outputs; ++i)
    for (int64_t j = 0; j < s.w.outputs; ++j) {
      int64_t top = i * s.h.stride - s.h.pad, left = j * s.w.stride - s.w.pad;
      while (top < 0)
        top += s.h.dilation;
      while (left < 0)
        left += s.w.dilation;
      int64_t bottom = std::min(i * s.h.stride - s.h.pad + (s.h.kernel - 1) * s.h.dilation + 1, s.h.size);
      int64_t right = std::min(j * s.w.stride - s.w.pad + (s.w.kernel - 1) * s.w.dilation + 1, s.w.size);
      T best = -std::numeric_limits<T>::infinity();
      int64_t where = top * s.w.size + left;
      for (int64_t r = top; r < bottom; r += s.h.dilation)
        for (int64_t c = left; c < right; c += s.w.dilation) {
          T value = x[r * s.w.size + c];
          if (value > best || std::isnan(value)) {
            best = value;
            where = r * s.w.size + c;
          }
        }
      y[i * s.w.outputs + j] = best;
      at[i * s.w.outputs + j] = where;
    }
}

// The part of a window that lies inside, and what its sum is divided by.
struct Window {
  int64_t top, bottom, left, right;
  double divisor;
};

Window window(const PoolShape &s, int64_t i, int64_t j, bool countPadding, int64_t divisor) {
  Window w{i * s.h.stride - s.h.pad, 0, j * s.w.stride - s.w.pad, 0, 0};
  w.bottom = std::min(w.top + s.h.kernel, s.h.size + s.h.pad);
  w.right = std::min(w.left + s.w.kernel, s.w.size + s.w.pad);
  int64_t padded = (w.bottom - w.top) * (w.right - w.left);
  w.top = std::max<int64_t>(w.top, 0);
  w.left = std::max<int64_t>(w.left, 0);
  w.bottom = std::min(w.bottom, s.h.size);
  w.right = std::min(w.right, s.w.size);
  int64_t inside = (w.bottom - w.top) * (w.right - w.left);
  w.divisor = static_cast<double>(divisor ? divisor : countPadding ? padded : inside);
  return w;
}

template <class T> DL_INLINE void averageTwoByTwoRow(const T *top, const T *bottom, T *y, int64_t n) {
  for (int64_t j = 0; j < n; ++j)
    y[j] = ((top[2 * j] + top[2 * j + 1]) + bottom[2 * j] + bottom[2 * j + 1]) * T(0.25);
}
DL_CLONES void averageRowF32(const float *top, const float *bottom, float *y, int64_t n) {
  averageTwoByTwoRow(top, bottom, y, n);
}
DL_CLONES void averageRowF64(const double *top, const double *bottom, double *y, int64_t n) {
  averageTwoByTwoRow(top, bottom, y, n);
}
void averageRow(const float *top, const float *bottom, float *y, int64_t n) { averageRowF32(top, bottom, y, n); }
void averageRow(const double *top, const double *bottom, double *y, int64_t n) { averageRowF64(top, bottom, y, n); }

// Both rows of dx under one row of windows of 2x2.
template <class T> void spreadRow(const T *dy, T *top, T *bottom, int64_t n) {
  for (int64_t j = 0; j < n; ++j) {
    T share = dy[j] * T(0.25);
    top[2 * j] = share;
    top[2 * j + 1] = share;
  }
  std::copy_n(top, 2 * n, bottom);
}

} // namespace
} // namespace dl::rt

using namespace dl::rt;

// Kernel. in: x[N, C, H, W], kernel h, w, stride h, w, padding h, w, dilation h, w, ceil_mode.
// out: y[N, C, ., .], indices i64 of the same shape: where in the H * W plane the maximum stood, the first in scan
// order. Padding counts as -inf; NaN is the maximum of its window.
DL_RUNTIME_FUNCTION(max_pool2d) {
  call.expect(10, 2);
  const dl_value &x = call.tensor(0, 4);
  PoolShape s = poolShape(call, x, 1, true);
  int64_t shape[4] = {x.sizes[0], x.sizes[1], s.h.outputs, s.w.outputs};
  dl_value &y = call.tensorResult(0, x.dtype, shape, 4);
  int64_t *at = elements<int64_t>(call.tensorResult(1, DL_I64, shape, 4));
  dispatchFloat(x.dtype, "max_pool2d", [&](auto tag) {
    using T = typename decltype(tag)::type;
    bool simple = s.isTwoByTwo();
    parallelFor(0, s.planes, s.planeGrain(), [&](int64_t from, int64_t to) {
      for (int64_t p = from; p < to; ++p) {
        const T *in = elements<const T>(x) + p * s.inPlane();
        T *out = elements<T>(y) + p * s.outPlane();
        int64_t *where = at + p * s.outPlane();
        if (simple)
          maxTwoByTwoPlane(s, in, out, where);
        else
          maxPlane(s, in, out, where);
      }
    });
  });
}

// Kernel. in: dy[N, C, ., .], indices i64 of the same shape.  out: dx[N, C, H, W], its sizes set by the caller.
DL_RUNTIME_FUNCTION(max_pool2d_grad) {
  call.expect(2, 1);
  const dl_value &dy = call.tensor(0, 4), &indices = call.tensor(1, 4);
  dl_value &dx = call.shapedResult(0);
  if (dx.rank != 4 || dx.dtype != dy.dtype || indices.dtype != DL_I64 ||
      !std::equal(dy.sizes, dy.sizes + 4, indices.sizes) || dx.sizes[0] * dx.sizes[1] != dy.sizes[0] * dy.sizes[1])
    call.failHere("shapes ", shapeText(dy), ", ", shapeText(indices), " and ", shapeText(dx),
                  " do not belong together");
  int64_t planes = dy.sizes[0] * dy.sizes[1], outPlane = dy.sizes[2] * dy.sizes[3], inPlane = dx.sizes[2] * dx.sizes[3];
  const int64_t *at = elements<const int64_t>(indices);
  bool wild = false;
  for (int64_t i = 0, n = planes * outPlane; i < n; ++i)
    wild |= static_cast<uint64_t>(at[i]) >= static_cast<uint64_t>(inPlane);
  if (wild)
    call.failHere("an index lies outside the plane of ", inPlane, " elements");
  dispatchFloat(dy.dtype, "max_pool2d_grad", [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallelFor(0, planes, std::max<int64_t>(1, kGrain / (1 + inPlane)), [&](int64_t from, int64_t to) {
      std::fill_n(elements<T>(dx) + from * inPlane, (to - from) * inPlane, T(0));
      for (int64_t p = from; p < to; ++p) {
        T *out = elements<T>(dx) + p * inPlane;
        const T *in = elements<const T>(dy) + p * outPlane;
        const int64_t *where = at + p * outPlane;
        for (int64_t i = 0; i < outPlane; ++i)
          out[where[i]] += in[i];
      }
    });
  });
}

// Kernel. in: x[N, C, H, W], kernel h, w, stride h, w, padding h, w, ceil_mode, count_include_pad, divisor (0: the
// number of elements).  out: y[N, C, ., .].
DL_RUNTIME_FUNCTION(avg_pool2d) {
  call.expect(10, 1);
  const dl_value &x = call.tensor(0, 4);
  PoolShape s = poolShape(call, x, 1, false);
  bool countPadding = call.integer(8);
  int64_t divisor = call.integer(9);
  int64_t shape[4] = {x.sizes[0], x.sizes[1], s.h.outputs, s.w.outputs};
  dl_value &y = call.tensorResult(0, x.dtype, shape, 4);
  dispatchFloat(x.dtype, "avg_pool2d", [&](auto tag) {
    using T = typename decltype(tag)::type;
    bool simple = s.isTwoByTwo() && divisor == 0;
    parallelFor(0, s.planes, s.planeGrain(), [&](int64_t from, int64_t to) {
      for (int64_t p = from; p < to; ++p) {
        const T *in = elements<const T>(x) + p * s.inPlane();
        T *out = elements<T>(y) + p * s.outPlane();
        for (int64_t i = 0; i < s.h.outputs; ++i) {
          if (simple) {
            const T *top = in + 2 * i * s.w.size;
            averageRow(top, top + s.w.size, out + i * s.w.outputs, s.w.outputs);
            continue;
          }
          for (int64_t j = 0; j < s.w.outputs; ++j) {
            Window w = window(s, i, j, countPadding, divisor);
            T sum = 0;
            for (int64_t r = w.top; r < w.bottom; ++r)
              for (int64_t c = w.left; c < w.right; ++c)
                sum += in[r * s.w.size + c];
            out[i * s.w.outputs + j] = sum / static_cast<T>(w.divisor);
          }
        }
      }
    });
  });
}

// Kernel. in: dy[N, C, ., .] and avg_pool2d's arguments after x.  out: dx[N, C, H, W], its sizes set by the caller.
DL_RUNTIME_FUNCTION(avg_pool2d_grad) {
  call.expect(10, 1);
  const dl_value &dy = call.tensor(0, 4);
  dl_value &dx = call.shapedResult(0);
  if (dx.rank != 4)
    call.failHere("the result has shape ", shapeText(dx));
  PoolShape s = poolShape(call, dx, 1, false);
  requireShape(call, dy, dx, s);
  bool countPadding = call.integer(8);
  int64_t divisor = call.integer(9);
  dispatchFloat(dy.dtype, "avg_pool2d_grad", [&](auto tag) {
    using T = typename decltype(tag)::type;
    bool simple = s.isTwoByTwo() && divisor == 0;
    parallelFor(0, s.planes, s.planeGrain(), [&](int64_t from, int64_t to) {
      std::fill_n(elements<T>(dx) + from * s.inPlane(), (to - from) * s.inPlane(), T(0));
      for (int64_t p = from; p < to; ++p) {
        const T *in = elements<const T>(dy) + p * s.outPlane();
        T *out = elements<T>(dx) + p * s.inPlane();
        for (int64_t i = 0; i < s.h.outputs; ++i) {
          if (simple) {
            T *top = out + 2 * i * s.w.size;
            spreadRow(in + i * s.w.outputs, top, top + s.w.size, s.w.outputs);
            continue;
          }
          for (int64_t j = 0; j < s.w.outputs; ++j) {
            Window w = window(s, i, j, countPadding, divisor);
            T share = in[i * s.w.outputs + j] / static_cast<T>(w.divisor);
            for (int64_t r = w.top; r < w.bottom; ++r)
              for (int64_t c = w.left; c < w.right; ++c)
                out[r * s.w.size + c] += share;
          }
        }
      }
    });
  });
}
