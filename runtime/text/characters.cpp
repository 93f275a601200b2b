#include "runtime/text/characters.h"

#include <locale.h>
#include <wctype.h>

#include <cstdio>

#include "runtime/text/utf8.h"

namespace dl::rt {
namespace {

locale_t unicode() {
  static const locale_t locale = [] {
    locale_t found = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return found ? found : newlocale(LC_CTYPE_MASK, "C", nullptr);
  }();
  return locale;
}

wint_t wide(int64_t code) { return static_cast<wint_t>(code); }

} // namespace

bool isDigit(int64_t code) { return code >= '0' && code <= '9'; }
bool isLetter(int64_t code) { return code >= 0 && iswalpha_l(wide(code), unicode()); }
bool isUpper(int64_t code) { return code >= 0 && iswupper_l(wide(code), unicode()); }
bool isLower(int64_t code) { return code >= 0 && iswlower_l(wide(code), unicode()); }

// With the separators of data and the blanks that do not break, which the C library leaves out.
bool isSpace(int64_t code) {
  return code >= 0 && (iswspace_l(wide(code), unicode()) || (code >= 0x1C && code <= 0x1F) || code == 0x85 ||
                       code == 0xA0 || code == 0x2007 || code == 0x202F);
}

bool endsLine(int64_t code) {
  return (code >= '\n' && code <= '\r') || (code >= 0x1C && code <= 0x1E) || code == 0x85 || code == 0x2028 ||
         code == 0x2029;
}

int64_t upperOf(int64_t code) { return static_cast<int64_t>(towupper_l(wide(code), unicode())); }
int64_t lowerOf(int64_t code) { return static_cast<int64_t>(towlower_l(wide(code), unicode())); }

std::string quoted(std::string_view text) {
  bool single = text.find('\'') == text.npos || text.find('"') != text.npos;
  const char quote = single ? '\'' : '"';
  std::string out(1, quote);
  auto escape = [&](const char *pattern, int64_t code) {
    char buffer[16];
    std::snprintf(buffer, sizeof buffer, pattern, static_cast<unsigned>(code));
    out += buffer;
  };
  for (; !text.empty(); text.remove_prefix(firstCharacter(text).size())) {
    std::string_view character = firstCharacter(text);
    int64_t code = decode(character);
    if (code < 0)
      for (char byte : character)
        escape("\\x%02x", static_cast<unsigned char>(byte));
    else if (code == quote || code == '\\')
      out += '\\' + std::string(character);
    else if (code == '\n')
      out += "\\n";
    else if (code == '\r')
      out += "\\r";
    else if (code == '\t')
      out += "\\t";
    else if (iswprint_l(wide(code), unicode()) && (code == ' ' || !isSpace(code)))
      out += character;
    else
      escape(code < 0x100 ? "\\x%02x" : code < 0x10000 ? "\\u%04x" : "\\U%08x", code);
  }
  return out + quote;
}

} // namespace dl::rt
