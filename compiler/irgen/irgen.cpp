// The module: declarations first, then bodies, then the verifier.
#include "compiler/irgen/irgen.h"

#include "compiler/irgen/call_text.h"

#include "compiler/dialect/Dl.h"
#include "compiler/irgen/generator.h"
#include "compiler/irgen/spans.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringSet.h"

#include <map>

namespace dl::irgen {

namespace {

// A function to generate and what it is for.
struct Entry {
  const sema::Function *function;
  const sema::TestCase *test = nullptr;
  bool isMain = false;
};

std::vector<Entry> entriesOf(const sema::Program &program) {
  std::vector<Entry> entries;
  llvm::DenseMap<const sema::Function *, size_t> seen;
  auto entry = [&](const sema::Function *function) -> Entry & {
    auto [it, isNew] = seen.try_emplace(function, entries.size());
    if (isNew)
      entries.push_back({function});
    return entries[it->second];
  };
  for (const sema::Function *function : program.functions)
    entry(function);
  for (const sema::TestCase &test : program.tests)
    entry(test.function).test = &test;
  if (program.main)
    entry(program.main).isMain = true;
  for (size_t i = 0; i < entries.size(); ++i)
    for (const sema::Function *rule : {entries[i].function->derivative, entries[i].function->forwardDerivative})
      if (rule)
        entry(rule);
  return entries;
}

// The types of one declaration as text. Sizes that share a name without being one get names of their own.
class DeclaredTypes {
public:
  // The parameters have the first choice of names.
  explicit DeclaredTypes(const sema::Function &function) {
    for (const sema::Variable *param : function.params)
      sema::forEachDim(param->type, [&](const sema::Dim &dim) { name(dim); });
  }

  std::string of(const sema::Type &type) {
    return sema::str(sema::mapDims(type, [&](const sema::Dim &dim) {
      name(dim);
      return dim.substitute([&](uint32_t symbol) -> std::optional<sema::Dim> {
        auto it = renamed_.find(symbol);
        return it == renamed_.end() ? std::nullopt : std::optional(it->second);
      });
    }));
  }

private:
  void name(const sema::Dim &dim) {
    for (const sema::Dim::Term &term : dim.terms())
      for (const sema::Dim::Atom &atom : term.atoms) {
        if (atom.kind != sema::Dim::AtomKind::Symbol) {
          name(*atom.lhs);
          name(*atom.rhs);
          continue;
        }
        bool isOpen = atom.name == sema::Dim::open().symbolName(); // another each time
        if (isOpen || !seen_.insert(atom.symbol).second || taken_.insert(atom.name).second)
          continue;
        std::string own = atom.name;
        for (int i = 2; !taken_.insert(own).second; ++i)
          own = atom.name + std::to_string(i);
        renamed_.insert({atom.symbol, sema::Dim::fresh(own)});
      }
  }

