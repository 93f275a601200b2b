#include "compiler/autodiff/graph.h"

#include "compiler/autodiff/info.h"
#include "compiler/autodiff/prepare.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;

namespace dl::autodiff {

namespace {

bool isTokenColumn(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getElementType().isInteger(64);
}

// Whether a value inside a loop is what the iteration began with.
bool isHandedOn(Value value, BlockArgument start);

// What a loop around hands on from before its first iteration, or nothing.
Value initOf(Value value) {
  auto arg = dyn_cast<BlockArgument>(value);
  auto result = dyn_cast<OpResult>(value);
  Operation *op = arg ? arg.getOwner()->getParentOp() : result.getOwner();
  if (auto loop = dyn_cast<scf::ForOp>(op)) {
    if (arg && arg.getArgNumber() == 0)
      return {};
    unsigned i = arg ? arg.getArgNumber() - 1 : result.getResultNumber();
    return isHandedOn(loop.getYieldedValues()[i], loop.getRegionIterArg(i)) ? loop.getInits()[i] : Value();
  }
  if (auto loop = dyn_cast<scf::WhileOp>(op)) {
    if (!arg || arg.getOwner() == loop.getAfterBody()) {
      unsigned i = arg ? arg.getArgNumber() : result.getResultNumber();
      value = loop.getConditionOp().getArgs()[i];
      arg = dyn_cast<BlockArgument>(value);
      if (!arg || arg.getOwner() != loop.getBeforeBody())
        return {};
    }
    unsigned i = arg.getArgNumber();
    return isHandedOn(loop.getYieldOp().getResults()[i], arg) ? loop.getInits()[i] : Value();
  }
  return {};
}

bool isHandedOn(Value value, BlockArgument start) {
  while (value != start) {
    if (auto branch = value.getDefiningOp<scf::IfOp>()) {
      unsigned i = cast<OpResult>(value).getResultNumber();
      return isHandedOn(branch.thenYield().getResults()[i], start) &&
             isHandedOn(branch.elseYield().getResults()[i], start);
    }
    if (auto retyped = value.getDefiningOp<tensor::CastOp>()) {
      value = retyped.getSource();
      continue;
    }
    // An element that was changed and put back, with the token that it had.
    if (auto update = value.getDefiningOp<ir::UpdateSliceOp>()) {
      auto element = update.getValue().getDefiningOp<ir::SliceOp>();
      if (!element || !isHandedOn(element.getInput(), start))
        return false;
      value = update.getInput();
      continue;
    }
    // The argument behind the condition of the loop that `start` belongs to.
    auto arg = dyn_cast<BlockArgument>(value);
    auto loop = arg ? dyn_cast<scf::WhileOp>(arg.getOwner()->getParentOp()) : scf::WhileOp();
    if (loop && loop == start.getOwner()->getParentOp() && arg.getOwner() == loop.getAfterBody()) {
      value = loop.getConditionOp().getArgs()[arg.getArgNumber()];
      continue;
    }
    value = initOf(value);
    if (!value)
      return false;
  }
  return true;
}

// Where the tokens of a list were put together; null where they may be those of one of several lists.
Value columnRoot(Value column) {
  while (true) {
    Value next;
    if (auto retyped = column.getDefiningOp<tensor::CastOp>()) {
      next = retyped.getSource();
    } else if (auto branch = column.getDefiningOp<scf::IfOp>()) {
      unsigned i = cast<OpResult>(column).getResultNumber();
      Value one = columnRoot(branch.thenYield().getResults()[i]),
            other = columnRoot(branch.elseYield().getResults()[i]);
      return one == other ? one : Value();
    } else if (auto update = column.getDefiningOp<ir::UpdateSliceOp>()) {
      auto element = update.getValue().getDefiningOp<ir::SliceOp>();
      if (element && columnRoot(element.getInput()) == columnRoot(update.getInput()))
        next = update.getInput();
    } else {
      next = initOf(column);
    }
    if (!next)
      return column;
    column = next;
  }
}

} // namespace

Value tokenRoot(Value token) {
  if (isTokenColumn(token))
    return columnRoot(token);
  llvm::SetVector<Value> seen;
  llvm::SmallPtrSet<void *, 4> roots;
  Value root;
  seen.insert(token);
  for (size_t k = 0; k < seen.size(); ++k) {
    Value value = seen[k];
    auto follow = [&](ValueRange sources) { seen.insert(sources.begin(), sources.end()); };
    if (auto arg = dyn_cast<BlockArgument>(value)) {
      Operation *op = arg.getOwner()->getParentOp();
      unsigned i = arg.getArgNumber();
      if (auto loop = dyn_cast<scf::ForOp>(op); loop && i > 0) {
        follow({loop.getInits()[i - 1], loop.getYieldedValues()[i - 1]});
        continue;
      }
      if (auto loop = dyn_cast<scf::WhileOp>(op)) {
        if (arg.getOwner() == loop.getBeforeBody())
          follow({loop.getInits()[i], loop.getYieldOp().getResults()[i]});
        else
          follow({loop.getConditionOp().getArgs()[i]});
        continue;
      }
    } else {
      Operation *op = value.getDefiningOp();
      unsigned i = cast<OpResult>(value).getResultNumber();
      if (auto loop = dyn_cast<scf::ForOp>(op)) {
        follow({loop.getInits()[i], loop.getYieldedValues()[i]});
        continue;
      }
      if (auto loop = dyn_cast<scf::WhileOp>(op)) {
        follow({loop.getConditionOp().getArgs()[i]});
        continue;
      }
      if (auto branch = dyn_cast<scf::IfOp>(op)) {
        follow({branch.thenYield().getResults()[i], branch.elseYield().getResults()[i]});
        continue;
      }
      if (auto select = dyn_cast<arith::SelectOp>(op)) {
        follow({select.getTrueValue(), select.getFalseValue()});
        continue;
      }
    }
    root = value;
    if (auto slice = value.getDefiningOp<ir::SliceOp>()) // of an element of a list
      root = columnRoot(slice.getInput());
    if (roots.insert(root.getAsOpaquePointer()).second && roots.size() > 1)
      return {};
  }
  return root;
}

// The token, or the one that all elements of a column have.
static ir::ParamTokenOp tokenAt(Value root) {
  if (auto all = root ? root.getDefiningOp<ir::BroadcastOp>() : ir::BroadcastOp())
    root = all->getOperand(0);
  return root ? root.getDefiningOp<ir::ParamTokenOp>() : ir::ParamTokenOp();
}

bool isFrozen(Value root) {
  ir::ParamTokenOp token = tokenAt(root);
  return token && (token.getFrozen() || (token.getOriginal() && isFrozen(tokenRoot(token.getOriginal()))));
}

Value computedValue(Value root) {
  ir::ParamTokenOp token = tokenAt(root);
  if (!token)
    return {};
  if (Value value = token.getComputed())
    return value;
  return token.getOriginal() ? computedValue(tokenRoot(token.getOriginal())) : Value();
}

namespace {

// An entry of a session that a later one runs again: for its values, not for its effects. (irgen's title of it.)
bool isEarlierEntry(func::FuncOp function) {
  auto title = function->getAttrOfType<StringAttr>("dl.title");
  return title && title.getValue() == "earlier entry";
}

// What calls lead to.
class Reach {
public:
  // Whether the function, or one that it calls, holds a backward or a question about the graph.
  bool asks(func::FuncOp function) { return of(function).asks; }
  // … or a param, a read of one or what cuts the graph.
  bool touches(func::FuncOp function) { return of(function).asks || of(function).touches; }

private:
  struct Info {
    bool asks = false, touches = false;
  };
  Info of(func::FuncOp function) {
    auto [entry, isNew] = known_.try_emplace(function);
    if (!isNew)
      return entry->second;
    Info info;
    function.walk([&](Operation *op) {
      if (auto call = dyn_cast<func::CallOp>(op)) {
        if (func::FuncOp callee = calleeOf(call)) {
          Info inner = of(callee);
          info.asks |= inner.asks;
          info.touches |= inner.touches;
        }
      }
      info.asks |= isa<ir::BackwardOp, ir::GraphInfoOp>(op);
      info.touches |= isa<ir::LeafOp, ir::ParamTokenOp, ir::StopGradOp>(op);
    });
    for (unsigned i = 0; i < function.getNumArguments(); ++i) // hands on the token of a param
      if (auto name = function.getArgAttrOfType<StringAttr>(i, kNameAttr))
        info.touches |= name.getValue().ends_with(".token") || name.getValue().contains(".token.");
    info.touches |= isEarlierEntry(function);
    return known_[function] = info;
  }

