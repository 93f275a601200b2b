// The backend's interface: a module of the dl dialect in, machine code or text out. Nothing here aborts or throws; a
// failure is an llvm::Error, a PassError where a pass of this compiler is at fault.
#pragma once

#include "compiler/backend/context.h"
#include "compiler/passes/passes.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"

#include <string>

namespace dl::backend {

struct CompileOptions {
  int optLevel = 2;            // 0 or 2
  bool fuse = true;            // false: an unfused build, to compare with
  bool threads = true;         // false: all loops sequential
  bool timePasses = false;     // the time of each step on stderr
  bool verify = false;         // check the IR after each pass
  std::string cpu;             // empty: this machine
  passes::LineText lineText;   // for the carets of errors at run time
  passes::IsLibrary isLibrary; // whose places are not the user's
};

using ObjectBuffer = std::unique_ptr<llvm::MemoryBuffer>;

// An object file with `dl_fn_<name>` for each function that carries `dl.export`. The module is consumed: it is left in
// its last form. Derivatives have been expanded before.
llvm::Expected<ObjectBuffer> compileToObject(mlir::ModuleOp module, const CompileOptions &options);

// The forms that can be printed: "linalg", "loops", "llvm" (optimised LLVM IR), "asm" and "obj" (bytes); "dl" and
// "grad" print the module as it is.
llvm::Expected<std::string> emitText(mlir::ModuleOp module, const std::string &stage, const CompileOptions &options);

// What the machine code depends on besides the module, for cache keys.
std::string codeKey(const CompileOptions &options);

} // namespace dl::backend
