#include "compiler/driver/files.h"
#include "tests/driver/scratch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace dl::driver;
using dl::tests::Scratch;
namespace fs = std::filesystem;

TEST(Files, ReadsWhatIsThere) {
  Scratch scratch;
  EXPECT_EQ(readFile(scratch.write("a", std::string("x\0y", 3))), std::string("x\0y", 3));
  EXPECT_FALSE(readFile(scratch.path("missing")));
  EXPECT_FALSE(readFile(scratch.folder)) << "a folder is no file";
}

TEST(Files, WritesInOneStepAndKeepsTheMode) {
  Scratch scratch;
  std::string path = scratch.write("script.dl", "old");
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write | fs::perms::owner_exec);
  EXPECT_EQ(writeFile(path, "new"), "");
  EXPECT_EQ(readFile(path), "new");
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write | fs::perms::owner_exec);
  EXPECT_EQ(std::distance(fs::directory_iterator(scratch.folder), fs::directory_iterator()), 1)
      << "nothing is left over";
}

TEST(Files, WritesThroughALink) {
  Scratch scratch;
  std::string path = scratch.write("real.dl", "old");
  fs::create_symlink(path, scratch.path("link.dl"));
  EXPECT_EQ(writeFile(scratch.path("link.dl"), "new"), "");
  EXPECT_TRUE(fs::is_symlink(scratch.path("link.dl")));
  EXPECT_EQ(readFile(path), "new");
}

// As a device such as /dev/null is.
TEST(Files, APipeIsWrittenToAndNotReplaced) {
  Scratch scratch;
  std::string path = scratch.path("pipe");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  int reader = open(path.c_str(), O_RDWR | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  EXPECT_EQ(writeFile(path, "text"), "");
  char read[8];
  EXPECT_EQ(::read(reader, read, sizeof read), 4);
  EXPECT_TRUE(fs::is_fifo(path));
  EXPECT_EQ(std::distance(fs::directory_iterator(scratch.folder), fs::directory_iterator()), 1)
      << "nothing is left over";
  close(reader);
}

TEST(Files, SaysWhyItCannotWrite) {
  Scratch scratch;
  EXPECT_NE(writeFile(scratch.path("no/such/folder/a"), "x"), "");
}

TEST(ImportFinder, LooksInTheLibraryAndThenBesideTheScript) {
  Scratch scratch;
  setenv("DL_STDLIB", scratch.path("lib").c_str(), 1);
  scratch.write("lib/nn.dl", "library");
  scratch.write("program/nn.dl", "own");
  scratch.write("program/parts/layer.dl", "layer");
  scratch.write("program/model/model.dl", "folder");
  ImportFinder finder;
  std::string path, text, script = scratch.path("program/main.dl");
  ASSERT_TRUE(finder.find("nn", script, path, text));
  EXPECT_EQ(text, "library");
  ASSERT_TRUE(finder.find("parts.layer", script, path, text));
  EXPECT_EQ(path, scratch.path("program/parts/layer.dl"));
  ASSERT_TRUE(finder.find("model", script, path, text));
  EXPECT_EQ(text, "folder");
  EXPECT_FALSE(finder.find("missing", script, path, text));
  unsetenv("DL_STDLIB");

  // What was looked for in vain is remembered too: the file may appear later.
  bool inVain = false, found = false;
  for (const Dependency &dependency : finder.dependencies()) {
    inVain |= dependency.path == scratch.path("program/missing.dl") && dependency.digest.empty();
    found |= dependency.path == scratch.path("lib/nn.dl") && dependency.digest == digest("library");
  }
  EXPECT_TRUE(inVain);
  EXPECT_TRUE(found);
}
