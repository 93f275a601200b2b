// The table of elementwise ops. A row is one use of DL_UNARY or DL_BINARY: signature, doc, scalar lowering and what
// each operand contributes to a derivative. The three methods of the op and its builder follow from the row.
#pragma once

#include "compiler/ops/lowering.h"
#include "compiler/ops/modes.h"
#include "compiler/ops/rows.h"

namespace dl::ops {

// Where the scalar code of a row is built.
struct Scalars {
  mlir::OpBuilder &b;
  mlir::Location loc;

  template <class Op, class... Args> mlir::Value make(Args... args) const { return b.create<Op>(loc, args...); }
  mlir::Value number(mlir::Value like, double value) const { return ir::scalarConstant(b, loc, like.getType(), value); }
};
inline bool isFloat(mlir::Value v) { return mlir::isa<mlir::FloatType>(v.getType()); }

template <class Op> struct ElementwiseRow;

template <class Op> llvm::SmallVector<mlir::Value> buildElementwise(BuildContext &c) {
  return {c.builder.create<Op>(c.loc, c.resultTypes[0], c.operands)};
}

template <class... Ops> std::vector<Row> elementwiseRows() {
  return {Row{{ElementwiseRow<Ops>::signature, ElementwiseRow<Ops>::doc, ElementwiseRow<Ops>::broadcast,
               ElementwiseRow<Ops>::number},
              buildElementwise<Ops>}...};
}

} // namespace dl::ops

// The parts of a row. CODE: a scalar expression of s (Scalars), x and y. NUMBER: the same of a double x. D: an
// expression of d, the incoming derivative, and of p.x(), p.y() and p.result().
#define CODE(expression) [](const Scalars &s, mlir::Value x, mlir::Value y) -> mlir::Value { return expression; }
#define D(expression) [](Expr d, const Primals &p) -> std::optional<Expr> { return expression; }
#define NUMBER(expression) [](double x) -> double { return expression; }
#define FLAT nullptr // the partial derivative is zero

#define DL_ELEMENTWISE_METHODS(Op, ...)                                                                                \
  mlir::LogicalResult Op::vjp(AdjointBuilder &a) {                                                                     \
    return dl::ops::elementwiseVjp(*this, a, dl::ops::ElementwiseRow<Op>::contributions());                            \
  }                                                                                                                    \
  mlir::LogicalResult Op::jvp(TangentBuilder &t) {                                                                     \
    return dl::ops::elementwiseJvp(*this, t, dl::ops::ElementwiseRow<Op>::contributions());                            \
  }

#define DL_ROW(Op, Signature, Doc, Broadcast, Number, Code, ...)                                                       \
  namespace dl::ops {                                                                                                  \
  template <> struct ElementwiseRow<ir::Op> {                                                                          \
    static constexpr std::string_view signature = Signature, doc = Doc;                                                \
    static constexpr bool broadcast = Broadcast;                                                                       \
    static constexpr double (*number)(double) = Number;                                                                \
    static mlir::Value scalar(mlir::OpBuilder &b, mlir::Location loc, mlir::ValueRange args) {                         \
      return (Code)(Scalars{b, loc}, args[0], args.back());                                                            \
    }                                                                                                                  \
    static llvm::ArrayRef<Contribution> contributions() {                                                              \
      static const Contribution rules[] = {__VA_ARGS__};                                                               \
      return rules;                                                                                                    \
    }                                                                                                                  \
  };                                                                                                                   \
  }                                                                                                                    \
  namespace dl::ir {                                                                                                   \
  DL_ELEMENTWISE_METHODS(Op)                                                                                           \
  }

#define DL_LOWER(Op)                                                                                                   \
  mlir::LogicalResult dl::ir::Op::lower(mlir::RewriterBase &rewriter) {                                                \
    return dl::ops::lowerElementwise(*this, rewriter, dl::ops::ElementwiseRow<Op>::scalar);                            \
  }

#define DL_UNARY(Op, Name, Elements, Doc, Number, Code, Dx)                                                            \
  DL_ROW(Op, Name "(x: " Elements "[*S]) -> " Elements "[*S]", Doc, false, Number, Code, Dx)                           \
  DL_LOWER(Op)
// A binary row whose op lowers in a way of its own.
#define DL_BINARY_ROW(Op, Name, Elements, Doc, Code, Dx, Dy)                                                           \
  DL_ROW(Op, Name "(a: " Elements "[*S], b: " Elements "[*R]) -> " Elements "[broadcast(S, R)]", Doc, true, nullptr,   \
         Code, Dx, Dy)
#define DL_BINARY(Op, Name, Elements, Doc, Code, Dx, Dy)                                                               \
  DL_BINARY_ROW(Op, Name, Elements, Doc, Code, Dx, Dy)                                                                 \
  DL_LOWER(Op)
