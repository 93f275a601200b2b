// How the commands tell a user what is wrong: as text, or as one JSON object a line that always has the same members
// (docs/tools.md lists them). Everything goes to stderr.
#pragma once

#include "compiler/driver/settings.h"
#include "compiler/syntax/diagnostics.h"

struct dl_error;

namespace dl::driver {

void report(const Diagnostics &diagnostics, const Settings &settings);
void report(const Diagnostic &diagnostic, const SourceManager &sources, const Settings &settings);
// A fault that belongs to no place in a script.
void report(const std::string &message, const Settings &settings);
// An error of running code; frees it. `notes` tell what was running.
void report(dl_error *error, const Settings &settings, std::vector<std::string> notes = {});

} // namespace dl::driver
