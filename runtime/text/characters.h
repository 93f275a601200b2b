// What characters are, whatever the user's locale: the C library's tables, which are Unicode's. A code below 0 is none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace dl::rt {

bool isDigit(int64_t code); // 0 to 9
bool isLetter(int64_t code);
bool isSpace(int64_t code);
bool isUpper(int64_t code);
bool isLower(int64_t code);
bool endsLine(int64_t code);

int64_t upperOf(int64_t code);
int64_t lowerOf(int64_t code);

// The text as Python writes it in a list: in quotes, what cannot be seen as escapes.
std::string quoted(std::string_view text);

} // namespace dl::rt
