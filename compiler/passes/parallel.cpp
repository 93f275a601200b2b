// Parallel loops: those with enough work become a function over a range of iterations, which dl_parallel_for hands to
// its threads; the others become sequential loops. Where the work is known only at run time, dl_parallel_for decides by
// its grain.
#include "compiler/dialect/Dl.h"
#include "compiler/passes/descriptor.h"
#include "compiler/passes/passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using scf::ParallelOp;

namespace dl::passes {
namespace {

// In units of one arithmetic operation or access. Waking a thread costs a few microseconds, in which a core does about
// so many.
constexpr int64_t kGrain = 40000;
constexpr int64_t kCallCost = 50;
constexpr int64_t kMathCost = 10;
constexpr int64_t kUnknownTrips = 16;

// The work of one iteration: a number, times sizes that are known only at run time.
struct Work {
  int64_t fixed = 0;
  SmallVector<std::pair<int64_t, Value>> scaled; // cost per trip, and the trips
};

Work workOf(Block &block, Operation *outside) {
  Work work;
  for (Operation &op : block.without_terminator()) {
    if (auto loop = dyn_cast<scf::ForOp>(op)) {
      Work inner = workOf(*loop.getBody(), outside);
      auto begin = getConstantIntValue(loop.getLowerBound()), end = getConstantIntValue(loop.getUpperBound());
      auto step = getConstantIntValue(loop.getStep());
      Value bound = loop.getUpperBound();
      bool visible = bound.getParentRegion()->isAncestor(outside->getParentRegion());
      int64_t cost = inner.fixed;
      for (auto &[trips, size] : inner.scaled)
        cost += trips * kUnknownTrips; // sizes of two nested loops: the outer one is taken exactly
      if (begin && end && step)
        work.fixed += std::max<int64_t>(0, (*end - *begin) / *step) * cost;
      else if (begin && visible)
        work.scaled.push_back({cost, bound});
      else
        work.fixed += kUnknownTrips * cost;
    } else if (isa<CallOpInterface, ir::KernelOp, ir::ExternOp>(op)) {
      work.fixed += kCallCost;
    } else if (op.getNumRegions()) {
      int64_t most = 0;
      for (Region &region : op.getRegions())
        for (Block &inner : region)
          most = std::max(most, workOf(inner, outside).fixed);
      work.fixed += most;
    } else if (isa<math::MathDialect>(op.getDialect())) {
      work.fixed += kMathCost;
    } else {
      ++work.fixed;
    }
  }
  return work;
}

class ParallelLoop {
public:
  ParallelLoop(ParallelOp loop, bool threads) : loop(loop), b(loop), loc(loop.getLoc()), threads(threads) {}

  void lower(int &counter) {
    Work work = workOf(*loop.getBody(), loop);
    if (!threads || (work.scaled.empty() && fixedTrips() && *fixedTrips() * work.fixed < 2 * kGrain)) {
      sequential();
      return;
    }
    outline(work, counter++);
  }

private:
  ParallelOp loop;
  OpBuilder b;
  Location loc;
  bool threads;

  std::optional<int64_t> fixedTrips() {
    int64_t trips = 1;
    for (auto [begin, end, step] : llvm::zip(loop.getLowerBound(), loop.getUpperBound(), loop.getStep())) {
      auto from = getConstantIntValue(begin), to = getConstantIntValue(end), by = getConstantIntValue(step);
      if (!from || !to || !by)
        return std::nullopt;
      trips *= std::max<int64_t>(0, llvm::divideCeil(*to - *from, *by));
    }
    return trips;
  }

  static bool isLeaf(Block *body) {
    return llvm::none_of(*body, [](Operation &op) { return op.getNumRegions() != 0; });
  }

  // A loop whose only content is one kernel's point has no dependences; one that holds other loops does not matter.
  static void markIfLeaf(scf::ForOp level) {
    if (isLeaf(level.getBody()))
      level->setAttr(kIndependent, UnitAttr::get(level.getContext()));
  }

  void moveBody(Block *target, ValueRange ivs, IRMapping &mapping, OpBuilder &builder) {
    for (auto [from, to] : llvm::zip(loop.getInductionVars(), ivs))
      mapping.map(from, to);
    for (Operation &op : loop.getBody()->without_terminator())
      builder.clone(op, mapping);
  }

