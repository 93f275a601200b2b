// Strings and printing, as compiled code calls them.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "runtime/core/arguments.h"
#include "runtime/text/format.h"

using namespace dl::rt;

static void show(std::string_view text, std::string_view end) {
  static const bool terminal = isatty(STDOUT_FILENO);
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fwrite(end.data(), 1, end.size(), stdout);
  if (terminal)
    std::fflush(stdout);
}

// in: text (str).  Writes it and a newline to standard output.
DL_RUNTIME_FUNCTION(print) {
  call.expect(1, 0);
  show(call.string(0), "\n");
}

// in: text, end (str).  Writes both to standard output.
DL_RUNTIME_FUNCTION(write) {
  call.expect(2, 0);
  show(call.string(0), call.string(1));
}

// in: a tensor or scalar of any element type, spec (str).  out: str.
DL_RUNTIME_FUNCTION(format) {
  call.expect(2, 1);
  call.setString(0, formatValue(call.argument(0), parseFormatSpec(call.string(1))));
}

// in: text (str), spec (str).  out: str.
DL_RUNTIME_FUNCTION(format_str) {
  call.expect(2, 1);
  call.setString(0, formatString(call.string(0), parseFormatSpec(call.string(1))));
}

// in: a tensor of rank 1, spec (str).  out: str, [a, b, c].
DL_RUNTIME_FUNCTION(format_list) {
  call.expect(2, 1);
  call.setString(0, formatList(call.tensor(0, 1), parseFormatSpec(call.string(1))));
}

// in: any number of str.  out: str, one after another.
DL_RUNTIME_FUNCTION(concat_str) {
  call.expect(call.numIn, 1);
  int64_t size = 0;
  for (int64_t i = 0; i < call.numIn; ++i)
    size += static_cast<int64_t>(call.string(i).size());
  char *to = elements<char>(call.tensorResult(0, DL_U8, &size, 1));
  for (int64_t i = 0; i < call.numIn; ++i)
    to = std::copy_n(call.string(i).data(), call.string(i).size(), to);
}

// in: two str.  out: bool.
DL_RUNTIME_FUNCTION(str_eq) {
  call.expect(2, 1);
  call.setInteger(0, call.string(0) == call.string(1));
}

// in: message (str).  Ends the program with it.
DL_RUNTIME_FUNCTION(error) {
  call.expect(1, 0);
  fail(call.string(0));
}

namespace {

std::string_view trimmed(std::string_view text) {
  auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  while (!text.empty() && blank(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && blank(text.back()))
    text.remove_suffix(1);
  return text;
}

// The whole of a text as a number; false when it is none, or too large.
template <class T> bool parse(std::string_view text, T &value) {
  text = trimmed(text);
  if (text.size() > 1 && text[0] == '+' && text[1] != '-')
    text.remove_prefix(1);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

} // namespace

// in: text (str).  out: i64.
DL_RUNTIME_FUNCTION(parse_int) {
  call.expect(1, 1);
  int64_t value = 0;
  if (!parse(call.string(0), value))
    fail("\"", call.string(0), "\" is no integer");
  call.setInteger(0, value);
}

// in: text (str).  out: f64.
DL_RUNTIME_FUNCTION(parse_float) {
  call.expect(1, 1);
  double value = 0;
  if (!parse(call.string(0), value))
    fail("\"", call.string(0), "\" is no number");
  call.setNumber(0, value);
}
