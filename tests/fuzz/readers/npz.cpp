#include "runtime/io/file.h"
#include "runtime/io/npy.h"
#include "runtime/io/zip.h"
#include "tests/fuzz/readers/target.h"

void dl::fuzz::one(std::span<const uint8_t> bytes) {
  auto names = rt::zipNames(bytes);
  if (names)
    for (const std::string &name : *names)
      if (name.ends_with(".npy"))
        (void)rt::parseNpz(bytes, name.substr(0, name.size() - 4));
}
