// Convolution and pooling by definition; the derivatives as transposes, element pair by element pair.
#include "tests/tools/evaluate.h"

#include "compiler/dialect/builder.h"

#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;

namespace dl::test {

namespace {

using Arrays = std::vector<Array>;
using Shape = std::vector<int64_t>;

int64_t outputSize(int64_t size, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation, bool ceilMode) {
  int64_t span = size + 2 * padding - dilation * (kernel - 1) - 1;
  int64_t count = span / stride + 1;
  if (ceilMode && span % stride != 0 && count * stride < size + padding) // the window starts inside
    ++count;
  return count;
}

// Visits every product x[at] * w[weight] that is added to y[to].
template <class Op, class F>
void forConvolution(Op op, ArrayRef<int64_t> x, ArrayRef<int64_t> w, ArrayRef<int64_t> y, F visit) {
  int64_t groups = op.getGroups(), perGroup = y[1] / groups;
  forEachIndex(y, [&](ArrayRef<int64_t> i) {
    for (int64_t c = 0; c < w[1]; ++c)
      for (int64_t kh = 0; kh < w[2]; ++kh)
        for (int64_t kw = 0; kw < w[3]; ++kw) {
          int64_t h = i[2] * op.getStride()[0] - op.getPadding()[0] + kh * op.getDilation()[0];
          int64_t v = i[3] * op.getStride()[1] - op.getPadding()[1] + kw * op.getDilation()[1];
          if (h < 0 || h >= x[2] || v < 0 || v >= x[3])
            continue;
          int64_t channel = i[1] / perGroup * w[1] + c;
          visit(flat(x, {i[0], channel, h, v}), flat(w, {i[1], c, kh, kw}), flat(y, i));
        }
  });
}

// Visits the elements of x under each window: (place in x, row * width + column, place in y, elements that count).
template <class Op, class F>
void forWindows(Op op, ArrayRef<int64_t> dilation, ArrayRef<int64_t> x, ArrayRef<int64_t> y, F visit) {
  ArrayRef<int64_t> kernel = op.getKernel(), stride = op.getStride(), padding = op.getPadding();
  forEachIndex(y, [&](ArrayRef<int64_t> i) {
    for (int64_t kh = 0; kh < kernel[0]; ++kh)
      for (int64_t kw = 0; kw < kernel[1]; ++kw) {
        int64_t h = i[2] * stride[0] - padding[0] + kh * dilation[0];
        int64_t v = i[3] * stride[1] - padding[1] + kw * dilation[1];
        if (h >= 0 && h < x[2] && v >= 0 && v < x[3])
          visit(flat(x, {i[0], i[1], h, v}), h * x[3] + v, flat(y, i));
      }
  });
}

template <class Op> Array averageWeights(Op op, ArrayRef<int64_t> x, ArrayRef<int64_t> y) {
  Array count = Array::filled(y.vec(), 0);
  forWindows(op, {1, 1}, x, y, [&](int64_t, int64_t, int64_t to) { count.data[to] += 1; });
  for (double &n : count.data)
    n = 1 / (op.getCountIncludePad() ? double(op.getKernel()[0] * op.getKernel()[1]) : n);
  return count;
}

} // namespace

Arrays evaluateWindow(Operation *op, const Arrays &in) {
  ArrayRef<Array> rest = ArrayRef(in).drop_front(std::min<size_t>(in.size(), 2));
  return llvm::TypeSwitch<Operation *, Arrays>(op)
      .Case([&](ir::Conv2dOp c) {
        Shape shape{in[0].shape[0], in[1].shape[0]};
        for (int k : {0, 1})
          shape.push_back(outputSize(in[0].shape[2 + k], in[1].shape[2 + k], c.getStride()[k], c.getPadding()[k],
                                     c.getDilation()[k], false));
        Array y = Array::filled(shape, 0);
        forConvolution(c, in[0].shape, in[1].shape, shape, [&](int64_t at, int64_t weight, int64_t to) {
          y.data[to] += in[0].data[at] * in[1].data[weight];
        });
        return Arrays{y};
      })
      .Case([&](ir::Conv2dGradInputOp c) {
        Array dx = Array::filled(shapeWith(c.getResult().getType(), rest), 0);
        forConvolution(c, dx.shape, in[1].shape, in[0].shape, [&](int64_t at, int64_t weight, int64_t to) {
          dx.data[at] += in[0].data[to] * in[1].data[weight];
        });
        return Arrays{dx};
      })
      .Case([&](ir::Conv2dGradWeightOp c) {
        Array dw = Array::filled(shapeWith(c.getResult().getType(), rest), 0);
        forConvolution(c, in[1].shape, dw.shape, in[0].shape, [&](int64_t at, int64_t weight, int64_t to) {
          dw.data[weight] += in[0].data[to] * in[1].data[at];
        });
        return Arrays{dw};
      })
      .Case([&](ir::MaxPool2dOp p) {
        Shape shape{in[0].shape[0], in[0].shape[1]};
        for (int k : {0, 1})
          shape.push_back(outputSize(in[0].shape[2 + k], p.getKernel()[k], p.getStride()[k], p.getPadding()[k],
                                     p.getDilation()[k], p.getCeilMode()));
        Array y = Array::filled(shape, -INFINITY), indices = Array::filled(shape, -1);
        forWindows(p, p.getDilation(), in[0].shape, shape, [&](int64_t at, int64_t place, int64_t to) {
          double value = in[0].data[at];
          if (indices.data[to] >= 0 && !(value > y.data[to]) && !(std::isnan(value) && !std::isnan(y.data[to])))
            return;
          y.data[to] = value;
          indices.data[to] = static_cast<double>(place);
        });
        return Arrays{y, indices};
      })
      .Case([&](ir::PoolScatterOp p) {
        Array dx = Array::filled(shapeWith(p.getResult().getType(), rest), 0);
        int64_t plane = dx.shape[2] * dx.shape[3], window = in[0].shape[2] * in[0].shape[3];
        for (size_t i = 0; i < in[0].data.size(); ++i)
          dx.data.at(int64_t(i) / window * plane + int64_t(in[1].data[i])) += in[0].data[i];
        return Arrays{dx};
      })
      .Case([&](ir::PoolGatherOp) {
        Array y = in[1];
        int64_t plane = in[0].shape[2] * in[0].shape[3], window = y.shape[2] * y.shape[3];
        for (size_t i = 0; i < y.data.size(); ++i)
          y.data[i] = in[0].data.at(int64_t(i) / window * plane + int64_t(in[1].data[i]));
        return Arrays{y};
      })
      .Case([&](ir::AvgPool2dOp p) {
        Shape shape{in[0].shape[0], in[0].shape[1]};
        for (int k : {0, 1})
          shape.push_back(
              outputSize(in[0].shape[2 + k], p.getKernel()[k], p.getStride()[k], p.getPadding()[k], 1, false));
        Array y = Array::filled(shape, 0), weight = averageWeights(p, in[0].shape, shape);
        forWindows(p, {1, 1}, in[0].shape, shape,
                   [&](int64_t at, int64_t, int64_t to) { y.data[to] += in[0].data[at] * weight.data[to]; });
        return Arrays{y};
      })
      .Case([&](ir::AvgPool2dGradOp p) {
        Array dx = Array::filled(shapeWith(p.getResult().getType(), ArrayRef(in).drop_front()), 0);
        Array weight = averageWeights(p, dx.shape, in[0].shape);
        forWindows(p, {1, 1}, dx.shape, in[0].shape,
                   [&](int64_t at, int64_t, int64_t to) { dx.data[at] += in[0].data[to] * weight.data[to]; });
        return Arrays{dx};
      })
      .Default([](Operation *op) -> Arrays {
        throw InterpretError("no evaluation of " + op->getName().getStringRef().str());
      });
}

} // namespace dl::test
