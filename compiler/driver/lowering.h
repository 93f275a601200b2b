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
namespace mlir::func {
class FuncOp;
}

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
  // Drops what this function does not need; `main` is the script. False when there is no such function.
  bool keepOnly(const std::string &name);
  // A derivative as dl source: of the function `name` with respect to the parameters with the numbers `wrt`, of the
  // given order, in forward or reverse mode. `help` says what to do when no instance of it is known.
  std::optional<std::string> derivative(const std::string &name, const std::vector<int> &wrt, bool forward, int order,
                                        const std::string &help);
  // What reverse passes keep, one line a value.
  std::optional<std::string> keptForReverse();

private:
  struct Ir;
  mlir::func::FuncOp functionNamed(const std::string &name);
  void chooseEntries(Entries entries);
  backend::CompileOptions backendOptions() const;

  const SourceManager &sources;
  Diagnostics &diagnostics;
  Settings settings;
  std::unique_ptr<Ir> ir;
};

} // namespace dl::driver
