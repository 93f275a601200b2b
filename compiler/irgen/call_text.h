// How a function is called in dl, from its flat arguments and to its flat results.
#pragma once

#include "compiler/sema/typed.h"

#include <optional>
#include <string>

namespace dl::irgen {

// `({0}, ({1}, {2})), list({3}), "mean"`: the arguments of a call, {i} the flat argument i. Nothing where an argument
// cannot be put together from these, as a module cannot, or where the function has captured something.
std::optional<std::string> argumentsText(const sema::Function &function);

// `({0}, ({1}, {2}))`: the pattern that takes the result apart. Nothing where no pattern can.
std::optional<std::string> resultPattern(const sema::Function &function);

} // namespace dl::irgen