  void sequential() {
    SmallVector<Value> ivs;
    SmallVector<scf::ForOp> nest;
    for (auto [begin, end, step] : llvm::zip(loop.getLowerBound(), loop.getUpperBound(), loop.getStep())) {
      nest.push_back(b.create<scf::ForOp>(loc, begin, end, step));
      ivs.push_back(nest.back().getInductionVar());
      b.setInsertionPointToStart(nest.back().getBody());
    }
    IRMapping mapping;
    moveBody(b.getBlock(), ivs, mapping, b);
    markIfLeaf(nest.back());
    loop.erase();
  }

  Value constant(OpBuilder &builder, int64_t value) { return builder.create<arith::ConstantIndexOp>(loc, value); }

  // ceil((end - begin) / step), per dimension.
  SmallVector<Value> trips() {
    SmallVector<Value> result;
    for (auto [begin, end, step] : llvm::zip(loop.getLowerBound(), loop.getUpperBound(), loop.getStep())) {
      Value length = b.createOrFold<arith::SubIOp>(loc, end, begin);
      result.push_back(b.createOrFold<arith::CeilDivSIOp>(loc, length, step));
    }
    return result;
  }

  Value grain(const Work &work) {
    Value cost = constant(b, std::max<int64_t>(work.fixed, 1));
    for (auto &[perTrip, count] : work.scaled) {
      Value part = b.createOrFold<arith::MulIOp>(loc, constant(b, std::max<int64_t>(perTrip, 1)), count);
      cost = b.createOrFold<arith::AddIOp>(loc, cost, part);
    }
    return toI64(b, loc, b.createOrFold<arith::CeilDivSIOp>(loc, constant(b, kGrain), cost));
  }

  // Values of the surrounding function that the body uses; constants are made again inside.
  SmallVector<Value> captures(SmallVectorImpl<Operation *> &constants, ArrayRef<Value> extra) {
    llvm::SetVector<Value> used;
    getUsedValuesDefinedAbove(loop->getRegions(), used);
    used.insert(extra.begin(), extra.end());
    used.insert(loop.getLowerBound().begin(), loop.getLowerBound().end());
    used.insert(loop.getStep().begin(), loop.getStep().end());
    SmallVector<Value> result;
    for (Value value : used) {
      Operation *def = value.getDefiningOp();
      if (def && def->hasTrait<OpTrait::ConstantLike>())
        constants.push_back(def);
      else
        result.push_back(value);
    }
    return result;
  }

