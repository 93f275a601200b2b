// The way of a program, in one place: text -> syntax tree -> typed tree -> dl dialect -> derivatives -> object code.
// Every command and the host interface go this way; each step needs the one before it and says what is wrong in
// `diagnostics`.
#pragma once

#include "compiler/driver/files.h"
#include "compiler/driver/settings.h"
#include "compiler/sema/typed.h"
#include "compiler/syntax/ast.h"
#include "compiler/syntax/diagnostics.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mlir {
class ModuleOp;
}

namespace dl::autodiff {
struct KeptValue;
}
namespace dl::backend {
struct CompileOptions;
}

namespace dl::driver {

// What of the program becomes native code.
enum class Entries {
  Script, // its statements
  Tests,  // its test blocks
  Exports // its `export` functions, and its statements for hosts that run them
};

class Compilation {
public:
  explicit Compilation(const Settings &settings);
  ~Compilation();
  Compilation(const Compilation &) = delete;
  Compilation &operator=(const Compilation &) = delete;

  // Reads and parses the script. `.mlir` files enter as the dl dialect instead, and then check() has nothing to do.
  bool addFile(const std::string &path);
  // The same for a text in memory; `path` is what messages call it and where imports are looked for.
  bool addText(const std::string &path, std::string text);
  bool check();
  // To the dl dialect.
  bool generate();
  // Expands the derivatives; generates first where that has not been done.
  bool differentiate();
  // All the way: a relocatable object with the entry points named in native_code.h. Nothing after an error.
  std::optional<std::string> object(Entries entries);
  // The program in one of the forms of `dl compile --emit`. Nothing after an error.
  std::optional<std::string> emit(const std::string &stage);
  // A derivative as dl source: of the function `name` with respect to the parameters with the numbers `wrt`.
  std::optional<std::string> derivative(const std::string &name, const std::vector<int> &wrt);
  // What reverse passes keep, one line a value.
  std::optional<std::string> keptForReverse();

  const ast::File &file() const { return tree; }
  // Null for a program that entered as MLIR.
  const sema::Program *program() const { return typed.get(); }
  // Precondition: generate().
  mlir::ModuleOp module();
  // Files that were looked at for imports.
  const std::vector<Dependency> &dependencies() const { return imports.dependencies(); }

  SourceManager sources;
  ast::AstContext asts;
  Diagnostics diagnostics{sources};

private:
  struct Ir;
  bool parseModule(const std::string &path, std::string text);
  bool expandDerivatives(std::vector<autodiff::KeptValue> *kept);
  void chooseEntries(Entries entries);
  backend::CompileOptions backendOptions() const;

  Settings settings;
  ImportFinder imports;
  ast::File tree;
  std::unique_ptr<sema::Program> typed;
  std::unique_ptr<Ir> ir;
};

} // namespace dl::driver
