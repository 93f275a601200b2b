// The pass: finds dl.vjp, dl.jvp and dl.backward, generates derivatives innermost first, cleans them up.
#include "compiler/autodiff/anomaly.h"
#include "compiler/autodiff/autodiff.h"
#include "compiler/autodiff/backward.h"
#include "compiler/autodiff/checkpoint.h"
#include "compiler/autodiff/cleanup.h"
#include "compiler/autodiff/dims.h"
#include "compiler/autodiff/forward.h"
#include "compiler/autodiff/graph.h"
#include "compiler/autodiff/info.h"
#include "compiler/autodiff/prepare.h"
#include "compiler/autodiff/record_recursion.h"
#include "compiler/autodiff/reverse.h"
#include "compiler/autodiff/second_order.h"
#include "compiler/autodiff/value_name.h"
#include "compiler/dialect/canonicalizer.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "mlir/Transforms/RegionUtils.h"

#include "llvm/ADT/ScopeExit.h"

#include <map>

using namespace mlir;

namespace dl::autodiff {

namespace {

class AutodiffPass : public PassWrapper<AutodiffPass, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(AutodiffPass)

  AutodiffPass(std::vector<KeptValue> *kept, bool run) : kept_(kept), run_(run) {}

  StringRef getArgument() const override { return "dl-autodiff"; }
  StringRef getDescription() const override { return "Expand dl.vjp and dl.jvp"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<ir::DlDialect, arith::ArithDialect, scf::SCFDialect, tensor::TensorDialect, func::FuncDialect>();
  }

  void runOnOperation() override {
    state_.clear();
    generated_.clear();
    recursive_.clear();
    reverseOf_.clear();
    if (failed(inlineImperative(getOperation())))
      return signalPassFailure();
    SmallVector<func::FuncOp> functions(getOperation().getOps<func::FuncOp>());
    for (func::FuncOp function : functions)
      if (failed(expand(function)))
        return signalPassFailure();
    dropLeaves(getOperation());
    if (run_ && failed(recordRecursion()))
      return signalPassFailure();
  }

private:
  enum class State { None, Running, Done };
  struct Key {
    Operation *callee;
    std::vector<int64_t> wrt;
    bool forward;
    auto operator<=>(const Key &) const = default;
  };

  // Afterwards neither the function nor what it calls contains a derivative op.
  LogicalResult expand(func::FuncOp function) {
    State &state = state_[function];
    if (state != State::None)
      return success();
    state = State::Running;
    SmallVector<Operation *> derivatives;
    WalkResult result = function.walk([&](Operation *op) {
      func::FuncOp callee;
      if (auto call = dyn_cast<func::CallOp>(op))
        callee = calleeOf(call);
      if (isa<ir::VjpOp, ir::JvpOp>(op)) {
        derivatives.push_back(op);
        callee = lookup(op);
      }
      if (isa<ir::BackwardOp, ir::GraphInfoOp>(op))
        derivatives.push_back(op);
      return callee && failed(expand(callee)) ? WalkResult::interrupt() : WalkResult::advance();
    });
    if (result.wasInterrupted())
      return failure();
    for (StringRef attribute : {kDerivativeAttr, kForwardDerivativeAttr})
      if (std::optional<Rule> rule = ruleOf(function, attribute); rule && rule->function)
        if (failed(expand(rule->function)))
          return failure();
    for (Operation *op : derivatives)
      if (failed(replace(op)))
        return failure();
    state_[function] = State::Done;
    return success();
  }

  static func::FuncOp lookup(Operation *op) {
    return SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(op, op->getAttrOfType<FlatSymbolRefAttr>("callee"));
  }

  // Whether the function, or one that it calls, still holds derivative ops: it is being expanded further out.
  bool isUnfinished(func::FuncOp function, llvm::SmallPtrSetImpl<Operation *> &visited) {
    WalkResult result = function.walk([&](Operation *op) {
      if (isa<ir::VjpOp, ir::JvpOp>(op))
        return WalkResult::interrupt();
      auto call = dyn_cast<func::CallOp>(op);
      func::FuncOp callee = call ? calleeOf(call) : func::FuncOp();
      return callee && visited.insert(callee).second && isUnfinished(callee, visited) ? WalkResult::interrupt()
                                                                                      : WalkResult::advance();
    });
    return result.wasInterrupted();
  }

