#include "compiler/lsp/positions.h"

#include "compiler/syntax/utf8.h"

#include <algorithm>

namespace dl::lsp {

// Characters outside of the basic plane are two units.
static int units(utf8::Decoded c) { return c.codePoint > 0xFFFF ? 2 : 1; }

uint32_t offsetOf(std::string_view text, Utf16Place place) {
  if (place.line < 0)
    return 0;
  size_t begin = 0;
  for (int line = 0; line < place.line; ++line) {
    size_t end = text.find('\n', begin);
    if (end == std::string_view::npos)
      return static_cast<uint32_t>(text.size());
    begin = end + 1;
  }
  size_t end = std::min(text.find('\n', begin), text.size());
  if (end > begin && text[end - 1] == '\r')
    --end;
  size_t i = begin;
  for (int column = 0; i < end;) {
    utf8::Decoded c = utf8::decode(text, i);
    column += units(c);
    if (column > place.character)
      break;
    i += c.length;
  }
  return static_cast<uint32_t>(i);
}

Utf16Place placeOf(std::string_view text, uint32_t offset) {
  size_t end = std::min<size_t>(offset, text.size());
  Utf16Place place;
  size_t begin = 0;
  for (size_t at = text.find('\n'); at < end; at = text.find('\n', at + 1)) {
    ++place.line;
    begin = at + 1;
  }
  for (size_t i = begin; i < end;) {
    utf8::Decoded c = utf8::decode(text, i);
    if (i + c.length > end)
      break;
    place.character += units(c);
    i += c.length;
  }
  return place;
}

} // namespace dl::lsp
