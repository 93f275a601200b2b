// The libFuzzer target.
#include "tests/fuzz/checker/check_anything.h"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  dl::testing::checkAnything({reinterpret_cast<const char *>(data), size}, DL_LIBRARY);
  return 0;
}
