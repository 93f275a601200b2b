#include "compiler/dialect/Dl.h"
#include "compiler/passes/descriptor.h"
#include "compiler/passes/passes.h"

#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Utils/MemRefUtils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/SmallBitVector.h"

#include <utility>

using namespace mlir;
using namespace mlir::bufferization;

namespace dl::passes {
namespace {

MemRefType contiguousType(Type tensor) {
  auto ranked = cast<RankedTensorType>(tensor);
  return MemRefType::get(ranked.getShape(), ranked.getElementType());
}

SmallVector<Value> dynamicSizes(OpBuilder &b, Location loc, Value memref) {
  SmallVector<Value> sizes;
  auto type = cast<MemRefType>(memref.getType());
  for (int64_t d = 0; d < type.getRank(); ++d)
    if (type.isDynamicDim(d))
      sizes.push_back(b.create<memref::DimOp>(loc, memref, d));
  return sizes;
}

// The runtime wants dense row-major elements: a part of a larger tensor is copied first.
Value contiguous(OpBuilder &b, Location loc, Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  if (type.getLayout().isIdentity())
    return buffer;
  auto dense = MemRefType::get(type.getShape(), type.getElementType());
  Value copy = b.create<memref::AllocOp>(loc, dense, dynamicSizes(b, loc, buffer));
  b.create<memref::CopyOp>(loc, buffer, copy);
  return copy;
}

struct ExternModel : BufferizableOpInterface::ExternalModel<ExternModel, ir::ExternOp> {
  bool bufferizesToAllocation(Operation *, Value) const { return true; }
  bool resultBufferizesToMemoryWrite(Operation *, OpResult, const AnalysisState &) const { return true; }
  bool bufferizesToMemoryRead(Operation *, OpOperand &, const AnalysisState &) const { return true; }
  bool bufferizesToMemoryWrite(Operation *, OpOperand &, const AnalysisState &) const { return false; }
  AliasingValueList getAliasingValues(Operation *, OpOperand &, const AnalysisState &) const { return {}; }
  AliasingOpOperandList getAliasingOpOperands(Operation *, Value, const AnalysisState &) const { return {}; }
  bool isWritable(Operation *, Value, const AnalysisState &) const { return true; }
  FailureOr<BaseMemRefType> getBufferType(Operation *, Value value, const BufferizationOptions &,
                                          SmallVector<Value> &) const {
    return BaseMemRefType(contiguousType(value.getType()));
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter, const BufferizationOptions &options) const {
    auto call = cast<ir::ExternOp>(op);
    SmallVector<Value> inputs;
    for (Value input : call.getInputs()) {
      if (isa<TensorType>(input.getType())) {
        FailureOr<Value> buffer = getBuffer(rewriter, input, options);
        if (failed(buffer))
          return failure();
        input = contiguous(rewriter, op->getLoc(), *buffer);
      }
      inputs.push_back(input);
    }
    SmallVector<Type> results;
    for (Type type : call.getResultTypes())
      results.push_back(isa<TensorType>(type) ? Type(contiguousType(type)) : type);
    auto buffered =
        rewriter.create<ir::ExternOp>(op->getLoc(), results, call.getCalleeAttr(), inputs, call.getPureAttr());
    replaceOpWithBufferizedValues(rewriter, op, buffered->getResults());
    return success();
  }
};

struct KernelModel : BufferizableOpInterface::ExternalModel<KernelModel, ir::KernelOp> {
  static bool isDest(Operation *op, OpOperand &operand) {
    return cast<DestinationStyleOpInterface>(op).isDpsInit(&operand);
  }
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand, const AnalysisState &) const {
    return !isDest(op, operand) || cast<ir::KernelOp>(op).getAccumulates();
  }
  bool bufferizesToMemoryWrite(Operation *op, OpOperand &operand, const AnalysisState &) const {
    return isDest(op, operand);
  }
  AliasingValueList getAliasingValues(Operation *op, OpOperand &operand, const AnalysisState &) const {
    if (!isDest(op, operand))
      return {};
    return {{cast<DestinationStyleOpInterface>(op).getTiedOpResult(&operand), BufferRelation::Equivalent}};
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter, const BufferizationOptions &options) const {
    auto kernel = cast<ir::KernelOp>(op);
    Location loc = op->getLoc();
    SmallVector<Value> inputs, dests, results;
    for (Value input : kernel.getInputs()) {
      if (isa<TensorType>(input.getType())) {
        FailureOr<Value> buffer = getBuffer(rewriter, input, options);
        if (failed(buffer))
          return failure();
        input = contiguous(rewriter, loc, *buffer);
      }
      inputs.push_back(input);
    }
    for (Value dest : kernel.getDests()) {
      FailureOr<Value> buffer = getBuffer(rewriter, dest, options);
      if (failed(buffer))
        return failure();
      results.push_back(*buffer);
      dests.push_back(contiguous(rewriter, loc, *buffer));
    }
    rewriter.create<ir::KernelOp>(loc, TypeRange(), kernel.getCalleeAttr(), inputs, dests, kernel.getAccumulatesAttr(),
                                  kernel.getEffectAttr());
    for (auto [buffer, dense] : llvm::zip(results, dests))
      if (buffer != dense)
        rewriter.create<memref::CopyOp>(loc, dense, buffer);
    replaceOpWithBufferizedValues(rewriter, op, results);
    return success();
  }
};

// What MLIR's own model of scf.for says, without its searches through all carried values for each of them: the analysis
// of a training loop with hundreds of parameters would take the third power of their number.
AliasingValueList aliasesOfInit(const BufferizableOpInterface::Concept *, Operation *op, OpOperand &operand,
                                const AnalysisState &state) {
  auto loop = cast<scf::ForOp>(op);
  unsigned carried = operand.getOperandNumber() - loop.getNumControlOperands();
  bool same = state.areEquivalentBufferizedValues(loop.getRegionIterArg(carried), loop.getYieldedValues()[carried]);
  return {{loop.getResult(carried), same ? BufferRelation::Equivalent : BufferRelation::Unknown, /*isDefinite=*/same}};
}

AliasingOpOperandList aliasesOfResult(const BufferizableOpInterface::Concept *impl, Operation *op, Value value,
                                      const AnalysisState &state) {
  auto result = dyn_cast<OpResult>(value);
  if (!result) // the induction variable or a carried value inside
    return {};
  OpOperand &init = op->getOpOperand(cast<scf::ForOp>(op).getNumControlOperands() + result.getResultNumber());
  AliasingValue alias = *aliasesOfInit(impl, op, init, state).begin();
  return {{&init, alias.relation, alias.isDefinite}};
}

// A reshape that takes its sizes from a buffer reads memory, which MLIR's passes do not know of: they move it before
// the sizes are there. The sizes themselves make a plain view.
LogicalResult simplifyReshape(memref::ReshapeOp reshape) {
  Value shape = reshape.getShape();
  if (shape.getDefiningOp<memref::GetGlobalOp>())
    return success(); // constants, there from the start
  SmallVector<Value> sizes(cast<MemRefType>(shape.getType()).getDimSize(0));
  for (Operation *user : shape.getUsers())
    if (auto store = dyn_cast<memref::StoreOp>(user))
      if (auto index = getConstantIntValue(store.getIndices()[0]))
        sizes[*index] = store.getValueToStore();
  auto type = cast<MemRefType>(reshape.getType());
  SmallVector<Value> dynamic;
  for (auto [size, value] : llvm::zip_equal(type.getShape(), sizes)) {
    if (!value)
      return reshape.emitOpError("has sizes from elsewhere");
    if (ShapedType::isDynamic(size))
      dynamic.push_back(value);
  }
  OpBuilder b(reshape);
  reshape.replaceAllUsesWith(denseViewOf(b, reshape.getLoc(), reshape.getSource(), type, dynamic));
  reshape.erase();
  return success();
}

// A part that drops dimensions does not say which: MLIR tells it from the strides, takes another dimension of size 1
// where they are not known, and finds none where a step changes them. Such a part keeps all dimensions, and is
// collapsed.
void keepDimensions(memref::SubViewOp part) {
  MemRefType type = part.getType(), source = part.getSourceType();
  SmallVector<OpFoldResult> sizes = part.getMixedSizes(), steps = part.getMixedStrides();
  auto isOne = [](OpFoldResult value) { return isConstantIntValue(value, 1); };
  if (llvm::count_if(sizes, isOne) == source.getRank() - type.getRank())
    return;
  auto fits = [&](int64_t d, int64_t kept) {
    return kept < type.getRank() &&
           getConstantIntValue(sizes[d]).value_or(ShapedType::kDynamic) == type.getDimSize(kept);
  };
  bool isRight = llvm::all_of(steps, isOne);
  llvm::SmallBitVector dropped = isRight ? part.getDroppedDims() : llvm::SmallBitVector();
  for (int64_t d = 0, kept = 0; isRight && d < source.getRank(); ++d)
    if (!dropped.test(d))
      isRight &= fits(d, kept++);
  if (isRight)
    return;
  SmallVector<bool> keeps;
  int64_t kept = 0;
  for (int64_t d = 0; d < source.getRank(); ++d) {
    keeps.push_back(fits(d, kept));
    kept += keeps.back();
  }
  if (kept != type.getRank())
    return;
  OpBuilder b(part);
  Location loc = part.getLoc();
  Value view = b.create<memref::SubViewOp>(loc, part.getSource(), part.getMixedOffsets(), sizes, steps);
  // One after the other: MLIR takes several of size 1 together for scattered.
  for (int64_t d = source.getRank(); d-- > 0;) {
    if (keeps[d])
      continue;
    SmallVector<ReassociationIndices> groups;
    for (int64_t i = 0, rank = cast<MemRefType>(view.getType()).getRank(); i < rank; ++i)
      if (i == std::max<int64_t>(d, 1))
        groups.back().push_back(i);
      else
        groups.push_back({i});
    view = b.create<memref::CollapseShapeOp>(loc, view, groups);
  }
  part.replaceAllUsesWith(view.getType() == type ? view : b.create<memref::CastOp>(loc, type, view).getResult());
  part.erase();
}

// Whether elements lie one after another from the start of the memory on.
bool isDense(MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset;
  return succeeded(getStridesAndOffset(type, strides, offset)) && offset == 0 &&
         memref::isStaticShapeAndContiguousRowMajor(type);
}

// A part becomes dense by a copy. MLIR casts it where it knows of no stride that is wrong: the rows of `x[:, 0]` lie
// further apart than their sizes say, and `x[1]` begins elsewhere.
void copyPart(memref::CastOp cast) {
  auto source = dyn_cast<MemRefType>(cast.getSource().getType()), type = dyn_cast<MemRefType>(cast.getType());
  if (!source || !type || !type.getLayout().isIdentity() || isDense(source))
    return;
  OpBuilder b(cast);
  Value dense = contiguous(b, cast.getLoc(), cast.getSource());
  if (dense == cast.getSource())
    return;
  if (dense.getType() != type)
    dense = b.create<memref::CastOp>(cast.getLoc(), type, dense);
  cast.replaceAllUsesWith(dense);
  cast.erase();
}

struct BufferizePass : PassWrapper<BufferizePass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(BufferizePass)
  StringRef getArgument() const override { return "dl-bufferize"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<BufferizationDialect, memref::MemRefDialect, scf::SCFDialect>();
  }

