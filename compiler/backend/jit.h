// Running object code in this process.
#pragma once

#include "dl/abi.h"

#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"

#include <memory>
#include <string>

namespace dl::backend {

// One loaded object. Instances are independent of each other, and each may be used from any thread.
class Jit {
public:
  // Links the object against the runtime in this process, libm and libmvec.
  static llvm::Expected<std::unique_ptr<Jit>> load(std::unique_ptr<llvm::MemoryBuffer> object);
  ~Jit();

  // The entry point with this symbol, `dl_fn_<name>` for an exported function.
  llvm::Expected<dl_function> find(const std::string &symbol);

private:
  struct State;
  explicit Jit(std::unique_ptr<State> state);
  std::unique_ptr<State> state;
};

} // namespace dl::backend
