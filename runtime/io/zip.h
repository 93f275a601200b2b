// Zip archives.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/io/result.h"

namespace dl::rt {

// The names of an archive's files, in its order.
Result<std::vector<std::string>> zipNames(std::span<const uint8_t> archive);

// One unpacked file of an archive in memory.
Result<std::vector<uint8_t>> zipMember(std::span<const uint8_t> archive, const std::string &name);

struct ZipFile {
  std::string name, bytes;
};

Result<Done> writeZip(const std::string &path, const std::vector<ZipFile> &files);

} // namespace dl::rt
