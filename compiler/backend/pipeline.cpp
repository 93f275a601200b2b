#include "compiler/backend/pipeline.h"

#include "compiler/backend/timing.h"
#include "compiler/dialect/canonicalizer.h"

#include "mlir/Conversion/BufferizationToMemRef/BufferizationToMemRef.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace dl::backend {
namespace {

using Manager = OpPassManager;
using Options = PipelineOptions;

auto perModule(std::unique_ptr<Pass> (*create)()) {
  return [create](Manager &pm, const Options &) { pm.addPass(create()); };
}
auto perFunction(std::unique_ptr<Pass> (*create)()) {
  return [create](Manager &pm, const Options &) { pm.addNestedPass<func::FuncOp>(create()); };
}

void addDeallocation(Manager &pm, const Options &) {
  // MLIR's pipeline, with one step in between.
  pm.addPass(memref::createExpandReallocPass(/*emitDeallocs=*/false));
  pm.addPass(ir::createCanonicalizer());
  pm.addPass(bufferization::createOwnershipBasedBufferDeallocationPass());
  pm.addNestedPass<func::FuncOp>(passes::createOwnGrownPass());
  pm.addPass(ir::createCanonicalizer());
  pm.addPass(bufferization::createBufferDeallocationSimplificationPass());
  pm.addPass(bufferization::createLowerDeallocationsPass());
  pm.addPass(createCSEPass());
  pm.addPass(ir::createCanonicalizer());
  pm.addPass(createBufferizationToMemRefPass());
}

} // namespace

