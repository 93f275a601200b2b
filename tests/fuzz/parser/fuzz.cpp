// The libFuzzer target.
#include "tests/fuzz/parser/parse_anything.h"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  dl::testing::parseAnything({reinterpret_cast<const char *>(data), size});
  return 0;
}
