// What the optimiser cannot see by itself about code that comes from the dialects.
#pragma once

#include "compiler/backend/target.h"

#include "llvm/IR/Module.h"

namespace dl::backend {

// Linkage, attributes of runtime and libm functions, vector forms of the latter.
void annotateFunctions(llvm::Module &module, const TargetDescription &target);

// Turns the markers of independent loops into metadata.
void annotateLoops(llvm::Module &module);

} // namespace dl::backend
