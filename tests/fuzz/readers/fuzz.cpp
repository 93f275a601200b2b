// libFuzzer's entry.
#include "tests/fuzz/readers/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  dl::fuzz::one({data, size});
  return 0;
}
