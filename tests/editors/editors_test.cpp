// The files for editors: they are well formed, and know the words of the language, no more and no less.
#include "compiler/syntax/parse.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>

namespace {

std::string readAll(const std::string &name) {
  std::ifstream in(std::string(DL_EDITORS) + "/" + name);
  EXPECT_TRUE(in) << name;
  return {std::istreambuf_iterator<char>(in), {}};
}

nlohmann::json readJson(const std::string &name) {
  nlohmann::json object = nlohmann::json::parse(readAll(name), nullptr, /*allow_exceptions=*/false);
  EXPECT_FALSE(object.is_discarded()) << name << " is no JSON";
  return object;
}

std::vector<std::string> sorted(std::vector<std::string> words) {
  std::sort(words.begin(), words.end());
  EXPECT_EQ(std::adjacent_find(words.begin(), words.end()), words.end()) << "a word twice";
  return words;
}

} // namespace

TEST(Editors, TheTextMateGrammarKnowsTheWords) {
  nlohmann::json grammar = readJson("vscode/syntaxes/dl.tmLanguage.json");
  EXPECT_EQ(grammar["scopeName"], "source.dl");
  std::vector<std::string> words;
  for (const nlohmann::json &pattern : grammar["repository"]["keywords"]["patterns"]) {
    std::string match = pattern["match"]; // \b(?:for|if)\b
    size_t begin = match.find("(?:"), end = match.rfind(')');
    ASSERT_NE(begin, std::string::npos) << match;
    std::istringstream list(match.substr(begin + 3, end - begin - 3));
    for (std::string word; std::getline(list, word, '|');)
      words.push_back(word);
  }
  EXPECT_EQ(sorted(words), dl::keywords());
}

TEST(Editors, VimKnowsTheWords) {
  std::vector<std::string> words;
  std::istringstream file(readAll("vim/syntax/dl.vim"));
  for (std::string line; std::getline(file, line);) {
    std::istringstream parts(line);
    std::string syntax, keyword, group, word;
    parts >> syntax >> keyword >> group;
    if (syntax != "syntax" || keyword != "keyword" || group == "dlType" || group == "dlTodo")
      continue;
    while (parts >> word)
      words.push_back(word);
  }
  EXPECT_EQ(sorted(words), dl::keywords());
}

TEST(Editors, EveryIncludeOfTheGrammarIsThere) {
  nlohmann::json grammar = readJson("vscode/syntaxes/dl.tmLanguage.json");
  std::string text = grammar.dump();
  std::regex include("\"include\":\"#([a-z]+)\"");
  int count = 0;
  for (std::sregex_iterator it(text.begin(), text.end(), include), end; it != end; ++it, ++count)
    EXPECT_TRUE(grammar["repository"].contains((*it)[1].str())) << (*it)[1];
  EXPECT_GT(count, 5);
}

TEST(Editors, TheExtensionNamesFilesThatAreThere) {
  nlohmann::json package = readJson("vscode/package.json");
  readJson("vscode/language-configuration.json");
  EXPECT_FALSE(readAll("vscode/" + package["main"].get<std::string>()).empty());
  EXPECT_FALSE(readAll("vscode/" + package["contributes"]["grammars"][0]["path"].get<std::string>()).empty());
  EXPECT_EQ(package["contributes"]["languages"][0]["extensions"][0], ".dl");
  EXPECT_NE(readAll("vscode/extension.js").find("\"lsp\""), std::string::npos);
}
