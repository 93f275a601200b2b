// Whole files.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/io/result.h"

namespace dl::rt {

// Larger files are refused: what is read is held in memory.
constexpr uint64_t kMaxFileBytes = uint64_t{16} << 30;

Result<std::vector<uint8_t>> readFile(const std::string &path);

// Unpacks gzip or zlib data; returns other data as it is. Fails when more than `limit` bytes come out.
Result<std::vector<uint8_t>> inflateIfPacked(std::vector<uint8_t> data, uint64_t limit);

// Writes the parts one after another to a file beside `path`, then renames it, so that a failure leaves what was there.
Result<Done> writeFile(const std::string &path, std::span<const std::string_view> parts);

// Writes the text behind what the file holds, which is made if it does not exist. A failure leaves what was there.
Result<Done> appendFile(const std::string &path, std::string_view text);

bool fileExists(const std::string &path);

// A path that is beside `path`, for writers of other libraries; finish with commitFile. What is there and is no regular
// file, such as /dev/null or a pipe, is written to and not replaced: then it is `path`.
std::string besidePath(const std::string &path);
Result<Done> commitFile(const std::string &beside, const std::string &path);

inline std::string_view asText(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

} // namespace dl::rt
