#include "compiler/backend/backend.h"

#include "compiler/backend/codegen.h"
#include "compiler/backend/pipeline.h"
#include "compiler/backend/target.h"
#include "compiler/backend/timing.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;

namespace dl::backend {
namespace {

PipelineOptions pipelineOptions(const CompileOptions &options) {
  PipelineOptions result;
  result.fuse = options.fuse;
  result.threads = options.threads;
  result.verify = options.verify;
  result.timePasses = options.timePasses;
  result.lineText = options.lineText;
  result.isLibrary = options.isLibrary;
  return result;
}

// Gives each exported function the name of its entry point, unless it has one. where the driver has not chosen one.
void nameEntries(ModuleOp module) {
  Builder b(module.getContext());
  for (auto func : module.getOps<func::FuncOp>())
    if (func->hasAttr(passes::kExport) && !func->hasAttr(passes::kEntryName) && !func.isExternal())
      func->setAttr(passes::kEntryName, b.getStringAttr(passes::kEntryPrefix + func.getName()));
}

struct Generated {
  LlvmModule llvm;
  std::unique_ptr<llvm::TargetMachine> machine;
};

llvm::Expected<Generated> toOptimised(ModuleOp module, const CompileOptions &options) {
  nameEntries(module);
  if (llvm::Error error = runPipeline(module, Stage::Llvm, pipelineOptions(options)))
    return error;
  TargetDescription target = describeTarget(options.cpu);
  auto machine = createTargetMachine(target, options.optLevel);
  if (!machine)
    return machine.takeError();
  auto llvm = [&] {
    Timed timed("translate", options.timePasses);
    return translate(module, target, **machine);
  }();
  if (!llvm)
    return llvm.takeError();
  {
    Timed timed("optimise", options.timePasses);
    optimise(*llvm->module, **machine, options.optLevel);
  }
  return Generated{std::move(*llvm), std::move(*machine)};
}

std::string printed(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream out(text);
  module.print(out, OpPrintingFlags().enableDebugInfo(false));
  return text;
}

} // namespace

llvm::Expected<ObjectBuffer> compileToObject(ModuleOp module, const CompileOptions &options) {
  auto generated = toOptimised(module, options);
  if (!generated)
    return generated.takeError();
  Timed timed("machine code", options.timePasses);
  return generate(*generated->llvm.module, *generated->machine, /*asText=*/false);
}

llvm::Expected<std::string> emitText(ModuleOp module, const std::string &stage, const CompileOptions &options) {
  if (stage == "dl" || stage == "grad")
    return printed(module);
  if (stage == "linalg" || stage == "loops") {
    nameEntries(module);
    Stage last = stage == "linalg" ? Stage::Linalg : Stage::Loops;
    if (llvm::Error error = runPipeline(module, last, pipelineOptions(options)))
      return error;
    return printed(module);
  }
  if (stage != "llvm" && stage != "asm" && stage != "obj")
    return llvm::createStringError("there is no stage '" + stage + "'");
  auto generated = toOptimised(module, options);
  if (!generated)
    return generated.takeError();
  if (stage == "llvm") {
    std::string text;
    llvm::raw_string_ostream out(text);
    generated->llvm.module->print(out, nullptr);
    return text;
  }
  Timed timed("machine code", options.timePasses);
  auto buffer = generate(*generated->llvm.module, *generated->machine, stage == "asm");
  if (!buffer)
    return buffer.takeError();
  return (*buffer)->getBuffer().str();
}

std::string codeKey(const CompileOptions &options) {
  TargetDescription target = describeTarget(options.cpu);
  return "O" + std::to_string(options.optLevel) + (options.fuse ? "" : ",unfused") +
         (options.threads ? "" : ",sequential") + "," + target.cpu + "," + target.features;
}

} // namespace dl::backend
