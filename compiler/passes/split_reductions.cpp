// The reduction of a whole tensor to one number becomes a reduction of each row and one of the rows' results. The first
// part can run in parallel and in one pass with other work on the rows. The order is the same for any number of
// threads.
#include "compiler/passes/passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using linalg::GenericOp;

namespace dl::passes {
namespace {

constexpr int64_t kLeastRows = 8;
constexpr int64_t kLeastElements = 32768;

// The op that joins the accumulator with the rest, null when the body does something else with it.
Operation *combinerOf(GenericOp op) {
  Block *body = op.getBody();
  BlockArgument accumulator = body->getArguments().back();
  Operation *combiner = body->getTerminator()->getOperand(0).getDefiningOp();
  if (!combiner || !accumulator.hasOneUse() || *accumulator.user_begin() != combiner || combiner->getNumOperands() != 2)
    return nullptr;
  return isa<arith::AddFOp, arith::AddIOp, arith::MulFOp, arith::MulIOp, arith::MaximumFOp, arith::MinimumFOp,
             arith::MaxSIOp, arith::MinSIOp, arith::MaxUIOp, arith::MinUIOp, arith::AndIOp, arith::OrIOp>(combiner)
             ? combiner
             : nullptr;
}

struct SplitReductionsPass : PassWrapper<SplitReductionsPass, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SplitReductionsPass)
  StringRef getArgument() const override { return "dl-split-reductions"; }

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<GenericOp> ops;
    getOperation().walk([&](GenericOp op) { ops.push_back(op); });
    for (GenericOp op : ops)
      split(op, rewriter);
  }

  static bool isWorthIt(GenericOp op) {
    int64_t elements = 1;
    SmallVector<int64_t> sizes = op.getStaticLoopRanges();
    for (int64_t size : sizes) {
      if (ShapedType::isDynamic(size))
        return sizes.back() != 1;
      elements *= size;
    }
    return sizes.front() >= kLeastRows && elements >= kLeastElements;
  }

  static void split(GenericOp op, IRRewriter &b) {
    if (op.getNumLoops() < 2 || op.getNumReductionLoops() != op.getNumLoops() || op.getNumDpsInits() != 1 ||
        op.hasIndexSemantics() || !isWorthIt(op))
      return;
    OpOperand *init = op.getDpsInitOperand(0);
    auto fill = init->get().getDefiningOp<linalg::FillOp>();
    Operation *combiner = combinerOf(op);
    Value rows = rowsOf(op, b);
    if (!fill || !combiner || op.getMatchingIndexingMap(init).getNumResults() != 0 || !rows)
      return;
    Location loc = op.getLoc();
    Type element = cast<RankedTensorType>(init->get().getType()).getElementType();
    b.setInsertionPoint(op);
    auto constantRows = getConstantIntValue(rows);
    auto type = RankedTensorType::get({constantRows ? *constantRows : ShapedType::kDynamic}, element);
    Value empty = b.create<tensor::EmptyOp>(loc, type, constantRows ? ValueRange() : ValueRange(rows));
    Value start = b.create<linalg::FillOp>(loc, fill.value(), empty).getResult(0);

    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    maps.back() = AffineMap::get(op.getNumLoops(), 0, b.getAffineDimExpr(0));
    SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
    iterators[0] = utils::IteratorType::parallel;
    auto byRow = b.create<GenericOp>(loc, type, op.getInputs(), start, maps, iterators);
    IRMapping mapping;
    op.getRegion().cloneInto(&byRow.getRegion(), mapping);

    b.setInsertionPointAfter(byRow);
    SmallVector<AffineMap> lastMaps{b.getDimIdentityMap(), AffineMap::get(1, 0, b.getContext())};
    auto last =
        b.create<GenericOp>(loc, op->getResultTypes(), byRow->getResults(), init->get(), lastMaps,
                            utils::IteratorType::reduction, [&](OpBuilder &inner, Location at, ValueRange args) {
                              Operation *join = inner.clone(*combiner);
                              join->setOperands({args[0], args[1]});
                              inner.create<linalg::YieldOp>(at, join->getResults());
                            });
    b.replaceOp(op, last->getResults());
  }

  // The size of dimension 0.
  static Value rowsOf(GenericOp op, IRRewriter &b) {
    b.setInsertionPoint(op);
    for (OpOperand *input : op.getDpsInputOperands()) {
      AffineMap map = op.getMatchingIndexingMap(input);
      for (unsigned i = 0; i < map.getNumResults(); ++i)
        if (map.getResult(i) == b.getAffineDimExpr(0))
          return b.createOrFold<tensor::DimOp>(op.getLoc(), input->get(), i);
    }
    return {};
  }
};

} // namespace

PassPtr createSplitReductionsPass() { return std::make_unique<SplitReductionsPass>(); }

} // namespace dl::passes
