#include "tests/random/mutate.h"

#include <cctype>
#include <cstddef>
#include <vector>

namespace dl::testing {
namespace {

// Words, numbers, strings, white space and single signs; together they are the text.
std::vector<std::string> tokensOf(const std::string &text) {
  std::vector<std::string> tokens;
  for (size_t i = 0; i < text.size();) {
    size_t begin = i++;
    auto is = [&](auto test) { return i < text.size() && test(static_cast<unsigned char>(text[i])); };
    if (std::isalnum(static_cast<unsigned char>(text[begin])) || text[begin] == '_')
      while (is([](int c) { return std::isalnum(c) || c == '_'; }))
        ++i;
    else if (text[begin] == ' ')
      while (is([](int c) { return c == ' '; }))
        ++i;
    tokens.push_back(text.substr(begin, i - begin));
  }
  return tokens;
}

bool isWord(const std::string &token) { return std::isalpha(static_cast<unsigned char>(token[0])) || token[0] == '_'; }
bool isNumber(const std::string &token) { return std::isdigit(static_cast<unsigned char>(token[0])); }
bool isBlank(const std::string &token) { return token[0] == ' ' || token[0] == '\n'; }

template <class Test> size_t anyOf(const std::vector<std::string> &tokens, std::mt19937_64 &random, Test test) {
  size_t start = random() % tokens.size();
  for (size_t i = 0; i < tokens.size(); ++i)
    if (size_t at = (start + i) % tokens.size(); test(tokens[at]))
      return at;
  return start;
}

void slip(std::vector<std::string> &tokens, std::mt19937_64 &random) {
  static const std::vector<std::string> spare = {"0",         "-1",         "1.5",        "x",
                                                 "N",         "f32",        "f64",        "i64",
                                                 "none",      "true",       "\"s\"",      "(",
                                                 ")",         "[",          "]",          "{",
                                                 "}",         ".T",         "grad",       ",",
                                                 ":",         "..",         "+",          "@",
                                                 "=",         "&",          "mut ",       "if ",
                                                 "else ",     "fn(x) = x",  "return ",    "break",
                                                 "&x",        "|>",         "sum",        "while ",
                                                 "for ",      "print(1)",   "let ",       "var ",
                                                 "99",        "1000000007", "\n",         "new",
                                                 "...",       "::",         "\"{",        "f32[N]",
                                                 "list[f32]", "param ",     "stop_grad(", "9223372036854775807"};
  static const std::vector<std::string> types = {"f32", "f64", "i64", "int", "bool", "i32", "u8", "bf16", "str"};
  auto visible = [](const std::string &t) { return !isBlank(t); };
  size_t at = anyOf(tokens, random, visible);
  auto erase = [&](size_t i) { tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(i)); };
  switch (random() % 13) {
  case 0:
    erase(at);
    break;
  case 1:
    tokens.insert(tokens.begin() + static_cast<std::ptrdiff_t>(at), tokens[at]);
    break;
  case 2:
    std::swap(tokens[at], tokens[anyOf(tokens, random, visible)]);
    break;
  case 3:
    tokens[at] = spare[random() % spare.size()];
    break;
  case 4:
    tokens.insert(tokens.begin() + static_cast<std::ptrdiff_t>(at), spare[random() % spare.size()]);
    break;
  case 5:
  case 6: { // another number: a size, an index, a literal
    static const std::vector<std::string> numbers = {"0", "1", "2", "3", "4", "5", "7", "100"};
    tokens[anyOf(tokens, random, isNumber)] = numbers[random() % numbers.size()];
    break;
  }
  case 7: { // a misspelt name
    std::string &word = tokens[anyOf(tokens, random, isWord)];
    if (word.size() > 1)
      word.erase(random() % word.size(), 1);
    else
      word += "x";
    break;
  }
  case 8: // another name of the program
    tokens[anyOf(tokens, random, isWord)] = tokens[anyOf(tokens, random, isWord)];
    break;
  case 9: { // another type
    size_t i = anyOf(tokens, random, [](const std::string &t) {
      for (const std::string &type : types)
        if (t == type)
          return true;
      return false;
    });
    tokens[i] = types[random() % types.size()];
    break;
  }
  case 10: { // an argument dropped: from a comma to the next or to the bracket that closes
    size_t i = anyOf(tokens, random, [](const std::string &t) { return t == ","; });
    erase(i);
    int depth = 0;
    while (i < tokens.size() && tokens[i] != "\n") {
      if (depth == 0 && (tokens[i] == "," || tokens[i] == ")" || tokens[i] == "]"))
        break;
      depth += tokens[i] == "(" || tokens[i] == "[";
      depth -= tokens[i] == ")" || tokens[i] == "]";
      erase(i);
    }
    break;
  }
  default: { // a line dropped, or doubled
    size_t i = anyOf(tokens, random, [](const std::string &t) { return t == "\n"; }), end = i + 1;
    while (end < tokens.size() && tokens[end] != "\n")
      ++end;
    std::vector<std::string> line(tokens.begin() + static_cast<std::ptrdiff_t>(i),
                                  tokens.begin() + static_cast<std::ptrdiff_t>(end));
    if (random() % 2)
      tokens.insert(tokens.begin() + static_cast<std::ptrdiff_t>(i), line.begin(), line.end());
    else
      tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(i), tokens.begin() + static_cast<std::ptrdiff_t>(end));
  }
  }
}

} // namespace

std::string withSlips(const std::string &text, std::mt19937_64 &random) {
  std::vector<std::string> tokens = tokensOf(text);
  size_t slips = random() % 4 ? 1 : 1 + random() % 3;
  for (size_t i = 0; i < slips && !tokens.empty(); ++i)
    slip(tokens, random);
  std::string result;
  for (const std::string &token : tokens)
    result += token;
  return result;
}

} // namespace dl::testing
