#pragma once

#include <string>

namespace dl::driver {

// "0.1.0"
std::string versionNumber();
// "dl 0.1.0 (LLVM 19.1.7)"
std::string versionText();

} // namespace dl::driver
