// Simplifications that derivatives and composed library functions call for. None of them changes what NaN and infinity
// do: x * 0 stays for floats.
#include "compiler/dialect/builder.h"
#include "compiler/dialect/canonicalize_slices.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace dl::ir {
namespace {

bool isConstant(Value value, double number) { return constantValue(value) == number; }

template <class Op> using Rewrite = LogicalResult (*)(Op, PatternRewriter &);

// A pattern made of a function.
template <class Op, Rewrite<Op> rewrite> struct Simplify : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override { return rewrite(op, rewriter); }
};

LogicalResult replace(Operation *op, PatternRewriter &rewriter, Value value) {
  if (value.getType() != op->getResult(0).getType())
    return failure();
  rewriter.replaceOp(op, value);
  return success();
}

// ------------------------------------------------------------------------------------------------------- arithmetic
LogicalResult simplifyAdd(AddOp op, PatternRewriter &rewriter) {
  if (isConstant(op.getX(), 0))
    return replace(op, rewriter, op.getY());
  if (isConstant(op.getY(), 0))
    return replace(op, rewriter, op.getX());
  // x + -y is x - y
  if (auto neg = op.getY().getDefiningOp<NegOp>())
    return rewriter.replaceOpWithNewOp<SubOp>(op, op.getType(), op.getX(), neg.getX()), success();
  return failure();
}

LogicalResult simplifySub(SubOp op, PatternRewriter &rewriter) {
  if (isConstant(op.getY(), 0))
    return replace(op, rewriter, op.getX());
  return failure();
}

LogicalResult simplifyMul(MulOp op, PatternRewriter &rewriter) {
  if (isConstant(op.getX(), 1))
    return replace(op, rewriter, op.getY());
  if (isConstant(op.getY(), 1))
    return replace(op, rewriter, op.getX());
  if (!isFloat(op.getType()) && (isConstant(op.getX(), 0) || isConstant(op.getY(), 0)))
    return replace(op, rewriter, isConstant(op.getX(), 0) ? op.getX() : op.getY());
  return failure();
}

LogicalResult simplifyDiv(DivOp op, PatternRewriter &rewriter) {
  return isConstant(op.getY(), 1) ? replace(op, rewriter, op.getX()) : failure();
}

LogicalResult simplifyNeg(NegOp op, PatternRewriter &rewriter) {
  auto inner = op.getX().getDefiningOp<NegOp>();
  return inner ? replace(op, rewriter, inner.getX()) : failure();
}

// Small constant powers of floats by multiplication, as the exact value of pow has them up to rounding.
LogicalResult simplifyPow(PowOp op, PatternRewriter &rewriter) {
  std::optional<double> exponent = constantValue(op.getY());
  if (!exponent || !isFloat(op.getType()))
    return failure();
  Location loc = op.getLoc();
  Value x = op.getX();
  Type type = op.getType();
  if (*exponent == 0) {
    rewriter.replaceOp(op, onesLike(rewriter, loc, x));
  } else if (*exponent == 1) {
    rewriter.replaceOp(op, x);
  } else if (*exponent == 2) {
    rewriter.replaceOpWithNewOp<MulOp>(op, type, x, x);
  } else if (*exponent == 3) {
    rewriter.replaceOpWithNewOp<MulOp>(op, type, rewriter.create<MulOp>(loc, type, x, x), x);
  } else if (*exponent == -1) {
    rewriter.replaceOpWithNewOp<DivOp>(op, type, onesLike(rewriter, loc, x), x);
  } else {
    return failure();
  }
  return success();
}

LogicalResult simplifySelect(SelectOp op, PatternRewriter &rewriter) {
  if (op.getX() == op.getY())
    return replace(op, rewriter, op.getX());
  if (std::optional<double> condition = constantValue(op.getCondition()))
    return replace(op, rewriter, *condition != 0 ? op.getX() : op.getY());
  return failure();
}

LogicalResult simplifyConvert(ConvertOp op, PatternRewriter &rewriter) { return replace(op, rewriter, op.getX()); }

