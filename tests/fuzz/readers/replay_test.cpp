// What the fuzzer kept of one reader's inputs, without a fuzzer: every file, its beginnings, and the file with single
// bytes changed.
#include "tests/fuzz/readers/target.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

namespace dl::testing {

TEST(ReaderCorpus, HoldsForEveryFileAndItsNeighbours) {
  size_t files = 0;
  for (const auto &entry : std::filesystem::directory_iterator(DL_READER_CORPUS)) {
    std::ifstream in(entry.path(), std::ios::binary);
    std::vector<uint8_t> bytes((std::istreambuf_iterator<char>(in)), {});
    SCOPED_TRACE(entry.path().filename().string());
    fuzz::one(bytes);
    size_t step = bytes.size() / 64 + 1;
    for (size_t i = 0; i < bytes.size(); i += step) {
      fuzz::one(std::span<const uint8_t>(bytes).first(i));
      for (uint8_t flip : {0x01, 0x80, 0xff}) {
        bytes[i] ^= flip;
        fuzz::one(bytes);
        bytes[i] ^= flip;
      }
    }
    ++files;
  }
  EXPECT_GE(files, 3u);
}

} // namespace dl::testing
