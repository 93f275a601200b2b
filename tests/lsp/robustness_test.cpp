// An editor shows half-written programs most of the time: whatever the text, every question has an answer.
#include "compiler/lsp/messages.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

using namespace dl;
using namespace dl::lsp;

namespace {

void askEverything(const std::string &text, uint32_t offset) {
  Analysis analysis("script.dl", text);
  analysis.finish();
  mlir::lsp::URIForFile uri;
  published(analysis, uri, 1);
  hoverAt(analysis, offset);
  outlineOf(analysis);
  Buffer buffer{"script.dl", text, driver::readFile};
  for (const Candidate &candidate : completionsAt(buffer, offset))
    itemOf(candidate, 0);
  helpOf(callAt(buffer, offset));
}

std::vector<std::string> scripts() {
  std::vector<std::string> out;
  for (const char *folder : {"/examples", "/tests/lang", "/tests/fuzz/parser/corpus"})
    for (const auto &entry : std::filesystem::directory_iterator(std::string(DL_SOURCES) + folder))
      if (entry.path().extension() == ".dl" && entry.file_size() < 6000) {
        std::ifstream in(entry.path(), std::ios::binary);
        out.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
      }
  std::sort(out.begin(), out.end());
  return out;
}

} // namespace

TEST(Robustness, BrokenTextsAtEveryKindOfPlace) {
  std::mt19937 random(7);
  const char *pieces[] = {
      "(", ")", "{", "}", "[", "\"", ".", ",", "=", "#", "\n", "fn ", "import ", "\xF0\x9F\x98\x80", "\xFF", "|>", ":"};
  size_t count = 0;
  for (const std::string &text : scripts()) {
    for (int round = 0; round < 4; ++round) {
      size_t at = random() % (text.size() + 1);
      std::string changed = text;
      if (round == 0)
        changed.resize(at);
      else if (round == 1)
        changed.erase(at, random() % 12);
      else
        changed.insert(at, pieces[random() % std::size(pieces)]);
      SCOPED_TRACE(changed.substr(at > 40 ? at - 40 : 0, 80));
      askEverything(changed, static_cast<uint32_t>(std::min(at, changed.size())));
      ++count;
    }
  }
  EXPECT_GT(count, 50u);
}

TEST(Robustness, ShortTextsAtAllPlaces) {
  for (std::string text : {"",
                           ".",
                           "x.",
                           "f(",
                           "import",
                           "from",
                           "from nn import ",
                           "\"{",
                           "module M { param",
                           "let a: f32[",
                           "a.b.c(",
                           "1.",
                           "1..",
                           "fn f(x) = x.",
                           "\xC3",
                           "test \"",
                           "##",
                           "x |> ",
                           "&",
                           "fn(",
                           "no_grad {"})
    for (uint32_t offset = 0; offset <= text.size(); ++offset)
      askEverything(text, offset);
}
