// Matrix products.
#include "compiler/ops/lowering.h"
#include "compiler/ops/modes.h"
#include "compiler/ops/rows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace dl::ops {
namespace {

// Up to so many multiplications a loop nest beats the call of a kernel, whose tiles stay in registers.
constexpr int64_t kInlineProducts = 16 * 16 * 16;
// The same for nests whose innermost loop is too short for vectors.
constexpr int64_t kInlineScalarProducts = 8 * 8 * 8;
constexpr int64_t kShortLoop = 8;
// And one matrix of a batch, of however many: the kernel takes them one by one.
constexpr int64_t kInlineMatrix = 8 * 8 * 8;

Value matmul(OpBuilder &b, Location loc, Type type, Value x, Value y, bool transX, bool transY) {
  return b.create<ir::MatMulOp>(loc, type, x, y, transX, transY);
}

// ------------------------------------------------------------------------------------------------------------ build
// Sizes and their values side by side, to compute types and dynamic sizes of reshapes together.
struct Shape {
  SmallVector<int64_t> sizes;
  SmallVector<Value> values; // index
};

Shape shapeOf(OpBuilder &b, Location loc, Value tensor) {
  Shape shape;
  for (auto [dim, size] : llvm::enumerate(ir::shapeOf(tensor.getType()))) {
    shape.sizes.push_back(size);
    shape.values.push_back(ir::sizeOf(b, loc, tensor, dim));
  }
  return shape;
}

Shape part(const Shape &shape, int64_t begin, int64_t end) {
  return {SmallVector<int64_t>(ArrayRef<int64_t>(shape.sizes).slice(begin, end - begin)),
          SmallVector<Value>(ArrayRef<Value>(shape.values).slice(begin, end - begin))};
}

// All dimensions as one.
Shape merged(OpBuilder &b, Location loc, const Shape &shape) {
  int64_t size = 1;
  Value value = ir::indexConstant(b, loc, 1);
  for (auto [s, v] : llvm::zip_equal(shape.sizes, shape.values)) {
    size = ShapedType::isDynamic(size) || ShapedType::isDynamic(s) ? ShapedType::kDynamic : size * s;
    value = b.createOrFold<arith::MulIOp>(loc, value, v);
  }
  return {{size}, {value}};
}

Shape joined(Shape first, const Shape &second) {
  first.sizes.append(second.sizes);
  first.values.append(second.values);
  return first;
}

Value reshaped(OpBuilder &b, Location loc, Value value, const Shape &shape) {
  SmallVector<Value> dynamic;
  for (auto [size, v] : llvm::zip_equal(shape.sizes, shape.values))
    if (ShapedType::isDynamic(size))
      dynamic.push_back(v);
  return ir::reshapeTo(b, loc, value, ir::typeOf(shape.sizes, ir::elementOf(value.getType())), dynamic);
}

// The product of rank 2 or 3 with a result type made of the operands' sizes.
Value product(OpBuilder &b, Location loc, Value x, Value y) {
  ArrayRef<int64_t> xs = ir::shapeOf(x.getType()), ys = ir::shapeOf(y.getType());
  SmallVector<int64_t> shape(xs.drop_back());
  shape.push_back(ys.back());
  if (xs.size() == 3 && ShapedType::isDynamic(shape[0]))
    shape[0] = ys[0];
  return matmul(b, loc, ir::typeOf(shape, ir::elementOf(x.getType())), x, y, false, false);
}

// The operand with the batch dimensions of the result, made one: [batch, rows, columns].
Value batched(BuildContext &c, Value x, const Shape &batch) {
  OpBuilder &b = c.builder;
  Shape own = shapeOf(b, c.loc, x);
  int64_t rank = own.sizes.size(), missing = static_cast<int64_t>(batch.sizes.size()) - (rank - 2);
  Shape matrix = part(own, rank - 2, rank), full = joined(batch, matrix);
  SmallVector<Value> dynamic;
  for (auto [size, v] : llvm::zip_equal(full.sizes, full.values))
    if (ShapedType::isDynamic(size))
      dynamic.push_back(v);
  SmallVector<int64_t> dims = llvm::to_vector(llvm::seq<int64_t>(missing, missing + rank));
  Value spread = ir::broadcastTo(b, c.loc, x, ir::typeOf(full.sizes, ir::elementOf(x.getType())), dims, dynamic);
  return reshaped(b, c.loc, spread, joined(merged(b, c.loc, batch), matrix));
}

SmallVector<Value> buildMatmul(BuildContext &c) {
  OpBuilder &b = c.builder;
  Value x = c.operands[0], y = c.operands[1];
  int64_t xRank = ir::rankOf(x.getType()), yRank = ir::rankOf(y.getType());
  if (xRank == 1 && yRank == 1) {
    Value products = b.create<ir::MulOp>(c.loc, x.getType(), x, y);
    return {ir::summed(b, c.loc, products, {0})};
  }
  // Vectors are matrices of one row or one column.
  Shape one{{1}, {ir::indexConstant(b, c.loc, 1)}};
  if (xRank == 1)
    x = reshaped(b, c.loc, x, joined(one, shapeOf(b, c.loc, x)));
  if (yRank == 1)
    y = reshaped(b, c.loc, y, joined(shapeOf(b, c.loc, y), one));
  xRank = ir::rankOf(x.getType());
  yRank = ir::rankOf(y.getType());
  if (yRank == 2) {
    // The leading dimensions of x are further rows.
    Shape shape = shapeOf(b, c.loc, x);
    Shape rows = merged(b, c.loc, part(shape, 0, xRank - 1));
    x = reshaped(b, c.loc, x, joined(rows, part(shape, xRank - 1, xRank)));
    return {asResult(c, product(b, c.loc, x, y))};
  }
  // The batch is that of the result: its leading dimensions.
  Type type = c.resultTypes[0];
  int64_t batchRank = std::max(xRank, yRank) - 2;
  Shape batch;
  size_t dynamic = 0;
  for (int64_t k = 0; k < batchRank; ++k) {
    int64_t size = ir::shapeOf(type)[k];
    batch.sizes.push_back(size);
    batch.values.push_back(ShapedType::isDynamic(size) ? c.resultSizes[0][dynamic++]
                                                       : ir::indexConstant(b, c.loc, size));
  }
  return {asResult(c, product(b, c.loc, batched(c, x, batch), batched(c, y, batch)))};
}

// --------------------------------------------------------------------------------------------------------- lowering
// Sizes of the product, dynamic where not known.
struct Extents {
  int64_t batch, m, n, k;
};
Extents extentsOf(ir::MatMulOp op) {
  ArrayRef<int64_t> a = ir::shapeOf(op.getA().getType()), b = ir::shapeOf(op.getB().getType());
  int64_t rank = a.size(), last = rank - 1, first = rank - 2;
  return {rank == 3 ? a[0] : 1, a[op.getTransA() ? last : first], b[op.getTransB() ? first : last],
          a[op.getTransA() ? first : last]};
}

// Whether the innermost loop of the nest is the sum.
bool sumsInnermost(ir::MatMulOp op) { return op.getTransB() && !op.getTransA(); }

// Whether the product of the sizes is known and at most the limit.
bool isWithin(int64_t limit, ArrayRef<int64_t> sizes) {
  int64_t products = 1;
  for (int64_t size : sizes) {
    if (ShapedType::isDynamic(size) || size > limit)
      return false;
    products *= size;
    if (products > limit)
      return false;
  }
  return true;
}

bool isSmall(ir::MatMulOp op) {
  Extents e = extentsOf(op);
  int64_t limit = (sumsInnermost(op) ? e.k : e.n) < kShortLoop ? kInlineScalarProducts : kInlineProducts;
  return isWithin(limit, {e.batch, e.m, e.n, e.k}) ||
         (ir::rankOf(op.getType()) == 3 && isWithin(kInlineMatrix, {e.m, e.n, e.k}));
}

// Loops (batch, m, k, n), so that the innermost runs along rows of b and of the result; (batch, m, n, k) where b is
// transposed and the innermost sum runs along rows of both operands.
Value loops(RewriterBase &rewriter, ir::MatMulOp op, RankedTensorType type, ValueRange sizes) {
  Location loc = op.getLoc();
  int64_t lead = type.getRank() - 2;
  bool dots = sumsInnermost(op);
  auto dim = [&](int64_t k) { return rewriter.getAffineDimExpr(k); };
  AffineExpr m = dim(lead), k = dim(dots ? lead + 2 : lead + 1), n = dim(dots ? lead + 1 : lead + 2);
  auto map = [&](AffineExpr row, AffineExpr column) {
    SmallVector<AffineExpr> exprs;
    for (int64_t i = 0; i < lead; ++i)
      exprs.push_back(dim(i));
    exprs.append({row, column});
    return AffineMap::get(lead + 3, 0, exprs, rewriter.getContext());
  };
  SmallVector<AffineMap> maps{op.getTransA() ? map(k, m) : map(m, k), op.getTransB() ? map(n, k) : map(k, n),
                              map(m, n)};
  SmallVector<utils::IteratorType> iterators(lead + 3, utils::IteratorType::parallel);
  iterators[dots ? lead + 2 : lead + 1] = utils::IteratorType::reduction;
  Value zero = ir::scalarConstant(rewriter, loc, type.getElementType(), 0);
  Value init = filledTensor(rewriter, loc, type, sizes, zero);
  return rewriter
      .create<linalg::GenericOp>(loc, TypeRange{type}, ValueRange{op.getA(), op.getB()}, ValueRange{init}, maps,
                                 iterators,
                                 [&](OpBuilder &b, Location at, ValueRange args) {
                                   Value term = mulScalars(b, at, args[0], args[1], dots);
                                   b.create<linalg::YieldOp>(at, addScalars(b, at, args[2], term, dots));
                                 })
      .getResult(0);
}

} // namespace

