// The lexer of DL.g4 over one stretch of a source file. Internal to compiler/syntax: ANTLR goes no further.
#pragma once

#include "compiler/syntax/source.h"

#include "antlr4-runtime.h"

#include <optional>

namespace dl::syntax {

// Code points for ANTLR, and the way back to byte offsets of the file.
class SourceText : public antlr4::ANTLRInputStream {
public:
  // `text` is UTF-8 and begins at byte `base` of file `file`. Bytes that are no UTF-8 become U+FFFD.
  SourceText(std::string_view text, uint32_t file, uint32_t base);

  uint32_t file() const { return file_; }
  // Whether this is a stretch inside a file and not a whole file.
  bool isPart() const { return base_ != 0; }
  uint32_t byteOffset(size_t codePoint) const;
  Span span(const antlr4::Token *token) const { return span(token, token); }
  // From the beginning of `first` to the end of `last`.
  Span span(const antlr4::Token *first, const antlr4::Token *last) const;
  std::string_view textOf(Span span) const { return bytes_.substr(span.begin - base_, span.end - span.begin); }
  std::string_view textOf(const antlr4::Token *token) const { return textOf(span(token)); }
  uint32_t begin() const { return base_; }
  uint32_t end() const { return base_ + static_cast<uint32_t>(bytes_.size()); }
  // Where the first byte that is no UTF-8 stands, if there is one.
  std::optional<uint32_t> invalidByte() const { return invalid_; }

private:
  std::string_view bytes_;
  uint32_t file_, base_;
  std::vector<uint32_t> offsets_; // of each code point and of the end; empty when all of the text is ASCII
  std::optional<uint32_t> invalid_;
};

// Where in a string one is. Strings nest: "{f("{x}")}". What is open is kept here and not in recursion, so depth costs
// no stack.
class StringNesting {
public:
  bool ended() const { return open_.empty(); }
  bool insideBraces() const { return open_.size() > 1; }
  // How many characters are read from `c` on, which `next` follows: one, or two that belong together.
  size_t take(size_t c, size_t next);

private:
  std::vector<char> open_ = {'"'};
};

using Tokens = std::vector<std::unique_ptr<antlr4::Token>>;

// All tokens but white space, with comments and newlines; the last is EOF.
Tokens lex(SourceText &text);

} // namespace dl::syntax