  LogicalResult replace(Operation *op) {
    if (auto info = dyn_cast<ir::GraphInfoOp>(op))
      return answer(info);
    if (auto backward = dyn_cast<ir::BackwardOp>(op))
      return expandBackward(backward, [&](Stretch &stretch) { return derivativeOf(stretch); });
    func::FuncOp callee = lookup(op);
    if (!callee || callee.isExternal())
      return emitError(op->getLoc()) << "the function to differentiate has no definition";
    llvm::SmallPtrSet<Operation *, 8> visited;
    if (isUnfinished(callee, visited))
      return emitError(op->getLoc()) << callee.getName().split('$').first
                                     << " is not differentiable: it calls itself through its own derivative";
    auto vjp = dyn_cast<ir::VjpOp>(op);
    ArrayRef<int64_t> wrt = vjp ? vjp.getWrt() : cast<ir::JvpOp>(op).getWrt();
    FailureOr<func::FuncOp> derivative = derivativeOf(callee, wrt, !vjp, op->getLoc());
    if (failed(derivative))
      return failure();
    if (vjp && !vjp.getUnusedOk() && failed(checkUsed(vjp, callee)))
      return failure();
    OpBuilder b(op);
    auto call = b.create<func::CallOp>(op->getLoc(), *derivative, op->getOperands());
    op->replaceAllUsesWith(call.getResults());
    op->erase();
    return success();
  }

  LogicalResult checkUsed(ir::VjpOp op, func::FuncOp callee) {
    const std::vector<int64_t> &unused = unused_[Key{callee, op.getWrt().vec(), false}];
    for (int64_t i : unused) {
      auto name = callee.getArgAttrOfType<StringAttr>(i, kNameAttr);
      InFlightDiagnostic error = emitError(op.getLoc()) << "the result does not depend on argument `"
                                                        << (name ? name.str() : std::to_string(i)) << "`";
      error.attachNote() << "`allow_unused=true` gives zeros for it";
      return error;
    }
    return success();
  }

  // The types as the user has written them: a derivative that calls itself is printed with all of them.
  static void declareTypes(func::FuncOp derivative, func::FuncOp callee, ArrayRef<int64_t> wrt, bool forward) {
    for (unsigned i = 0; i < callee.getNumArguments(); ++i)
      derivative.setArgAttrs(i, callee.getArgAttrDict(i));
    for (unsigned i = 0; i < callee.getNumResults(); ++i)
      if (DictionaryAttr attributes = callee.getResultAttrDict(i))
        derivative.setResultAttrs(i, attributes);
    // What belongs to the arguments that are differentiated by, and to the results that have a derivative.
    unsigned argument = callee.getNumArguments(), result = callee.getNumResults();
    auto declare = [&](Attribute type, bool isArgument) {
      unsigned at = isArgument ? argument++ : result++;
      if (type && isArgument)
        derivative.setArgAttr(at, kTypeAttr, type);
      else if (type)
        derivative.setResultAttr(at, kTypeAttr, type);
    };
    for (int64_t i : wrt)
      declare(callee.getArgAttr(i, kTypeAttr), forward);
    for (unsigned i = 0; i < callee.getNumResults(); ++i)
      if (ir::isFloat(callee.getResultTypes()[i]))
        declare(callee.getResultAttr(i, kTypeAttr), !forward);
  }

