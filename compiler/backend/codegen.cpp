#include "compiler/backend/codegen.h"

#include "compiler/backend/annotate.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Transforms/Scalar/DCE.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"

namespace dl::backend {

llvm::Expected<LlvmModule> translate(mlir::ModuleOp module, const TargetDescription &target,
                                     llvm::TargetMachine &machine) {
  LlvmModule result;
  result.context = std::make_unique<llvm::LLVMContext>();
  std::string problem;
  mlir::ScopedDiagnosticHandler handler(module.getContext(), [&](mlir::Diagnostic &diagnostic) {
    problem += diagnostic.str();
    return mlir::success();
  });
  result.module = mlir::translateModuleToLLVMIR(module, *result.context, "dl");
  if (!result.module)
    return llvm::createStringError("the module has no form in LLVM IR: " + problem);
  result.module->setDataLayout(machine.createDataLayout());
  result.module->setTargetTriple(target.triple);
  annotateFunctions(*result.module, target);
  annotateLoops(*result.module);
  return result;
}

void optimise(llvm::Module &module, llvm::TargetMachine &machine, int optLevel) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager calls;
  llvm::ModuleAnalysisManager modules;
  llvm::PipelineTuningOptions tuning;
  // Short loops of constant length would be written out many times over: most of the compile time, for no gain in
  // speed.
  tuning.LoopUnrolling = false;
  tuning.LoopInterleaving = true;
  tuning.LoopVectorization = true;
  tuning.SLPVectorization = false;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(calls);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, calls, modules);
  if (optLevel == 0) {
    // Descriptors of tensors that are put together and taken apart again: the quick instruction selection leaves them
    // to the slow one.
    llvm::FunctionPassManager simple;
    simple.addPass(llvm::EarlyCSEPass());
    simple.addPass(llvm::DCEPass());
    llvm::ModulePassManager all;
    all.addPass(llvm::createModuleToFunctionPassAdaptor(std::move(simple)));
    all.run(module, modules);
  }
  auto passes = optLevel == 0 ? builder.buildO0DefaultPipeline(llvm::OptimizationLevel::O0)
                              : builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2);
  passes.run(module, modules);
}

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> generate(llvm::Module &module, llvm::TargetMachine &machine,
                                                             bool asText) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream out(bytes);
  llvm::legacy::PassManager passes;
  auto kind = asText ? llvm::CodeGenFileType::AssemblyFile : llvm::CodeGenFileType::ObjectFile;
  if (machine.addPassesToEmitFile(passes, out, nullptr, kind))
    return llvm::createStringError("the target cannot emit this kind of file");
  passes.run(module);
  return std::make_unique<llvm::SmallVectorMemoryBuffer>(std::move(bytes), "dl", /*RequiresNullTerminator=*/false);
}

} // namespace dl::backend
