// Fusion of elementwise producers into their consumers, on linalg.generic over tensors.
//
// A producer with one consumer goes into it. One with several is computed again in each of them when that takes less
// than writing and reading it; otherwise it goes into the first and becomes a further result of it, which the others
// read. That makes Adam's update of one parameter, whose moments are read by the step and returned, one loop.
#include "compiler/passes/passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/CSE.h"

using namespace mlir;
using linalg::GenericOp;

namespace dl::passes {
namespace {

// Above this many operands a loop runs out of registers and of streams that the hardware prefetches.
constexpr unsigned kMostOperands = 16;
// Up to this cost an op may be computed several times for one element.
constexpr int64_t kCheap = 3;
// An op may be computed again for each consumer up to this cost and as many tensors to read.
constexpr int64_t kCheapToRepeat = 12;
constexpr size_t kMostLeaves = 2;
constexpr int64_t kMathCost = 20;
constexpr int64_t kDivisionCost = 4;

int64_t costOf(GenericOp op) {
  int64_t cost = 0;
  for (Operation &inner : op.getBody()->without_terminator()) {
    if (isa<math::SqrtOp, math::RsqrtOp, arith::DivFOp>(inner))
      cost += kDivisionCost;
    else if (isa<math::MathDialect>(inner.getDialect()) && !isa<math::AbsFOp, math::FmaOp>(inner))
      cost += kMathCost;
    else if (inner.getNumRegions() || isa<tensor::ExtractOp>(inner))
      cost += kMathCost;
    else
      ++cost;
  }
  return cost;
}

bool isElementwise(GenericOp op) {
  return op && op.getNumLoops() == op.getNumParallelLoops() && op.hasPureTensorSemantics();
}

class Fuser {
public:
  Fuser(func::FuncOp func, IRRewriter &rewriter) : func(func), rewriter(rewriter) {}

  void run() {
    readOriginals();
    dissolveCheapOnes();
    erased.clear();
    SmallVector<GenericOp> ops;
    func.walk([&](GenericOp op) { ops.push_back(op); });
    // Consumers in program order: each has absorbed its own producers before it is absorbed.
    for (GenericOp op : ops)
      if (!erased.contains(op))
        absorbProducers(op);
  }

private:
  func::FuncOp func;
  IRRewriter &rewriter;
  llvm::DenseSet<Operation *> erased;

  // The tensor of which `copy` is one with the dimensions in another order; null when it is something else.
  static Value permuted(GenericOp copy) {
    if (!isElementwise(copy) || copy.getNumDpsInputs() != 1 || copy->getNumResults() != 1 ||
        copy.getBody()->getTerminator()->getOperand(0) != copy.getBody()->getArgument(0))
      return {};
    auto [from, to] = std::pair(copy.getIndexingMapsArray()[0], copy.getIndexingMapsArray()[1]);
    return from.isPermutation() && to.isIdentity() ? copy.getDpsInputs()[0] : Value();
  }

  // Whether `user` reads elements of the tensor inside an op beside it.
  static bool readsElements(Operation *user, GenericOp tensor) {
    auto reader = dyn_cast<GenericOp>(user->getParentOp());
    return isa<tensor::ExtractOp>(user) && reader && reader->getBlock() == tensor->getBlock();
  }

  // Elements that are read at computed places, as by indices of columns, are read from the original of a transposed
  // tensor where nobody else needs that: it need not be made for a few of them.
  void readOriginals() {
    SmallVector<GenericOp> copies;
    func.walk([&](GenericOp op) {
      if (permuted(op) && !op->use_empty() &&
          llvm::all_of(op->getUsers(), [&](Operation *user) { return readsElements(user, op); }))
        copies.push_back(op);
    });
    for (GenericOp copy : copies) {
      AffineMap map = copy.getIndexingMapsArray()[0];
      for (Operation *user : llvm::make_early_inc_range(copy->getUsers())) {
        auto read = cast<tensor::ExtractOp>(user);
        SmallVector<Value> indices;
        for (unsigned i = 0; i < map.getNumResults(); ++i)
          indices.push_back(read.getIndices()[map.getDimPosition(i)]);
        rewriter.setInsertionPoint(read);
        rewriter.replaceOpWithNewOp<tensor::ExtractOp>(read, permuted(copy), indices);
      }
      rewriter.eraseOp(copy);
    }
  }

