// Numbers and strings: what their tokens stand for.
#include "compiler/syntax/build.h"
#include "compiler/syntax/text.h"
#include "compiler/syntax/utf8.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace dl::syntax {

using antlr4::Token;
using namespace ast;
using P = grammar::DLParser;

namespace {

struct IntRange {
  std::string_view suffix;
  int64_t low, high;
};
constexpr IntRange kIntRanges[] = {
    {"", std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()},
    {"i64", std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()},
    {"i32", std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()},
    {"u8", 0, 255},
};
struct FloatRange {
  std::string_view suffix;
  double high;
};
constexpr FloatRange kFloatRanges[] = {
    {"", std::numeric_limits<double>::max()},
    {"f64", std::numeric_limits<double>::max()},
    {"f32", std::numeric_limits<float>::max()},
    {"bf16", 3.3895313892515355e38},
};

std::string_view suffixOf(std::string_view text) {
  for (std::string_view suffix : {"bf16", "f32", "f64", "i32", "i64", "u8"})
    if (text.ends_with(suffix))
      return suffix;
  return "";
}

// That of `0xff`, `0o17` and `0b101`.
int baseOf(std::string_view text) {
  if (text.size() < 3 || text[0] != '0')
    return 10;
  switch (text[1] | 0x20) {
  case 'x':
    return 16;
  case 'o':
    return 8;
  case 'b':
    return 2;
  default:
    return 10;
  }
}

} // namespace

Expr *Builder::literal(Token *token) {
  switch (token->getType()) {
  case P::STRING:
    return string(token);
  case P::NONE:
    return make<NoneLit>(ExprKind::None, span(token));
  case P::TRUE:
  case P::FALSE: {
    auto *expr = make<BoolLit>(ExprKind::Bool, span(token));
    expr->value = token->getType() == P::TRUE;
    return expr;
  }
  default:
    return number(token, false, span(token));
  }
}

Expr *Builder::number(Token *token, bool negative, Span whole) {
  std::string_view text = textOf(token);
  const int base = baseOf(text);
  std::string_view suffix = base == 10 ? suffixOf(text) : "";
  std::string digits;
  std::copy_if(text.begin() + (base == 10 ? 0 : 2), text.end() - static_cast<ptrdiff_t>(suffix.size()),
               std::back_inserter(digits), [](char c) { return c != '_'; });
  auto bad = [&](std::string message, std::string help = "") -> Expr * {
    env_.diagnostics.error(Code::BadNumber, whole, std::move(message)).withHelp(std::move(help));
    return make<ErrorExpr>(ExprKind::Error, whole);
  };
  bool isFloat = token->getType() == P::FLOAT;
  for (const FloatRange &range : kFloatRanges) {
    if (range.suffix != suffix || (suffix.empty() && !isFloat))
      continue;
    double value = std::strtod(digits.c_str(), nullptr);
    if (std::isinf(value) || value > range.high)
      return bad(cat("`", text, "` is too large for ", suffix.empty() ? "f64" : suffix));
    auto *expr = make<FloatLit>(ExprKind::Float, whole);
    expr->value = value;
    expr->suffix = suffix;
    return expr;
  }
  if (isFloat)
    return bad(cat("`", text, "` has a fraction or an exponent, ", suffix, " has none"));
  uint64_t magnitude = 0;
  auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), magnitude, base);
  for (const IntRange &range : kIntRanges) {
    if (range.suffix != suffix)
      continue;
    bool isMinimum = negative && magnitude == uint64_t(1) << 63;
    if (failed != std::errc() || (magnitude > static_cast<uint64_t>(range.high) && !isMinimum))
      return bad(cat("`", text, "` is too large for ", suffix.empty() ? "int" : suffix),
                 suffix.empty() && base == 10 ? cat("`", digits, ".0` is a floating-point number") : "");
    auto *expr = make<IntLit>(ExprKind::Int, whole);
    expr->value = isMinimum ? range.low : static_cast<int64_t>(magnitude);
    expr->suffix = suffix;
    return expr;
  }
  return bad(cat("`", text, "` is not a number"));
}

void Builder::badString(Span where, std::string message) {
  env_.diagnostics.error(Code::BadString, where, std::move(message));
}

