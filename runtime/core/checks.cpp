// What compiled code calls when a check of its own fails, and before an exported function runs.
#include <algorithm>

#include "runtime/core/arguments.h"
#include "runtime/core/stack.h"
#include "runtime/text/format.h"

using namespace dl::rt;

namespace {

// The text with {0}, {1} … replaced by the values.
std::string filledIn(std::string_view text, const dl_value *values, int64_t count) {
  std::string out;
  while (!text.empty()) {
    size_t at = text.find('{');
    out += text.substr(0, at);
    if (at == text.npos)
      break;
    text.remove_prefix(at);
    bool isPlace = text.size() >= 3 && text[1] >= '0' && text[1] < '0' + std::min<int64_t>(count, 10) && text[2] == '}';
    out += isPlace ? formatValue(values[text[1] - '0'], FormatSpec()) : "{";
    text.remove_prefix(isPlace ? 3 : 1);
  }
  return out;
}

constexpr int64_t kRow = 2 + DL_MAX_RANK; // dtype, rank, sizes

std::string wanted(const int64_t *row) {
  std::string out(dtypeName(static_cast<int32_t>(row[0])));
  for (int64_t d = 0; d < row[1]; ++d)
    out += concat(d ? ", " : "[", row[2 + d] < 0 ? std::string("_") : std::to_string(row[2 + d]));
  return row[1] ? out + "]" : out;
}

bool fits(const dl_value &value, const int64_t *row) {
  bool good = value.dtype == row[0] && value.rank == row[1];
  for (int64_t d = 0; good && d < row[1]; ++d)
    good = value.sizes[d] >= 0 && (row[2 + d] < 0 || value.sizes[d] == row[2 + d]);
  return good;
}

} // namespace

// in: text (str), values.  Fails with the text, in which {0}, {1} … stand for the values.
DL_RUNTIME_FUNCTION(assert_failed) { fail(filledIn(call.string(0), call.in + 1, call.numIn - 1)); }

// Compares the arguments of an exported function with a table: element type, rank and DL_MAX_RANK sizes (-1: any) for
// each. Recursive calls with other types come by here too, so endless recursion may end here. Not a packed call.
extern "C" void dl_rt_check_arguments(const dl_site *site, const char *name, const int64_t *table, int64_t arguments,
                                      int64_t results, const dl_value *in, int64_t numIn, int64_t numOut) {
  guarded(site, [&] {
    if (stackIsNearlyFull())
      failForStack(name);
    if (numIn != arguments)
      fail(name, ": takes ", arguments, arguments == 1 ? " argument, " : " arguments, ", numIn, " are given");
    if (numOut != results)
      fail(name, ": gives ", results, results == 1 ? " result, " : " results, ", numOut, " are asked for");
    for (int64_t i = 0; i < arguments; ++i)
      if (!fits(in[i], table + i * kRow))
        fail(name, ": argument ", i + 1, " is ", shapeText(in[i]), ", ", wanted(table + i * kRow), " is expected");
  });
}