// An elementwise op on tensors that are each one repeated scalar: the op on the scalars, repeated.
struct ScalarsFirst : OpTraitRewritePattern<OpTrait::Elementwise> {
  using OpTraitRewritePattern::OpTraitRewritePattern;
  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (op->getName().getDialectNamespace() != DlDialect::getDialectNamespace() || op->getNumResults() != 1)
      return failure();
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (!type)
      return failure();
    SmallVector<Value> scalars;
    for (Value operand : op->getOperands()) {
      auto splat = operand.getDefiningOp<BroadcastOp>();
      if (!splat || isTensor(splat.getInput().getType()))
        return failure();
      scalars.push_back(splat.getInput());
    }
    auto last = op->getOperands().back().getDefiningOp<BroadcastOp>();
    if (shapeOf(last.getType()) != type.getShape())
      return failure();
    OperationState state(op->getLoc(), op->getName());
    state.addOperands(scalars);
    state.addTypes(type.getElementType());
    state.addAttributes(op->getAttrs());
    Value scalar = rewriter.create(state)->getResult(0);
    rewriter.replaceOpWithNewOp<BroadcastOp>(op, type, scalar, ArrayRef<int64_t>(), last.getSizes());
    return success();
  }
};

// ------------------------------------------------------------------------------------------------------------ shapes
bool isIdentity(ArrayRef<int64_t> perm) {
  return llvm::all_of(llvm::enumerate(perm),
                      [](auto item) { return static_cast<int64_t>(item.index()) == item.value(); });
}

// The dims of `from` when `to` is the same with dimensions of size 1 put in: where each goes.
std::optional<SmallVector<int64_t>> insertedUnits(ArrayRef<int64_t> from, ArrayRef<int64_t> to) {
  SmallVector<int64_t> places;
  for (auto [dim, size] : llvm::enumerate(to)) {
    if (places.size() < from.size() && from[places.size()] == size)
      places.push_back(dim);
    else if (size != 1)
      return std::nullopt;
  }
  bool ambiguous = llvm::count_if(from, ShapedType::isDynamic) > 1; // two unknown sizes might be in another order
  if (places.size() != from.size() || ambiguous)
    return std::nullopt;
  return places;
}

LogicalResult simplifyBroadcast(BroadcastOp op, PatternRewriter &rewriter) {
  Value input = op.getInput();
  if (input.getType() == op.getType())
    return replace(op, rewriter, input); // C1: the sizes are equal
  SmallVector<int64_t> dims;
  if (auto inner = input.getDefiningOp<BroadcastOp>()) {
    for (int64_t dim : inner.getDims())
      dims.push_back(op.getDims()[dim]);
    input = inner.getInput();
  } else if (auto reshape = input.getDefiningOp<ReshapeOp>()) {
    std::optional<SmallVector<int64_t>> places =
        insertedUnits(shapeOf(reshape.getInput().getType()), shapeOf(reshape.getType()));
    if (!places)
      return failure();
    for (int64_t place : *places)
      dims.push_back(op.getDims()[place]);
    input = reshape.getInput();
  } else {
    return failure();
  }
  rewriter.replaceOpWithNewOp<BroadcastOp>(op, op.getType(), input, dims, op.getSizes());
  return success();
}

// Whether `size` is known to be that of the tensor.
bool isSizeOf(Value size, Value tensor, int64_t dim) {
  if (auto dimOp = size.getDefiningOp<tensor::DimOp>())
    return dimOp.getSource() == tensor && dimOp.getConstantIndex() == dim;
  return sizeSource(tensor, dim) == std::pair<Value, int64_t>(size, -1);
}

// One type is one shape when at most one size is unknown, or all but one of those are the operand's.
bool keepsShape(ReshapeOp op) {
  if (op.getInput().getType() != op.getType())
    return false;
  int64_t unknown = 0, used = 0;
  for (auto [dim, size] : llvm::enumerate(shapeOf(op.getType())))
    if (ShapedType::isDynamic(size))
      unknown += !isSizeOf(op.getSizes()[used++], op.getInput(), dim);
  return unknown <= 1;
}