  llvm::DenseSet<uint32_t> seen_;
  llvm::StringSet<> taken_;
  std::map<uint32_t, sema::Dim> renamed_;
};

mlir::func::FuncOp declare(const Entry &entry, const std::string &symbol, mlir::OpBuilder &builder,
                           const SourceManager &sources) {
  const sema::Function &function = *entry.function;
  mlir::MLIRContext *context = builder.getContext();
  Types inputs, results;
  llvm::SmallVector<mlir::DictionaryAttr> argAttrs, resultAttrs;
  DeclaredTypes types(function);
  auto typeAttr = [&](const Leaf &leaf) {
    return builder.getNamedAttr("dl.type", builder.getStringAttr(types.of(leaf.type)));
  };
  for (const Leaf &leaf : leavesOf(function.result)) {
    results.push_back(leafType(leaf.type, context));
    resultAttrs.push_back(builder.getDictionaryAttr(typeAttr(leaf)));
  }
  for (size_t i = 0; i < function.params.size(); ++i) {
    const sema::Variable &param = *function.params[i];
    for (const Leaf &leaf : leavesOf(param.type)) {
      mlir::Type type = leafType(leaf.type, context);
      inputs.push_back(type);
      if (i < function.isMut.size() && function.isMut[i]) {
        results.push_back(type);
        resultAttrs.push_back(builder.getDictionaryAttr(typeAttr(leaf)));
      }
      llvm::SmallVector<mlir::NamedAttribute> attributes{
          builder.getNamedAttr("dl.name", builder.getStringAttr(param.name + leaf.path)), typeAttr(leaf)};
      if (leaf.isState)
        attributes.push_back(builder.getNamedAttr("dl.state", builder.getUnitAttr()));
      argAttrs.push_back(builder.getDictionaryAttr(attributes));
    }
  }
  auto op = builder.create<mlir::func::FuncOp>(makeLocation(context, function.span, sources), symbol,
                                               builder.getFunctionType(inputs, results));
  op.setAllArgAttrs(argAttrs);
  op.setAllResultAttrs(resultAttrs);
  op->setAttr("dl.title", builder.getStringAttr(function.name));
  if (std::optional<std::string> arguments = argumentsText(function))
    op->setAttr("dl.arguments", builder.getStringAttr(*arguments));
  if (std::optional<std::string> pattern = resultPattern(function))
    op->setAttr("dl.pattern", builder.getStringAttr(*pattern));
  llvm::SmallVector<llvm::StringRef> names;
  for (const sema::Function::Declared &parameter : function.declared)
    names.push_back(parameter.name);
  op->setAttr("dl.parameters", builder.getStrArrayAttr(names));
  if (function.isCheckpoint)
    op->setAttr("dl.checkpoint", builder.getUnitAttr());
  if (function.isExport)
    op->setAttr("dl.export", builder.getUnitAttr());
  if (entry.test)
    op->setAttr("dl.test", builder.getStringAttr(entry.test->name));
  if (!function.isExport && !entry.test && !entry.isMain)
    op.setPrivate();
  return op;
}

// A name that is not taken; `main` belongs to the script itself.
std::string uniqueSymbol(const Entry &entry, llvm::StringSet<> &taken) {
  std::string base = entry.isMain ? "main" : entry.function->symbol.empty() ? "function" : entry.function->symbol;
  std::string name = base;
  for (int i = 2; !taken.insert(name).second; ++i)
    name = base + "$" + std::to_string(i);
  return name;
}

} // namespace

mlir::OwningOpRef<mlir::ModuleOp> generate(const sema::Program &program, const SourceManager &sources,
                                           mlir::MLIRContext &context, Diagnostics &diagnostics) {
  context.loadDialect<ir::DlDialect, mlir::func::FuncDialect, mlir::arith::ArithDialect, mlir::math::MathDialect,
                      mlir::scf::SCFDialect, mlir::tensor::TensorDialect>();
  size_t errorsBefore = diagnostics.errorCount();
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error)
      diagnostics.error(Code::InternalError, spanOf(diagnostic.getLocation(), sources), diagnostic.str());
    return mlir::success();
  });

  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  mlir::OpBuilder builder = mlir::OpBuilder::atBlockEnd(module->getBody());
  ModuleContext shared(sources, diagnostics);
  for (const ops::Row &row : ops::table()) {
    std::string_view signature = row.builtin.signature;
    shared.rows[llvm::StringRef(signature).take_until([](char c) { return c == '('; }).trim()] = &row;
  }

  std::vector<Entry> entries = entriesOf(program);
  llvm::StringSet<> taken;
  std::vector<std::string> symbols(entries.size());
  for (bool mains : {true, false}) // the script's own name first
    for (size_t i = 0; i < entries.size(); ++i)
      if (entries[i].isMain == mains)
        symbols[i] = uniqueSymbol(entries[i], taken);
  for (size_t i = 0; i < entries.size(); ++i)
    shared.functions[entries[i].function] = declare(entries[i], symbols[i], builder, sources);
  for (const Entry &entry : entries) {
    mlir::func::FuncOp function = shared.functions[entry.function];
    auto attach = [&](const sema::Function *rule, llvm::StringRef attribute) {
      if (!rule)
        return;
      function->setAttr(attribute, mlir::FlatSymbolRefAttr::get(shared.functions[rule].getSymNameAttr()));
      function->setAttr("dl.derivative_by", builder.getDenseI64ArrayAttr(entry.function->derivativeBy));
    };
    attach(entry.function->derivative, "dl.derivative");
    attach(entry.function->forwardDerivative, "dl.forward_derivative");
  }
  for (const Entry &entry : entries)
    FunctionGenerator(shared, *entry.function, /*pollsForLoops=*/entry.isMain || entry.test).run();

  if (diagnostics.errorCount() != errorsBefore)
    return nullptr;
  if (mlir::failed(mlir::verify(*module))) {
    if (diagnostics.errorCount() == errorsBefore)
      diagnostics.error(Code::InternalError, {}, "the generated code is not valid");
    return nullptr;
  }
  return module;
}

} // namespace dl::irgen
