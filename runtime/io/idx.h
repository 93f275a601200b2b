// The IDX format of the MNIST files: magic 0 0 type rank, big-endian sizes, elements; often packed with gzip.
#pragma once

#include <span>

#include "runtime/io/array.h"

namespace dl::rt {

// From bytes that are unpacked already. Elements may be u8, i32, f32 or f64.
Result<Array> parseIdx(std::span<const uint8_t> bytes);
Result<Array> readIdx(const std::string &path);

} // namespace dl::rt
