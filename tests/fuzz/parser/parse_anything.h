// What must hold of any text whatever.
#pragma once

#include <string_view>

namespace dl::testing {

// Parses, renders and formats `text` and stops the program with a message when one of these breaks a promise: a text
// without errors formats to the same tree, formatting twice changes nothing, every diagnostic can be shown.
void parseAnything(std::string_view text);

} // namespace dl::testing
