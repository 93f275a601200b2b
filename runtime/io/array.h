// An array read from a file, or to be written to one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dl/abi.h"
#include "runtime/core/arguments.h"
#include "runtime/io/result.h"

namespace dl::rt {

// Row-major elements with element type and sizes (rank 0 allowed: one element).
struct Array {
  int32_t dtype = DL_U8;
  std::vector<int64_t> sizes;
  std::vector<uint8_t> bytes;

  int64_t numel() const {
    int64_t count = 1;
    for (int64_t extent : sizes)
      count *= extent;
    return count;
  }
  int rank() const { return static_cast<int>(sizes.size()); }
};

// What a writer takes: the same, without owning the elements.
struct ArrayView {
  int32_t dtype;
  std::vector<int64_t> sizes;
  const void *data;

  size_t bytes() const {
    int64_t count = dtypeSize(dtype);
    for (int64_t extent : sizes)
      count *= extent;
    return static_cast<size_t>(count);
  }
};

// "f32[2, 3]".
inline std::string arrayText(int32_t dtype, const std::vector<int64_t> &sizes) {
  return concat(dtypeName(dtype), sizes.empty() ? "" : sizesText(sizes.data(), static_cast<int>(sizes.size())));
}

// The number of bytes of an array that a file declares, when it does not exceed `limit`; -1 otherwise.
int64_t declaredBytes(const std::vector<int64_t> &sizes, int64_t elementSize, uint64_t limit);

// A view of an argument. A scalar's element goes to `storage`, which must outlive the view.
ArrayView viewOf(const dl_value &value, uint64_t &storage);

// Why an array does not fit a result, "holds f32[4], f32[3] is expected"; empty when it does.
std::string mismatch(const dl_value &wanted, const Array &array);

// Writes the elements as those of another type, to which they convert.
void copyElements(const Array &array, int32_t dtype, void *to);

// Moves an array into result i. Elements are converted between floating-point types, and from integers and bools to
// floating-point types and i64; anything else that differs throws Failure, with `what` (a file, a name) in the message.
void deliver(const Call &call, int64_t i, const Array &array, std::string_view what);

} // namespace dl::rt
