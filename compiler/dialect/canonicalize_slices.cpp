#include "compiler/dialect/canonicalize_slices.h"

#include "compiler/dialect/builder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;

namespace dl::ir {
namespace {

// Where a part of a tensor lies.
struct Place {
  SmallVector<Value> offsets;
  SmallVector<int64_t> steps, dropped;

  template <class Op>
  explicit Place(Op op) : offsets(op.getOffsets()), steps(op.getSteps()), dropped(op.getDropped()) {}
  Place() = default;

  bool operator==(const Place &) const = default;
};

// The place in the whole of what lies at `inner` in the part at `outer`.
Place within(OpBuilder &b, Location loc, const Place &outer, const Place &inner) {
  Place place;
  unsigned kept = 0;
  for (auto [dim, offset] : llvm::enumerate(outer.offsets)) {
    int64_t d = dim;
    if (llvm::is_contained(outer.dropped, d)) {
      place.offsets.push_back(offset);
      place.steps.push_back(1);
      place.dropped.push_back(d);
      continue;
    }
    Value more = inner.offsets[kept];
    if (outer.steps[dim] != 1)
      more = b.createOrFold<arith::MulIOp>(loc, more, indexConstant(b, loc, outer.steps[dim]));
    place.offsets.push_back(getConstantIntValue(more) == 0     ? offset
                            : getConstantIntValue(offset) == 0 ? more
                                                               : b.createOrFold<arith::AddIOp>(loc, offset, more));
    place.steps.push_back(outer.steps[dim] * inner.steps[kept]);
    if (llvm::is_contained(inner.dropped, static_cast<int64_t>(kept)))
      place.dropped.push_back(d);
    ++kept;
  }
  return place;
}

// Whether two parts have no element in common: different numbers along a dimension in which both have one.
bool areApart(const Place &a, const Place &b) {
  for (auto [dim, offset] : llvm::enumerate(a.offsets)) {
    int64_t d = dim;
    if (!llvm::is_contained(a.dropped, d) || !llvm::is_contained(b.dropped, d))
      continue;
    auto x = getConstantIntValue(offset), y = getConstantIntValue(b.offsets[dim]);
    if (x && y && *x != *y)
      return true;
  }
  return false;
}

// An op that changes a part: its tensor, what it puts or adds there, and the place.
struct Change {
  Operation *op = nullptr;
  Value input, value;
  Place place;
  bool adds = false;
};

std::optional<Change> changeOf(Value tensor) {
  if (auto update = tensor.getDefiningOp<UpdateSliceOp>())
    return Change{update, update.getInput(), update.getValue(), Place(update), false};
  if (auto add = tensor.getDefiningOp<AddSliceOp>())
    return Change{add, add.getInput(), add.getValue(), Place(add), true};
  return std::nullopt;
}

bool isZero(Value value) { return isFloat(value.getType()) && constantValue(value) == 0; }

// A part of a part, and a part of a tensor that was changed there or elsewhere.
LogicalResult sliceOfSlice(SliceOp op, PatternRewriter &rewriter) {
  if (auto outer = op.getInput().getDefiningOp<SliceOp>()) {
    Place place = within(rewriter, op.getLoc(), Place(outer), Place(op));
    rewriter.replaceOpWithNewOp<SliceOp>(op, op.getType(), outer.getInput(), place.offsets, op.getSizes(), place.steps,
                                         place.dropped);
    return success();
  }
  std::optional<Change> change = changeOf(op.getInput());
  if (!change)
    return failure();
  if (!change->adds && change->place == Place(op) && change->value.getType() == op.getType() && op.getSizes().empty())
    return rewriter.replaceOp(op, change->value), success();
  if (!areApart(change->place, Place(op)))
    return failure();
  rewriter.modifyOpInPlace(op, [&] { op.getInputMutable().assign(change->input); });
  return success();
}

// Adding what was collected in zeros is adding it at once: the sum of a part takes no tensor of its own.
LogicalResult addCollected(AddSliceOp op, PatternRewriter &rewriter) {
  SmallVector<Change> changes;
  Value collected = op.getValue();
  while (std::optional<Change> change = changeOf(collected)) {
    if (!collected.hasOneUse())
      return failure();
    changes.push_back(*change);
    collected = change->input;
  }
  if (changes.empty() || !isZero(collected))
    return failure();
  // What is put where nothing was before is added there.
  for (auto [i, change] : llvm::enumerate(changes))
    if (!change.adds && !llvm::all_of(ArrayRef(changes).drop_front(i + 1),
                                      [&](const Change &before) { return areApart(before.place, change.place); }))
      return failure();
  Value sum = op.getInput();
  for (const Change &change : llvm::reverse(changes)) {
    Place place = within(rewriter, op.getLoc(), Place(op), change.place);
    sum = rewriter.create<AddSliceOp>(change.op->getLoc(), op.getType(), sum, change.value, place.offsets, place.steps,
                                      place.dropped);
  }
  rewriter.replaceOp(op, sum);
  return success();
}

// Adding to a part that is zero is putting there: one of zeros, or one that was set to zero before, whatever was
// changed elsewhere in between.
LogicalResult addToZero(AddSliceOp op, PatternRewriter &rewriter) {
  Place place(op);
  Value below = op.getInput();
  std::optional<Change> change;
  while ((change = changeOf(below)) && below.hasOneUse() && areApart(change->place, place))
    below = change->input;
  auto put = [&] {
    rewriter.replaceOpWithNewOp<UpdateSliceOp>(op, op.getType(), op.getInput(), op.getValue(), place.offsets,
                                               place.steps, place.dropped);
    return success();
  };
  if (isZero(below))
    return put();
  if (!change || change->adds || change->place != place || !isZero(change->value) || !below.hasOneUse() ||
      change->value.getType() != op.getValue().getType())
    return failure();
  rewriter.replaceOp(change->op, change->input);
  return put();
}

template <class Op> using Rewrite = LogicalResult (*)(Op, PatternRewriter &);
template <class Op, Rewrite<Op> rewrite> struct Simplify : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override { return rewrite(op, rewriter); }
};

// The type of a slice whose sizes are known better: it drops the dimensions that `type` does. Nothing where nothing has
// become known.
struct KnownPlace {
  SmallVector<OpFoldResult> offsets, sizes, steps;
  std::optional<RankedTensorType> type = {};

