// NumPy's array files, .npy and the .npz archives of them.
#pragma once

#include <span>
#include <string_view>

#include "runtime/io/array.h"

namespace dl::rt {

// One .npy file in memory. f2 becomes f32, i1 i2 u2 become i32, u4 becomes i64; any byte order; Fortran order is
// transposed.
Result<Array> parseNpy(std::span<const uint8_t> bytes);
Result<Array> readNpy(const std::string &path);
Result<Done> writeNpy(const std::string &path, const ArrayView &array);

// The array `name` of an archive in memory.
Result<Array> parseNpz(std::span<const uint8_t> bytes, const std::string &name);
Result<Array> readNpz(const std::string &path, const std::string &name);
Result<Done> writeNpz(const std::string &path, const std::vector<std::string> &names,
                      const std::vector<ArrayView> &arrays);

} // namespace dl::rt
