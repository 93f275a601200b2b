// What happens when the parser meets something it does not expect: one report in plain words, then on to the next
// statement.
#pragma once

#include "compiler/syntax/layout.h"

#include "DLParser.h"

namespace dl::syntax {

class Recovery : public antlr4::DefaultErrorStrategy {
public:
  Recovery(const SourceText &text, const std::vector<uint32_t> &faults, Diagnostics &diagnostics)
      : text_(text), faults_(faults), diagnostics_(diagnostics) {}

  void reportError(antlr4::Parser *parser, const antlr4::RecognitionException &e) override;
  // Rethrows until a whole statement is given up, then skips it.
  void recover(antlr4::Parser *parser, std::exception_ptr e) override;
  antlr4::Token *recoverInline(antlr4::Parser *parser) override;
  // Before each statement of a list: skips what cannot begin one.
  void sync(antlr4::Parser *parser) override;

private:
  void report(antlr4::Parser *parser, antlr4::Token *found, const antlr4::misc::IntervalSet &expected, size_t rule,
              size_t statementBegin);
  void skipStatement(antlr4::Parser *parser, size_t from);

  const SourceText &text_;
  const std::vector<uint32_t> &faults_;
  Diagnostics &diagnostics_;
};

} // namespace dl::syntax