  // What it takes to compute an elementwise op again from tensors that are in memory.
  struct Recipe {
    int64_t cost = 0;
    llvm::SmallPtrSet<Value, 4> leaves; // the tensors of full size that are read
    bool again = false;                 // compute it in each consumer
  };
  llvm::DenseMap<Operation *, Recipe> recipes;

  void dissolveCheapOnes() {
    SmallVector<GenericOp> ops;
    func.walk([&](GenericOp op) {
      if (isElementwise(op) && op->getNumResults() == 1)
        ops.push_back(op);
    });
    for (GenericOp op : ops)
      recipes[op] = recipeOf(op);
    for (GenericOp &op : ops) {
      GenericOp current = replaced.lookup(op) ? cast<GenericOp>(replaced.lookup(op)) : op;
      if (recipes[op].again)
        dissolve(current);
    }
  }

  Recipe recipeOf(GenericOp op) {
    Recipe recipe;
    recipe.cost = costOf(op);
    for (OpOperand *operand : op.getDpsInputOperands()) {
      if (!isa<TensorType>(operand->get().getType()) || operand->get().getDefiningOp<linalg::FillOp>())
        continue;
      auto producer = operand->get().getDefiningOp<GenericOp>();
      auto known = producer && producer->getBlock() == op->getBlock() ? recipes.find(producer) : recipes.end();
      if (known != recipes.end() && (known->second.again || usersOf(producer) == 1) &&
          linalg::areElementwiseOpsFusable(operand)) {
        recipe.cost += known->second.cost;
        recipe.leaves.insert(known->second.leaves.begin(), known->second.leaves.end());
      } else if (op.getMatchingIndexingMap(operand).isPermutation()) {
        recipe.leaves.insert(operand->get());
      }
    }
    recipe.again = usersOf(op) > 1 && recipe.cost <= kCheapToRepeat && recipe.leaves.size() <= kMostLeaves &&
                   allAbsorb(op) && (recipe.cost <= kCheap || llvm::all_of(op->getUses(), [](OpOperand &use) {
                                       return isOncePerElement(cast<GenericOp>(use.getOwner()), &use);
                                     }));
    return recipe;
  }

  void dissolve(GenericOp op) {
    for (bool changed = true; changed;) {
      changed = false;
      op = tidied(op);
      for (OpOperand *operand : op.getDpsInputOperands()) {
        auto producer = operand->get().getDefiningOp<GenericOp>();
        if (!isElementwise(producer) || producer->getNumResults() != 1 || usersOf(producer) != 1 || !mayFuse(operand))
          continue;
        if (GenericOp fused = fuse(operand, /*keepResults=*/false)) {
          op = fused;
          changed = true;
          break;
        }
      }
    }
    llvm::SetVector<Operation *> users(op->user_begin(), op->user_end());
    for (Operation *user : users) {
      GenericOp consumer = simplifyInputs(cast<GenericOp>(user));
      for (OpOperand *operand : consumer.getDpsInputOperands())
        if (operand->get() == op.getResult(0)) {
          bool last = usersOf(op) == 1;
          if (mayFuse(operand))
            fuse(operand, /*keepResults=*/false);
          if (last)
            return;
          break;
        }
    }
  }

  static bool mayFuse(OpOperand *operand) {
    auto producer = operand->get().getDefiningOp<GenericOp>(), consumer = cast<GenericOp>(operand->getOwner());
    if (producer->getBlock() != consumer->getBlock() || !linalg::areElementwiseOpsFusable(operand))
      return false;
    // A body that reads the producer's results as a whole, at other places than its own, needs all of them first.
    if (llvm::any_of(producer->getUsers(), [&](Operation *user) { return consumer->isProperAncestor(user); }))
      return false;
    // What both read is read once.
    llvm::SmallPtrSet<Value, 16> operands(consumer.getInputs().begin(), consumer.getInputs().end());
    operands.erase(operand->get());
    operands.insert(producer.getInputs().begin(), producer.getInputs().end());
    return operands.size() + producer->getNumResults() + consumer->getNumResults() <= kMostOperands;
  }

  // What has taken the place of an op.
  llvm::DenseMap<Operation *, Operation *> replaced;
  void replacedBy(Operation *old, Operation *now) {
    erased.insert(old);
    erased.erase(now); // memory of an erased op may be used again
    origin[now] = origin.lookup(old) ? origin.lookup(old) : old;
    replaced[origin[now]] = now;
  }
  llvm::DenseMap<Operation *, Operation *> origin;