Expr *Builder::string(Token *token) {
  Span whole = span(token);
  auto *literal = make<StrLit>(ExprKind::Str, whole);
  std::string_view text = textOf(token);
  if (text.size() < 2 || text.back() != '"')
    return literal; // without an end, which has been reported
  std::string plain;
  auto flush = [&] {
    if (!plain.empty())
      literal->parts.push_back({std::exchange(plain, {}), nullptr, ""});
  };
  for (size_t i = 1; i + 1 < text.size();) {
    char c = text[i];
    uint32_t at = whole.begin + static_cast<uint32_t>(i);
    if (c == '\\') {
      escape(text, i, whole.begin, plain);
    } else if ((c == '{' || c == '}') && text[i + 1] == c) {
      plain += c;
      i += 2;
    } else if (c == '}') {
      badString({whole.file, at, at + 1}, "this `}` closes nothing; `}}` stands for a brace");
      ++i;
    } else if (c == '{') {
      flush();
      // The end of the interpolation, past strings and braces inside it.
      std::vector<char> open = {'{'};
      size_t j = i + 1;
      for (; j + 1 < text.size() && !open.empty(); ++j) {
        bool inText = open.back() == '"';
        if (text[j] == '"')
          inText ? open.pop_back() : open.push_back('"');
        else if (inText && text[j] == '\\')
          ++j;
        else if (inText && text[j] == '{' && text[j + 1] == '{')
          ++j;
        else if (text[j] == '{')
          open.push_back('{');
        else if (text[j] == '}' && !inText)
          open.pop_back();
      }
      interpolate(at + 1, whole.begin + static_cast<uint32_t>(j) - 1, literal);
      i = j;
    } else {
      plain += c;
      ++i;
    }
  }
  flush();
  return literal;
}

// Resolves the escape at text[i]; `begin` is the offset of text[0] in the file.
void Builder::escape(std::string_view text, size_t &i, uint32_t begin, std::string &out) {
  Span where{text_.file(), begin + static_cast<uint32_t>(i), begin + static_cast<uint32_t>(i) + 2};
  char c = text[i + 1];
  i += 2;
  switch (c) {
  case 'n':
    out += '\n';
    return;
  case 't':
    out += '\t';
    return;
  case 'r':
    out += '\r';
    return;
  case '0':
    out += '\0';
    return;
  case 'e':
    out += '\x1b';
    return;
  case '\\':
  case '"':
  case '\'':
  case '{':
  case '}':
    out += c;
    return;
  case 'u': {
    size_t close = text.find('}', i);
    uint32_t value = 0;
    if (i < text.size() && text[i] == '{' && close != std::string_view::npos) {
      auto [end, failed] = std::from_chars(text.data() + i + 1, text.data() + close, value, 16);
      bool whole = failed == std::errc() && end == text.data() + close && close > i + 1;
      if (whole && value <= 0x10FFFF && (value < 0xD800 || value > 0xDFFF)) {
        utf8::append(out, static_cast<char32_t>(value));
        i = close + 1;
        return;
      }
    }
    badString(where, "`\\u{…}` needs the hexadecimal number of a Unicode character");
    return;
  }
  default:
    while (where.end < begin + text.size() && utf8::isContinuation(text[where.end - begin]))
      ++where.end; // the whole character
    env_.diagnostics.error(Code::BadString, where, cat("unknown escape `", text_.textOf(where), "`"))
        .withHelp("known are \\n \\t \\r \\0 \\e \\\\ \\\" \\{ \\} and \\u{…}");
  }
}

// Bytes [begin, end) of the file stand between braces: an expression and, behind a colon that no bracket holds, a
// format.
void Builder::interpolate(uint32_t begin, uint32_t end, StrLit *literal) {
  std::string_view text = text_.textOf({text_.file(), begin, end});
  size_t colon = text.size();
  int open = 0;
  bool inText = false;
  for (size_t i = 0; i < text.size() && colon == text.size(); ++i) {
    char c = text[i];
    if (c == '\\')
      ++i;
    else if (c == '"')
      inText = !inText;
    else if (inText)
      continue;
    else if (c == '(' || c == '[' || c == '{')
      ++open;
    else if (c == ')' || c == ']' || c == '}')
      --open;
    else if (c == ':' && open == 0)
      colon = i;
  }
  std::string_view value = text.substr(0, colon);
  if (value.find_first_not_of(" \t") == std::string_view::npos) {
    env_.diagnostics.error(Code::BadString, {text_.file(), begin - 1, end + 1}, "there is nothing between these braces")
        .withHelp("`{{` and `}}` stand for braces in a string");
    return;
  }
  StrPart part;
  part.value = parseInterpolation(env_, begin, begin + static_cast<uint32_t>(colon), depth_ + 1);
  if (colon < text.size())
    part.format = text.substr(colon + 1);
  literal->parts.push_back(std::move(part));
}

} // namespace dl::syntax
