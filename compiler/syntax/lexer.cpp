#include "compiler/syntax/lexer.h"

#include "DLLexer.h"
#include "DLParser.h"
#include "compiler/syntax/parse.h"
#include "compiler/syntax/utf8.h"

#include <algorithm>

namespace dl::syntax {

SourceText::SourceText(std::string_view text, uint32_t file, uint32_t base) : bytes_(text), file_(file), base_(base) {
  bool ascii = std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (ascii) {
    _data.assign(text.begin(), text.end());
    return;
  }
  _data.reserve(text.size());
  offsets_.reserve(text.size() + 1);
  for (size_t i = 0; i < text.size();) {
    utf8::Decoded d = utf8::decode(text, i);
    if (!d.valid && !invalid_)
      invalid_ = base_ + static_cast<uint32_t>(i);
    offsets_.push_back(static_cast<uint32_t>(i));
    // A byte order mark at the beginning of a file is white space.
    bool mark = i == 0 && base == 0 && d.codePoint == 0xFEFF;
    _data.push_back(mark ? U' ' : d.codePoint);
    i += d.length;
  }
  offsets_.push_back(static_cast<uint32_t>(text.size()));
}

uint32_t SourceText::byteOffset(size_t codePoint) const {
  if (offsets_.empty())
    return base_ + static_cast<uint32_t>(std::min(codePoint, bytes_.size()));
  return base_ + offsets_[std::min(codePoint, offsets_.size() - 1)];
}

Span SourceText::span(const antlr4::Token *first, const antlr4::Token *last) const {
  uint32_t begin = byteOffset(first->getStartIndex());
  // A token of no width, as the end of a statement is, stops before it starts.
  uint32_t end = byteOffset(last->getStopIndex() + 1);
  return {file_, begin, std::max(begin, end)};
}

size_t StringNesting::take(size_t c, size_t next) {
  if (open_.back() == '"') {
    if (c == '"')
      open_.pop_back();
    else if (c == '\\' && next != '\n' && next != antlr4::Token::EOF)
      return 2;
    else if (c == '{' && next == '{')
      return 2;
    else if (c == '{')
      open_.push_back('{');
  } else if (c == '"' || c == '{') {
    open_.push_back(static_cast<char>(c));
  } else if (c == '}') {
    open_.pop_back();
  }
  return 1;
}

namespace {

class Lexer : public grammar::DLLexer {
public:
  using DLLexer::DLLexer;

  void scanString() override {
    StringNesting string;
    while (!string.ended()) {
      size_t c = _input->LA(1);
      if (c == antlr4::Token::EOF || c == '\n' || c == '\r') {
        type = grammar::DLParser::BAD_STRING;
        return;
      }
      for (size_t taken = string.take(c, _input->LA(2)); taken > 0; --taken)
        _input->consume();
    }
  }
};

} // namespace

Tokens lex(SourceText &text) {
  Lexer lexer(&text);
  lexer.removeErrorListeners();
  Tokens tokens;
  tokens.reserve(text.size() / 4 + 2);
  do {
    tokens.push_back(lexer.nextToken());
  } while (tokens.back()->getType() != antlr4::Token::EOF);
  return tokens;
}

} // namespace dl::syntax

namespace dl {

std::vector<std::string> keywords(bool all) {
  antlr4::ANTLRInputStream nothing;
  grammar::DLLexer lexer(&nothing);
  const antlr4::dfa::Vocabulary &vocabulary = lexer.getVocabulary();
  std::vector<std::string> words;
  for (size_t type = 0; type <= vocabulary.getMaxTokenType(); ++type) {
    std::string quoted(vocabulary.getLiteralName(type)); // 'for'
    bool isWord = quoted.size() > 2 && std::isalpha(static_cast<unsigned char>(quoted[1]));
    // Those that may also be names stand behind the others in the grammar.
    if (isWord && (all || type < grammar::DLLexer::AS))
      words.push_back(quoted.substr(1, quoted.size() - 2));
  }
  std::sort(words.begin(), words.end());
  return words;
}

} // namespace dl