  void absorbProducers(GenericOp consumer) {
    for (bool changed = true; changed;) {
      changed = false;
      consumer = tidied(consumer);
      for (OpOperand *operand : consumer.getDpsInputOperands()) {
        GenericOp fused = tryFuse(operand);
        if (!fused)
          continue;
        consumer = fused;
        changed = true;
        break;
      }
    }
  }

  // The one number that fills the tensor, null when there are several.
  Value splatOf(Value tensor) {
    if (auto fill = tensor.getDefiningOp<linalg::FillOp>())
      return fill.value();
    DenseElementsAttr elements;
    if (!matchPattern(tensor, m_Constant(&elements)) || !elements.isSplat())
      return {};
    rewriter.setInsertionPointAfterValue(tensor);
    return rewriter.create<arith::ConstantOp>(tensor.getLoc(), elements.getSplatValue<TypedAttr>());
  }

  // Filled tensors are read as numbers, a tensor that is read twice in the same way is read once.
  GenericOp simplifyInputs(GenericOp op) {
    SmallVector<Value> inputs, outputs(op.getOutputs());
    SmallVector<AffineMap> maps = op.getIndexingMapsArray(), kept;
    Block *body = op.getBody();
    unsigned count = op.getNumDpsInputs();
    llvm::BitVector gone(body->getNumArguments());
    for (unsigned i = 0; i < count; ++i) {
      Value input = op.getInputs()[i], same;
      BlockArgument argument = body->getArgument(i);
      if (isa<TensorType>(input.getType()) && resultsGiveSizes(op))
        same = splatOf(input);
      for (unsigned j = 0; j < i && !same; ++j)
        if (!gone[j] && op.getInputs()[j] == input && maps[j] == maps[i])
          same = body->getArgument(j);
      if (argument.use_empty() && resultsGiveSizes(op))
        same = argument;
      if (!same) {
        inputs.push_back(input);
        kept.push_back(maps[i]);
        continue;
      }
      if (same != argument)
        argument.replaceAllUsesWith(same);
      gone.set(i);
    }
    if (gone.none())
      return op;
    kept.append(maps.begin() + count, maps.end());
    body->eraseArguments(gone);
    rewriter.setInsertionPoint(op);
    auto slim = rewriter.create<GenericOp>(op.getLoc(), op->getResultTypes(), inputs, outputs, kept,
                                           op.getIteratorTypesArray());
    rewriter.inlineRegionBefore(op.getRegion(), slim.getRegion(), slim.getRegion().end());
    replacedBy(op, slim);
    rewriter.replaceOp(op, slim->getResults());
    return slim;
  }

  // Reads each tensor once and computes equal expressions once. Bodies that are taken in several times would otherwise
  // grow with every generation of consumers.
  GenericOp tidied(GenericOp op) {
    op = simplifyInputs(op);
    DominanceInfo dominance(op);
    eliminateCommonSubExpressions(rewriter, dominance, op);
    return op;
  }

  // Whether the results alone determine all loop bounds, so that an unused input is not needed for them.
  static bool resultsGiveSizes(GenericOp op) { return op.getNumLoops() == op.getNumParallelLoops(); }

  static bool isFirstUser(GenericOp producer, GenericOp consumer) {
    for (Operation *user : producer->getUsers()) {
      Operation *ancestor = consumer->getBlock()->findAncestorOpInBlock(*user);
      if (!ancestor || (ancestor != consumer && ancestor->isBeforeInBlock(consumer)))
        return false;
    }
    return true;
  }

  static size_t usersOf(GenericOp producer) {
    return llvm::SmallPtrSet<Operation *, 4>(producer->user_begin(), producer->user_end()).size();
  }

  // Iterations of the consumer per iteration of the producer are 1.
  static bool isOncePerElement(GenericOp consumer, OpOperand *operand) {
    AffineMap map = consumer.getMatchingIndexingMap(operand);
    return map.isPermutation();
  }

  GenericOp tryFuse(OpOperand *operand) {
    auto consumer = cast<GenericOp>(operand->getOwner());
    auto producer = operand->get().getDefiningOp<GenericOp>();
    if (!isElementwise(producer) || !mayFuse(operand))
      return {};
    // The body of a producer may read tensors as a whole; where its result is needed twice that is no gain.
    bool once = isOncePerElement(consumer, operand);
    int64_t cost = costOf(producer);
    bool onlyUser = producer->hasOneUse() || usersOf(producer) == 1;
    if (!once && cost > kCheap)
      return {};
    // A consumer that reads several results gets the body once for each; `tidied` merges the equal expressions.
    if (onlyUser)
      return fuse(operand, /*keepResults=*/false);
    if (once && isFirstUser(producer, consumer) && identityResults(producer))
      return fuse(operand, /*keepResults=*/true);
    return {};
  }

