// Runs a function on a stack that is large enough for any program that the checker accepts.
#pragma once

#include <functional>

namespace dl::sema {

// False when the system has not enough memory for the stack; the function has then not run.
bool onLargeStack(const std::function<void()> &function);

} // namespace dl::sema
