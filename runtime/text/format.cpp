#include "runtime/text/format.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "runtime/core/dtype.h"
#include "runtime/core/failure.h"
#include "runtime/text/utf8.h"

namespace dl::rt {
namespace {

std::string repeat(std::string_view what, int count) {
  std::string out;
  for (int i = 0; i < count; ++i)
    out += what;
  return out;
}

// `sign` and `body` padded to the width.
std::string pad(std::string_view sign, std::string_view body, const FormatSpec &spec, char defaultAlign) {
  int missing = spec.width - static_cast<int>(codePoints(sign) + codePoints(body));
  std::string text = std::string(sign) + std::string(body);
  if (missing <= 0)
    return text;
  switch (spec.align ? spec.align : defaultAlign) {
  case '<':
    return text + repeat(spec.fill, missing);
  case '^':
    return repeat(spec.fill, missing / 2) + text + repeat(spec.fill, missing - missing / 2);
  case '=':
  case '0':
    return std::string(sign) + repeat(spec.fill, missing) + std::string(body);
  default:
    return repeat(spec.fill, missing) + text;
  }
}

// The digits of the leading integer part in groups. Where zeros fill the width, `width`, they are grouped too.
std::string grouped(std::string_view body, char separator, size_t size, size_t width, bool hexadecimal) {
  auto isDigit = [&](char c) {
    return (c >= '0' && c <= '9') || (hexadecimal && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')));
  };
  size_t whole = static_cast<size_t>(std::find_if_not(body.begin(), body.end(), isDigit) - body.begin());
  std::string_view rest = body.substr(whole);
  if (whole == 0)
    return std::string(body);
  size_t digits = whole;
  while (digits + (digits - 1) / size + rest.size() < width)
    ++digits;
  std::string out;
  for (size_t left = digits; left > 0; --left) {
    if (left != digits && left % size == 0)
      out += separator;
    out += left > whole ? '0' : body[whole - left];
  }
  return out + std::string(rest);
}

// A number: its sign or base, its digits, put in groups and padded.
std::string padNumber(std::string_view sign, std::string_view body, const FormatSpec &spec) {
  std::string digits(body);
  if (spec.grouping) {
    bool zeros = spec.fill == "0" && (spec.align == '0' || spec.align == '=');
    bool binary = spec.type && std::string_view("xXob").find(spec.type) != std::string_view::npos;
    int width = zeros ? spec.width - static_cast<int>(sign.size()) : 0;
    digits = grouped(body, spec.grouping, binary ? 4 : 3, static_cast<size_t>(std::max(width, 0)),
                     spec.type == 'x' || spec.type == 'X');
  }
  return pad(sign, digits, spec, '>');
}

// Zeros that fill the width come behind a text, which has no sign.
std::string padText(std::string_view text, FormatSpec spec) {
  spec.align = spec.align == '0' ? '<' : spec.align;
  return pad("", text, spec, '<');
}

std::string_view signText(bool negative, char sign) {
  return negative ? "-" : sign == '+' ? "+" : sign == ' ' ? " " : "";
}

std::string inBase(uint64_t value, int base, bool upper) {
  char buffer[65];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, value, base).ptr;
  std::string out(buffer, end);
  if (upper)
    std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'a' && c <= 'z' ? c - 32 : c; });
  return out;
}

} // namespace

FormatSpec parseFormatSpec(std::string_view text) {
  FormatSpec spec;
  if (std::string problem = readFormatSpec(text, spec); !problem.empty())
    fail("format: `", text, "` ", problem);
  return spec;
}

std::string formatString(std::string_view text, const FormatSpec &spec) {
  if (std::string problem = formatMismatch(spec, kFormatText); !problem.empty())
    fail("format: ", problem);
  if (spec.precision >= 0) {
    size_t end = 0;
    for (int i = 0; i < spec.precision && end < text.size(); ++i)
      end += firstCharacter(text.substr(end)).size();
    text = text.substr(0, end);
  }
  return padText(text, spec);
}

