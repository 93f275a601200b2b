// Lists of texts as compiled code has them: the bytes of all, one after another, and where each ends.
#pragma once

#include <cstring>
#include <string_view>
#include <vector>

#include "runtime/core/arguments.h"

namespace dl::rt {

// Results 0 (u8[m], the bytes) and 1 (i64[n], the ends).
template <class Texts> void deliverTexts(const Call &call, const Texts &texts) {
  int64_t bytes = 0, count = static_cast<int64_t>(texts.size());
  for (const auto &text : texts)
    bytes += static_cast<int64_t>(text.size());
  char *to = elements<char>(call.tensorResult(0, DL_U8, &bytes, 1));
  int64_t *ends = elements<int64_t>(call.tensorResult(1, DL_I64, &count, 1));
  int64_t end = 0;
  for (const auto &text : texts) {
    std::memcpy(to + end, text.data(), text.size());
    *ends++ = end += static_cast<int64_t>(text.size());
  }
}

// The texts of arguments i and i + 1.
inline std::vector<std::string_view> textsOf(const Call &call, int64_t i) {
  std::string_view bytes = call.string(i);
  const dl_value &ends = call.tensor(i + 1, 1);
  std::vector<std::string_view> texts;
  int64_t begin = 0;
  for (int64_t k = 0; k < ends.sizes[0]; ++k) {
    int64_t end = elements<const int64_t>(ends)[k];
    texts.push_back(bytes.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin)));
    begin = end;
  }
  return texts;
}

} // namespace dl::rt
