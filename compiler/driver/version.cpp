#include "compiler/driver/version.h"

#include "llvm/Config/llvm-config.h"

namespace dl::driver {

std::string versionNumber() { return DL_VERSION; }
std::string versionText() { return "dl " DL_VERSION " (LLVM " LLVM_VERSION_STRING ")"; }

} // namespace dl::driver
