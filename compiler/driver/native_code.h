// Object code in the memory of this process, bound to the runtime.
#pragma once

#include "dl/abi.h"

#include <memory>
#include <string>

namespace dl::driver {

// The symbols of a compiled program's entry points. A `$` cannot be part of an exported function's name.
inline const std::string mainEntry = "dl_fn_$main";
inline std::string testEntry(size_t index) { return "dl_fn_$test" + std::to_string(index); }
inline std::string exportEntry(const std::string &name) { return "dl_fn_" + name; }

class NativeCode {
public:
  // Null with a `problem` when the object cannot be linked.
  static std::unique_ptr<NativeCode> load(std::string object, std::string &problem);
  ~NativeCode();

  // The entry point with this symbol; null with a `problem` when it is not there or refers to what is not there.
  dl_function find(const std::string &symbol, std::string &problem) const;

private:
  struct Jit;
  explicit NativeCode(std::unique_ptr<Jit> jit);
  std::unique_ptr<Jit> jit;
};

} // namespace dl::driver
