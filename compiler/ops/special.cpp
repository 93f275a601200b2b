// The gamma function's family and erfc: elementwise functions that are kernels of the runtime.
#include "compiler/ops/elementwise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <cmath>
#include <numbers>

using namespace mlir;

namespace dl::ops {
namespace {

// A kernel works on tensors: a scalar travels as one of a single element.
LogicalResult lowerToKernel(Operation *op, RewriterBase &rewriter, StringRef kernel) {
  Location loc = op->getLoc();
  Type type = op->getResult(0).getType();
  if (auto tensor = dyn_cast<RankedTensorType>(type)) {
    SmallVector<Value> sizes = sizesFrom(rewriter, loc, tensor, op->getOperands().back());
    rewriter.replaceOp(op, callKernel(rewriter, loc, kernel, op->getOperands(), tensor, sizes));
    return success();
  }
  auto single = RankedTensorType::get({1}, type);
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(rewriter.create<tensor::FromElementsOp>(loc, single, operand));
  Value result = callKernel(rewriter, loc, kernel, operands, single, {});
  rewriter.replaceOpWithNewOp<tensor::ExtractOp>(op, result, ir::indexConstant(rewriter, loc, 0));
  return success();
}

// zeta(s, x) for a number s.
Expr zetaOf(double s, Expr x) { return apply<ir::ZetaOp>(x.constant(s), x); }

} // namespace

#define DL_SPECIAL(Op, Signature, Doc, Broadcast, Number, ...)                                                         \
  template <> struct ElementwiseRow<ir::Op> {                                                                          \
    static constexpr std::string_view signature = Signature, doc = Doc;                                                \
    static constexpr bool broadcast = Broadcast;                                                                       \
    static constexpr double (*number)(double) = Number;                                                                \
    static llvm::ArrayRef<Contribution> contributions() {                                                              \
      static const Contribution rules[] = {__VA_ARGS__};                                                               \
      return rules;                                                                                                    \
    }                                                                                                                  \
  };

// The formatter takes the products for pointers.
// clang-format off
DL_SPECIAL(ErfcOp, "erfc(x: F[*S]) -> F[*S]", "1 - erf(x), exact for large x", false, NUMBER(std::erfc(x)),
           D(d * (apply<ir::ExpOp>(-(p.x() * p.x())) * (-2 * std::numbers::inv_sqrtpi))))
DL_SPECIAL(LgammaOp, "lgamma(x: F[*S]) -> F[*S]", "log |Gamma(x)|", false, NUMBER(std::lgamma(x)),
           D(d * apply<ir::DigammaOp>(p.x())))
DL_SPECIAL(DigammaOp, "digamma(x: F[*S]) -> F[*S]", "the derivative of lgamma", false, nullptr,
           D(d * zetaOf(2, p.x())))
DL_SPECIAL(ZetaOp, "zeta(s: F[*S], q: F[*R]) -> F[broadcast(S, R)]",
           "Hurwitz's zeta, the sum over k >= 0 of (k + q)**-s; no derivative by s", true, nullptr, FLAT,
           D(-(d *p.x() * apply<ir::ZetaOp>(p.x() + 1, p.y()))))
// clang-format on

std::vector<Row> specialRows() { return elementwiseRows<ir::ErfcOp, ir::LgammaOp, ir::DigammaOp, ir::ZetaOp>(); }

} // namespace dl::ops

namespace dl::ir {

DL_ELEMENTWISE_METHODS(ErfcOp)
DL_ELEMENTWISE_METHODS(LgammaOp)
DL_ELEMENTWISE_METHODS(DigammaOp)

LogicalResult ZetaOp::vjp(AdjointBuilder &a) {
  if (a.wants(getX()))
    return a.notDifferentiable("zeta has no derivative by its first argument");
  return ops::elementwiseVjp(*this, a, ops::ElementwiseRow<ZetaOp>::contributions());
}
LogicalResult ZetaOp::jvp(TangentBuilder &t) {
  if (t.tangent(getX()))
    return t.notDifferentiable("zeta has no derivative by its first argument");
  return ops::elementwiseJvp(*this, t, ops::ElementwiseRow<ZetaOp>::contributions());
}

LogicalResult ErfcOp::lower(RewriterBase &rewriter) { return ops::lowerToKernel(*this, rewriter, "dl_rt_erfc"); }
LogicalResult LgammaOp::lower(RewriterBase &rewriter) { return ops::lowerToKernel(*this, rewriter, "dl_rt_lgamma"); }
LogicalResult DigammaOp::lower(RewriterBase &rewriter) { return ops::lowerToKernel(*this, rewriter, "dl_rt_digamma"); }
LogicalResult ZetaOp::lower(RewriterBase &rewriter) { return ops::lowerToKernel(*this, rewriter, "dl_rt_zeta"); }

} // namespace dl::ir
