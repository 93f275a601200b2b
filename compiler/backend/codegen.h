// From the LLVM dialect to LLVM IR, machine code and text.
#pragma once

#include "compiler/backend/target.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/MemoryBuffer.h"

namespace dl::backend {

struct LlvmModule {
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;
};

llvm::Expected<LlvmModule> translate(mlir::ModuleOp module, const TargetDescription &target,
                                     llvm::TargetMachine &machine);

void optimise(llvm::Module &module, llvm::TargetMachine &machine, int optLevel);

// An object file in memory, or assembly text.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> generate(llvm::Module &module, llvm::TargetMachine &machine,
                                                             bool asText);

} // namespace dl::backend
