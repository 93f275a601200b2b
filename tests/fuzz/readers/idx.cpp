#include "runtime/io/idx.h"
#include "runtime/io/file.h"
#include "tests/fuzz/readers/target.h"

void dl::fuzz::one(std::span<const uint8_t> bytes) {
  auto unpacked = rt::inflateIfPacked({bytes.begin(), bytes.end()}, 1 << 24);
  if (unpacked)
    (void)rt::parseIdx(*unpacked);
}
