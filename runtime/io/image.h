// Pictures as u8[height, width, channels]: 1 grey, 2 grey and alpha, 3 red green blue, 4 with alpha.
#pragma once

#include <span>

#include "runtime/io/array.h"

namespace dl::rt {

// A PNG or JPEG file in memory, told apart by its first bytes.
Result<Array> decodeImage(std::span<const uint8_t> bytes);
Result<Array> readImage(const std::string &path);

// u8[height, width, channels] or u8[height, width]; PNG or JPEG by the path's extension.
Result<Done> writeImage(const std::string &path, const ArrayView &array);

} // namespace dl::rt