std::string formatBool(bool value, const FormatSpec &spec) {
  if (spec.type && spec.type != 's')
    return formatInteger(value, spec);
  return padText(value ? "true" : "false", spec);
}

std::string formatInteger(int64_t value, const FormatSpec &spec) {
  if (spec.type == 'c') {
    if (!isCodePoint(value))
      fail("format: ", value, " is no code point");
    return pad("", encode(value), spec, '>');
  }
  if (spec.type && std::string_view("dxXob").find(spec.type) == std::string_view::npos)
    return formatFloat(static_cast<double>(value), DL_F64, spec);
  uint64_t magnitude = value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  bool hexadecimal = spec.type == 'x' || spec.type == 'X';
  int base = hexadecimal ? 16 : spec.type == 'o' ? 8 : spec.type == 'b' ? 2 : 10;
  std::string sign(signText(value < 0, spec.sign));
  if (spec.alternate && base != 10)
    sign += std::string("0") + spec.type;
  return padNumber(sign, inBase(magnitude, base, spec.type == 'X'), spec);
}

std::string shortestFloat(double value, int32_t dtype) {
  if (std::isnan(value))
    return "nan";
  if (std::isinf(value))
    return value < 0 ? "-inf" : "inf";
  char buffer[64];
  auto end =
      dtype == DL_F64
          ? std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr
          : std::to_chars(buffer, buffer + sizeof buffer, static_cast<float>(value), std::chars_format::scientific).ptr;
  std::string_view text(buffer, static_cast<size_t>(end - buffer));
  std::string sign;
  if (text[0] == '-') {
    sign = "-";
    text.remove_prefix(1);
  }
  size_t e = text.find('e');
  int exponent = std::atoi(std::string(text.substr(e + 1)).c_str());
  std::string digits;
  for (char c : text.substr(0, e))
    if (c != '.')
      digits += c;
  if (exponent < -4 || exponent >= 16) {
    std::string out = sign + digits.substr(0, 1);
    if (digits.size() > 1)
      out += "." + digits.substr(1);
    int size = std::abs(exponent);
    return concat(out, 'e', exponent < 0 ? '-' : '+', size < 10 ? "0" : "", size);
  }
  if (exponent < 0)
    return concat(sign, "0.", std::string(static_cast<size_t>(-exponent - 1), '0'), digits);
  size_t whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole)
    return concat(sign, digits, std::string(whole - digits.size(), '0'), ".0");
  return concat(sign, digits.substr(0, whole), '.', digits.substr(whole));
}

namespace {

// As C writes it; `alternate` keeps the point and the zeros behind it.
std::string printed(double value, char type, int precision, bool alternate) {
  std::string pattern = std::string(alternate ? "%#.*" : "%.*") + type;
  char buffer[400 + kMaxPrecision];
  std::snprintf(buffer, sizeof buffer, pattern.c_str(), precision, value);
  return buffer;
}

// Without a type: like `g`, but what is written without an exponent has a digit behind its point.
std::string withPrecision(double value, int precision, bool alternate) {
  int digits = std::max(precision, 1);
  std::string text = printed(value, 'e', digits - 1, alternate);
  size_t e = text.find('e');
  int exponent = std::atoi(text.c_str() + e + 1);
  if (exponent >= -4 && exponent + 1 < digits) {
    text = printed(value, 'g', digits, alternate);
    return text.find('.') == std::string::npos ? text + ".0" : text;
  }
  if (digits == 1 || alternate)
    return text;
  size_t end = text.find_last_not_of('0', e - 1);
  return text.erase(text[end] == '.' ? end : end + 1, e - (text[end] == '.' ? end : end + 1));
}

} // namespace

