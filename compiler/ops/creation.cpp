// Tensors made of scalars: broadcast, which also is where every sum over stretched dimensions comes from, and iota.
#include "compiler/ops/lowering.h"
#include "compiler/ops/modes.h"
#include "compiler/ops/rows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace dl::ops {
namespace {

SmallVector<Value> buildFilled(BuildContext &c, double value) {
  Value scalar = ir::scalarConstant(c.builder, c.loc, ir::elementOf(c.resultTypes[0]), value);
  return {ir::splat(c.builder, c.loc, scalar, c.resultTypes[0], c.resultSizes[0])};
}
SmallVector<Value> buildZeros(BuildContext &c) { return buildFilled(c, 0); }
SmallVector<Value> buildOnes(BuildContext &c) { return buildFilled(c, 1); }
SmallVector<Value> buildFull(BuildContext &c) {
  return {ir::splat(c.builder, c.loc, c.operands[0], c.resultTypes[0], c.resultSizes[0])};
}
SmallVector<Value> buildArange(BuildContext &c) {
  return {c.builder.create<ir::IotaOp>(c.loc, c.resultTypes[0], c.resultSizes[0])};
}
// Leading dimensions are new, the others stay or stretch.
SmallVector<Value> buildExpand(BuildContext &c) {
  int64_t rank = ir::rankOf(c.operands[0].getType()), added = ir::rankOf(c.resultTypes[0]) - rank;
  SmallVector<int64_t> dims = llvm::to_vector(llvm::seq<int64_t>(added, added + rank));
  return {ir::broadcastTo(c.builder, c.loc, c.operands[0], c.resultTypes[0], dims, c.resultSizes[0])};
}

// The operand without the dimensions of size 1 that stretch, so that it is read through a projection. `dims`: where the
// others go.
Value dropStretched(OpBuilder &b, Location loc, Value input, RankedTensorType result, SmallVector<int64_t> &dims) {
  auto type = cast<RankedTensorType>(input.getType());
  SmallVector<int64_t> kept, keptDims;
  for (auto [k, dim] : llvm::enumerate(dims))
    if (type.getDimSize(k) != 1 || result.getDimSize(dim) == 1) {
      kept.push_back(k);
      keptDims.push_back(dim);
    }
  if (kept.size() == dims.size())
    return input;
  SmallVector<ReassociationIndices> groups;
  for (int64_t k = 0, rank = type.getRank(), next = 0; k < rank && !kept.empty(); ++k) {
    bool opens = groups.empty() || (next < static_cast<int64_t>(kept.size()) && kept[next] == k && next > 0);
    if (opens)
      groups.emplace_back();
    groups.back().push_back(k);
    if (next < static_cast<int64_t>(kept.size()) && kept[next] == k)
      ++next;
  }
  dims = keptDims;
  return b.create<tensor::CollapseShapeOp>(loc, input, groups);
}

} // namespace

std::vector<Row> creationRows() {
  return {
      {{"zeros(shape: shape, dtype: dtype = f32) -> dtype[shape]", "a tensor of zeros"}, buildZeros},
      {{"ones(shape: shape, dtype: dtype = f32) -> dtype[shape]", "a tensor of ones"}, buildOnes},
      {{"full(shape: shape, value: T[], dtype: dtype = T) -> T[shape]", "a tensor of one value"}, buildFull},
      {{"arange(n: size) -> i64[n]", "[0, 1, 2, …] with n elements"}, buildArange},
      {{"expand(x: T[*S], shape: shape) -> T[expand(S, shape)]",
        "x with sizes 1 stretched and new leading dimensions; -1 keeps a size"},
       buildExpand},
  };
}

} // namespace dl::ops

namespace dl::ir {

LogicalResult BroadcastOp::vjp(AdjointBuilder &a) {
  if (a.wants(getInput()))
    a.add(getInput(), sumTo(a.builder(), a.loc(), a.adjoint(getResult()), getInput().getType(), getDims()));
  return success();
}
LogicalResult BroadcastOp::jvp(TangentBuilder &t) { return ops::linearJvp(*this, t, {0}); }
LogicalResult BroadcastOp::lower(RewriterBase &rewriter) {
  Location loc = getLoc();
  auto type = cast<RankedTensorType>(getResult().getType());
  Value input = getInput();
  SmallVector<int64_t> dims(getDims());
  if (isTensor(input.getType()))
    input = ops::dropStretched(rewriter, loc, input, type, dims);
  if (dims.empty()) {
    if (isTensor(input.getType()))
      input = rewriter.create<tensor::ExtractOp>(loc, input, ValueRange());
    rewriter.replaceOp(*this, ops::filledTensor(rewriter, loc, type, getSizes(), input));
    return success();
  }
  SmallVector<AffineExpr> exprs;
  for (int64_t dim : dims)
    exprs.push_back(rewriter.getAffineDimExpr(dim));
  AffineMap map = AffineMap::get(type.getRank(), 0, exprs, rewriter.getContext());
  Value result =
      ops::parallelGeneric(rewriter, loc, type, getSizes(), input, map,
                           [](OpBuilder &b, Location at, ValueRange args) { b.create<linalg::YieldOp>(at, args[0]); });
  rewriter.replaceOp(*this, result);
  return success();
}

LogicalResult IotaOp::vjp(AdjointBuilder &) { return ops::noDerivative(); }
LogicalResult IotaOp::jvp(TangentBuilder &) { return ops::noDerivative(); }
LogicalResult IotaOp::lower(RewriterBase &rewriter) {
  auto type = cast<RankedTensorType>(getResult().getType());
  Type element = type.getElementType();
  Value result =
      ops::parallelGeneric(rewriter, getLoc(), type, getSizes(), {}, {}, [&](OpBuilder &b, Location at, ValueRange) {
        Value index = b.create<linalg::IndexOp>(at, 0);
        Value number = b.create<arith::IndexCastOp>(at, b.getI64Type(), index);
        if (isa<FloatType>(element))
          number = ops::narrow(b, at, b.create<arith::SIToFPOp>(at, ops::accumulatorType(element), number), element);
        else if (element.getIntOrFloatBitWidth() < 64)
          number = b.create<arith::TruncIOp>(at, element, number);
        b.create<linalg::YieldOp>(at, number);
      });
  rewriter.replaceOp(*this, result);
  return success();
}

} // namespace dl::ir
