// Elementwise functions of two operands.
#include "compiler/ops/elementwise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace dl::ops {
namespace {

using arith::CmpFPredicate;
using arith::CmpIPredicate;
using ir::CmpKind;

Value equalsInt(const Scalars &s, Value x, int64_t number) {
  return s.make<arith::CmpIOp>(CmpIPredicate::eq, x, ir::intConstant(s.b, s.loc, x.getType(), number));
}
Value choose(const Scalars &s, Value condition, Value x, Value y) { return s.make<arith::SelectOp>(condition, x, y); }

Value subtract(const Scalars &s, Value x, Value y) {
  return isFloat(x) ? s.make<arith::SubFOp>(x, y) : s.make<arith::SubIOp>(x, y);
}

// Whether a remainder that is not zero has another sign than the divisor, so that truncation and floor differ.
Value signsDiffer(const Scalars &s, Value remainder, Value divisor) {
  Value zero = s.number(remainder, 0);
  if (isFloat(remainder)) {
    Value some = s.make<arith::CmpFOp>(CmpFPredicate::ONE, remainder, zero);
    Value differ = s.make<arith::XOrIOp>(s.make<arith::CmpFOp>(CmpFPredicate::OLT, remainder, zero),
                                         s.make<arith::CmpFOp>(CmpFPredicate::OLT, divisor, zero));
    return s.make<arith::AndIOp>(some, differ);
  }
  Value some = s.make<arith::CmpIOp>(CmpIPredicate::ne, remainder, zero);
  Value differ = s.make<arith::CmpIOp>(CmpIPredicate::slt, s.make<arith::XOrIOp>(remainder, divisor), zero);
  return s.make<arith::AndIOp>(some, differ);
}

// Division by -1 overflows for the smallest integer, which the processor answers with a trap: divide by 1 instead.
Value withoutMinusOne(const Scalars &s, Value y) { return choose(s, equalsInt(s, y, -1), s.number(y, 1), y); }

// The remainder with the sign of the divisor, as Python has it; exact, unlike x - y * floor(x / y).
Value modulo(const Scalars &s, Value x, Value y) {
  if (isFloat(x)) {
    Value r = s.make<arith::RemFOp>(x, y);
    return choose(s, signsDiffer(s, r, y), s.make<arith::AddFOp>(r, y), r);
  }
  if (ir::isUnsigned(x.getType()))
    return s.make<arith::RemUIOp>(x, y);
  Value r = s.make<arith::RemSIOp>(x, withoutMinusOne(s, y));
  Value wrapped = choose(s, signsDiffer(s, r, y), s.make<arith::AddIOp>(r, y), r);
  return choose(s, equalsInt(s, y, -1), s.number(x, 0), wrapped);
}

// For floats: x less its remainder divides to an integer but for rounding, which is undone. A quotient of 0 has the
// sign of x / y.
Value floorDivide(const Scalars &s, Value x, Value y) {
  if (isFloat(x)) {
    Value zero = s.number(x, 0);
    Value r = s.make<arith::RemFOp>(x, y);
    Value exact = s.make<arith::DivFOp>(s.make<arith::SubFOp>(x, r), y);
    Value floored = choose(s, signsDiffer(s, r, y), s.make<arith::SubFOp>(exact, s.number(x, 1)), exact);
    Value none = s.make<math::CopySignOp>(zero, s.make<arith::MulFOp>(x, y));
    Value whole =
        choose(s, s.make<arith::CmpFOp>(CmpFPredicate::OEQ, floored, zero), none, s.make<math::RoundEvenOp>(floored));
    Value byZero = s.make<arith::CmpFOp>(CmpFPredicate::OEQ, y, zero);
    return choose(s, byZero, s.make<arith::DivFOp>(x, y), whole);
  }
  if (ir::isUnsigned(x.getType()))
    return s.make<arith::DivUIOp>(x, y);
  Value divisor = withoutMinusOne(s, y);
  Value quotient = s.make<arith::DivSIOp>(x, divisor);
  Value remainder = s.make<arith::SubIOp>(x, s.make<arith::MulIOp>(quotient, divisor));
  Value floored =
      choose(s, signsDiffer(s, remainder, divisor), s.make<arith::SubIOp>(quotient, s.number(x, 1)), quotient);
  return choose(s, equalsInt(s, y, -1), s.make<arith::SubIOp>(s.number(x, 0), x), floored);
}

// Where both are 0 the second one stands for its sign: MLIR folds the angle of that point to NaN.
Value angle(const Scalars &s, Value x, Value y) {
  Value zero = s.number(x, 0);
  Value origin = s.make<arith::AndIOp>(s.make<arith::CmpFOp>(CmpFPredicate::OEQ, x, zero),
                                       s.make<arith::CmpFOp>(CmpFPredicate::OEQ, y, zero));
  return s.make<math::Atan2Op>(x, choose(s, origin, s.make<math::CopySignOp>(s.number(x, 1), y), y));
}

// Integer power by squaring, of exponents that are not negative. The absolute value ends the loop for those that are:
// the check for them may stand behind it.
Value integerPower(const Scalars &s, Value base, Value exponent) {
  Type type = base.getType();
  Value zero = s.number(base, 0), one = s.number(base, 1);
  Value remaining = ir::isUnsigned(type) ? exponent : s.make<math::AbsIOp>(exponent);
  auto loop = s.b.create<scf::WhileOp>(
      s.loc, TypeRange{type, type, type}, ValueRange{remaining, base, one},
      [&](OpBuilder &b, Location loc, ValueRange v) {
        Value more = b.create<arith::CmpIOp>(loc, CmpIPredicate::ne, v[0], zero);
        b.create<scf::ConditionOp>(loc, more, v);
      },
      [&](OpBuilder &b, Location loc, ValueRange v) {
        Value odd = b.create<arith::CmpIOp>(loc, CmpIPredicate::ne, b.create<arith::AndIOp>(loc, v[0], one), zero);
        Value result = b.create<arith::SelectOp>(loc, odd, b.create<arith::MulIOp>(loc, v[2], v[1]), v[2]);
        Value half = b.create<arith::ShRUIOp>(loc, v[0], one);
        Value square = b.create<arith::MulIOp>(loc, v[1], v[1]);
        b.create<scf::YieldOp>(loc, ValueRange{half, square, result});
      });
  return loop.getResult(2);
}

Value power(const Scalars &s, Value x, Value y) {
  return isFloat(x) ? s.make<math::PowFOp>(x, y) : integerPower(s, x, y);
}

// y * x**(y - 1), and 0 for y = 0 whatever x is.
std::optional<Expr> powByBase(Expr d, const Primals &p) {
  if (std::optional<double> exponent = p.constantY()) {
    if (*exponent == 0)
      return std::nullopt;
    if (*exponent == 1)
      return d;
    Expr x = p.x();
    Expr lower = *exponent == 2 ? x : apply<ir::PowOp>(x, x.constant(*exponent - 1));
    return d * (lower * *exponent);
  }
  Expr x = p.x(), y = p.y();
  return select(compare(CmpKind::eq, y, 0), 0, d * (y * apply<ir::PowOp>(x, y - 1)));
}

// x**y * log(x), and 0 where x is 0 and y is not negative.
std::optional<Expr> powByExponent(Expr d, const Primals &p) {
  Expr x = p.x(), y = p.y();
  Expr flat = apply<ir::AndOp>(compare(CmpKind::eq, x, 0), compare(CmpKind::ge, y, 0));
  return select(flat, 0, d * (p.result() * apply<ir::LogOp>(x)));
}

// The whole derivative to the winner, half at a tie. `loses`: the comparison by which the operand has lost or tied, so
// that NaN passes it on.
std::optional<Expr> extremum(Expr d, Expr self, Expr other, CmpKind loses) {
  Expr tie = select(compare(CmpKind::eq, self, other), d * 0.5, 0);
  return select(compare(loses, self, other), tie, d);
}

// Squared distance from the origin.
Expr radius2(const Primals &p) { return p.x() * p.x() + p.y() * p.y(); }

// Fails unless the second operand, an integer, compares so with 0 everywhere. The check is one reduction before the op,
// and none at all for a constant that passes.
void checkAgainstZero(Operation *op, RewriterBase &rewriter, CmpKind kind, StringRef message) {
  Value checked = op->getOperand(1);
  if (ir::isFloat(checked.getType()))
    return;
  if (std::optional<double> known = ir::constantValue(checked);
      known && (kind == CmpKind::ne ? *known != 0 : *known >= 0))
    return;
  if (auto broadcast = checked.getDefiningOp<ir::BroadcastOp>())
    checked = broadcast.getInput();
  Location loc = op->getLoc();
  Value fine = ir::compare(rewriter, loc, kind, checked, ir::zerosLike(rewriter, loc, checked));
  if (int64_t rank = ir::rankOf(fine.getType()))
    fine = ir::reduced(rewriter, loc, ir::ReduceKind::all, fine, llvm::to_vector(llvm::seq<int64_t>(0, rank)));
  rewriter.create<ir::AssertOp>(loc, fine, message, ValueRange());
}

void checkDivisor(Operation *op, RewriterBase &rewriter) {
  checkAgainstZero(op, rewriter, CmpKind::ne, "integer division by zero");
}

} // namespace
} // namespace dl::ops

