#include "runtime/io/npy.h"
#include "tests/fuzz/readers/target.h"

void dl::fuzz::one(std::span<const uint8_t> bytes) { (void)rt::parseNpy(bytes); }
