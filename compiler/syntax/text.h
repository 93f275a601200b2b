// Putting messages together.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

namespace dl {

// The parts one after another; integers are written in decimal.
template <typename... Parts> std::string cat(const Parts &...parts) {
  std::string out;
  auto add = [&](const auto &part) {
    if constexpr (std::is_same_v<std::decay_t<decltype(part)>, char>)
      out += part;
    else if constexpr (std::is_integral_v<std::decay_t<decltype(part)>>)
      out += std::to_string(part);
    else
      out += part;
  };
  (add(parts), ...);
  return out;
}

} // namespace dl
