#include <algorithm>

#include "runtime/core/threads.h"
#include "runtime/kernels/conv.h"

namespace dl::rt {
namespace {

// The outputs i in [begin, end) of one dimension whose input at i * stride + shift lies inside.
struct Span {
  int64_t begin, end;
};

Span insideSpan(int64_t outputs, int64_t inputs, int64_t stride, int64_t shift) {
  int64_t begin = shift >= 0 ? 0 : (-shift + stride - 1) / stride;
  int64_t end = inputs - shift <= 0 ? 0 : (inputs - shift + stride - 1) / stride;
  return {begin, std::max(begin, std::min(outputs, end))};
}

// Calls row(yOffset, xOffset, count) for every run of outputs that a kernel tap reaches in one plane; x advances by
// strideW.
template <class Row> void forTap(const ConvShape &s, int64_t kh, int64_t kw, const Row &row) {
  int64_t shiftH = kh * s.dilationH - s.padH, shiftW = kw * s.dilationW - s.padW;
  Span rows = insideSpan(s.outHeight, s.height, s.strideH, shiftH);
  Span columns = insideSpan(s.outWidth, s.width, s.strideW, shiftW);
  if (columns.begin >= columns.end)
    return;
  for (int64_t i = rows.begin; i < rows.end; ++i)
    row(i * s.outWidth + columns.begin, (i * s.strideH + shiftH) * s.width + columns.begin * s.strideW + shiftW,
        columns.end - columns.begin);
}

// Calls tap(weightOffset, kh, kw) for the kernel between a filter and a channel of its group.
template <class Tap> void forKernel(const ConvShape &s, int64_t filter, int64_t channel, const Tap &tap) {
  int64_t base = (filter * s.channelsPerGroup() + channel) * s.kernelHeight * s.kernelWidth;
  for (int64_t kh = 0; kh < s.kernelHeight; ++kh)
    for (int64_t kw = 0; kw < s.kernelWidth; ++kw)
      tap(base + kh * s.kernelWidth + kw, kh, kw);
}

} // namespace

template <class T> void convPlain(const ConvShape &s, const T *x, const T *w, const T *bias, bool relu, T *y) {
  int64_t plane = s.outHeight * s.outWidth;
  parallelFor(0, s.batch * s.filters, 1, [&](int64_t from, int64_t to) {
    for (int64_t p = from; p < to; ++p) {
      int64_t filter = p % s.filters, group = filter / s.filtersPerGroup();
      T *out = y + p * plane;
      std::fill_n(out, plane, bias ? bias[filter] : T(0));
      for (int64_t c = 0; c < s.channelsPerGroup(); ++c) {
        const T *in = x + (p / s.filters * s.channels + group * s.channelsPerGroup() + c) * s.height * s.width;
        forKernel(s, filter, c, [&](int64_t at, int64_t kh, int64_t kw) {
          T weight = w[at];
          forTap(s, kh, kw, [&](int64_t yOffset, int64_t xOffset, int64_t count) {
            for (int64_t j = 0; j < count; ++j)
              out[yOffset + j] += weight * in[xOffset + j * s.strideW];
          });
        });
      }
      if (relu)
        for (int64_t i = 0; i < plane; ++i)
          out[i] = out[i] < 0 ? 0 : out[i];
    }
  });
}

template <class T> void convGradInputPlain(const ConvShape &s, const T *dy, const T *w, T *dx) {
  int64_t plane = s.height * s.width;
  parallelFor(0, s.batch * s.channels, 1, [&](int64_t from, int64_t to) {
    for (int64_t p = from; p < to; ++p) {
      int64_t channel = p % s.channels, group = channel / s.channelsPerGroup();
      T *out = dx + p * plane;
      std::fill_n(out, plane, T(0));
      for (int64_t f = 0; f < s.filtersPerGroup(); ++f) {
        int64_t filter = group * s.filtersPerGroup() + f;
        const T *in = dy + (p / s.channels * s.filters + filter) * s.outHeight * s.outWidth;
        forKernel(s, filter, channel % s.channelsPerGroup(), [&](int64_t at, int64_t kh, int64_t kw) {
          T weight = w[at];
          forTap(s, kh, kw, [&](int64_t yOffset, int64_t xOffset, int64_t count) {
            for (int64_t j = 0; j < count; ++j)
              out[xOffset + j * s.strideW] += weight * in[yOffset + j];
          });
        });
      }
    }
  });
}

template <class T> void convGradWeightPlain(const ConvShape &s, const T *x, const T *dy, T *dw, T *db) {
  int64_t plane = s.outHeight * s.outWidth;
  parallelFor(0, s.filters, 1, [&](int64_t from, int64_t to) {
    for (int64_t filter = from; filter < to; ++filter) {
      int64_t group = filter / s.filtersPerGroup();
      for (int64_t c = 0; c < s.channelsPerGroup(); ++c)
        forKernel(s, filter, c, [&](int64_t at, int64_t kh, int64_t kw) {
          T sum = 0;
          for (int64_t n = 0; n < s.batch; ++n) {
            const T *in = x + (n * s.channels + group * s.channelsPerGroup() + c) * s.height * s.width;
            const T *out = dy + (n * s.filters + filter) * plane;
            forTap(s, kh, kw, [&](int64_t yOffset, int64_t xOffset, int64_t count) {
              for (int64_t j = 0; j < count; ++j)
                sum += out[yOffset + j] * in[xOffset + j * s.strideW];
            });
          }
          dw[at] = sum;
        });
      if (!db)
        continue;
      T sum = 0;
      for (int64_t n = 0; n < s.batch; ++n)
        for (int64_t i = 0; i < plane; ++i)
          sum += dy[(n * s.filters + filter) * plane + i];
      db[filter] = sum;
    }
  });
}

#define DL_INSTANTIATE(T)                                                                                              \
  template void convPlain(const ConvShape &, const T *, const T *, const T *, bool, T *);                              \
  template void convGradInputPlain(const ConvShape &, const T *, const T *, T *);                                      \
  template void convGradWeightPlain(const ConvShape &, const T *, const T *, T *, T *);
DL_INSTANTIATE(float)
DL_INSTANTIATE(double)
#undef DL_INSTANTIATE

} // namespace dl::rt
