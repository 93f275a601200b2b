// What the checker may say of a file that does not parse.
#pragma once

#include "compiler/syntax/diagnostics.h"

namespace dl::driver {

// Of the diagnostics of a file from the `first`-th on, which are the checker's, leaves those that cannot follow from
// what could not be parsed: a broken statement makes doubtful what it defines, and that what is computed from it.
void keepCertain(Diagnostics &diagnostics, size_t first, uint32_t file);

} // namespace dl::driver
