// The safetensors format: a little-endian u64 with the size of a JSON header, the header, the elements. Format: the
// README of huggingface/safetensors.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/io/array.h"

namespace dl::rt {

// The tensors of a file in memory; the bytes must outlive it.
class SafeTensors {
public:
  struct Entry {
    std::string name, type; // "F32", …
    std::vector<int64_t> sizes;
    std::span<const uint8_t> bytes;
  };

  static Result<SafeTensors> parse(std::span<const uint8_t> bytes);

  const std::vector<Entry> &entries() const { return list; }
  const Entry *find(std::string_view name) const;

  // The elements; F16 becomes f32.
  static Result<Array> array(const Entry &entry);

private:
  std::vector<Entry> list;
};

Result<Done> writeSafeTensors(const std::string &path, const std::vector<std::string> &names,
                              const std::vector<ArrayView> &arrays);

} // namespace dl::rt
