#include "compiler/driver/lowering.h"

#include "compiler/driver/mlir_errors.h"

#include "compiler/autodiff/anomaly.h"
#include "compiler/autodiff/autodiff.h"
#include "compiler/backend/backend.h"
#include "compiler/backend/pipeline.h"
#include "compiler/dialect/location.h"
#include "compiler/driver/native_code.h"
#include "compiler/driver/timing.h"
#include "compiler/irgen/irgen.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/SetVector.h"

namespace dl::driver {

struct Lowering::Ir {
  std::unique_ptr<mlir::MLIRContext> context = backend::createContext();
  mlir::OwningOpRef<mlir::ModuleOp> module;
  bool differentiated = false;
};

Lowering::Lowering(const SourceManager &sources, Diagnostics &diagnostics, const Settings &settings)
    : sources(sources), diagnostics(diagnostics), settings(settings) {}
Lowering::~Lowering() = default;

bool Lowering::parse(uint32_t file) {
  ir = std::make_unique<Ir>();
  mlir::ScopedDiagnosticHandler handler(ir->context.get(), [&](mlir::Diagnostic &diagnostic) {
    Span span;
    if (auto place = mlir::dyn_cast<mlir::FileLineColLoc>(diagnostic.getLocation());
        place && place.getLine() >= 1 && place.getLine() <= sources.file(file).lineStarts.size()) {
      uint32_t at = sources.file(file).lineStarts[place.getLine() - 1] + place.getColumn() - 1;
      span = {file, at, at + 1};
    }
    // One error: what the parser says after it is a consequence.
    if (!diagnostics.hasErrors())
      diagnostics.error(Code::SyntaxError, span, "this is no program in the dl dialect: " + diagnostic.str())
          .withHelp("`dl compile --emit=dl` prints programs that can be read back");
    return mlir::success();
  });
  ir->module =
      mlir::parseSourceString<mlir::ModuleOp>(sources.file(file).text, ir->context.get(), sources.file(file).path);
  if (!ir->module && !diagnostics.hasErrors())
    diagnostics.error(Code::SyntaxError, {}, sources.file(file).path + " is not MLIR");
  return !diagnostics.hasErrors();
}

bool Lowering::generate(const sema::Program &program) {
  Timer timer(settings.timePasses, "generate");
  ir = std::make_unique<Ir>();
  ir->module = irgen::generate(program, sources, *ir->context, diagnostics);
  return ir->module && !diagnostics.hasErrors();
}

bool Lowering::differentiate(std::vector<autodiff::KeptValue> *kept) {
  if (ir->differentiated)
    return true;
  Timer timer(settings.timePasses, "differentiate");
  MlirErrors errors(ir->context.get(), diagnostics, Code::NotDifferentiable);
  mlir::PassManager passes(ir->context.get());
  passes.addPass(autodiff::createAutodiffPass(kept, /*run=*/true));
  if (settings.detectAnomaly)
    passes.addPass(autodiff::createAnomalyPass());
  if (mlir::failed(passes.run(*ir->module)) && !diagnostics.hasErrors())
    diagnostics.error(Code::InternalError, {}, "differentiation failed without saying why");
  ir->differentiated = !diagnostics.hasErrors();
  return ir->differentiated;
}

void Lowering::chooseEntries(Entries entries) {
  mlir::Builder builder(ir->context.get());
  size_t tests = 0;
  for (auto function : ir->module->getOps<mlir::func::FuncOp>()) {
    if (function.isExternal())
      continue;
    std::string entry;
    if (function.getName() == "main") {
      if (entries != Entries::Tests)
        entry = mainEntry;
    } else if (function->hasAttr("dl.test")) {
      std::string name = testEntry(tests++);
      if (entries == Entries::Tests)
        entry = name;
    } else if (function->hasAttr(passes::kExport) && entries == Entries::Exports) {
      auto title = function->getAttrOfType<mlir::StringAttr>("dl.title");
      entry = exportEntry(title ? title.str() : function.getName().str());
    }
    if (entry.empty()) {
      function->removeAttr(passes::kExport);
      function.setPrivate();
    } else {
      function->setAttr(passes::kExport, builder.getUnitAttr());
      function->setAttr(passes::kEntryName, builder.getStringAttr(entry));
      function.setPublic();
    }
  }
}

backend::CompileOptions Lowering::backendOptions() const {
  backend::CompileOptions options;
  options.optLevel = settings.optimise ? 2 : 0;
  options.fuse = settings.fuse;
  options.threads = settings.parallel;
  options.timePasses = settings.timePasses;
  options.lineText = [this](const std::string &file, int32_t line) {
    for (uint32_t id = 1; id <= sources.size(); ++id)
      if (sources.file(id).path == file)
        return std::string(sources.lineText(id, line));
    return std::string();
  };
  options.isLibrary = inLibrary();
  return options;
}

std::optional<std::string> Lowering::object(Entries entries) {
  if (!differentiate())
    return std::nullopt;
  chooseEntries(entries);
  llvm::Expected<backend::ObjectBuffer> object = backend::compileToObject(*ir->module, backendOptions());
  if (!object) {
    diagnostics.error(Code::InternalError, {}, llvm::toString(object.takeError()));
    return std::nullopt;
  }
  return (*object)->getBuffer().str();
}

std::optional<std::string> Lowering::emit(const std::string &stage) {
  if (stage != "dl" && !differentiate())
    return std::nullopt;
  if (stage != "dl" && stage != "grad")
    chooseEntries(Entries::Exports);
  llvm::Expected<std::string> text = backend::emitText(*ir->module, stage, backendOptions());
  if (!text) {
    diagnostics.error(Code::InternalError, {}, llvm::toString(text.takeError()));
    return std::nullopt;
  }
  return *text;
}

mlir::ModuleOp Lowering::module() const { return *ir->module; }

mlir::func::FuncOp Lowering::functionNamed(const std::string &name) const {
  mlir::func::FuncOp found;
  passes::IsLibrary isLibrary = inLibrary();
  // The library and imported files may have a function of the same name.
  auto rank = [&](mlir::func::FuncOp function) {
    std::optional<ir::SourcePlace> place = ir::decodeLocation(function.getLoc());
    int nearness = !place || isLibrary(place->file) ? 0 : place->file != sources.file(1).path ? 1 : 2;
    return function->hasAttr(passes::kExport) ? 3 : nearness;
  };
  for (auto function : ir->module->getOps<mlir::func::FuncOp>())
    if (auto title = function->getAttrOfType<mlir::StringAttr>("dl.title"); title && title.getValue() == name)
      if (!found || rank(function) > rank(found))
        found = function;
  return found;
}

bool Lowering::keepOnly(const std::vector<std::string> &names) {
  llvm::SetVector<mlir::Operation *> kept;
  for (const std::string &name : names) {
    mlir::func::FuncOp wanted =
        name == "main" ? ir->module->lookupSymbol<mlir::func::FuncOp>(name) : functionNamed(name);
    if (!wanted)
      return false;
    kept.insert(wanted);
  }
  for (size_t i = 0; i < kept.size(); ++i)
    if (auto uses = mlir::SymbolTable::getSymbolUses(kept[i]))
      for (const mlir::SymbolTable::SymbolUse &use : *uses)
        if (mlir::Operation *callee = mlir::SymbolTable::lookupSymbolIn(*ir->module, use.getSymbolRef()))
          kept.insert(callee);
  for (mlir::Operation &operation : llvm::make_early_inc_range(*ir->module->getBody()))
    if (!kept.contains(&operation))
      operation.erase();
  return true;
}

std::optional<std::string> Lowering::keptForReverse() {
  std::vector<autodiff::KeptValue> kept;
  if (!differentiate(&kept))
    return std::nullopt;
  std::string text;
  int64_t known = 0;
  for (const autodiff::KeptValue &value : kept) {
    Span span = userSpan(value.location, sources);
    std::string place = "?";
    llvm::StringRef line;
    if (span.valid()) {
      int number = sources.lineColumn(span.file, span.begin).line;
      place = sources.file(span.file).path + ":" + std::to_string(number);
      line = llvm::StringRef(sources.lineText(span.file, number)).trim();
    }
    std::string type;
    llvm::raw_string_ostream(type) << value.type;
    text += place + "  " + value.function + "  " + value.name + "  " + type + "  " +
            (value.bytes < 0 ? "size known when run" : std::to_string(value.bytes) + " bytes") + "  " + line.str() +
            "\n";
    known += std::max<int64_t>(value.bytes, 0);
  }
  return text + std::to_string(kept.size()) + (kept.size() == 1 ? " value, " : " values, ") + std::to_string(known) +
         " bytes of known size\n";
}

} // namespace dl::driver
