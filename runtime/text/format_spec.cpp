#include "runtime/text/format_spec.h"

#include "runtime/core/dtype.h"

namespace dl::rt {

namespace {

constexpr int kMaxWidth = 10000;

bool isAlign(char c) { return c == '<' || c == '>' || c == '^' || c == '='; }
bool isDigit(char c) { return c >= '0' && c <= '9'; }

} // namespace

std::string_view firstCharacter(std::string_view text) {
  size_t n = text.empty() ? 0 : 1;
  while (n < text.size() && (static_cast<unsigned char>(text[n]) & 0xC0) == 0x80)
    ++n;
  return text.substr(0, n);
}

std::string readFormatSpec(std::string_view text, FormatSpec &spec) {
  std::string_view rest = text;
  auto take = [&](char c) {
    if (rest.empty() || rest[0] != c)
      return false;
    rest.remove_prefix(1);
    return true;
  };
  // -1: larger than the limit.
  auto number = [&](int limit) {
    int value = 0;
    for (; !rest.empty() && isDigit(rest[0]); rest.remove_prefix(1))
      value = value < 0 || value * 10 + (rest[0] - '0') > limit ? -1 : value * 10 + (rest[0] - '0');
    return value;
  };
  std::string_view first = firstCharacter(rest);
  if (rest.size() > first.size() && isAlign(rest[first.size()])) {
    spec.fill = first;
    spec.align = rest[first.size()];
    rest.remove_prefix(first.size() + 1);
  } else if (!rest.empty() && isAlign(rest[0])) {
    spec.align = rest[0];
    rest.remove_prefix(1);
  }
  if (!rest.empty() && (rest[0] == '+' || rest[0] == '-' || rest[0] == ' ')) {
    spec.sign = rest[0];
    rest.remove_prefix(1);
  }
  if (take('0') && !spec.align) {
    spec.fill = "0";
    spec.align = '=';
  }
  spec.width = number(kMaxWidth);
  spec.comma = take(',');
  if (take('.')) {
    if (rest.empty() || !isDigit(rest[0]))
      return "lacks the number after the point";
    spec.precision = number(kMaxPrecision);
    if (spec.precision < 0)
      return "asks for too many characters";
  }
  if (spec.width < 0)
    return "asks for too many characters";
  if (rest.size() == 1 && std::string_view("dfFeEgG%xXbs").find(rest[0]) != std::string_view::npos) {
    spec.type = rest[0];
    rest.remove_prefix(1);
  }
  return rest.empty() ? "" : "is no format; an example is `>8.3f`";
}

std::string formatMismatch(const FormatSpec &spec, int32_t dtype) {
  auto needs = [&](const char *what) {
    return concat("`", spec.type, "` needs ", what, ", not ", dtype == kFormatText ? "a str" : dtypeName(dtype));
  };
  bool whole = spec.type && std::string_view("dxXb").find(spec.type) != std::string_view::npos;
  if (dtype == kFormatText)
    return spec.type && spec.type != 's' ? needs("a number") : spec.comma ? "`,` needs a number, not a str" : "";
  if (spec.type == 's' && dtype != DL_BOOL)
    return needs("a str");
  if (isFloat(dtype))
    return whole ? needs("an integer") : "";
  return spec.precision >= 0 && (whole || spec.type == 0) && dtype != DL_BOOL ? "an integer takes no precision" : "";
}

} // namespace dl::rt