  static bool allAbsorb(GenericOp producer) {
    return llvm::all_of(producer->getUses(), [&](OpOperand &use) {
      return isa<GenericOp>(use.getOwner()) && use.getOwner()->getBlock() == producer->getBlock() &&
             linalg::areElementwiseOpsFusable(&use);
    });
  }

  static bool identityResults(GenericOp producer) {
    for (OpOperand &init : producer.getDpsInitsMutable())
      if (!producer.getMatchingIndexingMap(&init).isIdentity())
        return false;
    return true;
  }

  GenericOp fuse(OpOperand *operand, bool keepResults) {
    auto consumer = cast<GenericOp>(operand->getOwner());
    auto producer = operand->get().getDefiningOp<GenericOp>();
    rewriter.setInsertionPoint(consumer);
    FailureOr<linalg::ElementwiseOpFusionResult> result = linalg::fuseElementwiseOps(rewriter, operand);
    if (failed(result))
      return {};
    auto fused = cast<GenericOp>(result->fusedOp);
    for (auto [original, replacement] : result->replacements) {
      bool ofProducer = original.getDefiningOp() == producer;
      if (ofProducer && !keepResults)
        continue;
      rewriter.replaceUsesWithIf(original, replacement,
                                 [&](OpOperand &use) { return use.getOwner() != consumer && use.getOwner() != fused; });
    }
    replacedBy(consumer, fused);
    rewriter.eraseOp(consumer);
    if (producer->use_empty()) {
      erased.insert(producer);
      rewriter.eraseOp(producer);
    }
    return dropUnusedResults(fused);
  }

  // A result that nobody reads, of a producer that was needed by this consumer alone.
  GenericOp dropUnusedResults(GenericOp op) {
    SmallVector<unsigned> kept;
    for (unsigned i = 0; i < op.getNumResults(); ++i)
      if (!op.getResult(i).use_empty() || op.payloadUsesValueFromOperand(op.getDpsInitOperand(i)))
        kept.push_back(i);
    if (kept.size() == op.getNumResults() || kept.empty())
      return op;
    SmallVector<Value> inits;
    SmallVector<Type> types;
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    SmallVector<AffineMap> newMaps(maps.begin(), maps.begin() + op.getNumDpsInputs());
    for (unsigned i : kept) {
      inits.push_back(op.getDpsInitOperand(i)->get());
      types.push_back(op.getResult(i).getType());
      newMaps.push_back(maps[op.getNumDpsInputs() + i]);
    }
    rewriter.setInsertionPoint(op);
    auto slim =
        rewriter.create<GenericOp>(op.getLoc(), types, op.getInputs(), inits, newMaps, op.getIteratorTypesArray());
    Block *from = op.getBody();
    auto *to = rewriter.createBlock(&slim.getRegion());
    IRMapping mapping;
    for (unsigned i = 0; i < op.getNumDpsInputs(); ++i)
      mapping.map(from->getArgument(i), to->addArgument(from->getArgument(i).getType(), op.getLoc()));
    for (unsigned i : kept) {
      BlockArgument argument = from->getArgument(op.getNumDpsInputs() + i);
      mapping.map(argument, to->addArgument(argument.getType(), op.getLoc()));
    }
    rewriter.setInsertionPointToStart(to);
    for (Operation &inner : from->without_terminator())
      rewriter.clone(inner, mapping);
    SmallVector<Value> yielded;
    for (unsigned i : kept)
      yielded.push_back(mapping.lookupOrDefault(from->getTerminator()->getOperand(i)));
    rewriter.create<linalg::YieldOp>(op.getLoc(), yielded);
    for (auto [position, i] : llvm::enumerate(kept))
      rewriter.replaceAllUsesWith(op.getResult(i), slim.getResult(position));
    replacedBy(op, slim);
    rewriter.eraseOp(op);
    return slim;
  }
};

struct FuseElementwisePass : PassWrapper<FuseElementwisePass, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FuseElementwisePass)
  StringRef getArgument() const override { return "dl-fuse-elementwise"; }

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    Fuser(getOperation(), rewriter).run();
  }
};

} // namespace

PassPtr createFuseElementwisePass() { return std::make_unique<FuseElementwisePass>(); }

} // namespace dl::passes