// The formatter takes the products for pointers.
// clang-format off
DL_BINARY(AddOp, "add", "N", "a + b", CODE(addScalars(s.b, s.loc, x, y)), D(d), D(d))
DL_BINARY(SubOp, "sub", "N", "a - b", CODE(subtract(s, x, y)), D(d), D(-d))
DL_BINARY(MulOp, "mul", "N", "a * b", CODE(mulScalars(s.b, s.loc, x, y)), D(d * p.y()), D(d * p.x()))
DL_BINARY(DivOp, "div", "F", "a / b", CODE(s.make<arith::DivFOp>(x, y)), D(d / p.y()), D(-(d * (p.result() / p.y()))))
DL_BINARY_ROW(FloorDivOp, "floordiv", "N", "floor(a / b); integers fail when b is 0; derivative 0",
              CODE(floorDivide(s, x, y)), FLAT, FLAT)
DL_BINARY_ROW(ModOp, "mod", "N", "a - b * floor(a / b), with the sign of b; integers fail when b is 0",
              CODE(modulo(s, x, y)), D(d), D(-(d * apply<ir::FloorOp>(p.x() / p.y()))))
DL_BINARY_ROW(PowOp, "pow", "N", "a ** b; integers fail when b is negative", CODE(power(s, x, y)), powByBase, powByExponent)
DL_BINARY(MaximumOp, "maximum", "N", "the larger; NaN wins; at a tie each operand gets half of the derivative",
          CODE(maxScalars(s.b, s.loc, x, y)), D(extremum(d, p.x(), p.y(), CmpKind::le)),
          D(extremum(d, p.y(), p.x(), CmpKind::le)))
