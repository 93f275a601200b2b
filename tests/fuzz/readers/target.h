// What every target is made of: bytes in, no crash out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace dl::fuzz {
void one(std::span<const uint8_t> bytes);
} // namespace dl::fuzz
