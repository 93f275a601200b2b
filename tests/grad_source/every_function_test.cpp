// The derivatives of every function of the library, the tests' programs and the examples: printed, compiled again, and
// held against the derivatives they were printed from, in both modes and, of scalar functions, in second order.
#include "compiler/dialect/builder.h"
#include "compiler/dialect/location.h"
#include "compiler/driver/compilation.h"
#include "compiler/driver/derivative.h"
#include "tests/grad_source/exceptions.h"
#include "tests/tools/call_runtime.h"

#include "llvm/ADT/StringExtras.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <set>

namespace dl::test {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = DL_SOURCE_FOLDER;

// A function by its file and line.
using Place = std::pair<std::string, int>;

// ------------------------------------------------------------------------------------------------------ arguments
// Sizes by the names that the declared types give them; a parameter that is a size has that value.
class Sizes {
public:
  Sizes(const Choice &choice, int64_t first) : first_(first), sizes_(choice.sizes) {}

  // Of a name, a number, or a product of such.
  int64_t of(llvm::StringRef size) {
    auto [first, rest] = size.split('*');
    if (!rest.empty())
      return of(first) * of(rest);
    int64_t number;
    if (!size.trim().getAsInteger(10, number))
      return number;
    return sizes_.try_emplace(size.trim().str(), first_ + int64_t(sizes_.size() % 3)).first->second;
  }

private:
  int64_t first_;
  std::map<std::string, int64_t> sizes_;
};

std::vector<std::string> sizesIn(llvm::StringRef type) {
  std::vector<std::string> names;
  llvm::SmallVector<llvm::StringRef> parts;
  type.split('[').second.split(']').first.split(parts, ',', -1, false);
  for (llvm::StringRef part : parts)
    names.push_back(part.trim().str());
  return names;
}

// Numbers between 0.1 and 0.9 that all differ; indices that fit everywhere; letters.
double element(mlir::Type elem, size_t argument, size_t i) {
  size_t k = argument * 7 + i * 5 + 3;
  if (llvm::isa<mlir::FloatType>(elem))
    return 0.1 + 0.8 * std::fmod(double(k) * 0.6180339887498949, 1.0);
  if (elem.isInteger(8))
    return double('a' + k % 26);
  return double(k % 2);
}

std::vector<Array> evaluate(mlir::ModuleOp module, llvm::StringRef function, const std::vector<Array> &arguments);

// For a function or a derivative of one; sizes that are not chosen are `first` and a little more.
std::vector<Array> argumentsFor(mlir::func::FuncOp function, const Choice &choice, int64_t first) {
  Sizes sizes(choice, first);
  std::vector<Array> arguments;
  // A reverse derivative takes what its function does, and then cotangents that look like the function's results.
  std::vector<Array> cotangents;
  unsigned own = function.getNumArguments();
  if (auto of = function->getAttrOfType<mlir::StringAttr>("dl.derivative_of"); of && function->hasAttr("dl.wrt")) {
    auto module = function->getParentOfType<mlir::ModuleOp>();
    auto primal = module.lookupSymbol<mlir::func::FuncOp>(of);
    own = primal.getNumArguments();
    if (own < function.getNumArguments()) {
      std::vector<Array> results = evaluate(module, primal.getName(), argumentsFor(primal, choice, first));
      for (auto [result, type] : llvm::zip_equal(results, primal.getResultTypes()))
        if (ir::isFloat(type))
          cotangents.push_back(result);
    }
  }
  for (auto [i, type] : llvm::enumerate(function.getArgumentTypes())) {
    if (i >= own) {
      Array &cotangent = cotangents[i - own];
      for (size_t k = 0; k < cotangent.data.size(); ++k)
        cotangent.data[k] = element(ir::elementOf(type), i, k);
      arguments.push_back(cotangent);
      continue;
    }
    auto declared = function.getArgAttrOfType<mlir::StringAttr>(i, "dl.type");
    auto name = function.getArgAttrOfType<mlir::StringAttr>(i, "dl.name");
    mlir::Type elem = ir::elementOf(type);
    if (auto chosen = choice.elements.find(name ? name.str() : ""); chosen != choice.elements.end()) {
      std::vector<int64_t> shape = ir::shapeOf(type).vec();
      for (int64_t &size : shape)
        size = mlir::ShapedType::isDynamic(size) ? int64_t(chosen->second.size()) : size;
      arguments.emplace_back(shape, chosen->second);
      continue;
    }
    if (ir::rankOf(type) == 0) {
      bool isSize = name && !llvm::isa<mlir::FloatType>(elem) && elem.getIntOrFloatBitWidth() > 8;
      arguments.push_back(Array(isSize ? double(sizes.of(name.str())) : element(elem, i, 0)));
      continue;
    }
    std::vector<std::string> names = declared ? sizesIn(declared.getValue()) : std::vector<std::string>();
    std::vector<int64_t> shape;
    int64_t count = 1;
    for (auto [d, size] : llvm::enumerate(ir::shapeOf(type))) {
      shape.push_back(!mlir::ShapedType::isDynamic(size) ? size : sizes.of(d < names.size() ? names[d] : "_"));
      count *= shape.back();
    }
    std::vector<double> data;
    for (int64_t k = 0; k < count; ++k)
      data.push_back(element(elem, i, size_t(k)));
    arguments.emplace_back(shape, data);
  }
  return arguments;
}

std::vector<Array> evaluate(mlir::ModuleOp module, llvm::StringRef function, const std::vector<Array> &arguments) {
  Interpreter interpreter(module);
  interpreter.limitOps(3'000'000);
  interpreter.defineOthers(callRuntime);
  for (const char *output : {"dl_rt_print", "dl_rt_write", "dl_rt_progress"})
    interpreter.define(output, [](mlir::Operation *, const std::vector<Array> &) -> std::vector<Array> { return {}; });
  seedRuntime(7);
  return interpreter.call(function, arguments);
}

// The first difference; nothing when there is none. The interpreter computes in doubles, but constants of f32 programs
// may have been computed in f32 on one side.
std::string difference(const std::vector<Array> &found, const std::vector<Array> &expected, double tolerance) {
  if (found.size() != expected.size())
    return std::to_string(found.size()) + " results, not " + std::to_string(expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    std::string place = "result " + std::to_string(i);
    if (found[i].shape != expected[i].shape)
      return place + " has another shape";
    for (size_t k = 0; k < found[i].data.size(); ++k) {
      double a = found[i].data[k], b = expected[i].data[k];
      if (a != b && !(std::isnan(a) && std::isnan(b)) && !(std::fabs(a - b) <= tolerance * (1 + std::fabs(b))))
        return place + ", element " + std::to_string(k) + ": " + std::to_string(a) + ", not " + std::to_string(b);
    }
  }
  return "";
}

// -------------------------------------------------------------------------------------------------------- programs
struct Printed {
  std::string text, name; // the program's text and what the last function in it is called
  std::vector<Array> arguments, results;
  double tolerance;
};

std::string complaints(const driver::Compilation &compilation) {
  std::string all;
  for (const Diagnostic &diagnostic : compilation.diagnostics.all())
    all += render(diagnostic, compilation.sources, false);
  return all;
}

// A script with the derivatives of its functions.
class Script {
public:
  explicit Script(const fs::path &path) : path_(path) {
    driver::Compilation compilation(settings_);
    if (!compilation.addFile(path.string()))
      return;
    text_ = compilation.sources.file(1).text;
    for (const ast::Stmt *stmt : compilation.syntax().stmts)
      if (stmt->kind == ast::StmtKind::Fn)
        functions_.push_back(ast::as<const ast::FnDecl>(stmt)->name);
  }

