#include "compiler/driver/script_cache.h"
#include "tests/driver/scratch.h"

#include <gtest/gtest.h>

using namespace dl::driver;
using dl::tests::Scratch;
namespace fs = std::filesystem;

namespace {
constexpr uint64_t plenty = 1 << 20;
}

TEST(ScriptCache, GivesBackWhatWasStored) {
  Scratch scratch;
  ScriptCache cache(scratch.folder / "cache", plenty);
  std::string import = scratch.write("a.dl", "one");
  EXPECT_FALSE(cache.find("k"));
  cache.store("k", {{{import, digest("one")}, {scratch.path("b.dl"), ""}}, std::string("\x7f\0ELF", 5)});
  std::optional<CachedScript> script = cache.find("k");
  ASSERT_TRUE(script);
  EXPECT_EQ(script->object, std::string("\x7f\0ELF", 5));
  EXPECT_EQ(script->dependencies.size(), 2u);
}

TEST(ScriptCache, NoticesAChangedImport) {
  Scratch scratch;
  ScriptCache cache(scratch.folder / "cache", plenty);
  std::string import = scratch.write("a.dl", "one");
  cache.store("k", {{{import, digest("one")}}, "code"});
  scratch.write("a.dl", "two");
  EXPECT_FALSE(cache.find("k"));
  scratch.write("a.dl", "one");
  EXPECT_TRUE(cache.find("k"));
}

TEST(ScriptCache, NoticesANewFileThatWouldBeFoundFirst) {
  Scratch scratch;
  ScriptCache cache(scratch.folder / "cache", plenty);
  cache.store("k", {{{scratch.path("a.dl"), ""}}, "code"});
  EXPECT_TRUE(cache.find("k"));
  scratch.write("a.dl", "now it is there");
  EXPECT_FALSE(cache.find("k"));
}

TEST(ScriptCache, TakesADamagedEntryForAMiss) {
  Scratch scratch;
  ScriptCache cache(scratch.folder / "cache", plenty);
  cache.store("k", {{}, "some object code"});
  std::string good = *readFile(scratch.folder / "cache" / "k");
  for (size_t size = 0; size < good.size(); ++size) {
    scratch.write("cache/k", good.substr(0, size));
    EXPECT_FALSE(cache.find("k")) << "cut to " << size;
  }
  std::string flipped = good;
  flipped[flipped.find("object")] ^= 1;
  scratch.write("cache/k", flipped);
  EXPECT_FALSE(cache.find("k"));
  scratch.write("cache/k", good);
  EXPECT_TRUE(cache.find("k"));
}

TEST(ScriptCache, StaysWithinItsSizeAndDropsTheOldest) {
  Scratch scratch;
  ScriptCache cache(scratch.folder / "cache", 10'000);
  for (int i = 0; i < 12; ++i) {
    std::string key = "k" + std::to_string(i);
    cache.store(key, {{}, std::string(1000, 'x')});
    if (fs::exists(scratch.folder / "cache" / key))
      fs::last_write_time(scratch.folder / "cache" / key,
                          fs::file_time_type::clock::now() - std::chrono::hours(24 - i));
  }
  uint64_t total = 0;
  for (const fs::directory_entry &entry : fs::directory_iterator(scratch.folder / "cache"))
    total += entry.file_size();
  EXPECT_LE(total, 10'000u);
  EXPECT_FALSE(cache.find("k0"));
  EXPECT_TRUE(cache.find("k11"));
}

TEST(ScriptCache, KeyDependsOnEverythingThatMatters) {
  Settings fast, slow;
  slow.optimise = false;
  std::string key = ScriptCache::key("a.dl", "print(1)", fast);
  EXPECT_EQ(key, ScriptCache::key("a.dl", "print(1)", fast));
  EXPECT_NE(key, ScriptCache::key("a.dl", "print(2)", fast));
  EXPECT_NE(key, ScriptCache::key("b.dl", "print(1)", fast));
  EXPECT_NE(key, ScriptCache::key("a.dl", "print(1)", slow));
}