LogicalResult simplifyReshape(ReshapeOp op, PatternRewriter &rewriter) {
  if (keepsShape(op))
    return replace(op, rewriter, op.getInput());
  if (auto inner = op.getInput().getDefiningOp<ReshapeOp>())
    return rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), inner.getInput(), op.getSizes()), success();
  // One repeated scalar stays that under any shape.
  if (auto splat = op.getInput().getDefiningOp<BroadcastOp>(); splat && !isTensor(splat.getInput().getType())) {
    if (!isTensor(op.getType()))
      return replace(op, rewriter, splat.getInput());
    rewriter.replaceOpWithNewOp<BroadcastOp>(op, op.getType(), splat.getInput(), ArrayRef<int64_t>(), op.getSizes());
    return success();
  }
  return failure();
}

LogicalResult simplifyTranspose(TransposeOp op, PatternRewriter &rewriter) {
  if (isIdentity(op.getPerm()))
    return replace(op, rewriter, op.getInput());
  if (auto inner = op.getInput().getDefiningOp<TransposeOp>()) {
    SmallVector<int64_t> perm;
    for (int64_t dim : op.getPerm())
      perm.push_back(inner.getPerm()[dim]);
    rewriter.replaceOpWithNewOp<TransposeOp>(op, op.getType(), inner.getInput(), perm);
    return success();
  }
  return failure();
}

LogicalResult simplifySlice(SliceOp op, PatternRewriter &rewriter) {
  auto splat = op.getInput().getDefiningOp<BroadcastOp>();
  if (!splat || isTensor(splat.getInput().getType()))
    return failure();
  if (!isTensor(op.getType()))
    return replace(op, rewriter, splat.getInput());
  rewriter.replaceOpWithNewOp<BroadcastOp>(op, op.getType(), splat.getInput(), ArrayRef<int64_t>(), op.getSizes());
  return success();
}

LogicalResult simplifyConcat(ConcatOp op, PatternRewriter &rewriter) {
  return op.getInputs().size() == 1 ? replace(op, rewriter, op.getInputs().front()) : failure();
}

// ---------------------------------------------------------------------------------------------------------- products
// The operand of a transpose that swaps the last two dimensions only.
Value swappedLast(Value value) {
  auto transpose = value.getDefiningOp<TransposeOp>();
  if (!transpose)
    return {};
  SmallVector<int64_t> perm(transpose.getPerm());
  if (perm.size() < 2)
    return {};
  std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  return isIdentity(perm) ? transpose.getInput() : Value();
}

// Transposes of operands become flags.
LogicalResult simplifyMatMul(MatMulOp op, PatternRewriter &rewriter) {
  Value a = swappedLast(op.getA()), b = swappedLast(op.getB());
  if (!a && !b)
    return failure();
  rewriter.replaceOpWithNewOp<MatMulOp>(op, op.getType(), a ? a : op.getA(), b ? b : op.getB(),
                                        op.getTransA() != bool(a), op.getTransB() != bool(b));
  return success();
}

// (a b)^T = b^T a^T
LogicalResult transposeOfProduct(TransposeOp op, PatternRewriter &rewriter) {
  Value value = swappedLast(op.getResult());
  auto product = value ? value.getDefiningOp<MatMulOp>() : MatMulOp();
  if (!product || !product->hasOneUse())
    return failure();
  rewriter.replaceOpWithNewOp<MatMulOp>(op, op.getType(), product.getB(), product.getA(), !product.getTransB(),
                                        !product.getTransA());
  return success();
}

