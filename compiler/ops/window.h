// Sizes of windows that slide over an image.
#pragma once

#include "compiler/dialect/builder.h"

namespace dl::ops {

// One axis of a sliding window.
struct Window {
  int64_t kernel, stride, padding, dilation;
  bool ceilMode = false; // a last window that is only partly inside counts, if it starts inside
};

// How many windows there are along an axis of the given size (index):
// floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1, as torch.nn.Conv2d and MaxPool2d document it.
mlir::Value windowCount(mlir::OpBuilder &b, mlir::Location loc, mlir::Value size, const Window &window);

} // namespace dl::ops
