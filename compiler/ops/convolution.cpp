// conv2d and its two gradients. The three are bilinear and one another's transposes, so that derivatives of any order
// are made of them.
#include "compiler/ops/lowering.h"
#include "compiler/ops/modes.h"
#include "compiler/ops/rows.h"
#include "compiler/ops/window.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace dl::ops {
namespace {

SmallVector<Value> buildConv2d(BuildContext &c) {
  return {c.builder.create<ir::Conv2dOp>(c.loc, c.resultTypes[0], c.operands[0], c.operands[1],
                                         pairAttr(c, "stride", {1}), pairAttr(c, "padding", {0}),
                                         pairAttr(c, "dilation", {1}), intAttr(c, "groups", 1))};
}

template <class Op> SmallVector<Value> buildGradient(BuildContext &c) {
  return {c.builder.create<Op>(c.loc, c.resultTypes[0], c.operands[0], c.operands[1], c.resultSizes[0],
                               pairAttr(c, "stride", {1}), pairAttr(c, "padding", {0}), pairAttr(c, "dilation", {1}),
                               intAttr(c, "groups", 1))};
}

// The two gradients and the convolution itself with the attributes of any of the three.
template <class Op> Value convolve(OpBuilder &b, Location loc, Op like, Type type, Value x, Value w) {
  return b.create<ir::Conv2dOp>(loc, type, x, w, like.getStride(), like.getPadding(), like.getDilation(),
                                like.getGroups());
}
// `x`: a tensor of the shape of the gradient.
template <class Op> Value gradInput(OpBuilder &b, Location loc, Op like, Value dy, Value w, Value x) {
  return b.create<ir::Conv2dGradInputOp>(loc, x.getType(), dy, w, ir::dynamicSizes(b, loc, x), like.getStride(),
                                         like.getPadding(), like.getDilation(), like.getGroups());
}
template <class Op> Value gradWeight(OpBuilder &b, Location loc, Op like, Value dy, Value x, Value w) {
  return b.create<ir::Conv2dGradWeightOp>(loc, w.getType(), dy, x, ir::dynamicSizes(b, loc, w), like.getStride(),
                                          like.getPadding(), like.getDilation(), like.getGroups());
}

template <class Op>
LogicalResult lowerToKernel(Op op, RewriterBase &rewriter, StringRef callee, ValueRange operands, ValueRange sizes,
                            ArrayRef<int64_t> more = {}) {
  Location loc = op.getLoc();
  SmallVector<Value> inputs(operands);
  appendInts(rewriter, loc, inputs, op.getStride());
  appendInts(rewriter, loc, inputs, op.getPadding());
  appendInts(rewriter, loc, inputs, op.getDilation());
  appendInts(rewriter, loc, inputs, {static_cast<int64_t>(op.getGroups())});
  appendInts(rewriter, loc, inputs, more);
  auto type = cast<RankedTensorType>(op.getResult().getType());
  rewriter.replaceOp(op, callKernel(rewriter, loc, callee, inputs, type, sizes));
  return success();
}

} // namespace

std::vector<Row> convolutionRows() {
  return {
      {{"conv2d(x: F[*S], w: F[*W], stride: ints = 1, padding: ints = 0, dilation: ints = 1, groups: int = 1) -> "
        "F[conv(S, W, stride, padding, dilation, groups)]",
        "cross-correlation of x[N, C, H, W] with w[O, C / groups, kh, kw]"},
       buildConv2d},
      {{"conv2d_grad_input(dy: F[*S], w: F[*W], shape: shape, stride: ints = 1, padding: ints = 0, "
        "dilation: ints = 1, groups: int = 1) -> F[shape]",
        "the gradient of conv2d by x, which has the given shape"},
       buildGradient<ir::Conv2dGradInputOp>},
      {{"conv2d_grad_weight(dy: F[*S], x: F[*R], shape: shape, stride: ints = 1, padding: ints = 0, "
        "dilation: ints = 1, groups: int = 1) -> F[shape]",
        "the gradient of conv2d by w, which has the given shape"},
       buildGradient<ir::Conv2dGradWeightOp>},
  };
}

} // namespace dl::ops

namespace dl::ir {

LogicalResult Conv2dOp::vjp(AdjointBuilder &a) {
  if (a.wants(getX()))
    a.add(getX(),
          ops::gradInput(a.builder(), a.loc(), *this, a.adjoint(getResult()), a.primal(getW()), a.primal(getX())));
  if (a.wants(getW()))
    a.add(getW(),
          ops::gradWeight(a.builder(), a.loc(), *this, a.adjoint(getResult()), a.primal(getX()), a.primal(getW())));
  return success();
}
LogicalResult Conv2dOp::jvp(TangentBuilder &t) { return ops::bilinearJvp(*this, t, 0, 1); }
LogicalResult Conv2dOp::lower(RewriterBase &rewriter) {
  Location loc = getLoc();
  auto type = cast<RankedTensorType>(getResult().getType());
  SmallVector<Value> sizes;
  for (int64_t k = 0; k < 4; ++k) {
    if (!type.isDynamicDim(k))
      continue;
    if (k == 0)
      sizes.push_back(sizeOf(rewriter, loc, getX(), 0));
    else if (k == 1)
      sizes.push_back(sizeOf(rewriter, loc, getW(), 0));
    else
      sizes.push_back(ops::windowCount(
          rewriter, loc, sizeOf(rewriter, loc, getX(), k),
          {shapeOf(getW().getType())[k], getStride()[k - 2], getPadding()[k - 2], getDilation()[k - 2]}));
  }
  return ops::lowerToKernel(*this, rewriter, "dl_rt_conv2d", {getX(), getW()}, sizes, /*activation*/ {0});
}

LogicalResult Conv2dGradInputOp::vjp(AdjointBuilder &a) {
  if (!a.wants(getDy()) && !a.wants(getW()))
    return success();
  Value adjoint = a.adjoint(getResult());
  if (a.wants(getDy()))
    a.add(getDy(), ops::convolve(a.builder(), a.loc(), *this, getDy().getType(), adjoint, a.primal(getW())));
  if (a.wants(getW()))
    a.add(getW(), ops::gradWeight(a.builder(), a.loc(), *this, a.primal(getDy()), adjoint, a.primal(getW())));
  return success();
}
LogicalResult Conv2dGradInputOp::jvp(TangentBuilder &t) { return ops::bilinearJvp(*this, t, 0, 1); }
LogicalResult Conv2dGradInputOp::lower(RewriterBase &rewriter) {
  return ops::lowerToKernel(*this, rewriter, "dl_rt_conv2d_grad_input", {getDy(), getW()}, getSizes());
}

LogicalResult Conv2dGradWeightOp::vjp(AdjointBuilder &a) {
  if (!a.wants(getDy()) && !a.wants(getX()))
    return success();
  Value adjoint = a.adjoint(getResult());
  if (a.wants(getDy()))
    a.add(getDy(), ops::convolve(a.builder(), a.loc(), *this, getDy().getType(), a.primal(getX()), adjoint));
  if (a.wants(getX()))
    a.add(getX(), ops::gradInput(a.builder(), a.loc(), *this, a.primal(getDy()), adjoint, a.primal(getX())));
  return success();
}
LogicalResult Conv2dGradWeightOp::jvp(TangentBuilder &t) { return ops::bilinearJvp(*this, t, 0, 1); }
LogicalResult Conv2dGradWeightOp::lower(RewriterBase &rewriter) {
  return ops::lowerToKernel(*this, rewriter, "dl_rt_conv2d_grad_weight", {getX(), getDy()}, getSizes());
}

} // namespace dl::ir
