// The machine that code is generated for.
#pragma once

#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"

#include <memory>
#include <string>

namespace dl::backend {

struct TargetDescription {
  std::string triple;
  std::string cpu;      // as LLVM names it
  std::string features; // "+avx2,-foo,…"
  int vectorBits = 128; // the widest vectors worth using
};

// `cpu` "native" or empty: this machine. Another name: that CPU with the features LLVM gives it.
TargetDescription describeTarget(const std::string &cpu);

llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createTargetMachine(const TargetDescription &target, int optLevel);

} // namespace dl::backend
