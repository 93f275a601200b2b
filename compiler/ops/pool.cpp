// Pooling over windows of images.
#include "compiler/ops/lowering.h"
#include "compiler/ops/modes.h"
#include "compiler/ops/reshape.h"
#include "compiler/ops/rows.h"
#include "compiler/ops/window.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace dl::ops {
namespace {

ir::MaxPool2dOp maxPool2d(BuildContext &c) {
  SmallVector<int64_t> kernel = pairAttr(c, "kernel_size", {1});
  Type values = ir::withElement(c.resultTypes[0], ir::elementOf(c.operands[0].getType()));
  Type indices = ir::withElement(c.resultTypes[0], c.builder.getI64Type());
  return c.builder.create<ir::MaxPool2dOp>(c.loc, values, indices, c.operands[0], kernel, pairAttr(c, "stride", kernel),
                                           pairAttr(c, "padding", {0}), pairAttr(c, "dilation", {1}),
                                           boolAttr(c, "ceil_mode", false));
}
SmallVector<Value> buildMaxPool2d(BuildContext &c) { return {maxPool2d(c).getResult()}; }
SmallVector<Value> buildMaxPool2dIndices(BuildContext &c) { return {maxPool2d(c).getIndices()}; }

SmallVector<Value> buildPoolScatter(BuildContext &c) {
  return {c.builder.create<ir::PoolScatterOp>(c.loc, c.resultTypes[0], c.operands[0], c.operands[1], c.resultSizes[0])};
}
SmallVector<Value> buildPoolGather(BuildContext &c) {
  return {c.builder.create<ir::PoolGatherOp>(c.loc, c.resultTypes[0], c.operands[0], c.operands[1])};
}
SmallVector<Value> buildAvgPool2dGrad(BuildContext &c) {
  SmallVector<int64_t> kernel = pairAttr(c, "kernel_size", {1});
  return {c.builder.create<ir::AvgPool2dGradOp>(c.loc, c.resultTypes[0], c.operands[0], c.resultSizes[0], kernel,
                                                pairAttr(c, "stride", kernel), pairAttr(c, "padding", {0}),
                                                boolAttr(c, "count_include_pad", true))};
}

SmallVector<Value> buildAvgPool2d(BuildContext &c) {
  SmallVector<int64_t> kernel = pairAttr(c, "kernel_size", {1});
  return {c.builder.create<ir::AvgPool2dOp>(c.loc, c.resultTypes[0], c.operands[0], kernel,
                                            pairAttr(c, "stride", kernel), pairAttr(c, "padding", {0}),
                                            boolAttr(c, "count_include_pad", true))};
}

// The dynamic sizes of a pooled image.
SmallVector<Value> pooledSizes(OpBuilder &b, Location loc, RankedTensorType type, Value x,
                               llvm::function_ref<Window(int64_t axis)> window) {
  SmallVector<Value> sizes;
  for (int64_t k = 0; k < 4; ++k)
    if (type.isDynamicDim(k)) {
      Value size = ir::sizeOf(b, loc, x, k);
      sizes.push_back(k < 2 ? size : windowCount(b, loc, size, window(k - 2)));
    }
  return sizes;
}

Value poolScatter(OpBuilder &b, Location loc, Value dy, Value indices, Value x) {
  return b.create<ir::PoolScatterOp>(loc, x.getType(), dy, indices, ir::dynamicSizes(b, loc, x));
}
Value poolGather(OpBuilder &b, Location loc, Type type, Value x, Value indices) {
  return b.create<ir::PoolGatherOp>(loc, type, x, indices);
}

// The arguments of the kernels of avg_pool2d after the tensor.
template <class Op> SmallVector<Value> avgArguments(OpBuilder &b, Op op, Value tensor) {
  SmallVector<Value> inputs{tensor};
  for (ArrayRef<int64_t> pair : {op.getKernel(), op.getStride(), op.getPadding()})
    appendInts(b, op.getLoc(), inputs, pair);
  appendInts(b, op.getLoc(), inputs, {/*ceil_mode*/ 0, op.getCountIncludePad(), /*divisor*/ 0});
  return inputs;
}

} // namespace

