// Strings, as compiled code works on them. A str is UTF-8; positions and lengths count code points. Bytes that are no
// UTF-8 are kept as they are.
#include <algorithm>
#include <string>
#include <vector>

#include "runtime/core/arguments.h"
#include "runtime/text/characters.h"
#include "runtime/text/pack.h"
#include "runtime/text/utf8.h"

using namespace dl::rt;

namespace {

// An index counted from the start, in [0, size].
int64_t bound(int64_t index, int64_t size) { return std::clamp<int64_t>(index < 0 ? index + size : index, 0, size); }

bool isIn(std::string_view character, std::string_view set) {
  for (; !set.empty(); set.remove_prefix(firstCharacter(set).size()))
    if (firstCharacter(set) == character)
      return true;
  return false;
}

constexpr std::string_view kBlanks = " \t\n\r\v\f";

std::string_view lastCharacter(std::string_view text) {
  size_t n = text.size();
  while (n > 0 && (static_cast<unsigned char>(text[--n]) & 0xC0) == 0x80) {
  }
  return text.substr(n);
}

enum class Case { Lower, Upper, Capital, Title };

// A word of a title is a run of letters that have a case.
std::string inCase(std::string_view text, Case wanted) {
  std::string out;
  bool begins = true;
  for (; !text.empty(); text.remove_prefix(firstCharacter(text).size())) {
    std::string_view character = firstCharacter(text);
    int64_t code = decode(character);
    bool upper = wanted == Case::Upper || (wanted != Case::Lower && begins);
    begins = wanted == Case::Title && !(isUpper(code) || isLower(code));
    if (code < 0)
      out += character;
    else
      out += encode(upper ? upperOf(code) : lowerOf(code));
  }
  return out;
}

// What Python's isdigit() and its like ask.
enum class Class { Digit, Alpha, Alnum, Space, Upper, Lower };

bool allAre(std::string_view text, Class wanted) {
  bool cased = false;
  for (std::string_view rest = text; !rest.empty(); rest.remove_prefix(firstCharacter(rest).size())) {
    int64_t code = decode(rest);
    switch (wanted) {
    case Class::Digit:
      if (!isDigit(code))
        return false;
      break;
    case Class::Alpha:
      if (!isLetter(code))
        return false;
      break;
    case Class::Alnum:
      if (!isLetter(code) && !isDigit(code))
        return false;
      break;
    case Class::Space:
      if (!isSpace(code))
        return false;
      break;
    case Class::Upper:
    case Class::Lower:
      if (wanted == Class::Upper ? isLower(code) : isUpper(code))
        return false;
      cased |= isUpper(code) || isLower(code);
    }
  }
  return wanted == Class::Upper || wanted == Class::Lower ? cased : !text.empty();
}

} // namespace

// in: text (str).  out: i64, its number of code points.
DL_RUNTIME_FUNCTION(str_len) {
  call.expect(1, 1);
  call.setInteger(0, codePoints(call.string(0)));
}

// in: text (str), index (i64; negative: from the end).  out: str, one code point.
DL_RUNTIME_FUNCTION(str_at) {
  call.expect(2, 1);
  std::string_view text = call.string(0);
  int64_t size = codePoints(text), index = call.integer(1);
  if (index < -size || index >= size)
    fail("index ", index, " is out of range for a str of length ", size);
  call.setString(0, firstCharacter(text.substr(byteOffset(text, bound(index, size)))));
}

// in: text (str), begin, end, step (i64), given (i64: 1 with begin, 2 with end).  out: str, as Python slices.
DL_RUNTIME_FUNCTION(str_slice) {
  call.expect(5, 1);
  std::string_view text = call.string(0);
  int64_t size = codePoints(text), step = call.integer(3), given = call.integer(4);
  if (step == 0)
    fail("the step of a slice is 0");
  if (step > 0) {
    int64_t begin = given & 1 ? bound(call.integer(1), size) : 0, end = given & 2 ? bound(call.integer(2), size) : size;
    if (step == 1) {
      size_t from = byteOffset(text, begin);
      call.setString(0, begin < end ? text.substr(from, byteOffset(text, end) - from) : std::string_view());
      return;
    }
    std::string out;
    size_t at = byteOffset(text, begin);
    for (int64_t i = begin; i < end; i += step) {
      out += firstCharacter(text.substr(at));
      at += byteOffset(text.substr(at), step);
    }
    call.setString(0, out);
    return;
  }
  auto last = [&](int64_t index) { return std::clamp<int64_t>(index < 0 ? index + size : index, -1, size - 1); };
  int64_t begin = given & 1 ? last(call.integer(1)) : size - 1, end = given & 2 ? last(call.integer(2)) : -1;
  std::vector<size_t> offsets; // of each code point: there is no quick way back
  for (size_t at = 0; at < text.size(); at += firstCharacter(text.substr(at)).size())
    offsets.push_back(at);
  std::string out;
  for (int64_t i = begin; i > end; i += step)
    out += firstCharacter(text.substr(offsets[static_cast<size_t>(i)]));
  call.setString(0, out);
}

