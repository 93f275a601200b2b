#include "runtime/io/safetensors.h"
#include "tests/fuzz/readers/target.h"

void dl::fuzz::one(std::span<const uint8_t> bytes) {
  auto file = rt::SafeTensors::parse(bytes);
  if (file)
    for (const auto &entry : file->entries())
      (void)rt::SafeTensors::array(entry);
}
