// Comparisons, select and conversions between element types.
#include "compiler/ops/lowering.h"
#include "compiler/ops/modes.h"
#include "compiler/ops/rows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <cmath>

using namespace mlir;

namespace dl::ops {
namespace {

using ir::CmpKind;

arith::CmpFPredicate floatPredicate(CmpKind kind) {
  switch (kind) {
  case CmpKind::eq:
    return arith::CmpFPredicate::OEQ;
  case CmpKind::ne:
    return arith::CmpFPredicate::UNE;
  case CmpKind::lt:
    return arith::CmpFPredicate::OLT;
  case CmpKind::le:
    return arith::CmpFPredicate::OLE;
  case CmpKind::gt:
    return arith::CmpFPredicate::OGT;
  case CmpKind::ge:
    return arith::CmpFPredicate::OGE;
  }
  llvm_unreachable("every kind is listed");
}

arith::CmpIPredicate intPredicate(CmpKind kind, bool isUnsigned) {
  using P = arith::CmpIPredicate;
  switch (kind) {
  case CmpKind::eq:
    return P::eq;
  case CmpKind::ne:
    return P::ne;
  case CmpKind::lt:
    return isUnsigned ? P::ult : P::slt;
  case CmpKind::le:
    return isUnsigned ? P::ule : P::sle;
  case CmpKind::gt:
    return isUnsigned ? P::ugt : P::sgt;
  case CmpKind::ge:
    return isUnsigned ? P::uge : P::sge;
  }
  llvm_unreachable("every kind is listed");
}

Value compareScalars(OpBuilder &b, Location loc, CmpKind kind, Value x, Value y) {
  if (isa<FloatType>(x.getType()))
    return b.create<arith::CmpFOp>(loc, floatPredicate(kind), x, y);
  return b.create<arith::CmpIOp>(loc, intPredicate(kind, ir::isUnsigned(x.getType())), x, y);
}

// Truncates; what is beyond the integers becomes the nearest of them, and nan 0: the instruction alone leaves that
// open.
Value toInteger(OpBuilder &b, Location loc, Value x, IntegerType to) {
  const unsigned width = to.getWidth();
  auto against = [&](arith::CmpFPredicate predicate, double sign) {
    Value bound = ir::scalarConstant(b, loc, x.getType(), sign * std::ldexp(1.0, int(width) - 1));
    return b.create<arith::CmpFOp>(loc, predicate, x, bound);
  };
  auto whole = [&](const APInt &value) { return b.create<arith::ConstantOp>(loc, b.getIntegerAttr(to, value)); };
  Value above = against(arith::CmpFPredicate::OGE, 1), below = against(arith::CmpFPredicate::OLT, -1);
  Value fits =
      b.create<arith::AndIOp>(loc, against(arith::CmpFPredicate::OGE, -1), against(arith::CmpFPredicate::OLT, 1));
  Value safe = b.create<arith::SelectOp>(loc, fits, x, ir::scalarConstant(b, loc, x.getType(), 0));
  Value result = b.create<arith::FPToSIOp>(loc, to, safe);
  result = b.create<arith::SelectOp>(loc, below, whole(APInt::getSignedMinValue(width)), result);
  return b.create<arith::SelectOp>(loc, above, whole(APInt::getSignedMaxValue(width)), result);
}

Value convertFloat(OpBuilder &b, Location loc, Value x, Type to) {
  if (auto target = dyn_cast<FloatType>(to)) {
    unsigned from = x.getType().getIntOrFloatBitWidth();
    if (from == target.getWidth())
      return x;
    return from < target.getWidth() ? b.create<arith::ExtFOp>(loc, to, x).getResult()
                                    : b.create<arith::TruncFOp>(loc, to, x).getResult();
  }
  if (!to.isInteger(8))
    return toInteger(b, loc, x, cast<IntegerType>(to));
  // u8 keeps the low byte, also of negative numbers.
  return b.create<arith::TruncIOp>(loc, to, toInteger(b, loc, x, b.getI64Type()));
}

Value convertInt(OpBuilder &b, Location loc, Value x, Type to) {
  bool isUnsigned = ir::isUnsigned(x.getType());
  if (isa<FloatType>(to))
    return isUnsigned ? b.create<arith::UIToFPOp>(loc, to, x).getResult()
                      : b.create<arith::SIToFPOp>(loc, to, x).getResult();
  unsigned from = x.getType().getIntOrFloatBitWidth(), width = to.getIntOrFloatBitWidth();
  if (from == width)
    return x;
  if (from > width)
    return b.create<arith::TruncIOp>(loc, to, x);
  return isUnsigned ? b.create<arith::ExtUIOp>(loc, to, x).getResult()
                    : b.create<arith::ExtSIOp>(loc, to, x).getResult();
}

Value convertScalar(OpBuilder &b, Location loc, Value x, Type to) {
  if (x.getType() == to)
    return x;
  if (to.isInteger(1))
    return compareScalars(b, loc, CmpKind::ne, x, ir::scalarConstant(b, loc, x.getType(), 0));
  Type wide = accumulatorType(to); // bf16 is rounded from f32
  Value converted = isa<FloatType>(x.getType()) ? convertFloat(b, loc, x, wide) : convertInt(b, loc, x, wide);
  return narrow(b, loc, converted, to);
}

template <CmpKind kind> SmallVector<Value> buildCompare(BuildContext &c) {
  return {c.builder.create<ir::CmpOp>(c.loc, c.resultTypes[0], kind, c.operands[0], c.operands[1])};
}

SmallVector<Value> buildWhere(BuildContext &c) {
  return {c.builder.create<ir::SelectOp>(c.loc, c.resultTypes[0], c.operands[0], c.operands[1], c.operands[2])};
}

SmallVector<Value> buildZeroWhere(BuildContext &c) {
  Value zero = ir::zerosLike(c.builder, c.loc, c.operands[1]);
  auto select = c.builder.create<ir::SelectOp>(c.loc, c.resultTypes[0], c.operands[0], zero, c.operands[1]);
  select->setAttr(kGuard, c.builder.getUnitAttr());
  return {select};
}

SmallVector<Value> buildConvert(BuildContext &c) {
  return {ir::convertTo(c.builder, c.loc, c.operands[0], ir::elementOf(c.resultTypes[0]))};
}

SmallVector<Value> buildStopGrad(BuildContext &c) {
  return {c.builder.create<ir::StopGradOp>(c.loc, c.resultTypes[0], c.operands[0])};
}

} // namespace

std::vector<Row> choiceRows() {
  return {
      {{"eq(a: T[*S], b: T[*R]) -> bool[broadcast(S, R)]", "whether a equals b", true}, buildCompare<CmpKind::eq>},
      {{"ne(a: T[*S], b: T[*R]) -> bool[broadcast(S, R)]", "whether a differs from b", true},
       buildCompare<CmpKind::ne>},
      {{"lt(a: N[*S], b: N[*R]) -> bool[broadcast(S, R)]", "whether a < b", true}, buildCompare<CmpKind::lt>},
      {{"le(a: N[*S], b: N[*R]) -> bool[broadcast(S, R)]", "whether a <= b", true}, buildCompare<CmpKind::le>},
      {{"gt(a: N[*S], b: N[*R]) -> bool[broadcast(S, R)]", "whether a > b", true}, buildCompare<CmpKind::gt>},
      {{"ge(a: N[*S], b: N[*R]) -> bool[broadcast(S, R)]", "whether a >= b", true}, buildCompare<CmpKind::ge>},
      {{"where(c: bool[*Q], a: T[*S], b: T[*R]) -> T[broadcast(Q, S, R)]",
        "a where c holds, else b; the side not taken contributes no derivative", true},
       buildWhere},
      {{"zero_where(c: bool[*Q], x: T[*S]) -> T[broadcast(Q, S)]",
        "0 where c holds, else x, and the derivative of x wherever that is finite: how derivatives through `where` are "
        "written",
        true},
       buildZeroWhere},
      {{"convert(x: T[*S], dtype: dtype) -> dtype[*S]",
        "x in another element type; floats truncate to integers, those beyond them to the nearest, nan to 0"},
       buildConvert},
      {{"stop_grad(x: T[*S]) -> T[*S]", "x as a constant to differentiation"}, buildStopGrad},
  };
}

} // namespace dl::ops

