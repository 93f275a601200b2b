// UTF-8: code points of texts. A byte that continues nothing counts with the bytes that continue it as one.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "runtime/text/format_spec.h"

namespace dl::rt {

inline bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// How many bytes of eight continue a code point.
inline int continuing(const char *eight) {
  uint64_t word;
  std::memcpy(&word, eight, 8);
  return std::popcount(word & ~(word << 1) & 0x8080808080808080);
}

// Whether no byte of 64 is part of a longer code point.
inline bool isAscii(const char *bytes) {
  uint64_t words[8], any = 0;
  std::memcpy(words, bytes, 64);
  for (uint64_t word : words)
    any |= word;
  return !(any & 0x8080808080808080);
}

// How often firstCharacter() can be taken off.
inline int64_t codePoints(std::string_view text) {
  size_t at = 0;
  int64_t inner = 0;
  while (at + 8 <= text.size()) {
    if (at + 64 <= text.size() && isAscii(text.data() + at)) {
      at += 64;
      continue;
    }
    inner += continuing(text.data() + at);
    at += 8;
  }
  for (; at < text.size(); ++at)
    inner += continues(text[at]);
  return static_cast<int64_t>(text.size()) - inner + (!text.empty() && continues(text[0]));
}

// Where the code point of that index begins; the end when there are fewer.
inline size_t byteOffset(std::string_view text, int64_t index) {
  if (index <= 0 || text.empty())
    return 0;
  // Behind the first byte, whatever it is, each byte that continues nothing begins one.
  size_t at = 1;
  while (at + 8 <= text.size()) {
    const bool whole = index > 64 && at + 64 <= text.size() && isAscii(text.data() + at);
    const int64_t bytes = whole ? 64 : 8, begun = whole ? 64 : 8 - continuing(text.data() + at);
    if (begun >= index)
      break;
    index -= begun;
    at += static_cast<size_t>(bytes);
  }
  for (; at < text.size(); ++at)
    if (!continues(text[at]) && --index == 0)
      break;
  return at;
}

inline bool isCodePoint(int64_t code) { return code >= 0 && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF); }

inline std::string encode(int64_t code) {
  auto byte = [](int64_t bits) { return static_cast<char>(static_cast<unsigned char>(bits)); };
  auto tail = [&](int shift) { return byte(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80)
    return {byte(code)};
  if (code < 0x800)
    return {byte(0xC0 | code >> 6), tail(0)};
  if (code < 0x10000)
    return {byte(0xE0 | code >> 12), tail(6), tail(0)};
  return {byte(0xF0 | code >> 18), tail(12), tail(6), tail(0)};
}

// The number of a text's first code point; -1 when the bytes are no UTF-8.
inline int64_t decode(std::string_view text) {
  std::string_view character = firstCharacter(text);
  if (character.empty())
    return -1;
  auto lead = static_cast<unsigned char>(character[0]);
  size_t size = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
  if (size != character.size())
    return -1;
  int64_t code = size == 1 ? lead : lead & (0xFF >> (size + 1));
  for (size_t i = 1; i < size; ++i)
    code = code << 6 | (static_cast<unsigned char>(character[i]) & 0x3F);
  return isCodePoint(code) && encode(code) == character ? code : -1;
}

} // namespace dl::rt
