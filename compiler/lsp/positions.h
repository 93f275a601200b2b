// Places as editors count them: lines from 0, columns in UTF-16 units.
#pragma once

#include <cstdint>
#include <string_view>

namespace dl::lsp {

struct Utf16Place {
  int line = 0, character = 0;
};

// The byte of a place. What is behind the end of a line or of the text means that end; the middle of a character means
// its beginning.
uint32_t offsetOf(std::string_view text, Utf16Place place);
Utf16Place placeOf(std::string_view text, uint32_t offset);

} // namespace dl::lsp
