// Sums, products, extremes and where the extremes are.
#include "compiler/ops/lowering.h"
#include "compiler/ops/modes.h"
#include "compiler/ops/rows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <limits>

using namespace mlir;

namespace dl::ops {
namespace {

using ir::CmpKind;
using ir::ReduceKind;

bool mayBeEmpty(Value x, ArrayRef<int64_t> dims) {
  return llvm::any_of(dims, [&](int64_t dim) {
    int64_t size = ir::shapeOf(x.getType())[dim];
    return size == 0 || ShapedType::isDynamic(size);
  });
}

template <ReduceKind kind, bool total = false> SmallVector<Value> buildReduce(BuildContext &c) {
  Value x = ir::convertTo(c.builder, c.loc, c.operands[0], ir::elementOf(c.resultTypes[0]));
  SmallVector<int64_t> dims = dimsAttr(c, "dim", ir::rankOf(x.getType()));
  // Along a named dim the first extreme gets the whole derivative, also where that dim is the only one.
  if ((kind == ReduceKind::max || kind == ReduceKind::min) && c.attr("dim") && ir::rankOf(x.getType()) == 1) {
    SmallVector<int64_t> row{1, ir::shapeOf(x.getType())[0]};
    x = ir::reshapeTo(c.builder, c.loc, x, ir::typeOf(row, ir::elementOf(x.getType())),
                      ir::dynamicSizes(c.builder, c.loc, x));
    dims = {1};
  }
  return {asResult(c, ir::reduced(c.builder, c.loc, kind, x, dims, total && mayBeEmpty(x, dims)))};
}

Value argReduce(OpBuilder &b, Location loc, ReduceKind kind, Value x, int64_t dim) {
  SmallVector<int64_t> shape(ir::shapeOf(x.getType()));
  shape.erase(shape.begin() + dim);
  return b.create<ir::ArgReduceOp>(loc, ir::typeOf(shape, b.getI64Type()), x, kind, dim);
}

// Number of elements, as an index.
Value elementCount(OpBuilder &b, Location loc, Value x) {
  Value count = ir::indexConstant(b, loc, 1);
  for (int64_t dim = 0; dim < ir::rankOf(x.getType()); ++dim)
    count = b.createOrFold<arith::MulIOp>(loc, count, ir::sizeOf(b, loc, x, dim));
  return count;
}

template <ReduceKind kind> SmallVector<Value> buildArgReduce(BuildContext &c) {
  Value x = c.operands[0];
  int64_t rank = ir::rankOf(x.getType());
  if (rank == 0)
    return {ir::intConstant(c.builder, c.loc, c.builder.getI64Type(), 0)};
  if (c.attr("dim"))
    return {asResult(c, argReduce(c.builder, c.loc, kind, x, dimAttr(c, "dim", rank)))};
  // Over all: the position in row-major order.
  int64_t count = cast<RankedTensorType>(x.getType()).hasStaticShape()
                      ? cast<RankedTensorType>(x.getType()).getNumElements()
                      : ShapedType::kDynamic;
  SmallVector<Value> sizes;
  if (ShapedType::isDynamic(count))
    sizes.push_back(elementCount(c.builder, c.loc, x));
  Value flat = ir::reshapeTo(c.builder, c.loc, x, ir::typeOf({count}, ir::elementOf(x.getType())), sizes);
  return {asResult(c, argReduce(c.builder, c.loc, kind, flat, 0))};
}

// ------------------------------------------------------------------------------------------------------ derivatives
// Where the extreme of a reduction came from: weights that sum to 1 over the reduced dims. Over one dim of several the
// first extreme takes all, as in torch.max(x, dim); otherwise all equal ones share, as in torch.amax.
Value extremeShares(OpBuilder &b, Location loc, ReduceKind kind, Value x, Value result, ArrayRef<int64_t> dims) {
  Type type = x.getType();
  Value ones = ir::onesLike(b, loc, x), zeros = ir::zerosLike(b, loc, x);
  if (dims.size() == 1 && ir::rankOf(type) > 1) {
    int64_t dim = dims.front();
    Value first = ir::spreadLike(b, loc, argReduce(b, loc, kind, x, dim), x, dims);
    Value position = ir::broadcastTo(b, loc, ir::iotaOf(b, loc, b.getI64Type(), x, dim), first.getType(), {dim},
                                     ir::dynamicSizes(b, loc, x));
    return ir::select(b, loc, ir::compare(b, loc, CmpKind::eq, position, first), ones, zeros);
  }
  Value equal = ir::compare(b, loc, CmpKind::eq, x, ir::spreadLike(b, loc, result, x, dims));
  equal = b.create<ir::OrOp>(loc, equal.getType(), equal, ir::compare(b, loc, CmpKind::ne, x, x)); // NaN wins
  Value count = ir::summed(b, loc, ir::select(b, loc, equal, ones, zeros), dims);
  Value share = b.create<ir::DivOp>(loc, type, ones, ir::spreadLike(b, loc, count, x, dims));
  return ir::select(b, loc, equal, share, zeros);
}

// The product of all other elements: of those before and those after, so that zeros are no special case, whatever the
// order of the derivative. The reduced dims come to the front as one, along which two products grow.
Value productOfOthers(OpBuilder &b, Location loc, Value x, ArrayRef<int64_t> dims) {
  int64_t rank = ir::rankOf(x.getType()), reduced = static_cast<int64_t>(dims.size());
  Type element = ir::elementOf(x.getType());
  SmallVector<int64_t> order(dims), shape, inverse(rank);
  SmallVector<Value> rowSizes;
  Value count = ir::indexConstant(b, loc, 1);
  int64_t known = 1; // the number of reduced elements, where it is known
  for (int64_t dim = 0; dim < rank; ++dim) {
    int64_t size = ir::shapeOf(x.getType())[dim];
    if (llvm::is_contained(dims, dim)) {
      count = b.createOrFold<arith::MulIOp>(loc, count, ir::sizeOf(b, loc, x, dim));
      known = ShapedType::isDynamic(size) || ShapedType::isDynamic(known) ? ShapedType::kDynamic : known * size;
      continue;
    }
    order.push_back(dim);
    shape.push_back(size);
    if (ShapedType::isDynamic(size))
      rowSizes.push_back(ir::sizeOf(b, loc, x, dim));
  }
  for (auto [to, from] : llvm::enumerate(order))
    inverse[from] = static_cast<int64_t>(to);
  bool inOrder = llvm::is_sorted(order);
  Value front = inOrder ? x : ir::transposed(b, loc, x, order), all = front;
  Type row = ir::typeOf(shape, element);
  if (reduced > 1) {
    SmallVector<int64_t> flat{known};
    llvm::append_range(flat, shape);
    SmallVector<Value> sizes(rowSizes);
    if (ShapedType::isDynamic(known))
      sizes.insert(sizes.begin(), count);
    all = ir::reshapeTo(b, loc, front, ir::typeOf(flat, element), sizes);
  }
  Value zero = ir::indexConstant(b, loc, 0), one = ir::indexConstant(b, loc, 1);
  Value last = b.createOrFold<arith::SubIOp>(loc, count, one);
  Value start = ir::splat(b, loc, ir::scalarConstant(b, loc, element, 1), row, rowSizes);
  Value empty = ir::zerosLike(b, loc, all);
  auto grow = b.create<scf::ForOp>(
      loc, zero, count, one, ValueRange{start, start, empty, empty},
      [&](OpBuilder &b, Location loc, Value i, ValueRange carried) {
        SmallVector<Value> next(4);
        SmallVector<int64_t> steps(shape.size() + 1, 1);
        for (int side : {0, 1}) {
          SmallVector<Value> at(shape.size() + 1, zero);
          at[0] = side == 0 ? i : b.create<arith::SubIOp>(loc, last, i).getResult();
          next[2 + side] = b.create<ir::UpdateSliceOp>(loc, all.getType(), carried[2 + side], carried[side], at, steps,
                                                       ArrayRef<int64_t>{0});
          Value item = b.create<ir::SliceOp>(loc, row, all, at, rowSizes, steps, ArrayRef<int64_t>{0});
          next[side] = b.create<ir::MulOp>(loc, row, carried[side], item);
        }
        b.create<scf::YieldOp>(loc, next);
      });
  Value others = b.create<ir::MulOp>(loc, all.getType(), grow.getResult(2), grow.getResult(3));
  if (reduced > 1)
    others = ir::reshapeTo(b, loc, others, front.getType(), ir::dynamicSizes(b, loc, front));
  return inOrder ? others : ir::transposed(b, loc, others, inverse);
}

// The partial derivatives by the elements of x, for the kinds that are not linear.
Value partials(OpBuilder &b, Location loc, ReduceKind kind, Value x, Value result, ArrayRef<int64_t> dims) {
  if (kind == ReduceKind::prod)
    return productOfOthers(b, loc, x, dims);
  return extremeShares(b, loc, kind, x, result, dims);
}

// --------------------------------------------------------------------------------------------------------- lowering
// What leaves the combination unchanged.
TypedAttr neutral(OpBuilder &b, ReduceKind kind, Type element) {
  bool largest = kind == ReduceKind::min; // the neutral element of min is the largest number
  if (kind == ReduceKind::max || kind == ReduceKind::min) {
    if (auto type = dyn_cast<FloatType>(element))
      return b.getFloatAttr(element, APFloat::getInf(type.getFloatSemantics(), !largest));
    unsigned width = element.getIntOrFloatBitWidth();
    if (ir::isUnsigned(element))
      return b.getIntegerAttr(element, largest ? APInt::getMaxValue(width) : APInt::getMinValue(width));
    return b.getIntegerAttr(element, largest ? APInt::getSignedMaxValue(width) : APInt::getSignedMinValue(width));
  }
  int64_t number = kind == ReduceKind::prod || kind == ReduceKind::all;
  if (isa<FloatType>(element))
    return b.getFloatAttr(element, static_cast<double>(number));
  return b.getIntegerAttr(element, number);
}

Value combine(OpBuilder &b, Location loc, ReduceKind kind, Value x, Value sum) {
  switch (kind) {
  case ReduceKind::sum:
    return addScalars(b, loc, x, sum, /*reassociate=*/true);
  case ReduceKind::prod:
    return mulScalars(b, loc, x, sum, /*reassociate=*/true);
  case ReduceKind::max:
    return maxScalars(b, loc, x, sum);
  case ReduceKind::min:
    return minScalars(b, loc, x, sum);
  case ReduceKind::any:
    return b.create<arith::OrIOp>(loc, x, sum);
  case ReduceKind::all:
    return b.create<arith::AndIOp>(loc, x, sum);
  }
  llvm_unreachable("every kind is listed");
}

// An extreme of nothing does not exist.
void requireElements(OpBuilder &b, Location loc, Value x, ArrayRef<int64_t> dims, StringRef name) {
  for (int64_t dim : dims) {
    if (!mayBeEmpty(x, {dim}))
      continue;
    Value some = b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::sgt, ir::sizeOf(b, loc, x, dim),
                                         ir::indexConstant(b, loc, 0));
    b.create<ir::AssertOp>(loc, some, (name + " over a dimension of size 0").str(), ValueRange());
  }
}

// The map and the shape that leave the dims out.
struct Kept {
  AffineMap map;
  SmallVector<int64_t> shape;
  SmallVector<Value> sizes;
  SmallVector<utils::IteratorType> iterators;
};
Kept keep(OpBuilder &b, Location loc, Value input, ArrayRef<int64_t> dims) {
  Kept kept;
  SmallVector<AffineExpr> exprs;
  for (auto [dim, size] : llvm::enumerate(ir::shapeOf(input.getType()))) {
    bool gone = llvm::is_contained(dims, static_cast<int64_t>(dim));
    kept.iterators.push_back(gone ? utils::IteratorType::reduction : utils::IteratorType::parallel);
    if (gone)
      continue;
    exprs.push_back(b.getAffineDimExpr(dim));
    kept.shape.push_back(size);
    if (ShapedType::isDynamic(size))
      kept.sizes.push_back(ir::sizeOf(b, loc, input, dim));
  }
  kept.map = AffineMap::get(ir::rankOf(input.getType()), 0, exprs, b.getContext());
  return kept;
}

// The result of a reduction as the op has it: scalars out of rank 0, and the declared static sizes.
Value finish(OpBuilder &b, Location loc, Value value, Type type) {
  if (!ir::isTensor(type))
    return narrow(b, loc, b.create<tensor::ExtractOp>(loc, value, ValueRange()), type);
  value = ir::convertTo(b, loc, value, ir::elementOf(type));
  return value.getType() == type ? value : b.create<tensor::CastOp>(loc, type, value);
}

} // namespace