  template <class Op>
  KnownPlace(Op op, RankedTensorType before, bool changes)
      : offsets(op.getMixedOffsets()), sizes(op.getMixedSizes()), steps(op.getMixedStrides()) {
    changes |= succeeded(foldDynamicOffsetSizeList(offsets));
    changes |= succeeded(foldDynamicOffsetSizeList(sizes));
    changes |= succeeded(foldDynamicStrideList(steps));
    auto dropped = computeRankReductionMask(op.getStaticSizes(), before.getShape());
    if (!changes || !dropped)
      return;
    SmallVector<int64_t> shape;
    for (auto [d, size] : llvm::enumerate(sizes))
      if (!dropped->contains(d))
        shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
    type = RankedTensorType::get(shape, before.getElementType());
  }
};

Value casted(PatternRewriter &rewriter, Location loc, Value value, Type type) {
  return value.getType() == type ? value : rewriter.create<tensor::CastOp>(loc, type, value);
}

// Numbers and known sizes go into slices. MLIR's own patterns for that drop the first dimensions of size 1 that come,
// whichever ones the slice drops: canonicalizer.h leaves them out.
LogicalResult extractKnown(tensor::ExtractSliceOp op, PatternRewriter &rewriter) {
  Value source = op.getSource();
  if (auto cast = source.getDefiningOp<tensor::CastOp>(); cast && tensor::canFoldIntoConsumerOp(cast))
    source = cast.getSource();
  KnownPlace known(op, op.getType(), source != op.getSource());
  if (!known.type)
    return failure();
  Value slice = rewriter.create<tensor::ExtractSliceOp>(op.getLoc(), *known.type, source, known.offsets, known.sizes,
                                                        known.steps);
  rewriter.replaceOp(op, casted(rewriter, op.getLoc(), slice, op.getType()));
  return success();
}

LogicalResult insertKnown(tensor::InsertSliceOp op, PatternRewriter &rewriter) {
  KnownPlace known(op, op.getSourceType(), false);
  if (!known.type)
    return failure();
  Value source = casted(rewriter, op.getLoc(), op.getSource(), *known.type);
  rewriter.replaceOpWithNewOp<tensor::InsertSliceOp>(op, source, op.getDest(), known.offsets, known.sizes, known.steps);
  return success();
}

} // namespace

void addSlicePatterns(RewritePatternSet &patterns) {
  patterns.add<Simplify<SliceOp, sliceOfSlice>, Simplify<AddSliceOp, addCollected>, Simplify<AddSliceOp, addToZero>,
               Simplify<tensor::ExtractSliceOp, extractKnown>, Simplify<tensor::InsertSliceOp, insertKnown>>(
      patterns.getContext());
}

} // namespace dl::ir
