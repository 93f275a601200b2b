#include "compiler/autodiff/iterations.h"

using namespace mlir;

namespace dl::autodiff {

namespace {

bool isNumber(Value value, int64_t wanted) { return getConstantIntValue(value) == wanted; }
std::optional<int64_t> constantTripCount(scf::ForOp loop) {
  std::optional<int64_t> from = getConstantIntValue(loop.getLowerBound()),
                         to = getConstantIntValue(loop.getUpperBound()), by = getConstantIntValue(loop.getStep());
  if (!from || !to || !by || *by <= 0)
    return std::nullopt;
  return *to <= *from ? 0 : (*to - *from + *by - 1) / *by;
}

} // namespace

Iterations::Iterations(OpBuilder &b, scf::ForOp loop) : lower(loop.getLowerBound()), step(loop.getStep()) {
  Location loc = loop.getLoc();
  if (std::optional<int64_t> count = constantTripCount(loop)) {
    trip = b.create<arith::ConstantIndexOp>(loc, *count);
    return;
  }
  Value zero = ir::intConstant(b, loc, lower.getType(), 0);
  Value length = loop.getUpperBound();
  if (!isNumber(lower, 0))
    length = b.create<arith::SubIOp>(loc, length, lower);
  length = b.create<arith::MaxSIOp>(loc, length, zero);
  trip = isNumber(step, 1) ? length : Value(b.create<arith::CeilDivSIOp>(loc, length, step));
  if (!trip.getType().isIndex())
    trip = b.create<arith::IndexCastOp>(loc, b.getIndexType(), trip);
}

Value Iterations::reversed(OpBuilder &b, Location loc, Value k) const {
  Value last = b.create<arith::SubIOp>(loc, trip, ir::indexConstant(b, loc, 1));
  return b.create<arith::SubIOp>(loc, last, k);
}

Value Iterations::induction(OpBuilder &b, Location loc, Value n) const {
  Value value = n;
  if (!lower.getType().isIndex())
    value = b.create<arith::IndexCastOp>(loc, lower.getType(), value);
  if (!isNumber(step, 1))
    value = b.create<arith::MulIOp>(loc, value, step);
  return isNumber(lower, 0) ? value : Value(b.create<arith::AddIOp>(loc, value, lower));
}

Value Iterations::number(OpBuilder &b, Location loc, Value induction) const {
  Value n = induction;
  if (!isNumber(lower, 0))
    n = b.create<arith::SubIOp>(loc, n, lower);
  if (!isNumber(step, 1))
    n = b.create<arith::DivSIOp>(loc, n, step);
  return n.getType().isIndex() ? n : Value(b.create<arith::IndexCastOp>(loc, b.getIndexType(), n));
}

} // namespace dl::autodiff
