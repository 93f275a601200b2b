// Functions of the bits of integers and bools. They are constant wherever a derivative could be asked for.
#include "compiler/ops/elementwise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace dl::ops {
namespace {

// Whether y is a place among the bits: what the processor does elsewhere differs between machines. A negative y is a
// large one when it is read without a sign.
Value isPlace(const Scalars &s, Value y) {
  return s.make<arith::CmpIOp>(arith::CmpIPredicate::ult, y, s.number(y, y.getType().getIntOrFloatBitWidth()));
}

Value shiftLeft(const Scalars &s, Value x, Value y) {
  Value place = isPlace(s, y);
  Value by = s.make<arith::SelectOp>(place, y, s.number(y, 0));
  return s.make<arith::SelectOp>(place, s.make<arith::ShLIOp>(x, by), s.number(x, 0));
}

Value shiftRight(const Scalars &s, Value x, Value y) {
  Value place = isPlace(s, y);
  if (!ir::isUnsigned(x.getType())) {
    Value last = s.number(y, y.getType().getIntOrFloatBitWidth() - 1);
    return s.make<arith::ShRSIOp>(x, s.make<arith::SelectOp>(place, y, last));
  }
  Value by = s.make<arith::SelectOp>(place, y, s.number(y, 0));
  return s.make<arith::SelectOp>(place, s.make<arith::ShRUIOp>(x, by), s.number(x, 0));
}

Value invert(const Scalars &s, Value x) {
  return s.make<arith::XOrIOp>(x, ir::intConstant(s.b, s.loc, x.getType(), -1));
}

} // namespace
} // namespace dl::ops

DL_UNARY(BitwiseNotOp, "bitwise_not", "B", "each bit the other one, -x - 1 of signed integers; `not` of bools", nullptr,
         CODE(invert(s, x)), FLAT)
DL_BINARY(BitwiseAndOp, "bitwise_and", "B", "the bits that both have", CODE(s.make<arith::AndIOp>(x, y)), FLAT, FLAT)
DL_BINARY(BitwiseOrOp, "bitwise_or", "B", "the bits that one of them has", CODE(s.make<arith::OrIOp>(x, y)), FLAT, FLAT)
DL_BINARY(BitwiseXorOp, "bitwise_xor", "B", "the bits that differ", CODE(s.make<arith::XOrIOp>(x, y)), FLAT, FLAT)
DL_BINARY(BitwiseLeftShiftOp, "bitwise_left_shift", "I", "a * 2**b; 0 when a has no bit number b",
          CODE(shiftLeft(s, x, y)), FLAT, FLAT)
DL_BINARY(BitwiseRightShiftOp, "bitwise_right_shift", "I",
          "floor(a / 2**b); when a has no bit number b, -1 of negative numbers and 0 of others",
          CODE(shiftRight(s, x, y)), FLAT, FLAT)

std::vector<dl::ops::Row> dl::ops::bitwiseRows() {
  using namespace dl::ir;
  return elementwiseRows<BitwiseAndOp, BitwiseOrOp, BitwiseXorOp, BitwiseNotOp, BitwiseLeftShiftOp,
                         BitwiseRightShiftOp>();
}
