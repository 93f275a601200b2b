#include "compiler/autodiff/anomaly.h"

#include "compiler/dialect/Dl.h"
#include "compiler/dialect/builder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Transforms/RegionUtils.h"

#include <limits>

using namespace mlir;

namespace dl::autodiff {

namespace {

class AnomalyPass : public PassWrapper<AnomalyPass, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(AnomalyPass)

  StringRef getArgument() const override { return "dl-detect-anomaly"; }
  StringRef getDescription() const override { return "Check every float result"; }

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal())
        addChecks(function);
  }

private:
  static void addChecks(func::FuncOp function) {
    llvm::DenseSet<Value> reverse;
    if (auto from = function->getAttrOfType<IntegerAttr>(kCotangentsFrom))
      for (Value cotangent : function.getArguments().drop_front(from.getInt()))
        reverse.insert(cotangent);
    spread(function.getBody().front(), reverse);
    SmallVector<Operation *> ops;
    function.walk([&](Operation *op) {
      if (mayMakeAnomaly(op))
        ops.push_back(op);
    });
    for (Operation *op : ops)
      for (Value result : op->getResults())
        if (ir::isFloat(result.getType()))
          check(op, result, reverse.contains(result));
  }

  // What the cotangents reach.
  static void spread(Block &block, llvm::DenseSet<Value> &reverse) {
    for (Operation &op : block) {
      llvm::SetVector<Value> operands(op.operand_begin(), op.operand_end());
      getUsedValuesDefinedAbove(op.getRegions(), operands);
      if (llvm::none_of(operands, [&](Value operand) { return reverse.contains(operand); }))
        continue;
      op.walk([&](Operation *nested) { reverse.insert(nested->result_begin(), nested->result_end()); });
    }
  }

  // Operations that compute; what only moves numbers is left out, and so is what a `where` need not take.
  static bool mayMakeAnomaly(Operation *op) {
    if (op->getNumRegions() != 0 || op->hasTrait<OpTrait::ConstantLike>() ||
        !isa_and_present<ir::DlDialect, arith::ArithDialect>(op->getDialect()) ||
        isa<ir::BroadcastOp, ir::ReshapeOp, ir::TransposeOp, ir::SliceOp, ir::UpdateSliceOp, ir::StopGradOp,
            ir::ReverseOp, ir::ExternOp>(op))
      return false;
    return op->use_empty() || !llvm::all_of(op->getUsers(), [&](Operation *user) {
             auto select = dyn_cast<ir::SelectOp>(user);
             return select && select.getCondition().getDefiningOp() != op;
           });
  }

  static void check(Operation *op, Value result, bool isReverse) {
    OpBuilder b(op->getContext());
    b.setInsertionPointAfter(op);
    Location loc = op->getLoc();
    Value size = b.create<ir::AbsOp>(loc, result.getType(), result);
    Value infinity = ir::fillLike(b, loc, result, std::numeric_limits<double>::infinity());
    Value fine = ir::compare(b, loc, ir::CmpKind::lt, size, infinity);
    int64_t rank = ir::rankOf(result.getType());
    if (rank != 0)
      fine = ir::reduced(b, loc, ir::ReduceKind::all, fine, llvm::to_vector(llvm::seq<int64_t>(0, rank)));
    std::string name = op->getName().stripDialect().str();
    std::string text = isReverse   ? "the derivative of this is NaN or infinite"
                       : rank == 0 ? "`" + name + "` gives {0}"
                                   : "`" + name + "` gives NaN or infinity";
    b.create<ir::AssertOp>(loc, fine, text, rank == 0 && !isReverse ? ValueRange(result) : ValueRange());
  }
};

} // namespace

std::unique_ptr<Pass> createAnomalyPass() { return std::make_unique<AnomalyPass>(); }

} // namespace dl::autodiff