std::vector<Row> poolRows() {
  return {
      {{"max_pool2d(x: F[*S], kernel_size: ints, stride: ints = none, padding: ints = 0, dilation: ints = 1, "
        "ceil_mode: bool = false) -> F[pool(S, kernel_size, stride, padding, dilation, ceil_mode)]",
        "maxima of windows of x[N, C, H, W]; the stride is the kernel's size unless given; padding counts as -inf"},
       buildMaxPool2d},
      {{"avg_pool2d(x: F[*S], kernel_size: ints, stride: ints = none, padding: ints = 0, "
        "count_include_pad: bool = true) -> F[avgpool(S, kernel_size, stride, padding)]",
        "means of windows of x[N, C, H, W]; the stride is the kernel's size unless given"},
       buildAvgPool2d},
      {{"max_pool2d_indices(x: F[*S], kernel_size: ints, stride: ints = none, padding: ints = 0, "
        "dilation: ints = 1, ceil_mode: bool = false) -> i64[pool(S, kernel_size, stride, padding, dilation, "
        "ceil_mode)]",
        "where in its channel (row-major) each maximum of max_pool2d lies, the first in scan order"},
       buildMaxPool2dIndices},
      {{"pool_scatter(dy: F[*S], index: i64[*S], shape: shape) -> F[shape]",
        "zeros of the shape with dy added at the positions in each channel: the gradient of max_pool2d"},
       buildPoolScatter},
      {{"pool_gather(x: F[*S], index: i64[*R]) -> F[*R]",
        "x at the positions in each channel: the transpose of pool_scatter"},
       buildPoolGather},
      {{"avg_pool2d_grad(dy: F[*S], shape: shape, kernel_size: ints, stride: ints = none, padding: ints = 0, "
        "count_include_pad: bool = true) -> F[shape]",
        "the gradient of avg_pool2d by x, which has the given shape"},
       buildAvgPool2dGrad},
  };
}

} // namespace dl::ops

