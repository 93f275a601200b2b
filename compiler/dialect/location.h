// How places of the source travel through the IR. A place is a FusedLoc whose metadata is an i64 attribute, the length
// in bytes, around one FileLineColLoc (line and column from 1, the column in code points):
//   loc(fused<12 : i64>["mlp.dl":12:14])
// Passes may wrap or fuse places further; decodeLocation finds the first one inside.
#pragma once

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Location.h"

#include "llvm/ADT/STLFunctionalExtras.h"

#include <cstdint>
#include <optional>
#include <string>

namespace dl::ir {

struct SourcePlace {
  std::string file;
  int32_t line = 0;   // from 1
  int32_t column = 0; // from 1, in code points
  int32_t length = 0; // in bytes; 0 when the place came without one
};

inline mlir::Location makeLocation(mlir::MLIRContext *context, llvm::StringRef file, int32_t line, int32_t column,
                                   int32_t length) {
  mlir::Location start = mlir::FileLineColLoc::get(context, file, line, column);
  return mlir::FusedLoc::get({start}, mlir::IntegerAttr::get(mlir::IntegerType::get(context, 64), length), context);
}

// The first place inside `location`; nothing for code that no source line asked for.
inline std::optional<SourcePlace> decodeLocation(mlir::Location location) {
  if (auto start = llvm::dyn_cast<mlir::FileLineColLoc>(location))
    return SourcePlace{start.getFilename().str(), int32_t(start.getLine()), int32_t(start.getColumn()), 0};
  if (auto named = llvm::dyn_cast<mlir::NameLoc>(location))
    return decodeLocation(named.getChildLoc());
  if (auto call = llvm::dyn_cast<mlir::CallSiteLoc>(location))
    return decodeLocation(call.getCallee());
  if (auto fused = llvm::dyn_cast<mlir::FusedLoc>(location)) {
    for (mlir::Location part : fused.getLocations())
      if (std::optional<SourcePlace> place = decodeLocation(part)) {
        if (auto length = llvm::dyn_cast_or_null<mlir::IntegerAttr>(fused.getMetadata()); length && place->length == 0)
          place->length = int32_t(length.getInt());
        return place;
      }
  }
  return std::nullopt;
}

// Where the user's own code is at `location`: the innermost place, along the chain of inlined calls, that is in no file
// of the library; the innermost of all when there is no other.
inline mlir::Location userLocation(mlir::Location location, llvm::function_ref<bool(const std::string &)> isLibrary) {
  auto call = llvm::dyn_cast<mlir::CallSiteLoc>(location);
  if (!call)
    return location;
  mlir::Location callee = userLocation(call.getCallee(), isLibrary);
  if (std::optional<SourcePlace> place = decodeLocation(callee); place && !isLibrary(place->file))
    return callee;
  mlir::Location caller = userLocation(call.getCaller(), isLibrary);
  return decodeLocation(caller) ? caller : callee;
}

} // namespace dl::ir
