// Expands dl.vjp and dl.jvp: derivatives of functions as functions of the dl dialect, which can be differentiated
// again.
#pragma once

#include "mlir/IR/Location.h"
#include "mlir/IR/Types.h"
#include "mlir/Pass/Pass.h"

#include <memory>
#include <string>
#include <vector>

namespace dl::autodiff {

// A value of a forward pass that is kept because its reverse pass reads it (`dl compile --explain-memory`).
struct KeptValue {
  std::string function;    // the differentiated function
  std::string name;        // the user's variable, or what is computed: `y`, `sin(y)`
  mlir::Location location; // of the operation that computes the value
  mlir::Type type;         // a stack of a loop has the trip count in front
  int64_t bytes;           // -1 when a size is known only when run
};

// Replaces every dl.vjp and dl.jvp of the module by a call of a generated function, innermost first. What cannot be
// differentiated is an error at the user's line. `kept`, when given, receives what the reverse passes keep. `run`: the
// derivatives are made to be run, not to be read or differentiated again (record_recursion.h).
std::unique_ptr<mlir::Pass> createAutodiffPass(std::vector<KeptValue> *kept = nullptr, bool run = false);

} // namespace dl::autodiff
