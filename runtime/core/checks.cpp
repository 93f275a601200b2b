// What compiled code calls before it starts, and when a check of its own has failed.
#include <cstring>

#include "dl/entry.h"
#include "runtime/core/arguments.h"

using namespace dl::rt;

namespace {

constexpr int64_t kRow = 2 + DL_MAX_RANK;

// "f32[2, _]", with _ for a size that may be anything.
std::string expectedText(const int64_t *row) {
  dl_value value{};
  value.dtype = static_cast<int32_t>(row[0]);
  std::string text = shapeText(value);
  text.resize(std::min(text.find('['), text.size()));
  if (row[1] == 0)
    return text;
  text += '[';
  for (int64_t d = 0; d < row[1]; ++d)
    text += concat(d ? ", " : "", row[2 + d] < 0 ? std::string("_") : std::to_string(row[2 + d]));
  return text + ']';
}

bool agrees(const int64_t *row, const dl_value &value) {
  if (value.dtype != row[0] || value.rank != row[1])
    return false;
  for (int64_t d = 0; d < row[1]; ++d)
    if (value.sizes[d] < 0 || (row[2 + d] >= 0 && value.sizes[d] != row[2 + d]))
      return false;
  return true;
}

std::string number(const dl_value &value) {
  if (value.rank != 0)
    return shapeText(value);
  if (!isFloat(value.dtype))
    return std::to_string(value.i);
  char text[32];
  std::snprintf(text, sizeof text, "%g", value.f);
  return text;
}

} // namespace

void dl_rt_check_arguments(const char *function, const int64_t *expected, int64_t numExpected, int64_t numResults,
                           const dl_value *in, int64_t numIn, int64_t numOut) {
  guarded(nullptr, [&] {
    if (numIn != numExpected || numOut != numResults)
      fail(function, ": called with ", numIn, " arguments for ", numOut, " results; it takes ", numExpected, " and has ",
           numResults);
    for (int64_t i = 0; i < numIn; ++i)
      if (!agrees(expected + i * kRow, in[i]))
        fail(function, ": argument ", i, " is ", shapeText(in[i]), ", ", expectedText(expected + i * kRow), " is needed");
  });
}

// Extern. in: message, values…  {0}, {1}, … in the message stand for the values. Always fails.
DL_RUNTIME_FUNCTION(assert_failed) {
  std::string_view pattern = call.string(0);
  std::string message;
  for (size_t i = 0; i < pattern.size(); ++i) {
    size_t end = pattern.find('}', i);
    bool isPlace = pattern[i] == '{' && end != pattern.npos && end > i + 1 &&
                   pattern.substr(i + 1, end - i - 1).find_first_not_of("0123456789") == pattern.npos;
    if (!isPlace) {
      message += pattern[i];
      continue;
    }
    message += number(call.argument(1 + std::stoll(std::string(pattern.substr(i + 1, end - i - 1)))));
    i = end;
  }
  throw Failure{message};
}
