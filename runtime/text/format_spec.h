// Format specifications, as the compiler and the runtime read them: nothing here can fail.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace dl::rt {

constexpr int kMaxPrecision = 200;

// A parsed format specification, Python's: [[fill]align][sign][#][0][width][, or _][.precision][type].
struct FormatSpec {
  std::string fill = " ";
  char align = 0;         // < > ^ =, '0' for zeros behind the sign, or 0 for the kind's own
  char sign = '-';        // + - or a blank: what stands before numbers that are not negative
  bool alternate = false; // #: the base in front, the point always
  char grouping = 0;      // , or _ between groups of digits
  int width = 0;
  int precision = -1;
  char type = 0; // d x X o b c f F e E g G % s, or 0

  bool empty() const {
    return align == 0 && sign == '-' && !alternate && !grouping && width == 0 && precision < 0 && type == 0;
  }
};

// Reads the text into `spec`. What is wrong with it, or nothing: "is no format", to be put behind the text.
std::string readFormatSpec(std::string_view text, FormatSpec &spec);

// Why values of the element type (kFormatText: a str) cannot be shown so, or nothing.
constexpr int32_t kFormatText = -1;
std::string formatMismatch(const FormatSpec &spec, int32_t dtype);

// The first code point of a text, as bytes.
std::string_view firstCharacter(std::string_view text);

} // namespace dl::rt
