// How the commands tell a user what is wrong.
#pragma once

#include "compiler/driver/settings.h"
#include "compiler/syntax/diagnostics.h"

struct dl_error;

namespace dl::driver {

// Writes all diagnostics to stderr, as text or JSON lines.
void report(const Diagnostics &diagnostics, const Settings &settings);
// A fault that belongs to no place in a script.
void report(const std::string &message, const Settings &settings);
// An error of running code; frees it.
void report(dl_error *error, const Settings &settings);

} // namespace dl::driver
