#include "compiler/driver/compilation.h"

#include "compiler/autodiff/autodiff.h"
#include "compiler/driver/timing.h"
#include "compiler/irgen/irgen.h"
#include "compiler/irgen/spans.h"
#include "compiler/ops/registry.h"
#include "compiler/sema/check.h"
#include "compiler/syntax/parse.h"

#include "llvm/Support/SourceMgr.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

namespace dl::driver {

struct Compilation::Ir {
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  mlir::OwningOpRef<mlir::ModuleOp> module;
  bool differentiated = false;
};

Compilation::Compilation(const Settings &settings) : settings(settings) {}
Compilation::~Compilation() = default;

mlir::ModuleOp Compilation::module() { return ir->module.get(); }

bool Compilation::addFile(const std::string &path) {
  std::optional<std::string> text = readFile(path);
  if (!text) {
    diagnostics.error(Code::FileError, {}, "cannot read " + path);
    return false;
  }
  return addText(path, std::move(*text));
}

bool Compilation::addText(const std::string &path, std::string text) {
  if (std::filesystem::path(path).extension() == ".mlir")
    return parseModule(path, text);
  Timer timer(settings.timePasses, "parse");
  tree = parse(sources.add(path, std::move(text)), sources, asts, diagnostics);
  return !diagnostics.hasErrors();
}

bool Compilation::check() {
  if (ir)
    return true;
  Timer timer(settings.timePasses, "check");
  sema::Options options;
  options.builtins = ops::builtins();
  options.findImport = [this](const std::string &name, const std::string &importing, std::string &path,
                              std::string &text) { return imports.find(name, importing, path, text); };
  typed = sema::check(tree, sources, asts, diagnostics, options);
  return typed && !diagnostics.hasErrors();
}

bool Compilation::generate() {
  if (ir)
    return true;
  Timer timer(settings.timePasses, "generate");
  ir = std::make_unique<Ir>();
  ir->module = irgen::generate(*typed, sources, ir->context, diagnostics);
  return ir->module && !diagnostics.hasErrors();
}

bool Compilation::differentiate() {
  if (!generate())
    return false;
  if (ir->differentiated)
    return true;
  Timer timer(settings.timePasses, "differentiate");
  mlir::ScopedDiagnosticHandler handler(&ir->context, [&](mlir::Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() != mlir::DiagnosticSeverity::Error)
      return mlir::failure();
    Diagnostic &error = diagnostics.error(Code::NotDifferentiable,
                                          irgen::spanOf(diagnostic.getLocation(), sources), diagnostic.str());
    for (mlir::Diagnostic &note : diagnostic.getNotes()) {
      Span place = irgen::spanOf(note.getLocation(), sources);
      if (place.valid() && !(place == error.span))
        error.label(place, note.str());
      else
        error.note(note.str());
    }
    return mlir::success();
  });
  mlir::PassManager passes(&ir->context);
  passes.addPass(autodiff::createAutodiffPass());
  if (mlir::failed(passes.run(*ir->module)) && !diagnostics.hasErrors())
    diagnostics.error(Code::InternalError, {}, "differentiation failed without saying why");
  ir->differentiated = !diagnostics.hasErrors();
  return ir->differentiated;
}

} // namespace dl::driver
