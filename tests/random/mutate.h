// Slips of the pen in a correct program.
#pragma once

#include <random>
#include <string>

namespace dl::testing {

// The text with one to three small faults: a token lost, doubled, exchanged or misspelt, a size or a type changed, an
// argument or a line dropped.
std::string withSlips(const std::string &text, std::mt19937_64 &random);

} // namespace dl::testing
