// Two-dimensional convolution (cross-correlation, as in PyTorch) and its two gradients: f32 by oneDNN, f64 by plain
// loops.
#include "runtime/kernels/conv.h"

#include <algorithm>

#include "runtime/core/buffer.h"
#include "runtime/core/threads.h"
#include "runtime/kernels/onednn.h"

namespace dl::rt {

ConvShape convShape(const Call &call, const int64_t *x, const int64_t *w, int64_t at) {
  ConvShape s{x[0], x[1], x[2], x[3], w[0], w[2], w[3], 0, 0, 0, 0, 0, 0, 0, 0, 0};
  s.strideH = call.integer(at);
  s.strideW = call.integer(at + 1);
  s.padH = call.integer(at + 2);
  s.padW = call.integer(at + 3);
  s.dilationH = call.integer(at + 4);
  s.dilationW = call.integer(at + 5);
  s.groups = call.integer(at + 6);
  if (s.strideH < 1 || s.strideW < 1 || s.dilationH < 1 || s.dilationW < 1 || s.padH < 0 || s.padW < 0 || s.groups < 1)
    call.failHere("strides, dilations and groups must be positive and paddings not negative");
  if (s.channels % s.groups || s.filters % s.groups)
    call.failHere(s.groups, " groups do not divide ", s.channels, " input and ", s.filters, " output channels");
  if (w[1] != s.channelsPerGroup())
    call.failHere("the weight takes ", w[1], " channels per group, the input has ", s.channelsPerGroup());
  auto outputs = [&](int64_t size, int64_t pad, int64_t kernel, int64_t dilation, int64_t stride) {
    int64_t room = size + 2 * pad - dilation * (kernel - 1) - 1;
    if (kernel < 1 || room < 0)
      call.failHere("a kernel of ", kernel, " (dilation ", dilation, ") does not fit an input of ", size, " padded by ",
                    pad);
    return room / stride + 1;
  };
  s.outHeight = outputs(s.height, s.padH, s.kernelHeight, s.dilationH, s.strideH);
  s.outWidth = outputs(s.width, s.padW, s.kernelWidth, s.dilationW, s.strideW);
  return s;
}

namespace {

using dnnl::memory;

enum class Kind : int64_t { forward, gradInput, gradWeight };

// The descriptors of one convolution.
struct Descriptors {
  memory::dims x, w, bias, y, strides, dilations, pads;
  bool grouped;

  explicit Descriptors(const ConvShape &s)
      : x{s.batch, s.channels, s.height, s.width}, bias{s.filters}, y{s.batch, s.filters, s.outHeight, s.outWidth},
        strides{s.strideH, s.strideW}, dilations{s.dilationH - 1, s.dilationW - 1}, pads{s.padH, s.padW},
        grouped(s.groups > 1) {
    w = grouped ? memory::dims{s.groups, s.filtersPerGroup(), s.channelsPerGroup(), s.kernelHeight, s.kernelWidth}
                : memory::dims{s.filters, s.channels, s.kernelHeight, s.kernelWidth};
  }