  llvm::DenseMap<Operation *, Info> known_;
};

bool holdsBackward(func::FuncOp function) {
  return function.walk([](ir::BackwardOp) { return WalkResult::interrupt(); }).wasInterrupted();
}

} // namespace

// Drops what the entry would write a second time, here and in what it calls.
static void dropEffects(func::FuncOp entry) {
  for (bool changed = true; changed;) {
    changed = false;
    SmallVector<func::CallOp> calls;
    entry.walk([&](func::CallOp call) { calls.push_back(call); });
    for (func::CallOp call : calls) {
      func::FuncOp callee = calleeOf(call);
      if (!callee || callee.isExternal() || hasOwnDerivative(callee) || isRecursive(callee) ||
          !(effectsOf(callee) & Other))
        continue;
      OpBuilder b(call);
      call.replaceAllUsesWith(inlineBody(b, call.getLoc(), callee, call.getOperands()));
      call.erase();
      changed = true;
    }
  }
  entry.walk([](ir::ExternOp op) {
    if (op->getNumResults() == 0 && (effectsOf(op) & Other))
      op.erase();
  });
}

// The token that a place has when it takes other values, or requires a gradient again: its own, where there is one.
static Value kept(ir::ParamTokenOp token) {
  Value place = token.getPlace();
  if (token.getOriginal())
    return isFrozen(tokenRoot(token.getOriginal())) || isFrozen(tokenRoot(place)) ? Value() : place;
  auto frozen = place.getDefiningOp<ir::ParamTokenOp>();
  if (frozen && frozen.getFrozen())
    return frozen.getOriginal() ? frozen.getOriginal() : Value();
  return isFrozen(tokenRoot(place)) ? Value() : place;
}

// The token of a copy needs its original only to know of its kind.
static void settleCopies(func::FuncOp function) {
  function.walk([](ir::ParamTokenOp token) {
    if (!token.getPlace())
      return;
    if (Value own = kept(token)) {
      OpBuilder b(token);
      token.replaceAllUsesWith(castTo(b, token.getLoc(), own, token.getType()));
      token.erase();
      return;
    }
    if (!token.getOriginal() && isTokenColumn(token)) // a copy that is not frozen knows how many there are
      return;
    token.getPlaceMutable().clear();
  });
  function.walk([](ir::ParamTokenOp token) {
    if (!token.getOriginal() || isTokenColumn(token))
      return;
    token.setFrozen(isFrozen(token));
    if (Value computed = computedValue(token))
      token.getComputedMutable().assign(computed);
    token.getOriginalMutable().clear();
  });
}

LogicalResult inlineImperative(ModuleOp module) {
  for (auto function : module.getOps<func::FuncOp>())
    if (isEarlierEntry(function))
      dropEffects(function);
  Reach reach;
  SmallVector<func::FuncOp> asking;
  for (auto function : module.getOps<func::FuncOp>())
    if (reach.asks(function))
      asking.push_back(function);
  for (func::FuncOp function : asking) {
    bool changed = true;
    while (changed) {
      changed = false;
      SmallVector<func::CallOp> calls;
      function.walk([&](func::CallOp call) { calls.push_back(call); });
      for (func::CallOp call : calls) {
        func::FuncOp callee = calleeOf(call);
        if (!callee || callee.isExternal() || hasOwnDerivative(callee) || !reach.touches(callee))
          continue;
        if (isRecursive(callee)) {
          if (holdsBackward(callee))
            return emitError(call.getLoc()) << "backward in a function that calls itself is not possible: "
                                            << "call `backward` where the recursion is over";
          continue;
        }
        OpBuilder b(call);
        call.replaceAllUsesWith(inlineBody(b, call.getLoc(), callee, call.getOperands()));
        call.erase();
        changed = true;
      }
    }
    settleCopies(function);
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (func::FuncOp &function : asking)
      if (function && function.isPrivate() && SymbolTable::symbolKnownUseEmpty(function, module)) {
        function.erase();
        function = {};
        changed = true;
      }
  }
  return success();
}

Activity analyseLeaves(func::FuncOp function, llvm::function_ref<bool(ir::LeafOp)> isSource, Value target) {
  SmallVector<Value> sources;
  SmallVector<ir::LeafOp> uncut;
  function.walk([&](ir::LeafOp leaf) {
    if (isSource(leaf))
      sources.push_back(leaf.getResult());
    if (!leaf.getCut())
      uncut.push_back(leaf);
  });
  for (ir::LeafOp leaf : uncut)
    leaf.setCut(true);
  Activity activity(function, sources, target);
  for (ir::LeafOp leaf : uncut)
    leaf.setCut(false);
  return activity;
}

LogicalResult answer(ir::GraphInfoOp op) {
  Value value = op.getValue();
  Activity activity = analyseLeaves(
      op->getParentOfType<func::FuncOp>(), [](ir::LeafOp leaf) { return !isFrozen(tokenRoot(leaf.getMark())); }, value);
  bool varied = activity.isVaried(value);
  bool isLeaf = !varied || value.getDefiningOp<ir::LeafOp>();
  OpBuilder b(op);
  Value result;
  if (op.getWhat() == "grad_fn") {
    std::string name = "none";
    if (!isLeaf) {
      Operation *source = value.getDefiningOp();
      while (source && isa<tensor::CastOp>(source))
        source = source->getOperand(0).getDefiningOp();
      name = source ? source->getName().stripDialect().str() : "loop";
      if (auto reduce = dyn_cast_or_null<ir::ReduceOp>(source))
        name = ir::stringifyReduceKind(reduce.getKind()).str();
    }
    auto type = RankedTensorType::get({static_cast<int64_t>(name.size())}, b.getI8Type());
    ArrayRef<int8_t> bytes(reinterpret_cast<const int8_t *>(name.data()), name.size());
    Value text = b.create<arith::ConstantOp>(op.getLoc(), DenseElementsAttr::get(type, bytes));
    result = castTo(b, op.getLoc(), text, op.getType());
  } else {
    result = b.create<arith::ConstantOp>(op.getLoc(), b.getBoolAttr(op.getWhat() == "is_leaf" ? isLeaf : varied));
  }
  op.replaceAllUsesWith(result);
  op.erase();
  return success();
}

void dropLeaves(ModuleOp module) {
  module.walk([](ir::LeafOp leaf) {
    leaf.replaceAllUsesWith(leaf.getInput());
    leaf.erase();
  });
  module.walk([](ir::ParamTokenOp token) {
    OpBuilder b(token);
    Value value = token.getOriginal() ? token.getOriginal() : token.getPlace();
    if (!value)
      value = b.create<arith::ConstantOp>(token.getLoc(), b.getI64IntegerAttr(0));
    token.replaceAllUsesWith(value);
    token.erase();
  });
}

} // namespace dl::autodiff
