#include "compiler/ops/window.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace dl::ops {

Value windowCount(OpBuilder &b, Location loc, Value size, const Window &w) {
  auto number = [&](int64_t value) { return ir::indexConstant(b, loc, value); };
  int64_t slack = 2 * w.padding - w.dilation * (w.kernel - 1) - 1;
  Value last = b.create<arith::AddIOp>(loc, size, number(slack + (w.ceilMode ? w.stride - 1 : 0)));
  Value count = b.create<arith::AddIOp>(loc, b.create<arith::DivUIOp>(loc, last, number(w.stride)), number(1));
  if (!w.ceilMode)
    return count;
  Value lastStart = b.create<arith::MulIOp>(loc, b.create<arith::SubIOp>(loc, count, number(1)), number(w.stride));
  Value end = b.create<arith::AddIOp>(loc, size, number(w.padding));
  Value outside = b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::sge, lastStart, end);
  return b.create<arith::SelectOp>(loc, outside, b.create<arith::SubIOp>(loc, count, number(1)), count);
}

} // namespace dl::ops
