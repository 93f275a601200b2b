// Convolutions and pooling, by definition.
#include "tests/reference/operations.h"

namespace dl::reference {
namespace {

struct Pair {
  int64_t height, width;
};

Pair pairOf(const Operation &op, const std::string &key, Pair otherwise) {
  const sema::Attr *attr = op.attr(key);
  if (const auto *one = attr ? std::get_if<int64_t>(attr) : nullptr)
    return {*one, *one};
  if (const auto *both = attr ? std::get_if<std::vector<int64_t>>(attr) : nullptr)
    return {both->at(0), both->at(1)};
  return otherwise;
}

struct Window {
  Pair size, stride, padding, dilation;
  // Calls `visit` with each place of the window of an output element, and with its place in the window.
  template <class F> void forEach(const std::vector<int64_t> &out, F visit) const {
    for (int64_t i = 0; i < size.height; ++i)
      for (int64_t j = 0; j < size.width; ++j)
        visit(out[2] * stride.height - padding.height + i * dilation.height,
              out[3] * stride.width - padding.width + j * dilation.width, i, j);
  }
};

const Number *element(const Array &x, int64_t n, int64_t c, int64_t h, int64_t w) {
  if (h < 0 || w < 0 || h >= x.shape[2] || w >= x.shape[3])
    return nullptr;
  return &x.data[static_cast<size_t>(((n * x.shape[1] + c) * x.shape[2] + h) * x.shape[3] + w)];
}

Array convolution(const Operation &op) {
  const Array &x = op.args[0], &w = op.args[1];
  int64_t groups = op.integer("groups", 1), perGroup = w.shape[0] / groups;
  Window window{{w.shape[2], w.shape[3]},
                pairOf(op, "stride", {1, 1}),
                pairOf(op, "padding", {0, 0}),
                pairOf(op, "dilation", {1, 1})};
  Array result{op.elem, op.shape, {}};
  forEachIndex(op.shape, [&](const std::vector<int64_t> &out) {
    std::vector<std::pair<Number, Number>> pairs;
    for (int64_t c = 0; c < w.shape[1]; ++c)
      window.forEach(out, [&](int64_t h, int64_t v, int64_t i, int64_t j) {
        if (const Number *number = element(x, out[0], out[1] / perGroup * w.shape[1] + c, h, v))
          pairs.emplace_back(*number, *element(w, out[1], c, i, j));
      });
    result.data.push_back(dot(op.elem, pairs));
  });
  return result;
}

Array pooled(const Operation &op, bool largest) {
  const Array &x = op.args[0];
  Pair size = pairOf(op, "kernel_size", {1, 1});
  Window window{size, pairOf(op, "stride", size), pairOf(op, "padding", {0, 0}), pairOf(op, "dilation", {1, 1})};
  Array result{op.elem, op.shape, {}};
  forEachIndex(op.shape, [&](const std::vector<int64_t> &out) {
    std::vector<Number> parts;
    window.forEach(out, [&](int64_t h, int64_t w, int64_t, int64_t) {
      if (const Number *number = element(x, out[0], out[1], h, w))
        parts.push_back(*number);
    });
    if (largest) {
      result.data.push_back(extremum(parts, true, op.trace));
      return;
    }
    bool all = !op.attr("count_include_pad") || op.flag("count_include_pad");
    auto count = static_cast<long double>(all ? size.height * size.width : static_cast<int64_t>(parts.size()));
    result.data.push_back((*findBinary("div"))(op.elem, sum(op.elem, parts), {count, 0}, op.trace));
  });
  return result;
}

} // namespace

bool windowed(const Operation &op, Array &result) {
  if (op.name == "conv2d")
    result = convolution(op);
  else if (op.name == "max_pool2d" || op.name == "avg_pool2d")
    result = pooled(op, op.name == "max_pool2d");
  else
    return false;
  return true;
}

} // namespace dl::reference
