// From object code to files that other programs use.
#pragma once

#include <string>

namespace dl::driver {

// Each returns an empty string on success, else why not.

// A native program that runs the statements of the script. Uses a C++ compiler of this machine as the linker.
std::string writeProgram(const std::string &object, const std::string &output);

// A static library.
std::string writeLibrary(const std::string &object, const std::string &output);

} // namespace dl::driver