  const std::vector<std::string> &functions() const { return functions_; }
  const std::set<Place> &reached() const { return reached_; }

  // What forbids the derivatives of the function, nothing when there are some or none is defined.
  std::string differentiate(const std::string &function, const Choice &choice) {
    choice_ = choice;
    for (bool forAllSizes : {true, false}) {
      driver::Compilation compilation(settings_);
      bool known = compilation.addFile(path_.string()) && (!forAllSizes || compilation.askFor(function, "")) &&
                   compilation.check() && compilation.generate();
      if (!known && forAllSizes)
        continue;
      if (!known)
        return complaints(compilation);
      return differentiate(function, compilation);
    }
    return "";
  }

  // Whether all that was printed is a program that computes what the derivatives do.
  void check() {
    if (printed_.empty())
      return;
    std::string text = text_ + "\n";
    for (const Printed &each : printed_) {
      std::string exported = each.text;
      exported.insert(exported.rfind("\nfn ") + 1, "export ");
      text += "\n" + exported;
    }
    driver::Compilation again(settings_);
    bool compiles = again.addText(path_.string(), text) && again.check() && again.generate();
    ASSERT_TRUE(compiles) << complaints(again);
    mlir::ModuleOp module = again.lowering.module();
    lowerToRuntime(module);
    for (const Printed &each : printed_) {
      std::string fault;
      try {
        std::vector<Array> found = evaluate(module, again.lowering.functionNamed(each.name).getName(), each.arguments);
        fault = difference(found, each.results, each.tolerance);
      } catch (const InterpretError &error) {
        fault = error.what();
      }
      EXPECT_EQ(fault, "") << each.text;
    }
  }

private:
  std::string differentiate(const std::string &function, driver::Compilation &compilation) {
    mlir::func::FuncOp instance = compilation.lowering.functionNamed(function);
    if (!instance)
      return "its parameters have no types";
    std::vector<std::string> wrt;
    for (unsigned i = 0; i < instance.getNumArguments(); ++i)
      if (ir::isFloat(instance.getArgumentTypes()[i]) && !instance.getArgAttr(i, "dl.state"))
        wrt.push_back(instance.getArgAttrOfType<mlir::StringAttr>(i, "dl.name").str());
    if (wrt.empty() || llvm::none_of(instance.getResultTypes(), ir::isFloat))
      return "";
    compilation.lowering.keepOnly({function});
    for (auto each : compilation.lowering.module().getOps<mlir::func::FuncOp>())
      if (std::optional<ir::SourcePlace> place = ir::decodeLocation(each.getLoc()))
        reached_.emplace(place->file, place->line);
    bool isScalar = instance.getNumResults() == 1 && ir::rankOf(instance.getResultTypes()[0]) == 0;
    bool isDouble = llvm::none_of(instance.getArgumentTypes(),
                                  [](mlir::Type type) { return ir::isFloat(type) && !ir::elementOf(type).isF64(); });
    struct Mode {
      bool forward;
      int order;
    };
    for (Mode mode : {Mode{false, 1}, Mode{true, 1}, Mode{false, 2}}) {
      if (mode.order == 2 && !isScalar)
        continue;
      std::optional<std::string> text = driver::printDerivative(
          compilation.lowering, {function, wrt, mode.forward, mode.order}, compilation.diagnostics, "nothing");
      if (!text)
        return complaints(compilation);
      size_t begin = text->rfind("\nfn ") + 4;
      Printed printed{*text, text->substr(begin, text->find('(', begin) - begin), {}, {}, isDouble ? 1e-9 : 1e-4};
      mlir::OwningOpRef<mlir::ModuleOp> module(compilation.lowering.module().clone());
      lowerToRuntime(*module);
      // Small sizes unless the function asks for more.
      std::string fault = "?";
      for (int64_t first : {2, 13}) {
        if (fault.empty())
          break;
        try {
          printed.arguments = argumentsFor(module->lookupSymbol<mlir::func::FuncOp>(printed.name), choice_, first);
          printed.results = evaluate(*module, printed.name, printed.arguments);
          fault.clear();
        } catch (const InterpretError &error) {
          fault = error.what();
        }
      }
      if (!fault.empty())
        return "it fails for the arguments: " + fault;
      printed_.push_back(std::move(printed));
    }
    return "";
  }

