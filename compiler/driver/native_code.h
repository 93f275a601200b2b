// Object code in the memory of this process, bound to the runtime.
#pragma once

#include "dl/abi.h"

#include <memory>
#include <string>

namespace dl::driver {

// The entry points of a compiled program besides its exported functions.
inline const std::string mainEntry = "dl_main";
inline std::string testEntry(size_t index) { return "dl_test_" + std::to_string(index); }
inline std::string exportEntry(const std::string &name) { return "dl_fn_" + name; }

class NativeCode {
public:
  // Null with a `problem` when the object cannot be linked.
  static std::unique_ptr<NativeCode> load(std::string object, std::string &problem);
  ~NativeCode();

  // Null when there is no such entry point.
  dl_function find(const std::string &symbol) const;

private:
  struct Jit;
  explicit NativeCode(std::unique_ptr<Jit> jit);
  std::unique_ptr<Jit> jit;
};

} // namespace dl::driver