std::vector<Row> matmulRows() {
  return {
      {{"matmul(a: N[*S], b: N[*R]) -> N[matmul(S, R)]",
        "matrix product; vectors count as one row or column, leading dimensions are a batch"},
       buildMatmul},
  };
}

} // namespace dl::ops

namespace dl::ir {

// With A' and B' the operands as multiplied: dA' = dC B'^T and dB' = A'^T dC, and the transpose of that where an
// operand was transposed.
LogicalResult MatMulOp::vjp(AdjointBuilder &a) {
  bool toA = a.wants(getA()), toB = a.wants(getB());
  if (!toA && !toB)
    return success();
  OpBuilder &b = a.builder();
  Value adjoint = a.adjoint(getResult());
  Type typeA = getA().getType(), typeB = getB().getType();
  bool ta = getTransA(), tb = getTransB();
  if (toA) {
    Value other = a.primal(getB());
    a.add(getA(), ta ? ops::matmul(b, a.loc(), typeA, other, adjoint, tb, true)
                     : ops::matmul(b, a.loc(), typeA, adjoint, other, false, !tb));
  }
  if (toB) {
    Value other = a.primal(getA());
    a.add(getB(), tb ? ops::matmul(b, a.loc(), typeB, adjoint, other, true, ta)
                     : ops::matmul(b, a.loc(), typeB, other, adjoint, !ta, false));
  }
  return success();
}
LogicalResult MatMulOp::jvp(TangentBuilder &t) { return ops::bilinearJvp(*this, t, 0, 1); }
LogicalResult MatMulOp::lower(RewriterBase &rewriter) {
  Location loc = getLoc();
  auto type = cast<RankedTensorType>(getResult().getType());
  int64_t rank = type.getRank(), last = rank - 1, first = rank - 2;
  SmallVector<Value> sizes;
  for (int64_t k = 0; k < rank; ++k) {
    if (!type.isDynamicDim(k))
      continue;
    if (k < first)
      sizes.push_back(sizeOf(rewriter, loc, getA(), k));
    else if (k == first)
      sizes.push_back(sizeOf(rewriter, loc, getA(), getTransA() ? last : first));
    else
      sizes.push_back(sizeOf(rewriter, loc, getB(), getTransB() ? first : last));
  }
  // The kernel is for floats.
  bool isWhole = isa<IntegerType>(type.getElementType());
  if (isWhole || (ops::isSmall(*this) && !type.getElementType().isBF16())) {
    rewriter.replaceOp(*this, ops::loops(rewriter, *this, type, sizes));
    return success();
  }
  SmallVector<Value> inputs{getA(), getB()};
  ops::appendInts(rewriter, loc, inputs, {getTransA(), getTransB()});
  rewriter.replaceOp(*this, ops::callKernel(rewriter, loc, "dl_rt_matmul", inputs, type, sizes));
  return success();
}

} // namespace dl::ir
