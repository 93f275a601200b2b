// Tensors laid side by side: cat and stack.
#include "compiler/ops/lowering.h"
#include "compiler/ops/modes.h"
#include "compiler/ops/rows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace dl::ops {
namespace {

SmallVector<Value> buildCat(BuildContext &c) {
  int64_t dim = dimAttr(c, "dim", ir::rankOf(c.resultTypes[0]));
  return {c.builder.create<ir::ConcatOp>(c.loc, c.resultTypes[0], c.operands, dim)};
}

// Each tensor, or scalar, gets a dimension of size 1 to be joined along.
SmallVector<Value> buildStack(BuildContext &c) {
  int64_t dim = dimAttr(c, "dim", ir::rankOf(c.resultTypes[0]));
  SmallVector<Value> rows;
  for (Value operand : c.operands) {
    SmallVector<int64_t> shape(ir::shapeOf(operand.getType()));
    shape.insert(shape.begin() + dim, 1);
    rows.push_back(ir::reshapeTo(c.builder, c.loc, operand, ir::typeOf(shape, ir::elementOf(operand.getType())),
                                 ir::dynamicSizes(c.builder, c.loc, operand)));
  }
  return {c.builder.create<ir::ConcatOp>(c.loc, c.resultTypes[0], rows, dim)};
}

// Where each operand begins along dim, and after them the whole size.
SmallVector<Value> beginnings(OpBuilder &b, Location loc, ValueRange inputs, int64_t dim) {
  SmallVector<Value> begins{ir::indexConstant(b, loc, 0)};
  for (Value input : inputs)
    begins.push_back(b.createOrFold<arith::AddIOp>(loc, begins.back(), ir::sizeOf(b, loc, input, dim)));
  return begins;
}

} // namespace

std::vector<Row> joinRows() {
  return {
      {{"cat(xs: tensors, dim: int = 0) -> T[concat(xs, dim)]", "tensors joined along a dimension"}, buildCat},
      {{"stack(xs: tensors, dim: int = 0) -> T[stack(xs, dim)]", "tensors of one shape along a new dimension"},
       buildStack},
  };
}

} // namespace dl::ops

namespace dl::ir {

LogicalResult ConcatOp::vjp(AdjointBuilder &a) {
  if (llvm::none_of(getInputs(), [&](Value input) { return a.wants(input); }))
    return success();
  OpBuilder &b = a.builder();
  Value adjoint = a.adjoint(getResult());
  int64_t rank = rankOf(adjoint.getType()), dim = getDim();
  SmallVector<int64_t> steps(rank, 1);
  SmallVector<Value> offsets(rank, indexConstant(b, a.loc(), 0));
  for (Value input : getInputs()) {
    Value primal = a.primal(input);
    if (a.wants(input))
      a.add(input, b.create<SliceOp>(a.loc(), input.getType(), adjoint, offsets, dynamicSizes(b, a.loc(), primal),
                                     steps, ArrayRef<int64_t>()));
    offsets[dim] = b.createOrFold<arith::AddIOp>(a.loc(), offsets[dim], sizeOf(b, a.loc(), primal, dim));
  }
  return success();
}

LogicalResult ConcatOp::jvp(TangentBuilder &t) {
  return ops::linearJvp(*this, t, llvm::to_vector(llvm::seq<unsigned>(0, getNumOperands())));
}

LogicalResult ConcatOp::lower(RewriterBase &rewriter) {
  Location loc = getLoc();
  auto type = cast<RankedTensorType>(getResult().getType());
  int64_t rank = type.getRank(), dim = getDim();
  SmallVector<Value> begins = ops::beginnings(rewriter, loc, getInputs(), dim), sizes;
  for (int64_t k = 0; k < rank; ++k)
    if (type.isDynamicDim(k))
      sizes.push_back(k == dim ? begins.back() : sizeOf(rewriter, loc, getInputs().front(), k));
  Value whole = ops::emptyTensor(rewriter, loc, type, sizes);
  SmallVector<OpFoldResult> offsets(rank, rewriter.getIndexAttr(0)), steps(rank, rewriter.getIndexAttr(1));
  for (auto [input, begin] : llvm::zip(getInputs(), begins)) {
    SmallVector<OpFoldResult> extent;
    for (int64_t k = 0; k < rank; ++k)
      extent.push_back(ops::foldSize(rewriter, loc, input, k));
    offsets[dim] = getAsOpFoldResult(begin);
    whole = rewriter.create<tensor::InsertSliceOp>(loc, input, whole, offsets, extent, steps);
  }
  rewriter.replaceOp(*this, whole);
  return success();
}

} // namespace dl::ir
