// Decoding UTF-8 one code point at a time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace dl::utf8 {

struct Decoded {
  char32_t codePoint; // U+FFFD when not valid
  size_t length;      // bytes to go on by, at least 1
  bool valid;
};

// The code point at byte `i` of `text`; i < text.size(). Overlong forms and surrogates are not valid.
inline Decoded decode(std::string_view text, size_t i) {
  auto byte = [&](size_t k) { return static_cast<unsigned char>(text[k]); };
  unsigned char lead = byte(i);
  if (lead < 0x80)
    return {lead, 1, true};
  size_t length = lead >= 0xF0 && lead < 0xF5   ? 4
                  : lead >= 0xE0 && lead < 0xF0 ? 3
                  : lead >= 0xC2 && lead < 0xE0 ? 2
                                                : 0;
  if (length == 0 || i + length > text.size())
    return {0xFFFD, 1, false};
  char32_t c = lead & (0xFF >> (length + 1));
  for (size_t k = 1; k < length; ++k) {
    if ((byte(i + k) & 0xC0) != 0x80)
      return {0xFFFD, 1, false};
    c = (c << 6) | (byte(i + k) & 0x3F);
  }
  bool overlong = (length == 3 && c < 0x800) || (length == 4 && c < 0x10000);
  if (overlong || (c >= 0xD800 && c < 0xE000) || c > 0x10FFFF)
    return {0xFFFD, 1, false};
  return {c, length, true};
}

// Whether a byte is the second or a later one of a code point.
inline bool isContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Adds a code point; c <= U+10FFFF.
inline void append(std::string &out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
    return;
  }
  int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  out += static_cast<char>((0xF0 << (3 - more)) | (c >> (6 * more)));
  while (more-- > 0)
    out += static_cast<char>(0x80 | ((c >> (6 * more)) & 0x3F));
}

} // namespace dl::utf8
