// The seed corpus without a fuzzer: every file, every beginning of it, and every file with one token's worth missing.
#include "tests/fuzz/parser/parse_anything.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace dl::testing {

TEST(ParserCorpus, HoldsForEveryFileAndItsNeighbours) {
  size_t files = 0;
  for (const auto &entry : std::filesystem::directory_iterator(DL_PARSER_CORPUS)) {
    std::ifstream in(entry.path(), std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(in)), {});
    ASSERT_FALSE(text.empty()) << entry.path();
    SCOPED_TRACE(entry.path().filename().string());
    parseAnything(text);
    for (size_t i = 0; i < text.size(); i += 3) {
      parseAnything(text.substr(0, i));
      for (size_t length : {1, 4})
        parseAnything(text.substr(0, i) + text.substr(std::min(i + length, text.size())));
    }
    for (char c : {'(', ')', '{', '}', '[', '"', ',', '\n', '=', '#'})
      for (size_t i = 0; i < text.size(); i += 7)
        parseAnything(text.substr(0, i) + c + text.substr(i));
    ++files;
  }
  EXPECT_GE(files, 5u);
}

} // namespace dl::testing
