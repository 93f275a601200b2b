// The formatter on all dl sources of the repository and on programs made of them by chance: what parses keeps its tree
// and its comments, and a second time changes nothing (parseAnything() demands it).
#include "tests/fuzz/parser/parse_anything.h"

#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

namespace dl::testing {
namespace {

std::vector<std::string> sources() {
  std::vector<std::string> out;
  for (const char *folder : {"/stdlib", "/examples", "/tests"})
    for (const auto &entry : std::filesystem::recursive_directory_iterator(std::string(DL_SOURCES) + folder))
      if (entry.path().extension() == ".dl") {
        std::ifstream in(entry.path(), std::ios::binary);
        out.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
      }
  std::sort(out.begin(), out.end());
  return out;
}

// Lines of the text, each a candidate for moving about.
std::vector<std::string> linesOf(const std::string &text) {
  std::vector<std::string> lines;
  for (size_t i = 0; i < text.size();) {
    size_t end = std::min(text.find('\n', i), text.size() - 1) + 1;
    lines.push_back(text.substr(i, end - i));
    i = end;
  }
  return lines;
}

// A change that often leaves a program a program: other space, comments, brackets, names of another length.
std::string changed(std::string text, std::mt19937 &random) {
  size_t at = random() % (text.size() + 1);
  auto find = [&](auto accepts) {
    for (size_t i = 0; i < text.size(); ++i)
      if (accepts(text[(at + i) % text.size()]))
        return (at + i) % text.size();
    return at;
  };
  switch (random() % 8) {
  case 0: // more space
    text.insert(find([](char c) { return c == ' '; }), random() % 30, ' ');
    break;
  case 1: // a line break after a comma or an opening bracket
    at = find([](char c) { return c == ',' || c == '(' || c == '['; });
    text.insert(std::min(at + 1, text.size()), "\n");
    break;
  case 2: // a comment at the end of a line
    text.insert(find([](char c) { return c == '\n'; }), "  # a comment of some length");
    break;
  case 3: // a comment or an empty line between two lines
    text.insert(find([](char c) { return c == '\n'; }), random() % 2 ? "\n# alone" : "\n\n\n");
    break;
  case 4: { // a longer name
    at = find([](char c) { return std::isalpha(static_cast<unsigned char>(c)); });
    text.insert(at, std::string(random() % 60, 'n'));
    break;
  }
  case 5: // parentheses around a number
    at = find([](char c) { return std::isdigit(static_cast<unsigned char>(c)); });
    if (at < text.size())
      text.replace(at, 1, "(" + text.substr(at, 1) + ")");
    break;
  case 6: // a trailing comma
    text.insert(find([](char c) { return c == ')' || c == ']'; }), ",");
    break;
  case 7: { // a line somewhere else
    std::vector<std::string> lines = linesOf(text);
    if (lines.size() > 2)
      std::swap(lines[random() % lines.size()], lines[random() % lines.size()]);
    text.clear();
    for (const std::string &line : lines)
      text += line;
    break;
  }
  }
  return text;
}

} // namespace

TEST(Formatter, KeepsEverySource) {
  std::vector<std::string> all = sources();
  EXPECT_GE(all.size(), 30u);
  for (const std::string &text : all)
    parseAnything(text);
}

TEST(Formatter, KeepsProgramsMadeByChance) {
  std::mt19937 random(20);
  for (const std::string &text : sources()) {
    // Long ones are lists of similar statements.
    size_t rounds = text.size() > 20000 ? 2 : text.size() > 4000 ? 10 : 40;
    for (size_t round = 0; round < rounds; ++round) {
      std::string next = text;
      for (size_t i = 0; i < 1 + round % 4 && !next.empty(); ++i)
        next = changed(std::move(next), random);
      parseAnything(next);
    }
  }
}

} // namespace dl::testing
