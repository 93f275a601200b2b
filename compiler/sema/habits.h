// What those who come from Python and PyTorch write, and what is written here.
#pragma once

#include <string>
#include <string_view>

namespace dl::sema {

// The help for a name, member, named argument or import that does not exist; empty when nobody's habit has it.
std::string habitHelp(std::string_view name);

} // namespace dl::sema
