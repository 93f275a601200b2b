// The table of builtins: the signature that the checker uses and the builder that irgen uses, side by side in each
// family's file with the op's derivative and lowering.
#pragma once

#include "compiler/sema/builtins.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"

#include <variant>
#include <vector>

namespace dl::ops {

using Attr =
    std::variant<int64_t, double, bool, std::string, std::vector<int64_t>, mlir::Type>; // Type: an element type

// What a builder gets: operands in the order of the signature's run-time parameters (already broadcast to one shape for
// rows with `broadcast`), compile-time arguments by name, and the result types that the checker inferred.
struct BuildContext {
  mlir::OpBuilder &builder;
  mlir::Location loc;
  mlir::ValueRange operands;
  const llvm::StringMap<Attr> &attrs;
  llvm::ArrayRef<mlir::Type> resultTypes;
  // For each result, the index values of its dynamic sizes in order.
  llvm::ArrayRef<llvm::SmallVector<mlir::Value>> resultSizes;

  const Attr *attr(llvm::StringRef name) const {
    auto it = attrs.find(name);
    return it == attrs.end() ? nullptr : &it->second;
  }
};
using BuildFn = llvm::SmallVector<mlir::Value> (*)(BuildContext &);

struct Row {
  sema::Builtin builtin;
  BuildFn build;
};

// All rows, from every family. The name of a row is its signature up to `(`.
const std::vector<Row> &table();
BuildFn findBuilder(llvm::StringRef name);
sema::Builtins builtins();

} // namespace dl::ops