std::vector<Row> reduceRows() {
  return {
      {{"sum(x: T[*S], dim: ints = none, keepdim: bool = false) -> wide(T)[reduce(S, dim, keepdim)]",
        "sum over dim, or over all; i64 for integers and bools"},
       buildReduce<ReduceKind::sum>},
      {{"prod(x: T[*S], dim: ints = none, keepdim: bool = false) -> wide(T)[reduce(S, dim, keepdim)]",
        "product over dim, or over all; i64 for integers and bools"},
       buildReduce<ReduceKind::prod>},
      {{"max(x: N[*S], dim: ints = none, keepdim: bool = false) -> N[reduce(S, dim, keepdim)]",
        "largest over dim, or over all; NaN wins"},
       buildReduce<ReduceKind::max>},
      {{"greatest(x: F[*S], dim: ints = none, keepdim: bool = false) -> F[reduce(S, dim, keepdim)]",
        "largest over dim, or over all, and -inf of nothing; NaN wins"},
       buildReduce<ReduceKind::max, true>},
      {{"min(x: N[*S], dim: ints = none, keepdim: bool = false) -> N[reduce(S, dim, keepdim)]",
        "smallest over dim, or over all; NaN wins"},
       buildReduce<ReduceKind::min>},
      {{"any(x: bool[*S], dim: ints = none, keepdim: bool = false) -> bool[reduce(S, dim, keepdim)]",
        "whether any holds along dim, or at all"},
       buildReduce<ReduceKind::any>},
      {{"all(x: bool[*S], dim: ints = none, keepdim: bool = false) -> bool[reduce(S, dim, keepdim)]",
        "whether all hold along dim, or at all"},
       buildReduce<ReduceKind::all>},
      {{"argmax(x: N[*S], dim: int = none, keepdim: bool = false) -> i64[reduce(S, dim, keepdim)]",
        "index of the first largest along dim, or in row-major order; NaN counts as largest"},
       buildArgReduce<ReduceKind::max>},
      {{"argmin(x: N[*S], dim: int = none, keepdim: bool = false) -> i64[reduce(S, dim, keepdim)]",
        "index of the first smallest along dim, or in row-major order; NaN counts as smallest"},
       buildArgReduce<ReduceKind::min>},
  };
}

} // namespace dl::ops

