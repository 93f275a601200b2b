// The geometry of a two-dimensional convolution.
#pragma once

#include "runtime/core/arguments.h"

namespace dl::rt {

struct ConvShape {
  int64_t batch, channels, height, width;     // x
  int64_t filters, kernelHeight, kernelWidth; // w[filters, channels / groups, kernelHeight, kernelWidth]
  int64_t outHeight, outWidth;                // y[batch, filters, outHeight, outWidth]
  int64_t strideH, strideW, padH, padW, dilationH, dilationW, groups;

  int64_t channelsPerGroup() const { return channels / groups; }
  int64_t filtersPerGroup() const { return filters / groups; }
};

// Reads strides, paddings, dilations and groups from the seven arguments at `at`; x and w give the rest.
ConvShape convShape(const Call &call, const int64_t *x, const int64_t *w, int64_t at);

// Plain loops for element types that oneDNN does not convolve, and for empty tensors.
template <class T> void convPlain(const ConvShape &shape, const T *x, const T *w, const T *bias, bool relu, T *y);
template <class T> void convGradInputPlain(const ConvShape &shape, const T *dy, const T *w, T *dx);
template <class T> void convGradWeightPlain(const ConvShape &shape, const T *x, const T *dy, T *dw, T *db);

} // namespace dl::rt