namespace dl::ir {

LogicalResult CmpOp::vjp(AdjointBuilder &) { return ops::noDerivative(); }
LogicalResult CmpOp::jvp(TangentBuilder &) { return ops::noDerivative(); }
LogicalResult CmpOp::lower(RewriterBase &rewriter) {
  return ops::lowerElementwise(*this, rewriter, [&](OpBuilder &b, Location loc, ValueRange v) {
    return ops::compareScalars(b, loc, getKind(), v[0], v[1]);
  });
}

// Zeros, not products with 0, on the side not taken: NaN times 0 would be NaN.
LogicalResult SelectOp::vjp(AdjointBuilder &a) {
  if ((*this)->hasAttr(ops::kGuard))
    return ops::guardVjp(*this, a);
  bool toX = a.wants(getX()), toY = a.wants(getY());
  if (!toX && !toY)
    return success();
  OpBuilder &b = a.builder();
  Value adjoint = a.adjoint(getResult()), condition = a.primal(getCondition()), zeros = zerosLike(b, a.loc(), adjoint);
  if (toX)
    a.add(getX(), select(b, a.loc(), condition, adjoint, zeros));
  if (toY)
    a.add(getY(), select(b, a.loc(), condition, zeros, adjoint));
  return success();
}
LogicalResult SelectOp::jvp(TangentBuilder &t) {
  return (*this)->hasAttr(ops::kGuard) ? ops::guardJvp(*this, t) : ops::linearJvp(*this, t, {1, 2});
}
LogicalResult SelectOp::lower(RewriterBase &rewriter) {
  return ops::lowerElementwise(*this, rewriter, [](OpBuilder &b, Location loc, ValueRange v) -> Value {
    return b.create<arith::SelectOp>(loc, v[0], v[1], v[2]);
  });
}

LogicalResult ConvertOp::vjp(AdjointBuilder &a) {
  if (isFloat(getX().getType()) && isFloat(getResult().getType()) && a.wants(getX()))
    a.add(getX(), convertTo(a.builder(), a.loc(), a.adjoint(getResult()), elementOf(getX().getType())));
  return success();
}
LogicalResult ConvertOp::jvp(TangentBuilder &t) { return ops::linearJvp(*this, t, {0}); }
LogicalResult ConvertOp::lower(RewriterBase &rewriter) {
  Type to = elementOf(getResult().getType());
  return ops::lowerElementwise(
      *this, rewriter, [&](OpBuilder &b, Location loc, ValueRange v) { return ops::convertScalar(b, loc, v[0], to); });
}

LogicalResult ParamTokenOp::vjp(AdjointBuilder &) { return ops::noDerivative(); }
LogicalResult ParamTokenOp::jvp(TangentBuilder &) { return ops::noDerivative(); }
LogicalResult ParamTokenOp::lower(RewriterBase &rewriter) {
  if (Value token = getOriginal() ? getOriginal() : getPlace())
    rewriter.replaceOp(*this, token);
  else
    rewriter.replaceOpWithNewOp<arith::ConstantOp>(*this, rewriter.getI64IntegerAttr(0));
  return success();
}

LogicalResult LeafOp::vjp(AdjointBuilder &a) {
  if (!getCut() && a.wants(getInput()))
    a.add(getInput(), a.adjoint(getResult()));
  if (a.wants(getMark()))
    a.add(getMark(), a.adjoint(getResult()));
  return success();
}
LogicalResult LeafOp::jvp(TangentBuilder &t) {
  Value input = getCut() ? Value() : t.tangent(getInput());
  Value mark = isFloat(getMark().getType()) ? t.tangent(getMark()) : Value();
  if (input && mark)
    input = t.builder().create<AddOp>(t.loc(), input.getType(), input, mark);
  else if (mark)
    input = mark;
  if (input)
    t.set(getResult(), input);
  return success();
}
LogicalResult LeafOp::lower(RewriterBase &rewriter) {
  rewriter.replaceOp(*this, getInput());
  return success();
}

LogicalResult StopGradOp::vjp(AdjointBuilder &) { return ops::noDerivative(); }
LogicalResult StopGradOp::jvp(TangentBuilder &) { return ops::noDerivative(); }
LogicalResult StopGradOp::lower(RewriterBase &rewriter) {
  rewriter.replaceOp(*this, getInput());
  return success();
}

} // namespace dl::ir
