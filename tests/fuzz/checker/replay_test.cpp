// Programs with small faults, without a fuzzer: each language test and kept find, with one line left out, one token's
// worth left out, or a few characters exchanged, by a fixed random sequence.
#include "tests/fuzz/checker/check_anything.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

namespace dl::testing {
namespace {

size_t replay(const std::filesystem::path &folder, int variants) {
  size_t files = 0;
  for (const auto &entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".dl" || entry.file_size() > 4000)
      continue;
    std::ifstream in(entry.path(), std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(in)), {});
    SCOPED_TRACE(entry.path().filename().string());
    checkAnything(text, DL_LIBRARY);
    std::mt19937 random(static_cast<unsigned>(text.size()));
    static const std::string spare[] = {"0", "-1",  "x",  "f32",  "none",      "true", "\"s\"", "(",
                                        ")", "[0]", ".T", "grad", "fn(x) = x", " + ",  " @ "};
    for (int i = 0; i < variants; ++i) {
      size_t at = random() % text.size();
      size_t length = random() % 3 == 0 ? text.find('\n', at) - at : 1 + random() % 6;
      std::string broken = text.substr(0, at) + (random() % 2 ? spare[random() % std::size(spare)] : "");
      if (length < text.size() - at)
        broken += text.substr(at + length);
      checkAnything(broken, DL_LIBRARY);
    }
    ++files;
  }
  return files;
}

} // namespace

TEST(CheckerCorpus, HoldsForBrokenPrograms) {
  EXPECT_GE(replay(DL_LANGUAGE_TESTS, 40), 5u);
  replay(DL_CHECKER_CORPUS, 0);
}

} // namespace dl::testing