namespace dl::ir {

LogicalResult MaxPool2dOp::vjp(AdjointBuilder &a) {
  if (a.wants(getX()))
    a.add(getX(),
          ops::poolScatter(a.builder(), a.loc(), a.adjoint(getResult()), a.primal(getIndices()), a.primal(getX())));
  return success();
}
LogicalResult MaxPool2dOp::jvp(TangentBuilder &t) {
  if (Value tangent = t.tangent(getX()))
    t.set(getResult(), ops::poolGather(t.builder(), t.loc(), getResult().getType(), tangent, t.primal(getIndices())));
  return success();
}
LogicalResult MaxPool2dOp::lower(RewriterBase &rewriter) {
  Location loc = getLoc();
  auto type = cast<RankedTensorType>(getResult().getType());
  auto indices = cast<RankedTensorType>(getIndices().getType());
  SmallVector<Value> sizes = ops::pooledSizes(rewriter, loc, type, getX(), [&](int64_t k) {
    return ops::Window{getKernel()[k], getStride()[k], getPadding()[k], getDilation()[k], getCeilMode()};
  });
  SmallVector<Value> inputs{getX()};
  for (ArrayRef<int64_t> pair : {getKernel(), getStride(), getPadding(), getDilation()})
    ops::appendInts(rewriter, loc, inputs, pair);
  ops::appendInts(rewriter, loc, inputs, {getCeilMode()});
  Value maxima = ops::emptyTensor(rewriter, loc, type, sizes), where = ops::emptyTensor(rewriter, loc, indices, sizes);
  auto kernel = rewriter.create<KernelOp>(loc, TypeRange{type, indices}, rewriter.getStringAttr("dl_rt_max_pool2d"),
                                          inputs, ValueRange{maxima, where}, UnitAttr(), UnitAttr());
  rewriter.replaceOp(*this, kernel.getOperation()->getResults());
  return success();
}

LogicalResult PoolScatterOp::vjp(AdjointBuilder &a) {
  if (a.wants(getDy()))
    a.add(getDy(),
          ops::poolGather(a.builder(), a.loc(), getDy().getType(), a.adjoint(getResult()), a.primal(getIndices())));
  return success();
}
LogicalResult PoolScatterOp::jvp(TangentBuilder &t) { return ops::linearJvp(*this, t, {0}); }
LogicalResult PoolScatterOp::lower(RewriterBase &rewriter) {
  rewriter.replaceOp(*this, ops::callKernel(rewriter, getLoc(), "dl_rt_max_pool2d_grad", {getDy(), getIndices()},
                                            cast<RankedTensorType>(getResult().getType()), getSizes()));
  return success();
}

LogicalResult PoolGatherOp::vjp(AdjointBuilder &a) {
  if (a.wants(getX()))
    a.add(getX(),
          ops::poolScatter(a.builder(), a.loc(), a.adjoint(getResult()), a.primal(getIndices()), a.primal(getX())));
  return success();
}
LogicalResult PoolGatherOp::jvp(TangentBuilder &t) { return ops::linearJvp(*this, t, {0}); }
// The indices come from max_pool2d, which makes none that is out of range.
LogicalResult PoolGatherOp::lower(RewriterBase &rewriter) {
  Location loc = getLoc();
  auto type = cast<RankedTensorType>(getResult().getType());
  Value planes =
      rewriter.create<tensor::CollapseShapeOp>(loc, getX(), ArrayRef<ReassociationIndices>{{0}, {1}, {2, 3}});
  Value result =
      ops::parallelGeneric(rewriter, loc, type, ops::sizesFrom(rewriter, loc, type, getIndices()), getIndices(),
                           rewriter.getMultiDimIdentityMap(4), [&](OpBuilder &b, Location at, ValueRange args) {
                             Value n = b.create<linalg::IndexOp>(at, 0), c = b.create<linalg::IndexOp>(at, 1);
                             Value place = b.create<arith::IndexCastOp>(at, b.getIndexType(), args[0]);
                             Value number = b.create<tensor::ExtractOp>(at, planes, ValueRange{n, c, place});
                             b.create<linalg::YieldOp>(at, number);
                           });
  rewriter.replaceOp(*this, result);
  return success();
}

LogicalResult AvgPool2dOp::vjp(AdjointBuilder &a) {
  if (!a.wants(getX()))
    return success();
  SmallVector<Value> sizes = dynamicSizes(a.builder(), a.loc(), a.primal(getX()));
  a.add(getX(), a.builder().create<AvgPool2dGradOp>(a.loc(), getX().getType(), a.adjoint(getResult()), sizes,
                                                    getKernel(), getStride(), getPadding(), getCountIncludePad()));
  return success();
}
LogicalResult AvgPool2dOp::jvp(TangentBuilder &t) { return ops::linearJvp(*this, t, {0}); }
LogicalResult AvgPool2dOp::lower(RewriterBase &rewriter) {
  auto type = cast<RankedTensorType>(getResult().getType());
  SmallVector<Value> sizes = ops::pooledSizes(rewriter, getLoc(), type, getX(), [&](int64_t k) {
    return ops::Window{getKernel()[k], getStride()[k], getPadding()[k], /*dilation*/ 1};
  });
  rewriter.replaceOp(*this, ops::callKernel(rewriter, getLoc(), "dl_rt_avg_pool2d",
                                            ops::avgArguments(rewriter, *this, getX()), type, sizes));
  return success();
}

LogicalResult AvgPool2dGradOp::vjp(AdjointBuilder &a) {
  if (a.wants(getDy()))
    a.add(getDy(), a.builder().create<AvgPool2dOp>(a.loc(), getDy().getType(), a.adjoint(getResult()), getKernel(),
                                                   getStride(), getPadding(), getCountIncludePad()));
  return success();
}
LogicalResult AvgPool2dGradOp::jvp(TangentBuilder &t) { return ops::linearJvp(*this, t, {0}); }
LogicalResult AvgPool2dGradOp::lower(RewriterBase &rewriter) {
  rewriter.replaceOp(*this, ops::callKernel(rewriter, getLoc(), "dl_rt_avg_pool2d_grad",
                                            ops::avgArguments(rewriter, *this, getDy()),
                                            cast<RankedTensorType>(getResult().getType()), getSizes()));
  return success();
}

} // namespace dl::ir
