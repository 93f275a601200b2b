#include "compiler/driver/mlir_errors.h"

#include "compiler/dialect/location.h"
#include "compiler/driver/files.h"
#include "compiler/irgen/spans.h"

namespace dl::driver {

passes::IsLibrary inLibrary() {
  return [folder = stdlibFolder().string() + "/"](const std::string &file) { return file.starts_with(folder); };
}

Span userSpan(mlir::Location location, const SourceManager &sources) {
  return irgen::spanOf(ir::userLocation(location, inLibrary()), sources);
}

MlirErrors::MlirErrors(mlir::MLIRContext *context, Diagnostics &diagnostics, Code code)
    : handler(context, [&diagnostics, code](mlir::Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() != mlir::DiagnosticSeverity::Error)
          return mlir::success(); // remarks of passes are for their authors
        const SourceManager &sources = diagnostics.sources();
        Diagnostic &error = diagnostics.error(code, userSpan(diagnostic.getLocation(), sources), diagnostic.str());
        for (mlir::Diagnostic &note : diagnostic.getNotes()) {
          Span place = irgen::spanOf(note.getLocation(), sources);
          if (place.valid() && place != error.span)
            error.label(place, note.str());
          else
            error.note(note.str());
        }
        return mlir::success();
      }) {}

} // namespace dl::driver