// in: two str.  out: i64, below, at or above 0 as the first comes before, is, or comes after the second.
DL_RUNTIME_FUNCTION(str_compare) {
  call.expect(2, 1);
  call.setInteger(0, call.string(0).compare(call.string(1))); // the order of UTF-8 is that of code points
}

// in: text (str), count (i64).  out: str.
DL_RUNTIME_FUNCTION(str_repeat) {
  call.expect(2, 1);
  std::string_view text = call.string(0);
  int64_t sizes[] = {static_cast<int64_t>(text.size()), std::max<int64_t>(call.integer(1), 0)};
  int64_t size = checkedBytes(sizes, 2, 1);
  char *to = elements<char>(call.tensorResult(0, DL_U8, &size, 1));
  for (int64_t i = 0; !text.empty() && i < sizes[1]; ++i)
    to = std::copy_n(text.data(), text.size(), to);
}

// in: text, part (str), start (i64), last (i64).  out: i64, where the part first (last: last) occurs from start on, or
// -1.
DL_RUNTIME_FUNCTION(str_find) {
  call.expect(4, 1);
  std::string_view text = call.string(0), part = call.string(1);
  size_t start = byteOffset(text, bound(call.integer(2), codePoints(text)));
  size_t at = call.integer(3) ? text.rfind(part) : text.find(part, start);
  call.setInteger(0, at == text.npos || at < start ? -1 : codePoints(text.substr(0, at)));
}

// in: text, part (str).  out: i64, how often the part occurs, without overlaps.
DL_RUNTIME_FUNCTION(str_count) {
  call.expect(2, 1);
  std::string_view text = call.string(0), part = call.string(1);
  if (part.empty()) {
    call.setInteger(0, codePoints(text) + 1);
    return;
  }
  int64_t count = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + part.size()))
    ++count;
  call.setInteger(0, count);
}

// in: text, part (str), at_end (i64).  out: bool.
DL_RUNTIME_FUNCTION(str_has_end) {
  call.expect(3, 1);
  call.setInteger(0, call.integer(2) ? call.string(0).ends_with(call.string(1))
                                     : call.string(0).starts_with(call.string(1)));
}

// in: text, characters (str; empty: blanks), sides (i64: 1 left, 2 right, 3 both).  out: str.
DL_RUNTIME_FUNCTION(str_strip) {
  call.expect(3, 1);
  std::string_view text = call.string(0), set = call.string(1).empty() ? kBlanks : call.string(1);
  int64_t sides = call.integer(2);
  while ((sides & 1) && !text.empty() && isIn(firstCharacter(text), set))
    text.remove_prefix(firstCharacter(text).size());
  while ((sides & 2) && !text.empty() && isIn(lastCharacter(text), set))
    text.remove_suffix(lastCharacter(text).size());
  call.setString(0, text);
}

// in: text, old, new (str), count (i64; negative: all).  out: str.
DL_RUNTIME_FUNCTION(str_replace) {
  call.expect(4, 1);
  std::string_view text = call.string(0), old = call.string(1), with = call.string(2);
  int64_t left = call.integer(3);
  if (old.empty())
    fail("replace: the text to replace is empty");
  std::string out;
  for (size_t at; left != 0 && (at = text.find(old)) != text.npos; --left) {
    out += text.substr(0, at);
    out += with;
    text.remove_prefix(at + old.size());
  }
  call.setString(0, out.append(text));
}

// in: text (str), the case (i64, a Case).  out: str.
DL_RUNTIME_FUNCTION(str_case) {
  call.expect(2, 1);
  call.setString(0, inCase(call.string(0), static_cast<Case>(call.integer(1))));
}

// in: text (str), the class (i64, a Class).  out: bool, whether all its characters are of it.
DL_RUNTIME_FUNCTION(str_is) {
  call.expect(2, 1);
  call.setInteger(0, allAre(call.string(0), static_cast<Class>(call.integer(1))));
}

// in: text (str).  out: str, as a program writes it.
DL_RUNTIME_FUNCTION(str_quoted) {
  call.expect(1, 1);
  call.setString(0, quoted(call.string(0)));
}

