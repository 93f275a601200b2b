#include "runtime/io/idx.h"

#include <algorithm>

#include "runtime/io/file.h"

namespace dl::rt {
namespace {

uint32_t bigEndian(std::span<const uint8_t> bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

int32_t dtypeOfCode(uint8_t code) {
  switch (code) {
  case 0x08:
    return DL_U8;
  case 0x0C:
    return DL_I32;
  case 0x0D:
    return DL_F32;
  case 0x0E:
    return DL_F64;
  default:
    return -1;
  }
}

} // namespace

Result<Array> parseIdx(std::span<const uint8_t> bytes) {
  if (bytes.size() < 4)
    return error("truncated: an IDX file has at least 4 bytes, this one ", bytes.size());
  if (bytes[0] != 0 || bytes[1] != 0)
    return error("no IDX file: it begins with ", int{bytes[0]}, " ", int{bytes[1]}, " instead of 0 0");
  Array array;
  array.dtype = dtypeOfCode(bytes[2]);
  if (array.dtype < 0)
    return error("IDX element type ", int{bytes[2]}, " is not supported");
  size_t rank = bytes[3];
  if (rank < 1 || rank > DL_MAX_RANK)
    return error("IDX rank ", rank, " is not supported");
  size_t header = 4 + 4 * rank;
  if (bytes.size() < header)
    return error("truncated: the IDX header needs ", header, " bytes, the file has ", bytes.size());
  for (size_t d = 0; d < rank; ++d)
    array.sizes.push_back(bigEndian(bytes.subspan(4 + 4 * d)));
  std::span<const uint8_t> elements = bytes.subspan(header);
  int64_t size = declaredBytes(array.sizes, dtypeSize(array.dtype), elements.size());
  if (size < 0)
    return error("truncated: ", arrayText(array.dtype, array.sizes), " does not fit the ", elements.size(),
                 " bytes after the header");
  if (static_cast<size_t>(size) != elements.size())
    return error("damaged: ", elements.size() - static_cast<size_t>(size), " bytes are left after ",
                 arrayText(array.dtype, array.sizes));
  array.bytes.assign(elements.begin(), elements.end());
  size_t width = static_cast<size_t>(dtypeSize(array.dtype));
  for (size_t i = 0; width > 1 && i < array.bytes.size(); i += width)
    std::reverse(array.bytes.begin() + static_cast<std::ptrdiff_t>(i),
                 array.bytes.begin() + static_cast<std::ptrdiff_t>(i + width));
  return array;
}

Result<Array> readIdx(const std::string &path) {
  Result<std::vector<uint8_t>> packed = readFile(path);
  if (!packed)
    return packed.failure();
  Result<std::vector<uint8_t>> bytes = inflateIfPacked(std::move(*packed), kMaxFileBytes);
  if (!bytes)
    return error(path, ": ", bytes.message());
  Result<Array> array = parseIdx(*bytes);
  if (!array)
    return error(path, ": ", array.message());
  return array;
}

} // namespace dl::rt