  FailureOr<func::FuncOp> derivativeOf(func::FuncOp callee, ArrayRef<int64_t> wrt, bool forward, Location loc) {
    Key key{callee, wrt.vec(), forward};
    if (auto found = generated_.find(key); found != generated_.end())
      return found->second;
    std::string base = (callee.getName() + (forward ? "__jvp" : "__vjp")).str();
    func::FuncOp prepared = inlinedCopy(callee, unusedName(getOperation(), base + "_body"), forward);
    auto erase = llvm::make_scope_exit([&] { prepared.erase(); });
    if (!prepared.getBody().hasOneBlock())
      return emitError(loc) << callee.getName().split('$').first
                            << " is not differentiable: it has unstructured control flow";
    auto derivative = [&](func::FuncOp other, ArrayRef<int64_t> by) { return derivativeOf(other, by, forward, loc); };
    if (!forward) {
      seedCheckpoints(prepared);
      if (failed(countActiveWhiles(prepared, wrt)) ||
          (callee->hasAttr(kCheckpointAttr) && failed(halveLoops(prepared, wrt, derivative))))
        return failure();
    }
    Activity activity(prepared, wrt);
    for (int64_t i : wrt)
      if (!activity.isUseful(prepared.getArgument(i)))
        unused_[key].push_back(i);

    SmallVector<Type> inputs(callee.getArgumentTypes()), results(callee.getResultTypes());
    SmallVector<Type> floats;
    llvm::copy_if(callee.getResultTypes(), std::back_inserter(floats), ir::isFloat);
    SmallVector<Type> chosen;
    for (int64_t i : wrt)
      chosen.push_back(callee.getArgumentTypes()[i]);
    llvm::append_range(inputs, forward ? chosen : floats);
    llvm::append_range(results, forward ? floats : chosen);
    auto function = func::FuncOp::create(callee.getLoc(), unusedName(getOperation(), base),
                                         FunctionType::get(&getContext(), inputs, results));
    function.setPrivate();
    getOperation().push_back(function);
    declareTypes(function, callee, wrt, forward);
    function->setAttr(kUnfinishedAttr, UnitAttr::get(&getContext()));
    generated_[key] = function; // before its body is made, which may call it
    bool isRecorded = !forward && wrt == ArrayRef(floatArguments(callee)) && isRecordable(callee);
    if (isRecorded)
      reverseOf_[function] = callee;
    auto reverse = [&](func::FuncOp other, ArrayRef<int64_t> by) { return derivativeOf(other, by, false, loc); };
    if (func::FuncOp original = reverseOf_.lookup(callee)) {
      FailureOr<func::FuncOp> tangents = derivativeOf(original, floatArguments(original), true, loc);
      FailureOr<func::FuncOp> both = failed(tangents) ? tangents : reverse(*tangents, floatArguments(*tangents));
      if (failed(both))
        return failure();
      buildBySymmetry(function, original, *both, wrt, forward);
    } else if (failed(forward ? buildForward(prepared, function, wrt, activity, derivative, reverse)
                              : buildReverse(prepared, function, wrt, activity, derivative))) {
      return failure();
    }
    if (failed(cleanUp(function)))
      return failure();
    function->removeAttr(kUnfinishedAttr);
    if (!forward)
      function->setAttr(kCotangentsFrom, Builder(&getContext()).getI64IntegerAttr(callee.getNumArguments()));
    if (!forward && callee->hasAttr(kCheckpointAttr))
      function->setAttr(kCheckpointAttr, UnitAttr::get(&getContext()));
    state_[function] = State::Done;
    if (!forward && kept_)
      report(callee, function, wrt);
    if (isRecorded)
      recursive_.push_back({callee, function});
    return function;
  }

  LogicalResult recordRecursion() {
    kept_ = nullptr; // what it keeps is on the tape
    auto derivative = [&](func::FuncOp other, ArrayRef<int64_t> by) {
      return derivativeOf(other, by, false, other.getLoc());
    };
    RecursionRecorder recorder(derivative);
    for (size_t i = 0; i < recursive_.size(); ++i) // more may come
      if (auto [callee, function] = recursive_[i]; isRecursive(function) && failed(recorder.add(callee, function)))
        return failure();
    recorder.finish();
    return success();
  }