  static memory::desc any(const memory::dims &dims) { return {dims, memory::data_type::f32, memory::format_tag::any}; }
  static memory::desc image(const memory::dims &dims) {
    return {dims, memory::data_type::f32, memory::format_tag::nchw};
  }
  memory::desc weight() const {
    return {w, memory::data_type::f32, grouped ? memory::format_tag::goihw : memory::format_tag::oihw};
  }
  memory::desc plainBias() const { return {bias, memory::data_type::f32, memory::format_tag::a}; }
};

PrimitiveKey keyOf(Kind kind, const ConvShape &s, bool bias, bool relu) {
  return {static_cast<int64_t>(kind),
          s.batch,
          s.channels,
          s.height,
          s.width,
          s.filters,
          s.kernelHeight,
          s.kernelWidth,
          s.outHeight,
          s.outWidth,
          s.strideH,
          s.strideW,
          s.padH,
          s.padW,
          s.dilationH,
          s.dilationW,
          s.groups,
          bias,
          relu};
}

dnnl::convolution_forward::primitive_desc forwardDescriptor(const Descriptors &d, bool bias, bool relu) {
  using Desc = dnnl::convolution_forward::desc;
  auto kind = dnnl::prop_kind::forward_training;
  auto algorithm = dnnl::algorithm::convolution_direct;
  Desc desc = bias ? Desc(kind, algorithm, d.any(d.x), d.any(d.w), d.plainBias(), d.any(d.y), d.strides, d.dilations,
                          d.pads, d.pads)
                   : Desc(kind, algorithm, d.any(d.x), d.any(d.w), d.any(d.y), d.strides, d.dilations, d.pads, d.pads);
  dnnl::primitive_attr attributes;
  if (relu) {
    dnnl::post_ops after;
    after.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
    attributes.set_post_ops(after);
  }
  return {desc, attributes, cpuEngine()};
}

PlainPrimitive makeForward(const ConvShape &s, bool bias, bool relu) {
  Descriptors d(s);
  auto chosen = forwardDescriptor(d, bias, relu);
  std::vector<Operand> operands{{DNNL_ARG_SRC, d.image(d.x), chosen.src_desc()},
                                {DNNL_ARG_WEIGHTS, d.weight(), chosen.weights_desc()},
                                {DNNL_ARG_DST, d.image(d.y), chosen.dst_desc(), true}};
  if (bias)
    operands.push_back({DNNL_ARG_BIAS, d.plainBias(), chosen.bias_desc()});
  return {dnnl::convolution_forward(chosen), operands};
}

PlainPrimitive makeGradInput(const ConvShape &s) {
  Descriptors d(s);
  dnnl::convolution_backward_data::desc desc(dnnl::algorithm::convolution_direct, d.any(d.x), d.any(d.w), d.any(d.y),
                                             d.strides, d.dilations, d.pads, d.pads);
  dnnl::convolution_backward_data::primitive_desc chosen(desc, cpuEngine(), forwardDescriptor(d, false, false));
  return {dnnl::convolution_backward_data(chosen),
          {{DNNL_ARG_DIFF_DST, d.image(d.y), chosen.diff_dst_desc()},
           {DNNL_ARG_WEIGHTS, d.weight(), chosen.weights_desc()},
           {DNNL_ARG_DIFF_SRC, d.image(d.x), chosen.diff_src_desc(), true}}};
}

PlainPrimitive makeGradWeight(const ConvShape &s, bool bias) {
  using Desc = dnnl::convolution_backward_weights::desc;
  Descriptors d(s);
  auto algorithm = dnnl::algorithm::convolution_direct;
  Desc desc =
      bias ? Desc(algorithm, d.any(d.x), d.any(d.w), d.plainBias(), d.any(d.y), d.strides, d.dilations, d.pads, d.pads)
           : Desc(algorithm, d.any(d.x), d.any(d.w), d.any(d.y), d.strides, d.dilations, d.pads, d.pads);
  dnnl::convolution_backward_weights::primitive_desc chosen(desc, cpuEngine(), forwardDescriptor(d, bias, false));
  std::vector<Operand> operands{{DNNL_ARG_SRC, d.image(d.x), chosen.src_desc()},
                                {DNNL_ARG_DIFF_DST, d.image(d.y), chosen.diff_dst_desc()},
                                {DNNL_ARG_DIFF_WEIGHTS, d.weight(), chosen.diff_weights_desc(), true}};
  if (bias)
    operands.push_back({DNNL_ARG_DIFF_BIAS, d.plainBias(), chosen.diff_bias_desc(), true});
  return {dnnl::convolution_backward_weights(chosen), operands};
}

// The batch is cut into parts whose number depends on the shape alone, and their gradients are added in order: left to
// itself, oneDNN sums over the batch in an order that depends on the number of threads.
constexpr int64_t kMostParts = 8;
constexpr int64_t kMostPartElements = int64_t{8} << 20; // of all parts' gradients together

void gradWeightOneDnn(const ConvShape &s, void *x, void *dy, float *dw, float *db) {
  int64_t weights = s.filters * s.channelsPerGroup() * s.kernelHeight * s.kernelWidth;
  int64_t parts = std::clamp<int64_t>(std::min(s.batch / 2, kMostPartElements / weights), 1, kMostParts);
  int64_t partSize = weights + s.filters;
  Buffer<float> others((parts - 1) * partSize); // the first part goes to the result itself
  auto partWeights = [&](int64_t p) { return p ? others.data() + (p - 1) * partSize : dw; };
  auto partBias = [&](int64_t p) { return !db ? nullptr : p ? others.data() + (p - 1) * partSize + weights : db; };
  parallelFor(0, parts, 1, [&](int64_t from, int64_t to) {
    for (int64_t p = from; p < to; ++p) {
      int64_t first = s.batch * p / parts;
      ConvShape part = s;
      part.batch = s.batch * (p + 1) / parts - first;
      auto &primitive =
          cachedPrimitive(keyOf(Kind::gradWeight, part, db, false), 1, [&] { return makeGradWeight(part, db); });
      primitive.run({static_cast<float *>(x) + first * s.channels * s.height * s.width,
                     static_cast<float *>(dy) + first * s.filters * s.outHeight * s.outWidth, partWeights(p),
                     partBias(p)});
    }
  });
  for (int64_t p = 1; p < parts; ++p) {
    for (int64_t i = 0; i < weights; ++i)
      dw[i] += partWeights(p)[i];
    for (int64_t i = 0; db && i < s.filters; ++i)
      db[i] += partBias(p)[i];
  }
}

bool forOneDnn(const ConvShape &s, int32_t dtype) { return dtype == DL_F32 && s.batch && s.channels && s.filters; }

void requireTypes(const Call &call, const dl_value &a, const dl_value &b) {
  if (a.dtype != b.dtype)
    call.failHere("element types differ, ", dtypeName(a.dtype), " and ", dtypeName(b.dtype));
}

} // namespace
} // namespace dl::rt