// in: code (i64).  out: str, the code point of that number.
DL_RUNTIME_FUNCTION(chr) {
  call.expect(1, 1);
  int64_t code = call.integer(0);
  if (!isCodePoint(code))
    fail("chr: ", code, " is no code point");
  call.setString(0, encode(code));
}

// in: text (str) of one code point.  out: i64.
DL_RUNTIME_FUNCTION(ord) {
  call.expect(1, 1);
  std::string_view text = call.string(0);
  if (codePoints(text) != 1 || decode(text) < 0)
    fail("ord takes a str of one character, not \"", text, "\"");
  call.setInteger(0, decode(text));
}

// in: text (str).  out: u8[n], its bytes.
DL_RUNTIME_FUNCTION(str_bytes) {
  call.expect(1, 1);
  call.setString(0, call.string(0));
}

// in: text (str).  out: i64[n], its code points.
DL_RUNTIME_FUNCTION(str_codes) {
  call.expect(1, 1);
  std::string_view text = call.string(0);
  int64_t size = codePoints(text);
  int64_t *to = elements<int64_t>(call.tensorResult(0, DL_I64, &size, 1));
  for (; !text.empty(); text.remove_prefix(firstCharacter(text).size()))
    if (*to = decode(firstCharacter(text)); *to++ < 0)
      fail("codes: the text is no UTF-8");
}

// in: bytes (u8[n]).  out: str.
DL_RUNTIME_FUNCTION(str_from_bytes) {
  call.expect(1, 1);
  call.setString(0, call.string(0));
}

// in: code points (i64[n]).  out: str.
DL_RUNTIME_FUNCTION(str_from_codes) {
  call.expect(1, 1);
  const dl_value &codes = call.tensor(0, 1);
  std::string out;
  for (int64_t i = 0; i < codes.sizes[0]; ++i) {
    int64_t code = elements<const int64_t>(codes)[i];
    if (!isCodePoint(code))
      fail("from_codes: ", code, " is no code point");
    out += encode(code);
  }
  call.setString(0, out);
}

// in: text, separator (str; empty: runs of blanks), most (i64: cuts at most so often; negative: always), last (i64:
// begins at the end).  out: the parts.
DL_RUNTIME_FUNCTION(str_split) {
  call.expect(4, 2);
  std::string_view text = call.string(0), separator = call.string(1);
  int64_t left = call.integer(2);
  bool last = call.integer(3);
  std::vector<std::string_view> parts;
  // Cuts off what stands before the first place or behind the last one; `text` is the rest.
  auto cut = [&](size_t at, size_t size) {
    parts.push_back(last ? text.substr(at + size) : text.substr(0, at));
    text = last ? text.substr(0, at) : text.substr(at + size);
  };
  if (!separator.empty()) {
    for (size_t at; left != 0 && (at = last ? text.rfind(separator) : text.find(separator)) != text.npos; --left)
      cut(at, separator.size());
    parts.push_back(text);
  } else {
    auto trim = [&] {
      size_t at = last ? text.find_last_not_of(kBlanks) : text.find_first_not_of(kBlanks);
      text = at == text.npos ? std::string_view() : last ? text.substr(0, at + 1) : text.substr(at);
    };
    for (trim(); !text.empty(); trim(), --left) {
      size_t at = last ? text.find_last_of(kBlanks) : text.find_first_of(kBlanks);
      if (left == 0 || at == text.npos) {
        parts.push_back(text);
        break;
      }
      cut(at, 1);
    }
  }
  if (last)
    std::reverse(parts.begin(), parts.end());
  deliverTexts(call, parts);
}

// in: text (str).  out: its lines, without their ends; one at the end of the text begins no further line.
DL_RUNTIME_FUNCTION(str_lines) {
  call.expect(1, 2);
  std::string_view text = call.string(0);
  std::vector<std::string_view> lines;
  size_t size = 0;
  while (size < text.size()) {
    std::string_view character = firstCharacter(text.substr(size));
    size += character.size();
    if (!endsLine(decode(character)))
      continue;
    lines.push_back(text.substr(0, size - character.size()));
    text.remove_prefix(size + (character == "\r" && text.substr(size).starts_with('\n')));
    size = 0;
  }
  if (!text.empty())
    lines.push_back(text);
  deliverTexts(call, lines);
}

// in: separator (str), texts.  out: str, the texts with the separator between them.
DL_RUNTIME_FUNCTION(str_join) {
  call.expect(3, 1);
  std::string_view separator = call.string(0);
  std::vector<std::string_view> texts = textsOf(call, 1);
  std::string out;
  for (size_t i = 0; i < texts.size(); ++i) {
    out += i ? separator : std::string_view();
    out += texts[i];
  }
  call.setString(0, out);
}