  FailureOr<StretchDerivative> derivativeOf(Stretch &stretch) {
    Location loc = stretch.function.getLoc();
    func::FuncOp prepared =
        inlinedCopy(stretch.function, unusedName(getOperation(), (stretch.function.getName() + "_body").str()));
    auto erase = llvm::make_scope_exit([&] { prepared.erase(); });
    seedCheckpoints(prepared);
    SmallVector<int64_t> wrt;
    for (auto [token, change] : stretch.params)
      wrt.push_back(change);
    if (failed(markLeaves(prepared, stretch.params)) || failed(countActiveWhiles(prepared, wrt, stretch.seed.result)))
      return failure();
    Activity activity(prepared, wrt, stretch.seed.result);
    StretchDerivative out;
    SmallVector<Type> inputs(prepared.getArgumentTypes()), results(prepared.getResultTypes());
    for (int64_t i : wrt) {
      results.push_back(inputs[i]);
      out.reached.push_back(activity.isUseful(prepared.getArgument(i)));
    }
    out.function = func::FuncOp::create(loc, unusedName(getOperation(), (stretch.function.getName() + "_vjp").str()),
                                        FunctionType::get(&getContext(), inputs, results));
    out.function.setPrivate();
    getOperation().push_back(out.function);
    auto derivative = [&](func::FuncOp other, ArrayRef<int64_t> by) { return derivativeOf(other, by, false, loc); };
    if (failed(buildReverse(prepared, out.function, wrt, activity, derivative, stretch.seed)) ||
        failed(cleanUp(out.function)))
      return failure();
    return out;
  }

  LogicalResult cleanUp(func::FuncOp function) {
    resolveDims(function);
    cutDeadValues(function);
    OpPassManager pipeline(func::FuncOp::getOperationName());
    pipeline.addPass(ir::createCanonicalizer());
    pipeline.addPass(createCSEPass());
    pipeline.addPass(ir::createCanonicalizer());
    return runPipeline(pipeline, function);
  }

  // The reverse ops are those that the cotangents reach; what they read of the others is kept.
  void report(func::FuncOp callee, func::FuncOp function, ArrayRef<int64_t> wrt) {
    Block &body = function.getBody().front();
    llvm::DenseSet<Value> reverse;
    for (Value cotangent : body.getArguments().drop_front(callee.getNumArguments()))
      reverse.insert(cotangent);
    llvm::SetVector<Value> read;
    for (Operation &op : body.without_terminator()) {
      llvm::SetVector<Value> operands(op.operand_begin(), op.operand_end());
      getUsedValuesDefinedAbove(op.getRegions(), operands);
      if (llvm::none_of(operands, [&](Value operand) { return reverse.contains(operand); }))
        continue;
      reverse.insert(op.result_begin(), op.result_end());
      for (Value operand : operands)
        read.insert(operand);
    }
    for (Value value : read)
      if (auto type = dyn_cast<RankedTensorType>(value.getType()); type && !reverse.contains(value))
        if (Operation *op = value.getDefiningOp(); op && !ir::constantValue(value))
          kept_->push_back({callee.getName().str(), nameOf(stackedValue(value)), placeOf(value), type,
                            type.hasStaticShape() ? type.getNumElements() * bytesOf(type.getElementType()) : -1});
  }

  // What a loop writes to its stack in each iteration.
  static ir::UpdateSliceOp pushOf(Value value) {
    auto loop = value.getDefiningOp<scf::ForOp>();
    return loop ? loop.getYieldedValues()[cast<OpResult>(value).getResultNumber()].getDefiningOp<ir::UpdateSliceOp>()
                : ir::UpdateSliceOp();
  }
  static Value stackedValue(Value value) {
    ir::UpdateSliceOp push = pushOf(value);
    return push ? push.getValue() : value;
  }
  // A loop's stack has the place of what lies on it.
  static Location placeOf(Value value) {
    ir::UpdateSliceOp push = pushOf(value);
    return push ? push.getLoc() : value.getLoc();
  }
  static int64_t bytesOf(Type element) { return element.isIndex() ? 8 : (element.getIntOrFloatBitWidth() + 7) / 8; }

  std::vector<KeptValue> *kept_;
  bool run_;
  SmallVector<std::pair<func::FuncOp, func::FuncOp>> recursive_; // and its derivative by all float arguments
  llvm::DenseMap<Operation *, func::FuncOp> reverseOf_;          // of the derivatives of such: what they are of
  llvm::DenseMap<Operation *, State> state_;
  std::map<Key, func::FuncOp> generated_;
  std::map<Key, std::vector<int64_t>> unused_;
};

} // namespace

std::unique_ptr<Pass> createAutodiffPass(std::vector<KeptValue> *kept, bool run) {
  return std::make_unique<AutodiffPass>(kept, run);
}

} // namespace dl::autodiff
