// Functions of the runtime for the interpreter: the ones that compiled programs call.
#pragma once

#include "tests/tools/interpret.h"

namespace dl::test {

// What a dl.extern or dl.kernel op gives. Throws InterpretError with the message of the runtime where that fails.
std::vector<Array> callRuntime(mlir::Operation *op, const std::vector<Array> &in);

// Replaces the operations that the interpreter does not evaluate and compiled programs call the runtime for.
void lowerToRuntime(mlir::ModuleOp module);

// Puts the program's random numbers at their beginning.
void seedRuntime(int64_t seed);

} // namespace dl::test
