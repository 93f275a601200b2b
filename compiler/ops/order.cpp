// Along one dimension: running sums, sorting, searching.
#include "compiler/ops/lowering.h"
#include "compiler/ops/modes.h"
#include "compiler/ops/rows.h"

using namespace mlir;

namespace dl::ops {
namespace {

SmallVector<Value> buildCumsum(BuildContext &c) {
  int64_t dim = dimAttr(c, "dim", ir::rankOf(c.operands[0].getType()));
  Value x = ir::convertTo(c.builder, c.loc, c.operands[0], ir::elementOf(c.resultTypes[0]));
  return {c.builder.create<ir::CumsumOp>(c.loc, c.resultTypes[0], x, dim, boolAttr(c, "reverse", false))};
}

SmallVector<Value> buildArgsort(BuildContext &c) {
  int64_t dim = dimAttr(c, "dim", ir::rankOf(c.operands[0].getType()));
  return {
      c.builder.create<ir::ArgsortOp>(c.loc, c.resultTypes[0], c.operands[0], dim, boolAttr(c, "descending", false))};
}

SmallVector<Value> buildSearchsorted(BuildContext &c) {
  Value values = c.operands[1];
  Type type = c.resultTypes[0];
  if (!ir::isTensor(type)) {
    values = ir::reshapeTo(c.builder, c.loc, values, ir::typeOf({1}, values.getType()), {});
    type = ir::typeOf({1}, type);
  }
  return {asResult(
      c, c.builder.create<ir::SearchsortedOp>(c.loc, type, c.operands[0], values, boolAttr(c, "right", false)))};
}

// The kernel with the result's shape that of `like`.
LogicalResult toKernel(Operation *op, RewriterBase &rewriter, StringRef kernel, Value like, ArrayRef<int64_t> more) {
  SmallVector<Value> inputs(op->getOperands());
  appendInts(rewriter, op->getLoc(), inputs, more);
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  rewriter.replaceOp(
      op, callKernel(rewriter, op->getLoc(), kernel, inputs, type, sizesFrom(rewriter, op->getLoc(), type, like)));
  return success();
}

} // namespace

std::vector<Row> orderRows() {
  return {
      {{"cumsum(x: T[*S], dim: int, reverse: bool = false) -> wide(T)[along(S, dim)]",
        "the sum of the elements up to each one along dim, i64 for integers and bools; from each one on when reverse"},
       buildCumsum},
      {{"argsort(x: T[*S], dim: int = -1, descending: bool = false) -> i64[along(S, dim)]",
        "the positions along dim in sorted order; equal elements keep theirs, NaN is the largest"},
       buildArgsort},
      {{"searchsorted(sorted: T[*S], values: T[*R], right: bool = false) -> i64[searched(S, R)]",
        "where each value would be inserted in the sorted last dimension: before equal ones, or after them when right"},
       buildSearchsorted},
  };
}

} // namespace dl::ops

namespace dl::ir {

LogicalResult CumsumOp::vjp(AdjointBuilder &a) {
  if (a.wants(getInput()))
    a.add(getInput(),
          a.builder().create<CumsumOp>(a.loc(), getInput().getType(), a.adjoint(getResult()), getDim(), !getReverse()));
  return success();
}
LogicalResult CumsumOp::jvp(TangentBuilder &t) { return ops::linearJvp(*this, t, {0}); }
LogicalResult CumsumOp::lower(RewriterBase &rewriter) {
  return ops::toKernel(*this, rewriter, "dl_rt_cumsum", getInput(), {static_cast<int64_t>(getDim()), getReverse()});
}

LogicalResult ArgsortOp::vjp(AdjointBuilder &) { return ops::noDerivative(); }
LogicalResult ArgsortOp::jvp(TangentBuilder &) { return ops::noDerivative(); }
LogicalResult ArgsortOp::lower(RewriterBase &rewriter) {
  return ops::toKernel(*this, rewriter, "dl_rt_argsort", getInput(), {static_cast<int64_t>(getDim()), getDescending()});
}

LogicalResult SearchsortedOp::vjp(AdjointBuilder &) { return ops::noDerivative(); }
LogicalResult SearchsortedOp::jvp(TangentBuilder &) { return ops::noDerivative(); }
LogicalResult SearchsortedOp::lower(RewriterBase &rewriter) {
  return ops::toKernel(*this, rewriter, "dl_rt_searchsorted", getValues(), {getRight()});
}

} // namespace dl::ir