std::string formatFloat(double value, int32_t dtype, const FormatSpec &spec) {
  bool negative = std::signbit(value) && !std::isnan(value);
  double magnitude = std::fabs(value);
  std::string body;
  if (!std::isfinite(value)) {
    body = shortestFloat(magnitude, dtype);
    if (spec.type >= 'E' && spec.type <= 'G')
      body = std::isnan(value) ? "NAN" : "INF";
  } else if (spec.type == 0 && spec.precision < 0) {
    body = shortestFloat(magnitude, dtype);
    if (spec.alternate && body.find('.') == std::string::npos)
      body.insert(body.find('e'), ".");
  } else if (spec.type == 0) {
    body = withPrecision(magnitude, spec.precision, spec.alternate);
  } else {
    bool percent = spec.type == '%';
    body = printed(percent ? magnitude * 100 : magnitude, percent ? 'f' : spec.type,
                   spec.precision < 0 ? 6 : spec.precision, spec.alternate);
  }
  if (spec.type == '%')
    body += '%';
  return padNumber(signText(negative, spec.sign), body, spec);
}

namespace {

constexpr int64_t kThreshold = 1000, kEdge = 3, kLineWidth = 80;
constexpr int kPrecision = 4;

// PyTorch's layout (torch/_tensor_str.py): one format for all elements, chosen from those that will be seen.
class TensorPrinter {
public:
  TensorPrinter(const dl_value &value, const FormatSpec &spec) : value(value), spec(spec) {
    int64_t count = 1;
    strides.resize(static_cast<size_t>(value.rank));
    for (int d = value.rank; d-- > 0;) {
      strides[static_cast<size_t>(d)] = count;
      count *= value.sizes[d];
    }
    summarise = count > kThreshold;
    chooseFormat();
  }

  bool isSummarised() const { return summarise; }

  std::string print(int dimension, int64_t offset, int64_t indent) const {
    int64_t size = value.sizes[dimension];
    bool cut = summarise && size > 2 * kEdge;
    std::vector<std::string> parts;
    for (int64_t i = 0; i < size; ++i) {
      if (cut && i == kEdge) {
        parts.push_back(dimension + 1 == value.rank ? " ..." : "...");
        i = size - kEdge;
      }
      int64_t at = offset + i * strides[static_cast<size_t>(dimension)];
      parts.push_back(dimension + 1 == value.rank ? padded(at) : print(dimension + 1, at, indent + 1));
    }
    std::string newline(static_cast<size_t>(value.rank - dimension - 1), '\n');
    std::string out = "[";
    if (dimension + 1 < value.rank) {
      for (size_t i = 0; i < parts.size(); ++i)
        out += i ? "," + newline + std::string(static_cast<size_t>(indent) + 1, ' ') + parts[i] : parts[i];
      return out + "]";
    }
    size_t perLine = static_cast<size_t>(std::max<int64_t>(1, (kLineWidth - indent) / (width + 2)));
    for (size_t i = 0; i < parts.size(); ++i) {
      if (i)
        out += i % perLine == 0 ? ",\n" + std::string(static_cast<size_t>(indent) + 1, ' ') : ", ";
      out += parts[i];
    }
    return out + "]";
  }

private:
  template <class Visit> void visitSeen(int dimension, int64_t offset, const Visit &visit) const {
    if (dimension == value.rank) {
      visit(offset);
      return;
    }
    int64_t size = value.sizes[dimension];
    for (int64_t i = 0; i < size; ++i) {
      if (summarise && size > 2 * kEdge && i == kEdge)
        i = size - kEdge;
      visitSeen(dimension + 1, offset + i * strides[static_cast<size_t>(dimension)], visit);
    }
  }

  double floatAt(int64_t i) const {
    switch (value.dtype) {
    case DL_F64:
      return static_cast<const double *>(value.data)[i];
    case DL_BF16:
      return static_cast<const BFloat16 *>(value.data)[i];
    default:
      return static_cast<const float *>(value.data)[i];
    }
  }

  int64_t integerAt(int64_t i) const {
    switch (value.dtype) {
    case DL_I32:
      return static_cast<const int32_t *>(value.data)[i];
    case DL_I64:
      return static_cast<const int64_t *>(value.data)[i];
    default:
      return static_cast<const uint8_t *>(value.data)[i];
    }
  }

