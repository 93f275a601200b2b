// Tables of numbers as text.
#pragma once

#include <string_view>

#include "runtime/io/array.h"

namespace dl::rt {

// f64[rows, columns]. Columns are separated by commas, semicolons, tabs or blanks; empty lines and lines that begin
// with # do not count; the first `skipRows` other lines are skipped.
Result<Array> parseCsv(std::string_view text, int64_t skipRows);
Result<Array> readCsv(const std::string &path, int64_t skipRows);

// A tensor of rank 1 (one column) or 2, with as many digits as identify each number.
Result<Done> writeCsv(const std::string &path, const ArrayView &array);

} // namespace dl::rt