using namespace dl::rt;

// Kernel. in: x[N, C, H, W], w[O, C / groups, kh, kw], (bias[O])?, stride h, w, padding h, w, dilation h, w, groups,
// activation (0 none, 1 relu).  out: y[N, O, (H + 2 p - d (k - 1) - 1) // s + 1, likewise]. f32 or f64.
DL_RUNTIME_FUNCTION(conv2d) {
  const dl_value &x = call.tensor(0, 4), &w = call.tensor(1, 4);
  bool hasBias = call.argument(2).rank == 1;
  int64_t at = hasBias ? 3 : 2;
  requireTypes(call, x, w);
  ConvShape s = convShape(call, x.sizes, w.sizes, at);
  bool relu = call.integer(at + 7) == 1;
  if (hasBias) {
    requireTypes(call, x, call.in[2]);
    if (call.in[2].sizes[0] != s.filters)
      call.failHere("the bias has ", call.in[2].sizes[0], " elements, ", s.filters, " are needed");
  }
  int64_t shape[4] = {s.batch, s.filters, s.outHeight, s.outWidth};
  dl_value &y = call.tensorResult(0, x.dtype, shape, 4);
  void *bias = hasBias ? call.in[2].data : nullptr;
  if (forOneDnn(s, x.dtype)) {
    auto &primitive = cachedPrimitive(keyOf(Kind::forward, s, hasBias, relu), dl_num_threads(),
                                      [&] { return makeForward(s, hasBias, relu); });
    primitive.run({x.data, w.data, y.data, bias});
    return;
  }
  dispatchFloat(x.dtype, "conv2d", [&](auto tag) {
    using T = typename decltype(tag)::type;
    convPlain(s, elements<const T>(x), elements<const T>(w), static_cast<const T *>(bias), relu, elements<T>(y));
  });
}

// Kernel. in: dy[N, O, ., .], w[O, C / groups, kh, kw], stride h, w, padding h, w, dilation h, w, groups.
// out: dx[N, C, H, W], its sizes set by the caller: the gradient of conv2d with respect to x. Also the transposed
// convolution.
DL_RUNTIME_FUNCTION(conv2d_grad_input) {
  call.expect(9, 1);
  const dl_value &dy = call.tensor(0, 4), &w = call.tensor(1, 4);
  dl_value &dx = call.shapedResult(0);
  requireTypes(call, dy, w);
  requireTypes(call, dy, dx);
  if (dx.rank != 4)
    call.failHere("the result has shape ", shapeText(dx));
  ConvShape s = convShape(call, dx.sizes, w.sizes, 2);
  if (dy.sizes[0] != s.batch || dy.sizes[1] != s.filters || dy.sizes[2] != s.outHeight || dy.sizes[3] != s.outWidth)
    call.failHere("dy has shape ", shapeText(dy), ", which is no output for an input of ", shapeText(dx));
  if (forOneDnn(s, dy.dtype)) {
    auto &primitive =
        cachedPrimitive(keyOf(Kind::gradInput, s, false, false), dl_num_threads(), [&] { return makeGradInput(s); });
    primitive.run({dy.data, w.data, dx.data});
    return;
  }
  dispatchFloat(dy.dtype, "conv2d_grad_input", [&](auto tag) {
    using T = typename decltype(tag)::type;
    convGradInputPlain(s, elements<const T>(dy), elements<const T>(w), elements<T>(dx));
  });
}

// Kernel. in: x[N, C, H, W], dy[N, O, ., .], stride h, w, padding h, w, dilation h, w, groups.
// out: dw[O, C / groups, kh, kw], its sizes set by the caller, and, when two results are asked for, db[O].
DL_RUNTIME_FUNCTION(conv2d_grad_weight) {
  if (call.numOut != 2)
    call.expect(9, 1);
  const dl_value &x = call.tensor(0, 4), &dy = call.tensor(1, 4);
  dl_value &dw = call.shapedResult(0);
  requireTypes(call, x, dy);
  requireTypes(call, x, dw);
  if (dw.rank != 4)
    call.failHere("the result has shape ", shapeText(dw));
  ConvShape s = convShape(call, x.sizes, dw.sizes, 2);
  if (dy.sizes[0] != s.batch || dy.sizes[1] != s.filters || dy.sizes[2] != s.outHeight || dy.sizes[3] != s.outWidth)
    call.failHere("dy has shape ", shapeText(dy), ", which is no output for an input of ", shapeText(x));
  void *db = call.numOut == 2 ? call.tensorResult(1, x.dtype, &s.filters, 1).data : nullptr;
  if (forOneDnn(s, x.dtype)) {
    gradWeightOneDnn(s, x.data, dy.data, elements<float>(dw), static_cast<float *>(db));
    return;
  }
  dispatchFloat(x.dtype, "conv2d_grad_weight", [&](auto tag) {
    using T = typename decltype(tag)::type;
    convGradWeightPlain(s, elements<const T>(x), elements<const T>(dy), elements<T>(dw), static_cast<T *>(db));
  });
}