DL_BINARY(MinimumOp, "minimum", "N", "the smaller; NaN wins; at a tie each operand gets half of the derivative",
          CODE(minScalars(s.b, s.loc, x, y)), D(extremum(d, p.x(), p.y(), CmpKind::ge)),
          D(extremum(d, p.y(), p.x(), CmpKind::ge)))
DL_BINARY(Atan2Op, "atan2", "F", "angle of the point (b, a), in radians", CODE(angle(s, x, y)),
          D(d * (p.y() / radius2(p))), D(-(d * (p.x() / radius2(p)))))
DL_BINARY(AndOp, "and", "bool", "logical and", CODE(s.make<arith::AndIOp>(x, y)), FLAT, FLAT)
DL_BINARY(OrOp, "or", "bool", "logical or", CODE(s.make<arith::OrIOp>(x, y)), FLAT, FLAT)
// clang-format on

LogicalResult dl::ir::FloorDivOp::lower(RewriterBase &rewriter) {
  dl::ops::checkDivisor(*this, rewriter);
  return dl::ops::lowerElementwise(*this, rewriter, dl::ops::ElementwiseRow<FloorDivOp>::scalar);
}

LogicalResult dl::ir::ModOp::lower(RewriterBase &rewriter) {
  dl::ops::checkDivisor(*this, rewriter);
  return dl::ops::lowerElementwise(*this, rewriter, dl::ops::ElementwiseRow<ModOp>::scalar);
}

LogicalResult dl::ir::PowOp::lower(RewriterBase &rewriter) {
  if (!isUnsigned(getY().getType()))
    dl::ops::checkAgainstZero(*this, rewriter, CmpKind::ge, "integers have no negative powers");
  return dl::ops::lowerElementwise(*this, rewriter, dl::ops::ElementwiseRow<PowOp>::scalar);
}

std::vector<dl::ops::Row> dl::ops::binaryRows() {
  using namespace dl::ir;
  return elementwiseRows<AddOp, SubOp, MulOp, DivOp, FloorDivOp, ModOp, PowOp, MaximumOp, MinimumOp, Atan2Op, AndOp,
                         OrOp>();
}
