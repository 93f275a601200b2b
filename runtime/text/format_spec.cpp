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
  const bool filled = rest.size() > first.size() && isAlign(rest[first.size()]);
  if (filled) {
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
  spec.alternate = take('#');
  if (!filled && take('0')) {
    spec.fill = "0";
    spec.align = spec.align ? spec.align : '0';
  }
  spec.width = number(kMaxWidth);
  spec.grouping = take(',') ? ',' : take('_') ? '_' : 0;
  if (take('.')) {
    if (rest.empty() || !isDigit(rest[0]))
      return "lacks the number after the point";
    spec.precision = number(kMaxPrecision);
    if (spec.precision < 0)
      return "asks for too many characters";
  }
  if (spec.width < 0)
    return "asks for too many characters";
  if (rest.size() == 1 && std::string_view("dfFeEgG%xXobcs").find(rest[0]) != std::string_view::npos) {
    spec.type = rest[0];
    rest.remove_prefix(1);
  }
  return rest.empty() ? "" : "is no format; an example is `>8.3f`";
}

std::string formatMismatch(const FormatSpec &spec, int32_t dtype) {
  auto isOneOf = [&](std::string_view types) { return spec.type && types.find(spec.type) != std::string_view::npos; };
  auto needs = [&](const auto &part, const char *what) {
    return concat("`", part, "` needs ", what, ", not ", dtype == kFormatText ? "a str" : dtypeName(dtype));
  };
  if (dtype == kFormatText || (dtype == DL_BOOL && (spec.type == 0 || spec.type == 's'))) {
    constexpr const char *number = "a number";
    return spec.type && spec.type != 's' ? needs(spec.type, number)
           : spec.grouping               ? needs(spec.grouping, number)
           : spec.sign != '-'            ? needs(spec.sign, number)
           : spec.alternate              ? needs('#', number)
           : spec.align == '='           ? needs('=', number)
                                         : "";
  }
  if (spec.type == 's')
    return needs(spec.type, "a str");
  if (spec.grouping == ',' && isOneOf("xXob"))
    return concat("`", spec.type, "` takes `_`, not `,`");
  if (isFloat(dtype))
    return isOneOf("dxXobc") ? needs(spec.type, "an integer") : "";
  if (spec.type == 'c' && (spec.sign != '-' || spec.alternate || spec.grouping))
    return "a character takes no sign, `#` or grouping";
  return spec.precision >= 0 && (spec.type == 0 || isOneOf("dxXobc")) ? "an integer takes no precision" : "";
}

} // namespace dl::rt
