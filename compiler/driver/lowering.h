// The second half of the way of a program: typed tree -> dl dialect -> derivatives -> object code.
#pragma once

#include "compiler/driver/settings.h"
#include "compiler/sema/typed.h"
#include "compiler/syntax/diagnostics.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dl::autodiff {
struct KeptValue;
}
namespace dl::backend {
struct CompileOptions;
}
namespace mlir {
class ModuleOp;
namespace func {
class FuncOp;
}
} // namespace mlir

namespace dl::driver {

// What of the program becomes native code.
enum class Entries {
  Script, // its statements
  Tests,  // its test blocks
  Exports // its `export` functions, and its statements for hosts that run them
};

// One program. generate() or parse() comes first; every step says what is wrong in the diagnostics.
class Lowering {
public:
  Lowering(const SourceManager &sources, Diagnostics &diagnostics, const Settings &settings);
  ~Lowering();
  Lowering(const Lowering &) = delete;
  Lowering &operator=(const Lowering &) = delete;

  // To the dl dialect.
  bool generate(const sema::Program &program);
  // From the text of the dl dialect in a file.
  bool parse(uint32_t file);
  // Expands the derivatives. `kept` receives what reverse passes keep.
  bool differentiate(std::vector<autodiff::KeptValue> *kept = nullptr);

  // All the way: a relocatable object with the entry points named in native_code.h. Nothing after an error.
  std::optional<std::string> object(Entries entries);
  // The program in one of the forms of `dl compile --emit` from the dialect on. Nothing after an error.
  std::optional<std::string> emit(const std::string &stage);
  // The program in the dl dialect.
  mlir::ModuleOp module() const;
  // An instance of the user's function; the one for all sizes if there is one.
  mlir::func::FuncOp functionNamed(const std::string &name) const;
  // Drops what these functions do not need; `main` is the script. False when there is none of one of the names.
  bool keepOnly(const std::vector<std::string> &names);
  // What reverse passes keep, one line a value.
  std::optional<std::string> keptForReverse();

private:
  struct Ir;
  void chooseEntries(Entries entries);
  backend::CompileOptions backendOptions() const;

  const SourceManager &sources;
  Diagnostics &diagnostics;
  Settings settings;
  std::unique_ptr<Ir> ir;
};

} // namespace dl::driver
