// Elementwise functions of one operand. Kinks follow PyTorch: the derivative of abs and relu at 0 is 0.
#include "compiler/ops/elementwise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <algorithm>
#include <cmath>
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
DL_UNARY(NegOp, "neg", "N", "-x", NUMBER(-x), CODE(negate(s, x)), D(-d))
DL_UNARY(AbsOp, "abs", "N", "|x|; derivative 0 at 0 and NaN", NUMBER(std::fabs(x)), CODE(absolute(s, x)),
         D(d * apply<ir::SignOp>(p.x())))
DL_UNARY(SignOp, "sign", "N", "-1, 0 or 1; 0 for NaN", NUMBER((x > 0) - (x < 0)), CODE(signOf(s, x)), FLAT)
DL_UNARY(ExpOp, "exp", "F", "e**x", NUMBER(std::exp(x)), CODE(s.make<math::ExpOp>(x)), D(d * p.result()))
DL_UNARY(Exp2Op, "exp2", "F", "2**x", NUMBER(std::exp2(x)), CODE(s.make<math::Exp2Op>(x)),
         D(d * (p.result() * std::numbers::ln2)))
DL_UNARY(Expm1Op, "expm1", "F", "e**x - 1, exact near 0", NUMBER(std::expm1(x)), CODE(s.make<math::ExpM1Op>(x)),
         D(d * (p.result() + 1)))
DL_UNARY(LogOp, "log", "F", "natural logarithm", NUMBER(std::log(x)), CODE(s.make<math::LogOp>(x)), D(d / p.x()))
DL_UNARY(Log2Op, "log2", "F", "logarithm to base 2", NUMBER(std::log2(x)), CODE(s.make<math::Log2Op>(x)),
         D(d / (p.x() * std::numbers::ln2)))
DL_UNARY(Log10Op, "log10", "F", "logarithm to base 10", NUMBER(std::log10(x)), CODE(s.make<math::Log10Op>(x)),
         D(d / (p.x() * std::numbers::ln10)))
DL_UNARY(Log1pOp, "log1p", "F", "log(1 + x), exact near 0", NUMBER(std::log1p(x)), CODE(s.make<math::Log1pOp>(x)),
         D(d / (p.x() + 1)))
DL_UNARY(SqrtOp, "sqrt", "F", "square root", NUMBER(std::sqrt(x)), CODE(s.make<math::SqrtOp>(x)),
         D(d / (p.result() * 2)))
DL_UNARY(RsqrtOp, "rsqrt", "F", "1 / sqrt(x)", NUMBER(1 / std::sqrt(x)),
         CODE(s.make<arith::DivFOp>(s.number(x, 1), s.make<math::SqrtOp>(x))),
         D(d * -0.5 * p.result() * p.result() * p.result()))
DL_UNARY(SinOp, "sin", "F", "sine of radians", NUMBER(std::sin(x)), CODE(s.make<math::SinOp>(x)),
         D(d * apply<ir::CosOp>(p.x())))
DL_UNARY(CosOp, "cos", "F", "cosine of radians", NUMBER(std::cos(x)), CODE(s.make<math::CosOp>(x)),
         D(-(d * apply<ir::SinOp>(p.x()))))
DL_UNARY(TanOp, "tan", "F", "tangent of radians", NUMBER(std::tan(x)), CODE(s.make<math::TanOp>(x)),
         D(d * (p.result() * p.result() + 1)))
DL_UNARY(AsinOp, "asin", "F", "arc sine, in radians", NUMBER(std::asin(x)), CODE(s.make<math::AsinOp>(x)),
         D(d / apply<ir::SqrtOp>(1 - p.x() * p.x())))
DL_UNARY(AcosOp, "acos", "F", "arc cosine, in radians", NUMBER(std::acos(x)), CODE(s.make<math::AcosOp>(x)),
         D(-(d / apply<ir::SqrtOp>(1 - p.x() * p.x()))))
DL_UNARY(AtanOp, "atan", "F", "arc tangent, in radians", NUMBER(std::atan(x)), CODE(s.make<math::AtanOp>(x)),
         D(d / (p.x() * p.x() + 1)))
DL_UNARY(SinhOp, "sinh", "F", "hyperbolic sine", NUMBER(std::sinh(x)), CODE(s.make<math::SinhOp>(x)),
         D(d * apply<ir::CoshOp>(p.x())))
DL_UNARY(CoshOp, "cosh", "F", "hyperbolic cosine", NUMBER(std::cosh(x)), CODE(s.make<math::CoshOp>(x)),
         D(d * apply<ir::SinhOp>(p.x())))
DL_UNARY(TanhOp, "tanh", "F", "hyperbolic tangent", NUMBER(std::tanh(x)), CODE(s.make<math::TanhOp>(x)),
         D(d * (1 - p.result() * p.result())))
DL_UNARY(SigmoidOp, "sigmoid", "F", "1 / (1 + e**-x)", NUMBER(1 / (1 + std::exp(-x))), CODE(sigmoidOf(s, x)),
         D(d * (p.result() * (1 - p.result()))))
DL_UNARY(ErfOp, "erf", "F", "error function", NUMBER(std::erf(x)), CODE(s.make<math::ErfOp>(x)),
         D(d * (apply<ir::ExpOp>(-(p.x() * p.x())) * (2 * std::numbers::inv_sqrtpi))))
DL_UNARY(ReluOp, "relu", "N", "max(x, 0); derivative 0 at 0; NaN stays NaN",
         NUMBER(std::max(x, 0.0)), CODE(maxScalars(s.b, s.loc, x, s.number(x, 0))),
         D(select(compare(CmpKind::le, p.result(), 0), 0, d)))
DL_UNARY(FloorOp, "floor", "F", "largest integer <= x; derivative 0", NUMBER(std::floor(x)),
         CODE(s.make<math::FloorOp>(x)), FLAT)
DL_UNARY(CeilOp, "ceil", "F", "smallest integer >= x; derivative 0", NUMBER(std::ceil(x)),
         CODE(s.make<math::CeilOp>(x)), FLAT)
DL_UNARY(RoundOp, "round", "F", "nearest integer, halves to even; derivative 0", NUMBER(std::nearbyint(x)),
         CODE(s.make<math::RoundEvenOp>(x)),
         FLAT)
DL_UNARY(NotOp, "not", "bool", "logical not", nullptr, CODE(s.make<arith::XOrIOp>(x, s.number(x, 1))), FLAT)
// clang-format on

std::vector<dl::ops::Row> dl::ops::unaryRows() {
  using namespace dl::ir;
  return elementwiseRows<NegOp, AbsOp, SignOp, ExpOp, Exp2Op, Expm1Op, LogOp, Log2Op, Log10Op, Log1pOp, SqrtOp, RsqrtOp,
                         SinOp, CosOp, TanOp, AsinOp, AcosOp, AtanOp, SinhOp, CoshOp, TanhOp, SigmoidOp, ErfOp, ReluOp,
                         FloorOp, CeilOp, RoundOp, NotOp>();
}
