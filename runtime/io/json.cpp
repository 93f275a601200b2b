#include "runtime/io/json.h"

#include <charconv>
#include <cstdio>

namespace dl::rt {
namespace {

constexpr int kMaxDepth = 64;

void appendUtf8(std::string &out, uint32_t code) {
  auto put = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 63));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 63));
    put(0x80 | (code & 63));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 63));
    put(0x80 | (code >> 6 & 63));
    put(0x80 | (code & 63));
  }
}

} // namespace

void JsonReader::skipBlanks() {
  while (!rest.empty() && (rest[0] == ' ' || rest[0] == '\n' || rest[0] == '\r' || rest[0] == '\t'))
    rest.remove_prefix(1);
}

bool JsonReader::take(char c) {
  skipBlanks();
  if (rest.empty() || rest[0] != c)
    return false;
  rest.remove_prefix(1);
  return true;
}

bool JsonReader::atEnd() {
  skipBlanks();
  return rest.empty();
}

bool JsonReader::object(const std::function<bool(const std::string &)> &member) {
  if (!take('{'))
    return false;
  if (take('}'))
    return true;
  do {
    std::string key;
    if (!string(key) || !take(':') || !member(key))
      return false;
  } while (take(','));
  return take('}');
}

// The four hexadecimal digits after \u, and the second half of a surrogate pair.
bool JsonReader::codePoint(uint32_t &code) {
  auto four = [&](uint32_t &value) {
    if (rest.size() < 4)
      return false;
    auto [end, error] = std::from_chars(rest.data(), rest.data() + 4, value, 16);
    if (error != std::errc() || end != rest.data() + 4)
      return false;
    rest.remove_prefix(4);
    return true;
  };
  if (!four(code))
    return false;
  if (code < 0xD800 || code > 0xDFFF)
    return true;
  uint32_t low = 0;
  if (code > 0xDBFF || !rest.starts_with("\\u"))
    return false;
  rest.remove_prefix(2);
  if (!four(low) || low < 0xDC00 || low > 0xDFFF)
    return false;
  code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  return true;
}

bool JsonReader::string(std::string &text) {
  if (!take('"'))
    return false;
  text.clear();
  while (!rest.empty()) {
    char c = rest[0];
    rest.remove_prefix(1);
    if (c == '"')
      return true;
    if (static_cast<unsigned char>(c) < 0x20)
      return false;
    if (c != '\\') {
      text += c;
      continue;
    }
    if (rest.empty())
      return false;
    char escape = rest[0];
    rest.remove_prefix(1);
    constexpr std::string_view from = "\"\\/bfnrt", to = "\"\\/\b\f\n\r\t";
    if (size_t at = from.find(escape); at != from.npos) {
      text += to[at];
      continue;
    }
    uint32_t code = 0;
    if (escape != 'u' || !codePoint(code))
      return false;
    appendUtf8(text, code);
  }
  return false;
}

bool JsonReader::integers(std::vector<int64_t> &values, size_t limit) {
  values.clear();
  if (!take('['))
    return false;
  if (take(']'))
    return true;
  do {
    skipBlanks();
    int64_t value = 0;
    auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (error != std::errc() || values.size() == limit)
      return false;
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    values.push_back(value);
  } while (take(','));
  return take(']');
}

bool JsonReader::skip(int depth) {
  skipBlanks();
  if (rest.empty() || depth > kMaxDepth)
    return false;
  std::string ignored;
  if (rest[0] == '"')
    return string(ignored);
  if (rest[0] == '{')
    return object([&](const std::string &) { return skip(depth + 1); });
  if (take('[')) {
    if (take(']'))
      return true;
    do {
      if (!skip(depth + 1))
        return false;
    } while (take(','));
    return take(']');
  }
  size_t length = rest.find_first_of(",]} \t\r\n");
  std::string_view word = rest.substr(0, length);
  rest.remove_prefix(word.size());
  double number;
  auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  bool isNumber = error == std::errc() && end == word.data() + word.size();
  return isNumber || word == "true" || word == "false" || word == "null";
}

std::string jsonString(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

} // namespace dl::rt
