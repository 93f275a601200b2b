// Between lexer and parser: which newlines end a statement, which brackets belong together.
#pragma once

#include "compiler/syntax/ast.h"
#include "compiler/syntax/diagnostics.h"
#include "compiler/syntax/lexer.h"

namespace dl::syntax {

struct Layout {
  Tokens tokens;                      // what the parser reads; brackets are balanced, each statement ends in a NEWLINE
  std::vector<ast::Comment> comments; // in order
  std::vector<uint32_t> faults;       // offsets where something was reported: the parser stays silent about them
  bool tooDeep = false;               // reported; the tokens must not be parsed
};

// `depth` is how deep the text itself stands in other text (interpolations in strings).
Layout layOut(Tokens raw, const SourceText &text, Diagnostics &diagnostics, int depth);

// Whether the tokens leave a bracket open or end in an operator.
bool endsOpen(const Tokens &raw);

// Nesting of brackets, and height of the tree that operators, calls and brackets build together.
inline constexpr int kMaxBrackets = 200;
inline constexpr int kMaxHeight = 500;
inline constexpr int kMaxInterpolations = 8;

} // namespace dl::syntax
