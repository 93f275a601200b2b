// What a line of a session that starts with a colon does.
#pragma once

#include "compiler/driver/session.h"

#include <string>
#include <vector>

namespace dl::driver {

enum class CommandOutcome { Done, Failed, Quit };

// `line` starts with a colon.
CommandOutcome runReplCommand(const std::string &line, Session &session, const Settings &settings);
// `:type` and so on, for completion.
std::vector<std::string> replCommandNames();

} // namespace dl::driver