namespace dl::ir {

LogicalResult ReduceOp::vjp(AdjointBuilder &a) {
  if (!a.wants(getInput()))
    return success();
  OpBuilder &b = a.builder();
  Value x = a.primal(getInput());
  Value spread = spreadLike(b, a.loc(), a.adjoint(getResult()), x, getDims());
  if (getKind() == ReduceKind::sum) {
    a.add(getInput(), spread);
    return success();
  }
  Value result = getKind() == ReduceKind::prod ? Value() : a.primal(getResult());
  Value partials = ops::partials(b, a.loc(), getKind(), x, result, getDims());
  a.add(getInput(), b.create<MulOp>(a.loc(), x.getType(), spread, partials));
  return success();
}
LogicalResult ReduceOp::jvp(TangentBuilder &t) {
  Value tangent = t.tangent(getInput());
  if (getKind() == ReduceKind::sum || !tangent)
    return ops::linearJvp(*this, t, {0});
  OpBuilder &b = t.builder();
  Value partials = ops::partials(b, t.loc(), getKind(), t.primal(getInput()), t.primal(getResult()), getDims());
  t.set(getResult(), summed(b, t.loc(), b.create<MulOp>(t.loc(), tangent.getType(), tangent, partials), getDims()));
  return success();
}
LogicalResult ReduceOp::lower(RewriterBase &rewriter) {
  Location loc = getLoc();
  ReduceKind kind = getKind();
  if (getDims().empty()) {
    rewriter.replaceOp(*this, getInput());
    return success();
  }
  if ((kind == ReduceKind::max || kind == ReduceKind::min) && !getTotal())
    ops::requireElements(rewriter, loc, getInput(), getDims(), stringifyReduceKind(kind));
  Type element = ops::accumulatorType(elementOf(getInput().getType()));
  ops::Kept kept = ops::keep(rewriter, loc, getInput(), getDims());
  auto type = RankedTensorType::get(kept.shape, element);
  Value start = rewriter.create<arith::ConstantOp>(loc, ops::neutral(rewriter, kind, element));
  Value init = ops::filledTensor(rewriter, loc, type, kept.sizes, start);
  AffineMap identity = rewriter.getMultiDimIdentityMap(rankOf(getInput().getType()));
  auto sum = rewriter.create<linalg::GenericOp>(
      loc, TypeRange{type}, ValueRange{getInput()}, ValueRange{init}, ArrayRef<AffineMap>{identity, kept.map},
      kept.iterators, [&](OpBuilder &b, Location at, ValueRange args) {
        b.create<linalg::YieldOp>(at, ops::combine(b, at, kind, ops::widen(b, at, args[0]), args[1]));
      });
  rewriter.replaceOp(*this, ops::finish(rewriter, loc, sum.getResult(0), getResult().getType()));
  return success();
}

LogicalResult ArgReduceOp::vjp(AdjointBuilder &) { return ops::noDerivative(); }
LogicalResult ArgReduceOp::jvp(TangentBuilder &) { return ops::noDerivative(); }
LogicalResult ArgReduceOp::lower(RewriterBase &rewriter) {
  Location loc = getLoc();
  int64_t dim = getDim();
  bool isMax = getKind() == ReduceKind::max;
  ops::requireElements(rewriter, loc, getInput(), {dim}, isMax ? "argmax" : "argmin");
  Type element = ops::accumulatorType(elementOf(getInput().getType())), i64 = rewriter.getI64Type();
  ops::Kept kept = ops::keep(rewriter, loc, getInput(), {dim});
  auto bestType = RankedTensorType::get(kept.shape, element), whereType = RankedTensorType::get(kept.shape, i64);
  Value start = rewriter.create<arith::ConstantOp>(loc, ops::neutral(rewriter, getKind(), element));
  Value best = ops::filledTensor(rewriter, loc, bestType, kept.sizes, start);
  Value where = ops::filledTensor(rewriter, loc, whereType, kept.sizes, intConstant(rewriter, loc, i64, 0));
  AffineMap identity = rewriter.getMultiDimIdentityMap(rankOf(getInput().getType()));
  auto search = rewriter.create<linalg::GenericOp>(
      loc, TypeRange{bestType, whereType}, ValueRange{getInput()}, ValueRange{best, where},
      ArrayRef<AffineMap>{identity, kept.map, kept.map}, kept.iterators,
      [&](OpBuilder &b, Location at, ValueRange args) {
        Value x = ops::widen(b, at, args[0]), better;
        if (isa<FloatType>(element)) {
          better =
              b.create<arith::CmpFOp>(at, isMax ? arith::CmpFPredicate::OGT : arith::CmpFPredicate::OLT, x, args[1]);
          // The first NaN beats every number.
          Value nan = b.create<arith::CmpFOp>(at, arith::CmpFPredicate::UNO, x, x);
          Value number = b.create<arith::CmpFOp>(at, arith::CmpFPredicate::ORD, args[1], args[1]);
          better = b.create<arith::OrIOp>(at, better, b.create<arith::AndIOp>(at, nan, number));
        } else {
          using P = arith::CmpIPredicate;
          bool isUns = isUnsigned(element);
          better =
              b.create<arith::CmpIOp>(at, isMax ? (isUns ? P::ugt : P::sgt) : (isUns ? P::ult : P::slt), x, args[1]);
        }
        Value index = b.create<arith::IndexCastOp>(at, i64, b.create<linalg::IndexOp>(at, dim));
        b.create<linalg::YieldOp>(at, ValueRange{b.create<arith::SelectOp>(at, better, x, args[1]),
                                                 b.create<arith::SelectOp>(at, better, index, args[2])});
      });
  rewriter.replaceOp(*this, ops::finish(rewriter, loc, search.getResult(1), getResult().getType()));
  return success();
}

} // namespace dl::ir