// ------------------------------------------------------------------------------------------------------------- sizes
// The size of a tensor from where its shape comes from.
LogicalResult simplifyDim(tensor::DimOp op, PatternRewriter &rewriter) {
  std::optional<int64_t> dim = op.getConstantIndex();
  Dialect *dialect = op.getSource().getDefiningOp() ? op.getSource().getDefiningOp()->getDialect() : nullptr;
  if (!dim || !isa_and_nonnull<DlDialect>(dialect) || *dim >= rankOf(op.getSource().getType()))
    return failure();
  if (!cast<RankedTensorType>(op.getSource().getType()).isDynamicDim(*dim) || !sizeSource(op.getSource(), *dim).first)
    return failure();
  rewriter.replaceOp(op, sizeOf(rewriter, op.getLoc(), op.getSource(), *dim));
  return success();
}

// A collapse_shape and the expand_shape of it are one view where at most one size of a group is not known.
LogicalResult composeViews(tensor::ExpandShapeOp expand, PatternRewriter &rewriter) {
  auto collapse = expand.getSrc().getDefiningOp<tensor::CollapseShapeOp>();
  if (!collapse)
    return failure();
  auto isOpen = [](const ReassociationIndices &group, RankedTensorType type) {
    return llvm::count_if(group, [&](int64_t dim) { return type.isDynamicDim(dim); }) > 1;
  };
  for (const auto &[before, after] : llvm::zip(collapse.getReassociationIndices(), expand.getReassociationIndices()))
    if (before.size() > 1 && after.size() > 1 &&
        (isOpen(before, collapse.getSrcType()) || isOpen(after, expand.getResultType())))
      return failure();
  using Compose = ComposeExpandOfCollapseOp<tensor::ExpandShapeOp, tensor::CollapseShapeOp>;
  return Compose(rewriter.getContext()).matchAndRewrite(expand, rewriter);
}

// A kernel that does nothing but yield a value from outside fills its memory with it. MLIR erases such a kernel where
// its input is its output, too: it does not look at what is yielded. So this one goes first.
struct OutsideValueFills : OpRewritePattern<linalg::GenericOp> {
  explicit OutsideValueFills(MLIRContext *context) : OpRewritePattern(context, /*benefit=*/2) {}
  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const override {
    Block &body = *op.getBody();
    if (!op.hasPureBufferSemantics() || !llvm::hasSingleElement(body) || op.getNumDpsInits() != 1 ||
        op.getNumParallelLoops() != op.getNumLoops() || !op.getIndexingMapsArray().back().isPermutation())
      return failure();
    Value value = body.getTerminator()->getOperand(0);
    if (value.getParentBlock() == &body)
      return failure();
    rewriter.replaceOpWithNewOp<linalg::FillOp>(op, value, op.getDpsInitOperand(0)->get());
    return success();
  }
};

LogicalResult simplifyAssert(AssertOp op, PatternRewriter &rewriter) {
  if (!matchPattern(op.getCondition(), m_NonZero()))
    return failure();
  rewriter.eraseOp(op);
  return success();
}

} // namespace

void DlDialect::getCanonicalizationPatterns(RewritePatternSet &patterns) const {
  patterns.add<Simplify<AddOp, simplifyAdd>, Simplify<SubOp, simplifySub>, Simplify<MulOp, simplifyMul>,
               Simplify<DivOp, simplifyDiv>, Simplify<NegOp, simplifyNeg>, Simplify<PowOp, simplifyPow>,
               Simplify<SelectOp, simplifySelect>, Simplify<ConvertOp, simplifyConvert>,
               Simplify<BroadcastOp, simplifyBroadcast>, Simplify<ReshapeOp, simplifyReshape>,
               Simplify<TransposeOp, simplifyTranspose>, Simplify<SliceOp, simplifySlice>,
               Simplify<ConcatOp, simplifyConcat>, Simplify<MatMulOp, simplifyMatMul>,
               Simplify<TransposeOp, transposeOfProduct>, Simplify<tensor::DimOp, simplifyDim>,
               Simplify<tensor::ExpandShapeOp, composeViews>, Simplify<AssertOp, simplifyAssert>, ScalarsFirst,
               OutsideValueFills>(patterns.getContext());
  addSlicePatterns(patterns);
}

} // namespace dl::ir
