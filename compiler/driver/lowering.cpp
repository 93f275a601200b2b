#include "compiler/driver/lowering.h"

#include "compiler/driver/files.h"

#include "compiler/autodiff/anomaly.h"
#include "compiler/autodiff/autodiff.h"
#include "compiler/autodiff/print_source.h"
#include "compiler/backend/backend.h"
#include "compiler/backend/pipeline.h"
#include "compiler/dialect/location.h"
#include "compiler/driver/native_code.h"
#include "compiler/driver/source_comments.h"
#include "compiler/driver/timing.h"
#include "compiler/irgen/irgen.h"
#include "compiler/irgen/spans.h"
#include "compiler/syntax/parse.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/SetVector.h"

namespace dl::driver {
namespace {

passes::IsLibrary inLibrary() {
  return [folder = stdlibFolder().string() + "/"](const std::string &file) { return file.starts_with(folder); };
}

Span userSpan(mlir::Location location, const SourceManager &sources) {
  return irgen::spanOf(ir::userLocation(location, inLibrary()), sources);
}

// While it lives, errors of MLIR become diagnostics with this code, at the user's place where there is one.
class Collector {
public:
  Collector(mlir::MLIRContext *context, Diagnostics &diagnostics, Code code)
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

private:
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace

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
  Collector collector(ir->context.get(), diagnostics, Code::NotDifferentiable);
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

// An instance of the user's function; the one for all sizes if there is one.
mlir::func::FuncOp Lowering::functionNamed(const std::string &name) {
  mlir::func::FuncOp found;
  for (auto function : ir->module->getOps<mlir::func::FuncOp>())
    if (auto title = function->getAttrOfType<mlir::StringAttr>("dl.title"); title && title.getValue() == name)
      if (!found || function->hasAttr(passes::kExport))
        found = function;
  return found;
}

bool Lowering::keepOnly(const std::string &name) {
  mlir::func::FuncOp wanted = name == "main" ? ir->module->lookupSymbol<mlir::func::FuncOp>(name) : functionNamed(name);
  if (!wanted)
    return false;
  llvm::SetVector<mlir::Operation *> kept;
  kept.insert(wanted);
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

// As `dl fmt` lays it out.
static std::string laidOut(const std::string &text) {
  SourceManager sources;
  Diagnostics diagnostics(sources);
  ast::AstContext asts;
  ast::File file = parse(sources.add("derivative.dl", text), sources, asts, diagnostics);
  return diagnostics.hasErrors() ? text : format(file, sources);
}

// The doc comment above a derivative.
static std::string describe(const std::string &name, const std::vector<std::string> &parameters,
                            const std::vector<int> &wrt, bool forward, int order) {
  std::string by;
  for (int number : wrt)
    by += (by.empty() ? "`" : ", `") + parameters[number] + "`";
  std::string text = "## `" + name + "` and its derivative with respect to " + by;
  if (order > 1)
    text += ", of order " + std::to_string(order);
  return text + (forward ? ", along given directions (forward mode).\n" : ".\n");
}

std::optional<std::string> Lowering::derivative(const std::string &name, const std::vector<int> &wrt, bool forward,
                                                int order, const std::string &help) {
  mlir::func::FuncOp found = functionNamed(name);
  if (!found) {
    diagnostics.error(Code::UnknownName, {}, "there is no function `" + name + "` whose parameter types are known")
        .withHelp(help);
    return std::nullopt;
  }
  // A parameter may be several values: they carry its name, and a path after a dot.
  std::vector<std::string> parameters;
  std::vector<std::vector<int64_t>> positions;
  for (unsigned i = 0; i < found.getNumArguments(); ++i) {
    auto attribute = found.getArgAttrOfType<mlir::StringAttr>(i, "dl.name");
    std::string full = attribute ? attribute.str() : std::to_string(i);
    std::string parameter = full.substr(0, full.find('.'));
    if (parameters.empty() || parameters.back() != parameter) {
      parameters.push_back(parameter);
      positions.emplace_back();
    }
    if (mlir::isa<mlir::FloatType>(mlir::getElementTypeOrSelf(found.getArgumentTypes()[i])))
      positions.back().push_back(i);
  }
  std::vector<int64_t> flat;
  for (int number : wrt) {
    if (number < 0 || static_cast<size_t>(number) >= positions.size() || positions[number].empty()) {
      diagnostics.error(Code::BadGradient, irgen::spanOf(found.getLoc(), sources),
                        "`" + name + "` has no parameter " + std::to_string(number) + " that can be differentiated");
      return std::nullopt;
    }
    flat.insert(flat.end(), positions[number].begin(), positions[number].end());
  }
  // The derivative is named after the function: that one gets its name to itself.
  mlir::SymbolTable symbols(*ir->module);
  if (found.getName() != name) {
    if (mlir::Operation *other = symbols.lookup(name))
      (void)symbols.rename(other, name + "$other");
    (void)symbols.rename(found, name);
  }
  Collector collector(ir->context.get(), diagnostics, Code::NotDifferentiable);
  // Of a derivative, everything that it gives is differentiated by the same parameters again.
  mlir::FailureOr<mlir::func::FuncOp> gradient = found;
  for (int i = 0; i < order && mlir::succeeded(gradient); ++i)
    gradient = autodiff::makeGradient(*ir->module, gradient->getName(), flat, forward);
  if (mlir::succeeded(gradient)) {
    SourceComments comments(sources);
    mlir::FailureOr<std::string> text = autodiff::printSource(
        *gradient, [&](mlir::Location location) { return comments.at(userSpan(location, sources)); },
        describe(name, parameters, wrt, forward, order));
    if (mlir::succeeded(text))
      return laidOut(*text);
  }
  if (!diagnostics.hasErrors())
    diagnostics.error(Code::InternalError, {}, "the derivative could not be printed");
  return std::nullopt;
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
    text += place + "  " + value.function + "  " + type + "  " +
            (value.bytes < 0 ? "size known when run" : std::to_string(value.bytes) + " bytes") + "  " + line.str() +
            "\n";
    known += std::max<int64_t>(value.bytes, 0);
  }
  return text + std::to_string(kept.size()) + (kept.size() == 1 ? " value, " : " values, ") + std::to_string(known) +
         " bytes of known size\n";
}

} // namespace dl::driver