const std::vector<Step> &pipeline() {
  using namespace passes;
  static const std::vector<Step> steps = {
      // --- dl --------------------------------------------------------------------------------------------------
      {"inline", "calls of small functions and of functions called once", Stage::Linalg, false,
       perModule(createInlinePass)},
      {"break-recursion", "recursive calls go through entry points", Stage::Linalg, false,
       perModule(createBreakRecursionPass)},
      {"simplify-dl", "fold constants, drop what is unused", Stage::Linalg, false, perModule(ir::createCanonicalizer)},
      {"cse-dl", "equal dl ops once", Stage::Linalg, false, perModule(createCSEPass)},
      {"drop-unused-functions", "private functions that nobody calls", Stage::Linalg, false,
       perModule(createSymbolDCEPass)},
      {"batch-loops", "loops that fill rows: what is shared once, the rest in lanes", Stage::Linalg, true,
       perFunction(createBatchLoopsPass)},
      {"simplify-batched", "drop what batching has left", Stage::Linalg, true, perModule(ir::createCanonicalizer)},
      {"cse-batched", "what lanes have in common once", Stage::Linalg, true, perModule(createCSEPass)},
      {"fuse-linear", "transposes into products; a product with bias and relu is one kernel", Stage::Linalg, true,
       perFunction(createFuseLinearPass)},
      // --- linalg on tensors. No CSE of tensors from here to bufferisation: equal tensors with two writers need a
      // copy.
      {"lower-ops", "dl ops to linalg, tensor, arith and kernels", Stage::Linalg, false, perModule(createLowerOpsPass)},
      {"simplify-linalg", "fold sizes, so that fusion sees through them", Stage::Linalg, false,
       perModule(ir::createCanonicalizer)},
      {"cut-failures", "what follows a certain failure", Stage::Linalg, false, perFunction(createCutFailuresPass)},
      {"scalar-cse", "equal sizes are one value", Stage::Linalg, false, perModule(createScalarCsePass)},
      {"split-reductions", "whole tensors to one number by rows", Stage::Linalg, true,
       perFunction(createSplitReductionsPass)},
      {"fuse-elementwise", "producers into consumers", Stage::Linalg, true, perFunction(createFuseElementwisePass)},
      {"simplify-fused", "drop what fusion has left", Stage::Linalg, true, perModule(ir::createCanonicalizer)},
      {"cse-fused", "common expressions of fused bodies", Stage::Linalg, true, perModule(createScalarCsePass)},
      {"reuse-operands", "results take the memory of operands that die", Stage::Linalg, true,
       perFunction(createReuseOperandsPass)},
      // --- buffers ---------------------------------------------------------------------------------------------
      {"bufferize", "tensors to memory", Stage::Loops, false, perModule(createBufferizePass)},
      {"simplify-buffers", "loops stop carrying buffers that stay the same", Stage::Loops, false,
       perModule(ir::createCanonicalizer)},
      {"cse-buffers", "equal sizes and views once", Stage::Loops, false, perModule(createCSEPass)},
      {"drop-returned-arguments", "functions do not return what they were given", Stage::Loops, false,
       perModule(createDropReturnedArgumentsPass)},
      {"own-results", "each result is a buffer of its own", Stage::Loops, false, perFunction(createOwnResultsPass)},
      {"hoist-sizes", "sizes that a loop does not change leave it", Stage::Loops, true,
       perFunction(createLoopInvariantCodeMotionPass)},
      {"hoist-buffers", "allocations leave loops", Stage::Loops, false,
       perFunction(bufferization::createBufferLoopHoistingPass)},
      {"stack-buffers", "small buffers to the stack", Stage::Loops, false, perFunction(createStackBuffersPass)},
      {"grow-buffers", "a list that grows takes the old one's block", Stage::Loops, false,
       perModule(createGrowBuffersPass)},
      {"deallocate", "every buffer is freed once", Stage::Loops, false, addDeallocation},
      {"early-dealloc", "frees move up to the last use", Stage::Loops, false, perFunction(createEarlyDeallocPass)},
      // --- loops -----------------------------------------------------------------------------------------------
      {"kernels-to-loops", "linalg to loops", Stage::Loops, false, perFunction(createKernelsToLoopsPass)},
      {"simplify-loops", "fold sizes and views", Stage::Loops, false, perModule(ir::createCanonicalizer)},
      {"cse-loops", "equal views once", Stage::Loops, false, perModule(createCSEPass)},
      {"fuse-parallel", "neighbouring loops over one range", Stage::Loops, true, perFunction(createFuseParallelPass)},
      {"forward-stores", "fused loops hand on values in registers", Stage::Loops, true,
       perFunction(createForwardStoresPass)},
      {"parallel", "loops with enough work to the thread pool", Stage::Loops, false,
       [](Manager &pm, const Options &options) { pm.addPass(createParallelPass(options.threads)); }},
      {"share-loops", "equal loops are compiled once", Stage::Loops, true, perModule(createShareLoopsPass)},
      // --- LLVM ------------------------------------------------------------------------------------------------
      {"entry-points", "packed entry points of exported functions", Stage::Llvm, false,
       perModule(createEntryPointsPass)},
      {"math-calls", "math functions to libm", Stage::Llvm, false, perModule(createMathCallsPass)},
      {"mark-loops", "independent innermost loops", Stage::Llvm, false, perModule(createMarkLoopsPass)},
      {"addressing", "views and index arithmetic", Stage::Llvm, false, perModule(createAddressingPass)},
      {"control-flow", "scf to branches", Stage::Llvm, false, perModule(createControlFlowPass)},
      {"runtime-calls", "kernels, externs, assertions and polls to calls", Stage::Llvm, false,
       [](Manager &pm, const Options &options) {
         pm.addPass(createRuntimeCallsPass(options.lineText, options.isLibrary));
       }},
      {"views", "views made by the calls", Stage::Llvm, false, perModule(createAddressingPass)},
      {"bf16-signatures", "a bf16 crosses calls as its bits", Stage::Llvm, false, perModule(createBf16SignaturesPass)},
      {"to-llvm", "everything that is left", Stage::Llvm, false, perModule(createToLlvmPass)},
      {"reconcile-casts", "casts between the parts", Stage::Llvm, false, perModule(createReconcileUnrealizedCastsPass)},
  };
  return steps;
}

char PassError::ID;

void PassError::log(llvm::raw_ostream &out) const { out << "pass '" << pass << "' failed: " << details; }

llvm::Error runPipeline(ModuleOp module, Stage last, const PipelineOptions &options) {
  for (const Step &step : pipeline()) {
    if (step.stage > last)
      break;
    if (step.fusion && !options.fuse)
      continue;
    Timed timed(step.name, options.timePasses);
    std::string details;
    ScopedDiagnosticHandler handler(module.getContext(), [&](Diagnostic &diagnostic) {
      if (diagnostic.getSeverity() == DiagnosticSeverity::Error) {
        llvm::raw_string_ostream out(details);
        out << (details.empty() ? "" : "; ") << diagnostic;
      }
      return success();
    });
    PassManager pm(module.getContext());
    pm.enableVerifier(options.verify);
    step.add(pm, options);
    if (failed(pm.run(module)))
      return llvm::make_error<PassError>(step.name, details);
  }
  return llvm::Error::success();
}

} // namespace dl::backend
