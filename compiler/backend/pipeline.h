// From the dl dialect to the LLVM dialect: the one list of passes.
#pragma once

#include "compiler/passes/passes.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

namespace dl::backend {

// The forms a module goes through, each reached by the passes of its stage.
enum class Stage { Dl, Grad, Linalg, Loops, Llvm };

struct PipelineOptions {
  bool fuse = true;    // false: no fusion and no reuse of operands, for differential tests
  bool threads = true; // false: all loops sequential
  bool verify = false; // check the IR after each pass
  bool timePasses = false;
  passes::LineText lineText;
  passes::IsLibrary isLibrary;
};

// One row of the list.
struct Step {
  const char *name;
  const char *description;
  Stage stage;
  bool fusion; // left out of unfused builds
  std::function<void(mlir::OpPassManager &, const PipelineOptions &)> add;
};
const std::vector<Step> &pipeline();

// A fault of the compiler: which pass failed, and what it said.
class PassError : public llvm::ErrorInfo<PassError> {
public:
  static char ID;
  PassError(std::string pass, std::string details) : pass(std::move(pass)), details(std::move(details)) {}
  const std::string pass, details;
  void log(llvm::raw_ostream &out) const override;
  std::error_code convertToErrorCode() const override { return llvm::inconvertibleErrorCode(); }
};

// Runs the steps up to and including those of `last`.
llvm::Error runPipeline(mlir::ModuleOp module, Stage last, const PipelineOptions &options);

} // namespace dl::backend
