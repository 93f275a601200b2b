#include "compiler/autodiff/backward.h"

#include "compiler/autodiff/dims.h"
#include "compiler/autodiff/graph.h"
#include "compiler/autodiff/info.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/ControlFlowSinkUtils.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;

namespace dl::autodiff {

LogicalResult markLeaves(func::FuncOp copy, ArrayRef<std::pair<int64_t, int64_t>> params) {
  Block &entry = copy.getBody().front();
  auto argumentOf = [&](Value mark) -> std::optional<int64_t> {
    auto root = dyn_cast_or_null<BlockArgument>(tokenRoot(mark));
    if (root && root.getOwner() == &entry)
      for (auto [token, change] : params)
        if (token == root.getArgNumber())
          return change;
    return std::nullopt;
  };
  WalkResult leaves = copy.walk([&](ir::LeafOp leaf) {
    leaf.setCut(true);
    std::optional<int64_t> argument = argumentOf(leaf.getMark());
    if (!argument)
      return WalkResult::advance();
    Value change = entry.getArgument(*argument);
    if (change.getType() != leaf.getType() && leaf.getMark().getType().isInteger(64)) {
      // Of one element of a list: the same element of the change.
      auto element = leaf.getMark().getDefiningOp<ir::SliceOp>();
      if (!element) {
        (void)notDifferentiable(leaf, "which element of a list this is a param of is decided only when the program "
                                      "runs; choose between the results of elements instead");
        return WalkResult::interrupt();
      }
      OpBuilder b(leaf);
      Location loc = leaf.getLoc();
      int64_t rank = ir::rankOf(leaf.getType());
      SmallVector<Value> offsets{element.getOffsets()[0]};
      for (int64_t d = 0; d < rank; ++d)
        offsets.push_back(ir::indexConstant(b, loc, 0));
      change = b.create<ir::SliceOp>(loc, leaf.getType(), change, offsets, ir::dynamicSizes(b, loc, leaf.getInput()),
                                     SmallVector<int64_t>(rank + 1, 1), ArrayRef<int64_t>{0});
    }
    leaf.getMarkMutable().assign(change);
    return WalkResult::advance();
  });
  if (leaves.wasInterrupted())
    return failure();
  WalkResult calls = copy.walk([&](func::CallOp call) {
    for (Value operand : call.getOperands())
      if (argumentOf(operand)) {
        (void)notDifferentiable(call,
                                "it takes a param with its `.grad`, and is differentiated by a rule of its own or "
                                "calls itself; pass it the values instead");
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  return failure(calls.wasInterrupted());
}

namespace {

class Expansion {
public:
  Expansion(ir::BackwardOp op, DifferentiateStretch differentiate)
      : op_(op), loc_(op.getLoc()), differentiate_(differentiate) {}

  LogicalResult run() {
    if (failed(findParams()))
      return failure();
    openComputed();
    findUnread();
    if (failed(choosePlace()))
      return failure();
    return replaceStretch();
  }

private:
  static bool isInside(Value value, Operation *ancestor) {
    return ancestor->isAncestor(value.getParentBlock()->getParentOp());
  }
  static Operation *ownerOf(Value value) {
    if (Operation *op = value.getDefiningOp())
      return op;
    return &cast<BlockArgument>(value).getOwner()->front();
  }

  // The tokens that have a gradient, and where each comes from.
  LogicalResult findParams() {
    for (Value token : op_.getTokens()) {
      roots_.push_back(tokenRoot(token));
      if (!roots_.back())
        return emitError(loc_) << "backward: which param this is, or whether it requires a gradient, is decided only "
                                  "when the program runs";
    }
    return success();
  }

  bool hasGradient(Value root) const { return !isFrozen(root) && !unread_.contains(root); }
  // Whether it is that of a param that has a gradient here.
  bool isSource(Value root) const { return root && hasGradient(root) && llvm::is_contained(roots_, root); }

  Activity analyse() {
    return analyseLeaves(
        op_->getParentOfType<func::FuncOp>(), [&](ir::LeafOp leaf) { return isSource(tokenRoot(leaf.getMark())); },
        op_.getY());
  }

  // A param that began with a value computed from params in sight is no leaf. One pass opens those that were computed
  // from leaves, the next what was computed from these.
  void openComputed() {
    auto function = op_->getParentOfType<func::FuncOp>();
    for (bool changed = true; changed;) {
      changed = false;
      SmallVector<std::pair<ir::LeafOp, Value>> computed;
      function.walk([&](ir::LeafOp leaf) {
        if (Value value = computedValue(tokenRoot(leaf.getMark())))
          computed.emplace_back(leaf, value);
      });
      if (computed.empty())
        return;
      Activity activity = analyseLeaves(
          function,
          [&](ir::LeafOp leaf) {
            Value root = tokenRoot(leaf.getMark());
            return isSource(root) && !computedValue(root);
          },
          op_.getY());
      for (auto [leaf, value] : computed)
        if (activity.isVaried(value)) {
          leaf.replaceAllUsesWith(leaf.getInput());
          leaf.erase();
          changed = true;
        }
    }
  }

  void findUnread() {
    llvm::DenseSet<Value> read;
    op_->getParentOfType<func::FuncOp>().walk([&](Operation *op) {
      if (auto leaf = dyn_cast<ir::LeafOp>(op))
        read.insert(tokenRoot(leaf.getMark()));
      if (isa<func::CallOp>(op)) // may read what it is given
        for (Value operand : op->getOperands())
          if (getElementTypeOrSelf(operand.getType()).isInteger(64))
            read.insert(tokenRoot(operand));
    });
    for (Value root : roots_)
      if (!read.contains(root))
        unread_.insert(root);
  }

  // A read of one of several params would not reach any of them.
  LogicalResult checkKnown() {
    ir::LeafOp found;
    auto isUnknown = [&](ir::LeafOp leaf) { return !tokenRoot(leaf.getMark()); };
    auto function = op_->getParentOfType<func::FuncOp>();
    if (!analyseLeaves(function, isUnknown, op_.getY()).isActive(op_.getY()))
      return success();
    function.walk([&](ir::LeafOp leaf) {
      if (isUnknown(leaf))
        found = leaf;
    });
    InFlightDiagnostic error = emitError(loc_) << "backward: this value depends on a param that is one of several, and "
                                                  "which one is decided only when the program runs";
    error.attachNote(found.getLoc()) << "it is read here; choose between the results instead of the modules";
    return error;
  }

  // The block in which the reverse code stands: that of the backward, or of the branches around it whose condition has
  // no part in what is differentiated.
  LogicalResult choosePlace() {
    if (failed(checkKnown()))
      return failure();
    Activity activity = analyse();
    if (!activity.isActive(op_.getY()))
      return emitError(loc_) << "backward: nothing that this value depends on requires a gradient";
    at_ = op_;
    for (Operation *parent = op_->getParentOp(); !isa<func::FuncOp>(parent); parent = parent->getParentOp())
      if (failed(checkCarried(parent, activity)))
        return failure();
    while (true) {
      SmallVector<Operation *> outer = activeOutside(at_->getBlock(), activity);
      if (outer.empty())
        return success();
      auto branch = dyn_cast<scf::IfOp>(at_->getBlock()->getParentOp());
      auto isOutside = [&](Value value) { return !value || !isInside(value, branch); };
      if (branch && isOutside(op_.getY()) && isOutside(op_.getWeight())) {
        at_ = branch;
        left_.push_back(branch);
        continue;
      }
      return repeat(outer);
    }
  }

  // Values that a loop carries from one iteration to the next have no statements that lead back to their params.
  LogicalResult checkCarried(Operation *parent, const Activity &activity) {
    auto carries = [&](ValueRange args) -> LogicalResult {
      for (auto [i, arg] : llvm::enumerate(args)) {
        if (!activity.isActive(arg))
          continue;
        auto names = parent->getAttrOfType<ArrayAttr>("dl.vars");
        std::string name;
        if (names && i < names.size())
          if (auto text = dyn_cast<StringAttr>(names[i]))
            name = text.str();
        InFlightDiagnostic error = emitError(loc_) << "backward: this value depends on params through "
                                                   << (name.empty() ? "values" : "`" + name + "`, which comes")
                                                   << " from earlier iterations of the loop around";
        error.attachNote() << "call `backward` after the loop, or cut the dependence with `detach` where the next "
                              "iteration takes the value";
        return failure();
      }
      return success();
    };
    if (auto loop = dyn_cast<scf::ForOp>(parent))
      return carries(loop.getRegionIterArgs());
    if (auto loop = dyn_cast<scf::WhileOp>(parent)) {
      if (failed(carries(loop.getBeforeArguments())))
        return failure();
      return carries(loop.getAfterArguments());
    }
    return success();
  }

  SmallVector<Operation *> activeOutside(Block *block, const Activity &activity) {
    SmallVector<Operation *> outer;
    std::function<void(Block &)> visit = [&](Block &around) {
      for (Operation &op : around) {
        if (op.isAncestor(block->getParentOp())) {
          for (Region &region : op.getRegions())
            for (Block &inner : region)
              if (&inner != block)
                visit(inner);
        } else if (llvm::any_of(op.getResults(), [&](Value result) { return activity.isActive(result); })) {
          outer.push_back(&op);
        }
      }
    };
    auto function = op_->getParentOfType<func::FuncOp>();
    if (&function.getBody().front() != block)
      visit(function.getBody().front());
    return outer;
  }

  // Statements before the loop around are repeated inside it, where they can be differentiated.
  LogicalResult repeat(ArrayRef<Operation *> outer) {
    for (Operation *op : outer)
      if (effectsOf(op) & (Random | Other)) {
        InFlightDiagnostic error = emitError(loc_) << "backward: this value depends on params through statements "
                                                      "outside of the loop around, which would have to be repeated";
        error.attachNote(op->getLoc()) << "this has an effect, or draws random numbers";
        return failure();
      }
    Block *block = at_->getBlock();
    OpBuilder b = OpBuilder::atBlockBegin(block);
    IRMapping map;
    for (Operation *op : outer) {
      b.clone(*op, map);
      for (OpResult result : op->getResults())
        result.replaceUsesWithIf(map.lookup(Value(result)), [&](OpOperand &use) {
          return block->findAncestorOpInBlock(*use.getOwner()) != nullptr;
        });
    }
    return success();
  }

  LogicalResult replaceStretch() {
    Block *block = at_->getBlock();
    // Which element of a list is read, or put back with its token, stands beside that.
    auto bringElement = [](Operation *op, OpOperand &token) {
      if (auto element = token.get().getDefiningOp<ir::SliceOp>())
        token.set(OpBuilder(op).clone(*element)->getResult(0));
    };
    block->walk([&](Operation *op) {
      if (auto leaf = dyn_cast<ir::LeafOp>(op))
        bringElement(op, leaf.getMarkMutable());
      else if (auto update = dyn_cast<ir::UpdateSliceOp>(op); update && update.getValue().getType().isInteger(64))
        bringElement(op, update.getValueMutable());
    });
    // From the first read of a param on that has a part. Tokens made later are made before it instead: they depend on
    // nothing.
    Activity activity = analyse();
    Operation *first = nullptr;
    for (Operation &op : *block) {
      if (&op == at_)
        break;
      auto reads = [&](Operation *inner) {
        auto leaf = dyn_cast<ir::LeafOp>(inner);
        return leaf && activity.isActive(leaf.getResult()) ? WalkResult::interrupt() : WalkResult::advance();
      };
      if (!op.walk(reads).wasInterrupted())
        continue;
      first = &op;
      if (auto leaf = dyn_cast<ir::LeafOp>(op))
        if (auto element = leaf.getMark().getDefiningOp<ir::SliceOp>())
          first = element;
      break;
    }
    if (!first)
      return emitError(loc_) << "backward: nothing that this value depends on requires a gradient";
    SmallVector<Operation *> stretch;
    for (Operation *op = first; op != at_; op = op->getNextNode()) {
      if (auto token = dyn_cast<ir::ParamTokenOp>(op); token && !token.getOriginal()) {
        token.getComputedMutable().clear(); // which has been asked
        op = op->getPrevNode();
        op->getNextNode()->moveBefore(first);
        continue;
      }
      stretch.push_back(op);
    }
    for (Value root : roots_)
      if (Operation *top = block->findAncestorOpInBlock(*ownerOf(root));
          !unread_.contains(root) && root.getDefiningOp() && llvm::is_contained(stretch, top))
        return emitError(loc_) << "backward: the modules of a list must be made before the first param that this value "
                                  "depends on is read";

    llvm::SetVector<Value> inputs, outputs;
    llvm::SmallPtrSet<Operation *, 32> inStretch(stretch.begin(), stretch.end());
    auto isOwn = [&](Value value) {
      Operation *top = block->findAncestorOpInBlock(*ownerOf(value));
      return value.getParentBlock() == block ? value.getDefiningOp() && inStretch.contains(value.getDefiningOp())
                                             : top && inStretch.contains(top);
    };
    for (Operation *op : stretch) {
      op->walk([&](Operation *inner) {
        for (Value operand : inner->getOperands())
          if (!isOwn(operand))
            inputs.insert(operand);
      });
      for (Value result : op->getResults())
        for (Operation *user : result.getUsers())
          if (Operation *top = block->findAncestorOpInBlock(*user); !top || !inStretch.contains(top))
            outputs.insert(result);
    }
    outputs.insert(op_.getY());
    if (op_.getWeight()) {
      outputs.insert(op_.getWeight());
      if (!isOwn(op_.getWeight()))
        inputs.insert(op_.getWeight());
    }

    // The function: inputs, tokens, and a change of every param.
    OpBuilder b(op_->getContext());
    for (Value root : roots_)
      if (!unread_.contains(root))
        inputs.insert(root);
    SmallVector<Type> types(llvm::map_range(inputs, [](Value v) { return v.getType(); }));
    SmallVector<Type> results(llvm::map_range(outputs, [](Value v) { return v.getType(); }));
    Stretch range;
    for (auto [i, root] : llvm::enumerate(roots_)) {
      if (!hasGradient(root))
        continue;
      auto position = std::find(inputs.begin(), inputs.end(), root) - inputs.begin();
      range.params.emplace_back(position, types.size());
      types.push_back(op_.getGrads()[i].getType());
    }
    auto parent = op_->getParentOfType<func::FuncOp>();
    std::string name = (parent.getName() + "__backward").str();
    while (SymbolTable::lookupNearestSymbolFrom(parent, b.getStringAttr(name)))
      name += "_";
    range.function = func::FuncOp::create(loc_, name, b.getFunctionType(types, results));
    range.function.setPrivate();
    parent->getParentOfType<ModuleOp>().push_back(range.function);
    Block *entry = range.function.addEntryBlock();
    b.setInsertionPointToStart(entry);
    IRMapping map;
    for (auto [input, argument] : llvm::zip(inputs, entry->getArguments()))
      map.map(input, argument);
    // A token that loops or branches hand on is the one it comes from.
    for (Value input : inputs) {
      Value root = getElementTypeOrSelf(input.getType()).isInteger(64) ? tokenRoot(input) : Value();
      if (!root || root == input || unread_.contains(root) || !llvm::is_contained(roots_, root))
        continue;
      if (isa<RankedTensorType>(root.getType()) != isa<RankedTensorType>(input.getType())) {
        range.function.erase();
        return emitError(loc_) << "backward: this value depends on a param of an element of a list, and which element "
                                  "is decided only when the program runs";
      }
      map.map(input, castTo(b, loc_, map.lookup(root), input.getType()));
    }
    for (Operation *op : stretch)
      b.clone(*op, map);
    SmallVector<Value> returned;
    for (Value output : outputs)
      returned.push_back(map.lookupOrDefault(output));
    auto positionOf = [&](Value value) {
      return static_cast<unsigned>(std::find(outputs.begin(), outputs.end(), value) - outputs.begin());
    };
    b.create<func::ReturnOp>(loc_, returned);
    range.seed = {positionOf(op_.getY()), {}};
    if (op_.getWeight())
      range.seed.cotangent = positionOf(op_.getWeight());

    FailureOr<StretchDerivative> derivative = differentiate_(range);
    range.function.erase();
    if (failed(derivative))
      return failure();

    // The derivative in the place of the stretch.
    b.setInsertionPoint(first);
    SmallVector<Value> arguments(inputs.begin(), inputs.end());
    for (auto [i, root] : llvm::enumerate(roots_)) {
      if (!hasGradient(root))
        continue;
      FailureOr<Value> zeros = zerosBefore(b, first, op_.getGrads()[i]);
      if (failed(zeros)) {
        derivative->function.erase();
        return failure();
      }
      arguments.push_back(b.create<ir::LeafOp>(loc_, zeros->getType(), *zeros, op_.getTokens()[i], UnitAttr()));
      if (root != op_.getTokens()[i])
        arguments.back().getDefiningOp<ir::LeafOp>().getMarkMutable().assign(root);
    }
    IRMapping place;
    Block &body = derivative->function.getBody().front();
    place.map(body.getArguments(), arguments);
    b.setInsertionPoint(at_);
    for (Operation &op : body.without_terminator())
      b.clone(op, place)->walk([](ir::LeafOp leaf) { leaf.setCut(false); });
    SmallVector<Value> values;
    for (Value value : body.getTerminator()->getOperands())
      values.push_back(place.lookupOrDefault(value));
    derivative->function.erase();

    b.setInsertionPoint(op_);
    SmallVector<Value> sums;
    size_t next = outputs.size(), param = 0;
    for (auto [i, root] : llvm::enumerate(roots_)) {
      Value sum = op_.getGrads()[i];
      if (hasGradient(root)) {
        if (derivative->reached[param++]) {
          Value gradient = castTo(b, loc_, values[next], sum.getType());
          bool isFirst = ir::constantValue(sum) == 0.0;
          sum = isFirst ? gradient : Value(b.create<ir::AddOp>(loc_, sum.getType(), sum, gradient));
        }
        ++next;
      }
      sums.push_back(sum);
    }
    op_.replaceAllUsesWith(sums);
    Operation *end = at_;
    if (at_ == op_)
      end = nullptr;
    op_.erase();
    for (auto [i, output] : llvm::enumerate(outputs.takeVector()))
      output.replaceUsesWithIf(values[i], [&](OpOperand &use) {
        Operation *top = block->findAncestorOpInBlock(*use.getOwner());
        return !top || !inStretch.contains(top);
      });
    // Sums were made of the gradients so far, which may have been computed in the stretch.
    for (Operation *op : llvm::reverse(stretch)) {
      op->dropAllUses();
      op->erase();
    }
    if (end)
      sink(end);
    return success();
  }

  // What only the branch reads is computed only there.
  void sink(Operation *outermost) {
    DominanceInfo dominance(outermost->getParentOfType<func::FuncOp>());
    for (scf::IfOp branch : llvm::reverse(left_)) {
      SmallVector<Region *> regions{&branch.getThenRegion()};
      if (!branch.getElseRegion().empty())
        regions.push_back(&branch.getElseRegion());
      controlFlowSink(
          regions, dominance, [](Operation *op, Region *) { return isMemoryEffectFree(op); },
          [](Operation *op, Region *region) { op->moveBefore(&region->front(), region->front().begin()); });
    }
  }

  // Zeros of the shape of `like`, made before `first`.
  FailureOr<Value> zerosBefore(OpBuilder &b, Operation *first, Value like) {
    auto tensor = dyn_cast<RankedTensorType>(like.getType());
    SmallVector<Value> sizes;
    DominanceInfo dominance(first->getParentOfType<func::FuncOp>());
    for (int64_t d = 0; tensor && d < tensor.getRank(); ++d) {
      if (!tensor.isDynamicDim(d))
        continue;
      Dim size = traceDim(like, d);
      Value source = size.tensor ? size.tensor : size.index;
      if (source && !dominance.properlyDominates(source, first))
        return emitError(loc_) << "backward: the size of a param must be known before it is read";
      sizes.push_back(makeDim(b, loc_, size));
    }
    return ir::zeros(b, loc_, like.getType(), sizes);
  }

  ir::BackwardOp op_;
  Location loc_;
  DifferentiateStretch differentiate_;
  SmallVector<Value> roots_;
  llvm::DenseSet<Value> unread_; // those of params that nothing reads, as of what was opened
  Operation *at_ = nullptr;
  SmallVector<scf::IfOp> left_; // the branches between the backward and its place, from the inside
};

} // namespace

LogicalResult expandBackward(ir::BackwardOp op, DifferentiateStretch differentiate) {
  return Expansion(op, differentiate).run();
}

} // namespace dl::autodiff
