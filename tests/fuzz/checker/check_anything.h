// What must hold for the checker on any text: it ends, it does not fail itself, and every error has a place that
// exists.
#pragma once

#include <string>
#include <string_view>

namespace dl::testing {

// `library` is the folder of the library's files; `import` finds nothing else. Aborts when a promise is broken.
void checkAnything(std::string_view text, const std::string &library);

} // namespace dl::testing
