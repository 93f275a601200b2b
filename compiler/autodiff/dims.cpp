#include "compiler/autodiff/dims.h"

#include "compiler/dialect/Dl.h"
#include "compiler/dialect/builder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace dl::autodiff {

namespace {

class Tracer {
public:
  Dim trace(Value value, int64_t dim) {
    auto type = cast<RankedTensorType>(value.getType());
    if (!type.isDynamicDim(dim))
      return {.constant = type.getDimSize(dim)};
    if (auto arg = dyn_cast<BlockArgument>(value)) {
      auto loop = dyn_cast<scf::ForOp>(arg.getOwner()->getParentOp());
      bool complete = loop && arg.getOwner()->mightHaveTerminator(); // not so while its body is being built
      if (complete)
        return carried(loop, arg.getArgNumber() - 1, dim, value);
      return {.tensor = value, .dim = dim};
    }
    Operation *op = value.getDefiningOp();
    if (auto loop = dyn_cast<scf::ForOp>(op))
      return carried(loop, cast<OpResult>(value).getResultNumber(), dim, value);
    std::optional<Dim> found =
        llvm::TypeSwitch<Operation *, std::optional<Dim>>(op)
            .Case([&](tensor::CastOp cast) { return trace(cast.getSource(), dim); })
            .Case([&](tensor::EmptyOp empty) { return index(empty.getDynamicSize(dim)); })
            .Case([&](ir::TransposeOp t) { return trace(t.getInput(), t.getPerm()[dim]); })
            .Case([&](ir::ReduceOp reduce) { return trace(reduce.getInput(), kept(reduce.getDims(), dim)); })
            .Case([&](ir::ArgReduceOp reduce) {
              return trace(reduce.getInput(), dim < static_cast<int64_t>(reduce.getDim()) ? dim : dim + 1);
            })
            .Case([&](ir::ReverseOp reverse) { return trace(reverse.getInput(), dim); })
            .Case([&](ir::ConvertOp convert) { return trace(convert.getX(), dim); })
            .Case<ir::StopGradOp, ir::LeafOp>([&](auto same) { return trace(same.getInput(), dim); })
            .Case([&](ir::CmpOp cmp) { return trace(cmp.getX(), dim); })
            .Case([&](ir::SelectOp select) { return trace(select.getX(), dim); })
            .Case<ir::UpdateSliceOp, ir::AddSliceOp, ir::ScatterAddOp, ir::PutAlongAddOp>(
                [&](auto update) { return trace(update.getInput(), dim); })
            .Case([&](ir::TakeAlongOp take) { return trace(take.getIndices(), dim); })
            .Case([&](ir::GatherOp gather) {
              int64_t rank = ir::rankOf(gather.getIndices().getType());
              return dim < rank ? trace(gather.getIndices(), dim) : trace(gather.getInput(), dim - rank + 1);
            })
            .Case([&](ir::ConcatOp concat) -> std::optional<Dim> {
              if (dim == static_cast<int64_t>(concat.getDim()))
                return std::nullopt;
              return trace(concat.getInputs().front(), dim);
            })
            .Case([&](ir::MatMulOp product) {
              int64_t rank = ir::rankOf(product.getResult().getType());
              if (dim == rank - 1)
                return trace(product.getB(), product.getTransB() ? rank - 2 : rank - 1);
              if (dim == rank - 2)
                return trace(product.getA(), product.getTransA() ? rank - 1 : rank - 2);
              return trace(product.getA(), 0);
            })
            .Case<ir::Conv2dOp, ir::MaxPool2dOp, ir::AvgPool2dOp>([&](auto window) -> std::optional<Dim> {
              if (dim == 0)
                return trace(window.getX(), 0);
              return std::nullopt;
            })
            .Case<ir::BroadcastOp, ir::IotaOp, ir::ReshapeOp, ir::SliceOp, ir::Conv2dGradInputOp,
                  ir::Conv2dGradWeightOp, ir::PoolScatterOp, ir::AvgPool2dGradOp>(
                [&](auto sized) { return index(sized.getSizes()[type.getDynamicDimIndex(dim)]); })
            .Default([&](Operation *op) -> std::optional<Dim> {
              // The elementwise ops: every operand has the result's type.
              if (!isa<ir::DlOp>(op) || op->getNumResults() != 1 || op->getNumOperands() == 0 ||
                  llvm::any_of(op->getOperandTypes(), [&](Type operand) { return operand != type; }))
                return std::nullopt;
              return trace(op->getOperand(0), dim);
            });
    return found ? *found : Dim{.tensor = value, .dim = dim};
  }