  void chooseFormat() {
    if (isFloat(value.dtype) && spec.empty()) {
      double least = INFINITY, most = 0;
      bool any = false;
      visitSeen(0, 0, [&](int64_t i) {
        double x = std::fabs(floatAt(i));
        if (!std::isfinite(x) || x == 0)
          return;
        any = true;
        least = std::min(least, x);
        most = std::max(most, x);
        whole = whole && x == std::ceil(x);
      });
      scientific = any && (most / least > 1000 || most > 1e8 || (!whole && least < 1e-4));
      if (!any)
        return;
    }
    visitSeen(0, 0, [&](int64_t i) {
      if (isFloat(value.dtype) && spec.empty() && (!std::isfinite(floatAt(i)) || floatAt(i) == 0))
        return;
      width = std::max(width, codePoints(element(i)));
    });
  }

  std::string element(int64_t i) const {
    if (value.dtype == DL_BOOL)
      return formatBool(integerAt(i) != 0, spec);
    if (!isFloat(value.dtype))
      return formatInteger(integerAt(i), spec);
    double x = floatAt(i);
    if (!spec.empty() || !std::isfinite(x))
      return formatFloat(x, value.dtype, spec);
    char buffer[400];
    if (scientific)
      std::snprintf(buffer, sizeof buffer, "%.*e", kPrecision, x);
    else if (whole)
      std::snprintf(buffer, sizeof buffer, "%.0f.", x);
    else
      std::snprintf(buffer, sizeof buffer, "%.*f", kPrecision, x);
    return buffer;
  }

  std::string padded(int64_t i) const {
    std::string text = element(i);
    int64_t missing = width - codePoints(text);
    return missing > 0 ? std::string(static_cast<size_t>(missing), ' ') + text : text;
  }

  const dl_value &value;
  const FormatSpec &spec;
  std::vector<int64_t> strides;
  bool summarise = false, whole = true, scientific = false;
  int64_t width = 1;
};

// Sizes as the program writes them: (2, 3), (5,).
std::string shapeTuple(const dl_value &value) {
  std::string out = "(";
  for (int d = 0; d < value.rank; ++d)
    out += concat(d ? ", " : "", value.sizes[d]);
  return out + (value.rank == 1 ? ",)" : ")");
}

// A specification that fits the element type: constant ones were checked when the program was compiled.
void requireFormat(const FormatSpec &spec, int32_t dtype) {
  if (std::string problem = formatMismatch(spec, dtype); !problem.empty())
    fail("format: ", problem);
}

} // namespace

std::string formatValue(const dl_value &value, const FormatSpec &spec) {
  requireFormat(spec, value.dtype);
  if (value.rank == 0) {
    if (isFloat(value.dtype))
      return formatFloat(value.f, value.dtype, spec);
    return value.dtype == DL_BOOL ? formatBool(value.i != 0, spec) : formatInteger(value.i, spec);
  }
  bool empty = false;
  for (int d = 0; d < value.rank; ++d)
    empty |= value.sizes[d] == 0;
  constexpr std::string_view prefix = "tensor(";
  std::string out(prefix);
  TensorPrinter printer(value, spec);
  out += empty ? "[]" : printer.print(0, 0, static_cast<int64_t>(prefix.size()));
  // What cannot be seen: sizes of what is empty or left out, element types other than those of literals.
  if (printer.isSummarised() || (empty && value.rank > 1))
    out += concat(", size=", shapeTuple(value));
  if (value.dtype != DL_F32 && (empty || (value.dtype != DL_I64 && value.dtype != DL_BOOL)))
    out += concat(", dtype=", dtypeName(value.dtype));
  return out + ")";
}

std::string formatList(const dl_value &value, const FormatSpec &spec) {
  std::string out = "[";
  dl_value item = {};
  item.dtype = value.dtype;
  for (int64_t i = 0; i < value.sizes[0]; ++i) {
    dispatch(value.dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      T number = static_cast<const T *>(value.data)[i];
      if constexpr (std::is_integral_v<T>)
        item.i = static_cast<int64_t>(number);
      else
        item.f = static_cast<double>(number);
    });
    out += (i ? ", " : "") + formatValue(item, spec);
  }
  return out + "]";
}

} // namespace dl::rt
