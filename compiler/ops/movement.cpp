// The same elements in another order or shape: reshape, transpose, reverse.
#include "compiler/ops/lowering.h"
#include "compiler/ops/modes.h"
#include "compiler/ops/reshape.h"
#include "compiler/ops/rows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace dl::ops {
namespace {

SmallVector<Value> buildReshape(BuildContext &c) { return {asResult(c, c.operands[0])}; }

SmallVector<Value> permuted(BuildContext &c, ArrayRef<int64_t> perm) {
  if (perm.empty())
    return {c.operands[0]};
  return {c.builder.create<ir::TransposeOp>(c.loc, c.resultTypes[0], c.operands[0], perm)};
}

SmallVector<Value> buildTranspose(BuildContext &c) {
  int64_t rank = ir::rankOf(c.operands[0].getType());
  SmallVector<int64_t> perm = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  std::swap(perm[dimAttr(c, "dim0", rank)], perm[dimAttr(c, "dim1", rank)]);
  return permuted(c, perm);
}

SmallVector<Value> buildPermute(BuildContext &c) {
  return permuted(c, orderedDimsAttr(c, "dims", ir::rankOf(c.operands[0].getType())));
}

SmallVector<Value> buildFlip(BuildContext &c) {
  SmallVector<int64_t> dims = dimsAttr(c, "dims", ir::rankOf(c.operands[0].getType()));
  if (dims.empty())
    return {c.operands[0]};
  return {c.builder.create<ir::ReverseOp>(c.loc, c.resultTypes[0], c.operands[0], dims)};
}

SmallVector<int64_t> inverse(ArrayRef<int64_t> perm) {
  SmallVector<int64_t> result(perm.size());
  for (auto [to, from] : llvm::enumerate(perm))
    result[from] = to;
  return result;
}

} // namespace

std::vector<Row> movementRows() {
  return {
      {{"reshape(x: T[*S], shape: shape) -> T[reshape(S, shape)]",
        "the elements of x in row-major order under another shape; one size may be -1"},
       buildReshape},
      {{"transpose(x: T[*S], dim0: int, dim1: int) -> T[swap(S, dim0, dim1)]", "x with two dimensions swapped"},
       buildTranspose},
      {{"permute(x: T[*S], dims: ints) -> T[permute(S, dims)]", "dimension k of the result is dimension dims[k] of x"},
       buildPermute},
      {{"squeeze(x: T[*S], dim: ints = none) -> T[squeeze(S, dim)]",
        "x without a dimension of size 1, or without all of them"},
       buildReshape},
      {{"unsqueeze(x: T[*S], dim: int) -> T[unsqueeze(S, dim)]", "x with a new dimension of size 1"}, buildReshape},
      {{"flatten(x: T[*S], start_dim: int = 0, end_dim: int = -1) -> T[flatten(S, start_dim, end_dim)]",
        "x with dimensions start_dim to end_dim made one"},
       buildReshape},
      {{"flip(x: T[*S], dims: ints) -> T[along(S, dims)]", "x in reverse order along dims"}, buildFlip},
  };
}

} // namespace dl::ops

namespace dl::ir {

LogicalResult ReshapeOp::vjp(AdjointBuilder &a) {
  if (!a.wants(getInput()))
    return success();
  SmallVector<Value> sizes = dynamicSizes(a.builder(), a.loc(), a.primal(getInput()));
  a.add(getInput(), reshapeTo(a.builder(), a.loc(), a.adjoint(getResult()), getInput().getType(), sizes));
  return success();
}
LogicalResult ReshapeOp::jvp(TangentBuilder &t) { return ops::linearJvp(*this, t, {0}); }
LogicalResult ReshapeOp::lower(RewriterBase &rewriter) {
  rewriter.replaceOp(*this, ops::reshapeView(rewriter, getLoc(), getInput(), getResult().getType(), getSizes()));
  return success();
}

LogicalResult TransposeOp::vjp(AdjointBuilder &a) {
  if (a.wants(getInput()))
    a.add(getInput(), a.builder().create<TransposeOp>(a.loc(), getInput().getType(), a.adjoint(getResult()),
                                                      ops::inverse(getPerm())));
  return success();
}
LogicalResult TransposeOp::jvp(TangentBuilder &t) { return ops::linearJvp(*this, t, {0}); }
LogicalResult TransposeOp::lower(RewriterBase &rewriter) {
  Location loc = getLoc();
  auto type = cast<RankedTensorType>(getResult().getType());
  SmallVector<Value> sizes;
  SmallVector<AffineExpr> exprs(type.getRank());
  for (auto [to, from] : llvm::enumerate(getPerm())) {
    exprs[from] = rewriter.getAffineDimExpr(to);
    if (type.isDynamicDim(to))
      sizes.push_back(sizeOf(rewriter, loc, getInput(), from));
  }
  AffineMap map = AffineMap::get(type.getRank(), 0, exprs, rewriter.getContext());
  Value result =
      ops::parallelGeneric(rewriter, loc, type, sizes, getInput(), map,
                           [](OpBuilder &b, Location at, ValueRange args) { b.create<linalg::YieldOp>(at, args[0]); });
  rewriter.replaceOp(*this, result);
  return success();
}

LogicalResult ReverseOp::vjp(AdjointBuilder &a) {
  if (a.wants(getInput()))
    a.add(getInput(), a.builder().create<ReverseOp>(a.loc(), getInput().getType(), a.adjoint(getResult()), getDims()));
  return success();
}
LogicalResult ReverseOp::jvp(TangentBuilder &t) { return ops::linearJvp(*this, t, {0}); }
LogicalResult ReverseOp::lower(RewriterBase &rewriter) {
  Location loc = getLoc();
  auto type = cast<RankedTensorType>(getResult().getType());
  Value input = getInput(), one = indexConstant(rewriter, loc, 1);
  SmallVector<Value> last(type.getRank());
  for (int64_t dim : getDims())
    last[dim] = rewriter.create<arith::SubIOp>(loc, sizeOf(rewriter, loc, input, dim), one);
  Value result = ops::parallelGeneric(
      rewriter, loc, type, dynamicSizes(rewriter, loc, input), {}, {}, [&](OpBuilder &b, Location at, ValueRange) {
        SmallVector<Value> indices;
        for (int64_t dim = 0; dim < type.getRank(); ++dim) {
          Value index = b.create<linalg::IndexOp>(at, dim);
          indices.push_back(last[dim] ? b.create<arith::SubIOp>(at, last[dim], index).getResult() : index);
        }
        b.create<linalg::YieldOp>(at, b.create<tensor::ExtractOp>(at, input, indices).getResult());
      });
  rewriter.replaceOp(*this, result);
  return success();
}

} // namespace dl::ir