  Dim index(Value value) {
    if (auto size = value.getDefiningOp<tensor::DimOp>())
      if (std::optional<int64_t> dim = size.getConstantIndex())
        return trace(size.getSource(), *dim);
    if (std::optional<int64_t> number = getConstantIntValue(value))
      return {.constant = *number};
    return {.index = value};
  }

private:
  static int64_t kept(ArrayRef<int64_t> reduced, int64_t dim) {
    for (int64_t r : reduced) // increasing
      dim += r <= dim;
    return dim;
  }

  // A loop-carried tensor has one size throughout when each iteration hands on the size that it was given.
  Dim carried(scf::ForOp loop, unsigned i, int64_t dim, Value value) {
    Value arg = loop.getRegionIterArg(i);
    Dim self{.tensor = arg, .dim = dim};
    if (llvm::is_contained(assumed_, std::pair(arg, dim)))
      return self;
    assumed_.push_back({arg, dim});
    Dim next = trace(loop.getYieldedValues()[i], dim);
    assumed_.pop_back();
    Dim init = trace(loop.getInitArgs()[i], dim);
    return next == self || next == init ? init : Dim{.tensor = value, .dim = dim};
  }

  SmallVector<std::pair<Value, int64_t>> assumed_;
};

bool isInside(Value value, Operation *loop) {
  return llvm::any_of(loop->getRegions(), [&](Region &region) { return region.isAncestor(value.getParentRegion()); });
}

// The index value, or a copy of what computes it, in front of the loop.
Value hoisted(Value value, Operation *loop, OpBuilder &before) {
  if (!isInside(value, loop))
    return value;
  Operation *op = value.getDefiningOp();
  if (!op || op->getNumRegions() != 0 || !isPure(op))
    return {};
  IRMapping map;
  for (Value operand : op->getOperands()) {
    Value outer = hoisted(operand, loop, before);
    if (!outer)
      return {};
    map.map(operand, outer);
  }
  return before.clone(*op, map)->getResult(cast<OpResult>(value).getResultNumber());
}

} // namespace

Dim traceDim(Value tensor, int64_t dim) { return Tracer().trace(tensor, dim); }

Value makeDim(OpBuilder &b, Location loc, const Dim &dim) {
  if (dim.constant)
    return b.create<arith::ConstantIndexOp>(loc, *dim.constant);
  return dim.index ? dim.index : Value(b.create<tensor::DimOp>(loc, dim.tensor, dim.dim));
}

void resolveDims(Operation *root) {
  root->walk([root](tensor::DimOp size) {
    std::optional<int64_t> dim = size.getConstantIndex();
    if (!dim || !isa<RankedTensorType>(size.getSource().getType()))
      return;
    Dim traced = traceDim(size.getSource(), *dim);
    if (traced.tensor == size.getSource())
      return;
    OpBuilder b(size);
    size.getResult().replaceAllUsesWith(makeDim(b, size.getLoc(), traced));
    // What stands in `root` itself may be known to a mapping: a new op at the address of an erased one would be taken
    // for it.
    if (size->getParentOp() != root)
      size.erase();
  });
}

std::optional<SmallVector<Value>> invariantSizes(Value value, Operation *loop, OpBuilder &before) {
  SmallVector<Value> sizes;
  for (auto [dim, size] : llvm::enumerate(ir::shapeOf(value.getType()))) {
    if (!ShapedType::isDynamic(size))
      continue;
    Dim traced = traceDim(value, dim);
    if (traced.tensor) {
      if (isInside(traced.tensor, loop))
        return std::nullopt;
      sizes.push_back(makeDim(before, loop->getLoc(), traced));
    } else if (traced.index) {
      Value outer = hoisted(traced.index, loop, before);
      if (!outer)
        return std::nullopt;
      sizes.push_back(outer);
    } else {
      sizes.push_back(makeDim(before, loop->getLoc(), traced));
    }
  }
  return sizes;
}

} // namespace dl::autodiff