  void outline(const Work &work, int number) {
    auto parent = loop->getParentOfType<func::FuncOp>();
    auto module = parent->getParentOfType<ModuleOp>();
    MLIRContext *context = b.getContext();
    auto pointer = LLVM::LLVMPointerType::get(context);
    Type i64 = b.getI64Type();

    SmallVector<Value> counts = trips();
    Value total = counts.front();
    for (Value count : ArrayRef(counts).drop_front())
      total = b.createOrFold<arith::MulIOp>(loc, total, count);

    SmallVector<Operation *> constants;
    SmallVector<Value> captured = captures(constants, ArrayRef(counts).drop_front());
    // What the body gets: each number once, many buffers have one size.
    SmallVector<SmallVector<unsigned>> parts; // by captured value: its fields
    SmallVector<Value> contents;
    SmallVector<Type> fields;
    llvm::DenseMap<Value, unsigned> fieldOf;
    for (Value value : captured) {
      SmallVector<unsigned> &own = parts.emplace_back();
      for (Value part : partsOf(b, loc, value)) {
        auto cast = part.getDefiningOp<arith::IndexCastOp>();
        bool isIndex = cast && isa<IndexType>(cast.getIn().getType());
        auto [entry, isNew] = fieldOf.try_emplace(isIndex ? cast.getIn() : part, contents.size());
        own.push_back(entry->second);
        if (!isNew)
          continue;
        contents.push_back(part);
        fields.push_back(part.getType());
      }
    }
    auto contextType = LLVM::LLVMStructType::getLiteral(context, fields);

    // The function over a range.
    std::string name = (parent.getName() + "_loop" + Twine(number)).str();
    OpBuilder top = OpBuilder::atBlockEnd(module.getBody());
    auto body = top.create<func::FuncOp>(loc, name, b.getFunctionType({i64, i64, pointer}, {}));
    body.setPrivate();
    body->setAttr(kLoopBody, b.getUnitAttr());
    OpBuilder inside = OpBuilder::atBlockBegin(body.addEntryBlock());
    IRMapping mapping;
    for (Operation *op : constants)
      inside.clone(*op, mapping);
    SmallVector<Value> loaded;
    for (auto [field, content] : llvm::enumerate(contents)) {
      Value address = inside.create<LLVM::GEPOp>(loc, pointer, contextType, body.getArgument(2),
                                                 ArrayRef<LLVM::GEPArg>{0, static_cast<int32_t>(field)});
      loaded.push_back(inside.create<LLVM::LoadOp>(loc, content.getType(), address));
    }
    for (auto [value, own] : llvm::zip(captured, parts))
      mapping.map(value, valueOf(inside, loc, value.getType(),
                                 llvm::map_to_vector(own, [&](unsigned field) { return loaded[field]; })));
    Value first = toIndex(inside, loc, body.getArgument(0)), last = toIndex(inside, loc, body.getArgument(1));
    auto range = inside.create<scf::ForOp>(loc, first, last, constant(inside, 1));
    inside.create<func::ReturnOp>(loc);
    inside.setInsertionPointToStart(range.getBody());
    // The number of an iteration, taken apart into the loop's variables.
    SmallVector<Value> ivs(counts.size());
    Value rest = range.getInductionVar();
    for (size_t d = counts.size(); d-- > 0;) {
      Value position = rest;
      if (d > 0) {
        Value count = mapping.lookupOrDefault(counts[d]);
        position = inside.create<arith::RemUIOp>(loc, rest, count);
        rest = inside.create<arith::DivUIOp>(loc, rest, count);
      }
      Value step = mapping.lookupOrDefault(loop.getStep()[d]), begin = mapping.lookupOrDefault(loop.getLowerBound()[d]);
      ivs[d] = inside.createOrFold<arith::AddIOp>(loc, begin, inside.createOrFold<arith::MulIOp>(loc, position, step));
    }
    moveBody(range.getBody(), ivs, mapping, inside);
    markIfLeaf(range);

    // The call.
    OpBuilder entry = OpBuilder::atBlockBegin(&parent.getBody().front());
    Value one = entry.create<LLVM::ConstantOp>(loc, i64, b.getI64IntegerAttr(1));
    Value memory = entry.create<LLVM::AllocaOp>(loc, pointer, contextType, one);
    for (auto [field, content] : llvm::enumerate(contents)) {
      Value address = b.create<LLVM::GEPOp>(loc, pointer, contextType, memory,
                                            ArrayRef<LLVM::GEPArg>{0, static_cast<int32_t>(field)});
      b.create<LLVM::StoreOp>(loc, content, address);
    }
    Value function = b.create<func::ConstantOp>(loc, body.getFunctionType(), name);
    Value callee = b.create<UnrealizedConversionCastOp>(loc, pointer, function).getResult(0);
    Value zero = toI64(b, loc, constant(b, 0));
    b.create<func::CallOp>(loc, "dl_parallel_for", TypeRange(),
                           ValueRange{zero, toI64(b, loc, total), grain(work), callee, memory});
    loop.erase();
  }
};

struct ParallelPass : PassWrapper<ParallelPass, OperationPass<ModuleOp>> {
  explicit ParallelPass(bool threads) : threads(threads) {}
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ParallelPass)
  StringRef getArgument() const override { return "dl-parallel"; }
  void getDependentDialects(DialectRegistry &registry) const override { registry.insert<LLVM::LLVMDialect>(); }

  bool threads;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<ParallelOp> outermost, inner;
    module.walk([&](ParallelOp loop) { (loop->getParentOfType<ParallelOp>() ? inner : outermost).push_back(loop); });
    int counter = 0;
    for (ParallelOp loop : inner)
      ParallelLoop(loop, false).lower(counter);
    for (ParallelOp loop : outermost)
      ParallelLoop(loop, threads).lower(counter);
    if (counter) {
      OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
      Type i64 = b.getI64Type(), pointer = LLVM::LLVMPointerType::get(&getContext());
      auto declaration = b.create<func::FuncOp>(module.getLoc(), "dl_parallel_for",
                                                b.getFunctionType({i64, i64, i64, pointer, pointer}, {}));
      declaration.setPrivate();
    }
  }
};

} // namespace

PassPtr createParallelPass(bool threads) { return std::make_unique<ParallelPass>(threads); }

} // namespace dl::passes