  driver::Settings settings_;
  fs::path path_;
  std::string text_;
  std::vector<std::string> functions_;
  std::vector<Printed> printed_;
  std::set<Place> reached_;
  Choice choice_; // for the function that is differentiated
};

std::vector<fs::path> programsIn(const std::string &folder) {
  std::vector<fs::path> programs;
  for (const fs::directory_entry &entry : fs::directory_iterator(kSource / folder))
    if (entry.path().extension() == ".dl")
      programs.push_back(entry.path());
  std::sort(programs.begin(), programs.end());
  return programs;
}

// Differentiates all functions of the programs in a folder; the library's functions that they reach.
std::set<Place> differentiateAll(const std::string &folder) {
  std::set<Place> reached;
  for (const fs::path &path : programsIn(folder)) {
    Script script(path);
    for (const std::string &function : script.functions()) {
      std::string name = folder + "/" + path.filename().string() + ":" + function;
      std::string fault = script.differentiate(function, choiceFor(name)), reason = exceptionOf(name);
      if (reason.empty())
        EXPECT_EQ(fault, "") << name;
      else
        EXPECT_NE(fault.find(reason), std::string::npos) << name << ": " << fault;
    }
    SCOPED_TRACE(path);
    script.check();
    reached.insert(script.reached().begin(), script.reached().end());
  }
  return reached;
}

// ------------------------------------------------------------------------------------------------------ the library
// Types of values that have no derivative.
bool isDiscrete(const ast::TypeExpr *type) {
  return type && (type->kind == ast::TypeKind::Named || type->kind == ast::TypeKind::Tensor) &&
         llvm::is_contained({"int", "i64", "i32", "u8", "bool", "str"}, type->name);
}

struct Declared {
  std::string name; // `nn.Linear.forward`
  Place place;
};

void addFunction(const ast::FnDecl *fn, const std::string &name, const SourceManager &sources,
                 std::vector<Declared> &declared) {
  bool takesNumbers = llvm::any_of(fn->params, [](const ast::Param &param) { return !isDiscrete(param.type); });
  bool isMethod = llvm::StringRef(name).count('.') > 1;
  if (fn->isExtern || (!takesNumbers && !isMethod) || isDiscrete(fn->result))
    return;
  int line = sources.lineColumn(fn->nameSpan.file, fn->nameSpan.begin).line;
  declared.push_back({name, {sources.file(fn->nameSpan.file).path, line}});
}

// What of a file of the library takes something that may have a derivative and gives something that may.
std::vector<Declared> functionsOf(const fs::path &path) {
  driver::Compilation compilation({});
  std::vector<Declared> declared;
  EXPECT_TRUE(compilation.addFile(path.string())) << complaints(compilation);
  std::string module = path.stem().string();
  for (const ast::Stmt *stmt : compilation.syntax().stmts) {
    if (stmt->kind == ast::StmtKind::Fn) {
      auto *fn = ast::as<const ast::FnDecl>(stmt);
      addFunction(fn, module + "." + fn->name, compilation.sources, declared);
    } else if (stmt->kind == ast::StmtKind::Module) {
      auto *type = ast::as<const ast::ModuleDecl>(stmt);
      for (const ast::MemberDecl &member : type->members)
        if (member.kind == ast::MemberDecl::Fn)
          addFunction(member.fn, module + "." + type->name + "." + member.fn->name, compilation.sources, declared);
    }
  }
  return declared;
}

TEST(EveryFunction, OfTheLibrary) {
  std::set<Place> reached = differentiateAll("tests/grad_source/library");
  for (const fs::path &path : programsIn("stdlib"))
    for (const Declared &function : functionsOf(path)) {
      bool isReached = reached.count(function.place);
      std::string reason = exceptionOf(function.name);
      EXPECT_EQ(isReached, reason.empty())
          << function.name
          << (isReached ? " has a derivative that is tested, and a row among the exceptions"
                        : " is differentiated by no program in tests/grad_source/library");
    }
}

TEST(EveryFunction, OfTheTests) {
  for (const char *folder : {"tests/lang", "tests/lang/modules"})
    differentiateAll(folder);
}

TEST(EveryFunction, OfTheExamples) {
  for (const char *folder : {"examples", "examples/adbench", "examples/embed_c"})
    differentiateAll(folder);
}

} // namespace
} // namespace dl::test
