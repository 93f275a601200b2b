// Elementwise functions of one operand. Kinks follow PyTorch: the derivative of abs and relu at 0 is 0.
#include "compiler/ops/elementwise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <numbers>

using namespace mlir;

namespace dl::ops {
namespace {

using ir::CmpKind;

Value negate(const Scalars &s, Value x) {
  return isFloat(x) ? s.make<arith::NegFOp>(x) : s.make<arith::SubIOp>(s.number(x, 0), x);
}

Value absolute(const Scalars &s, Value x) {
  if (isFloat(x))
    return s.make<math::AbsFOp>(x);
  return ir::isUnsigned(x.getType()) ? x : s.make<math::AbsIOp>(x);
}

// 1 or -1 by comparison, and 0 where neither holds: at 0 and NaN.
Value signOf(const Scalars &s, Value x) {
  Value zero = s.number(x, 0), one = s.number(x, 1);
  if (isFloat(x)) {
    Value negative = s.make<arith::CmpFOp>(arith::CmpFPredicate::OLT, x, zero);
    Value positive = s.make<arith::CmpFOp>(arith::CmpFPredicate::OGT, x, zero);
    return s.make<arith::SelectOp>(positive, one, s.make<arith::SelectOp>(negative, s.number(x, -1), zero));
  }
  if (ir::isUnsigned(x.getType()))
    return s.make<arith::MinUIOp>(x, one);
  return s.make<arith::MaxSIOp>(s.make<arith::MinSIOp>(x, one), s.number(x, -1));
}

Value sigmoidOf(const Scalars &s, Value x) {
  Value one = s.number(x, 1);
  Value e = s.make<math::ExpOp>(s.make<arith::NegFOp>(x));
  return s.make<arith::DivFOp>(one, s.make<arith::AddFOp>(one, e));
}

} // namespace
} // namespace dl::ops

// The formatter takes the products for pointers.
// clang-format off
DL_UNARY(NegOp, "neg", "N", "-x", CODE(negate(s, x)), D(-d))
DL_UNARY(AbsOp, "abs", "N", "|x|; derivative 0 at 0 and NaN", CODE(absolute(s, x)), D(d * apply<ir::SignOp>(p.x())))
DL_UNARY(SignOp, "sign", "N", "-1, 0 or 1; 0 for NaN", CODE(signOf(s, x)), FLAT)
DL_UNARY(ExpOp, "exp", "F", "e**x", CODE(s.make<math::ExpOp>(x)), D(d * p.result()))
DL_UNARY(Expm1Op, "expm1", "F", "e**x - 1, exact near 0", CODE(s.make<math::ExpM1Op>(x)), D(d * (p.result() + 1)))
DL_UNARY(LogOp, "log", "F", "natural logarithm", CODE(s.make<math::LogOp>(x)), D(d / p.x()))
DL_UNARY(Log1pOp, "log1p", "F", "log(1 + x), exact near 0", CODE(s.make<math::Log1pOp>(x)), D(d / (p.x() + 1)))
DL_UNARY(SqrtOp, "sqrt", "F", "square root", CODE(s.make<math::SqrtOp>(x)), D(d / (p.result() * 2)))
DL_UNARY(RsqrtOp, "rsqrt", "F", "1 / sqrt(x)", CODE(s.make<arith::DivFOp>(s.number(x, 1), s.make<math::SqrtOp>(x))),
         D(d * -0.5 * p.result() * p.result() * p.result()))
DL_UNARY(SinOp, "sin", "F", "sine of radians", CODE(s.make<math::SinOp>(x)), D(d * apply<ir::CosOp>(p.x())))
DL_UNARY(CosOp, "cos", "F", "cosine of radians", CODE(s.make<math::CosOp>(x)), D(-(d * apply<ir::SinOp>(p.x()))))
DL_UNARY(TanOp, "tan", "F", "tangent of radians", CODE(s.make<math::TanOp>(x)), D(d * (p.result() * p.result() + 1)))
DL_UNARY(AsinOp, "asin", "F", "arc sine, in radians", CODE(s.make<math::AsinOp>(x)),
         D(d / apply<ir::SqrtOp>(1 - p.x() * p.x())))
DL_UNARY(AcosOp, "acos", "F", "arc cosine, in radians", CODE(s.make<math::AcosOp>(x)),
         D(-(d / apply<ir::SqrtOp>(1 - p.x() * p.x()))))
DL_UNARY(AtanOp, "atan", "F", "arc tangent, in radians", CODE(s.make<math::AtanOp>(x)), D(d / (p.x() * p.x() + 1)))
DL_UNARY(SinhOp, "sinh", "F", "hyperbolic sine", CODE(s.make<math::SinhOp>(x)), D(d * apply<ir::CoshOp>(p.x())))
DL_UNARY(CoshOp, "cosh", "F", "hyperbolic cosine", CODE(s.make<math::CoshOp>(x)), D(d * apply<ir::SinhOp>(p.x())))
DL_UNARY(TanhOp, "tanh", "F", "hyperbolic tangent", CODE(s.make<math::TanhOp>(x)), D(d * (1 - p.result() * p.result())))
DL_UNARY(SigmoidOp, "sigmoid", "F", "1 / (1 + e**-x)", CODE(sigmoidOf(s, x)), D(d * (p.result() * (1 - p.result()))))
DL_UNARY(ErfOp, "erf", "F", "error function", CODE(s.make<math::ErfOp>(x)),
         D(d * (apply<ir::ExpOp>(-(p.x() * p.x())) * (2 * std::numbers::inv_sqrtpi))))
DL_UNARY(ReluOp, "relu", "N", "max(x, 0); derivative 0 at 0; NaN stays NaN",
         CODE(maxScalars(s.b, s.loc, x, s.number(x, 0))), D(select(compare(CmpKind::le, p.result(), 0), 0, d)))
DL_UNARY(FloorOp, "floor", "F", "largest integer <= x; derivative 0", CODE(s.make<math::FloorOp>(x)), FLAT)
DL_UNARY(CeilOp, "ceil", "F", "smallest integer >= x; derivative 0", CODE(s.make<math::CeilOp>(x)), FLAT)
DL_UNARY(RoundOp, "round", "F", "nearest integer, halves to even; derivative 0", CODE(s.make<math::RoundEvenOp>(x)),
         FLAT)
DL_UNARY(NotOp, "not", "bool", "logical not", CODE(s.make<arith::XOrIOp>(x, s.number(x, 1))), FLAT)
// clang-format on

std::vector<dl::ops::Row> dl::ops::unaryRows() {
  using namespace dl::ir;
  return elementwiseRows<NegOp, AbsOp, SignOp, ExpOp, Expm1Op, LogOp, Log1pOp, SqrtOp, RsqrtOp, SinOp, CosOp, TanOp,
                         AsinOp, AcosOp, AtanOp, SinhOp, CoshOp, TanhOp, SigmoidOp, ErfOp, ReluOp, FloorOp, CeilOp,
                         RoundOp, NotOp>();
}
