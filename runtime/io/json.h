// As much JSON as the safetensors header needs.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace dl::rt {

// Reads values one after another; every function returns false where the text is something else, after which the reader
// is of no use.
class JsonReader {
public:
  explicit JsonReader(std::string_view text) : rest(text) {}

  // An object: member(key) must read the value.
  bool object(const std::function<bool(const std::string &)> &member);
  bool string(std::string &text);
  // An array of at most `limit` integers.
  bool integers(std::vector<int64_t> &values, size_t limit);
  // Any value.
  bool skip() { return skip(0); }
  bool atEnd();

private:
  bool take(char c);
  void skipBlanks();
  bool skip(int depth);
  bool codePoint(uint32_t &code);

  std::string_view rest;
};

// The text in quotes, escaped.
std::string jsonString(std::string_view text);

} // namespace dl::rt
