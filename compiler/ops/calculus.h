// Expressions on dl values, so that derivative rules read like formulas.
#pragma once

#include "compiler/dialect/builder.h"

namespace dl::ops {

// A value and where to build. Numbers in an expression take the shape and element type of the other operand.
struct Expr {
  mlir::OpBuilder *builder;
  mlir::Location loc;
  mlir::Value value;

  Expr with(mlir::Value v) const { return {builder, loc, v}; }
  Expr constant(double number) const { return with(ir::fillLike(*builder, loc, value, number)); }
};

template <class Op> Expr apply(Expr x) { return x.with(x.builder->create<Op>(x.loc, x.value.getType(), x.value)); }
template <class Op> Expr apply(Expr x, Expr y) {
  return x.with(x.builder->create<Op>(x.loc, x.value.getType(), x.value, y.value));
}

inline Expr operator-(Expr x) { return apply<ir::NegOp>(x); }
inline Expr operator+(Expr x, Expr y) { return apply<ir::AddOp>(x, y); }
inline Expr operator-(Expr x, Expr y) { return apply<ir::SubOp>(x, y); }
inline Expr operator*(Expr x, Expr y) { return apply<ir::MulOp>(x, y); }
inline Expr operator/(Expr x, Expr y) { return apply<ir::DivOp>(x, y); }
inline Expr operator+(Expr x, double y) { return x + x.constant(y); }
inline Expr operator-(Expr x, double y) { return x - x.constant(y); }
inline Expr operator*(Expr x, double y) { return x * x.constant(y); }
inline Expr operator/(Expr x, double y) { return x / x.constant(y); }
inline Expr operator-(double x, Expr y) { return y.constant(x) - y; }

inline Expr compare(ir::CmpKind kind, Expr x, Expr y) {
  return x.with(ir::compare(*x.builder, x.loc, kind, x.value, y.value));
}
inline Expr compare(ir::CmpKind kind, Expr x, double y) { return compare(kind, x, x.constant(y)); }
inline Expr select(Expr condition, Expr x, Expr y) {
  return x.with(ir::select(*x.builder, x.loc, condition.value, x.value, y.value));
}
inline Expr select(Expr condition, Expr x, double y) { return select(condition, x, x.constant(y)); }
inline Expr select(Expr condition, double x, Expr y) { return select(condition, y.constant(x), y); }

} // namespace dl::ops
