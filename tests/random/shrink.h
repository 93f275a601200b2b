// Making a failing program small.
#pragma once

#include <functional>
#include <string>

namespace dl::testing {

// Leaves out statements, members and functions, puts parts in the place of wholes, as long as `fails` holds for what is
// left, at most `tries` times.
std::string shrink(std::string text, const std::function<bool(const std::string &)> &fails, int tries);

} // namespace dl::testing
