// Calls as text: which call a place is in, and what a signature's parameters are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dl::lsp {

// Byte range of the text.
struct Range32 {
  uint32_t begin = 0, end = 0;
};

// The name that ends at the offset, or an empty range there.
Range32 nameBefore(std::string_view text, uint32_t offset);
// Whether the offset is in a comment or in the text of a string.
bool isInText(std::string_view text, uint32_t offset);

// The innermost call whose parentheses are open at the offset.
struct OpenCall {
  Range32 name;      // of what is called: the last name before the parenthesis
  uint32_t argument; // the number of commas before the offset
};
std::optional<OpenCall> openCallAt(std::string_view text, uint32_t offset);

// The parameters of `fn name(a: f32[N], b = 1) -> f32`, with their places in the text.
struct ParameterText {
  Range32 place;
  std::string name;
};
std::vector<ParameterText> parametersOf(std::string_view signature);

} // namespace dl::lsp