  LogicalResult initialize(MLIRContext *context) override {
    auto *loop = RegisteredOperationName::lookup(scf::ForOp::getOperationName(), context)
                     ->getInterface<BufferizableOpInterface>();
    loop->getAliasingValues = aliasesOfInit;
    loop->getAliasingOpOperands = aliasesOfResult;
    return success();
  }

  void runOnOperation() override {
    // Whoever calls through an entry point keeps its arguments as they were.
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (func->hasAttr(kEntryName))
        for (unsigned i = 0; i < func.getNumArguments(); ++i)
          if (isa<TensorType>(func.getArgumentTypes()[i]))
            func.setArgAttr(i, BufferizationDialect::kWritableAttrName, BoolAttr::get(&getContext(), false));

    OneShotBufferizationOptions options;
    options.bufferizeFunctionBoundaries = true;
    options.setFunctionBoundaryTypeConversion(LayoutMapOption::IdentityLayoutMap);
    // A value whose size changes from one iteration to the next needs a new buffer each time.
    options.allowReturnAllocsFromLoops = true;
    if (failed(runOneShotModuleBufferize(getOperation(), options)))
      return signalPassFailure();
    bool simple = true;
    getOperation().walk([&](memref::ReshapeOp reshape) { simple &= succeeded(simplifyReshape(reshape)); });
    if (!simple)
      return signalPassFailure();
    getOperation().walk(keepDimensions);
    getOperation().walk(copyPart);
  }
};

} // namespace

void registerBufferizationModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, ir::DlDialect *) {
    ir::ExternOp::attachInterface<ExternModel>(*context);
    ir::KernelOp::attachInterface<KernelModel>(*context);
  });
}

PassPtr createBufferizePass() { return std::make_unique<BufferizePass>(); }

} // namespace dl::passes
