// Parse tree to syntax tree.
#pragma once

#include "compiler/syntax/ast.h"
#include "compiler/syntax/diagnostics.h"
#include "compiler/syntax/lexer.h"

#include "DLParser.h"

namespace dl::syntax {

// What the parsing of one file carries around.
struct Environment {
  uint32_t file;
  const SourceManager &sources;
  ast::AstContext &context;
  Diagnostics &diagnostics;
};

// The expression in bytes [begin, end) of the file: what stands between braces in a string. `depth` counts how many
// strings are around it. An ErrorExpr when it has been reported as wrong.
ast::Expr *parseInterpolation(Environment &environment, uint32_t begin, uint32_t end, int depth);

// Steps through the children of a parse tree node in the order of the grammar.
class Cursor {
public:
  explicit Cursor(const antlr4::ParserRuleContext *node) : children_(node->children) {}
  bool done() const { return next_ == children_.size(); }
  // The type of the next child if it is a token, else 0.
  size_t type() const;
  antlr4::Token *token() const;
  bool accept(size_t type);
  antlr4::Token *take(); // the next child, a token
  // The next child if it is a node of rule T, else null.
  template <typename T> T *rule() {
    T *node = done() ? nullptr : dynamic_cast<T *>(children_[next_]);
    next_ += node != nullptr;
    return node;
  }

private:
  const std::vector<antlr4::tree::ParseTree *> &children_;
  size_t next_ = 0;
};

class Builder {
public:
  using P = grammar::DLParser;

  Builder(Environment &environment, const SourceText &text, const std::vector<ast::Comment> &comments, int depth)
      : env_(environment), text_(text), comments_(comments), depth_(depth) {}

  std::vector<ast::Stmt *> file(P::FileContext *node);
  ast::Expr *expression(P::ExpressionContext *node);

private:
  // An expression and the place it takes up with the parentheses around it.
  struct Operand {
    ast::Expr *expr = nullptr;
    Span outer;
    bool parenthesised = false;
  };
  // Part of a flat list of operators and operands.
  struct Item {
    antlr4::Token *op = nullptr; // null: an operand
    bool prefix = false;
    Operand operand;
  };

  // Statements (build_stmt.cpp)
  ast::Stmt *statement(P::StatementContext *node);
  void fillStatements(const antlr4::ParserRuleContext *node, std::vector<ast::Stmt *> &out);
  ast::Stmt *letStatement(P::LetStatementContext *node);
  ast::Stmt *forStatement(P::ForStatementContext *node);
  ast::Stmt *importStatement(P::StatementContext *node, bool isFrom);
  ast::Stmt *moduleStatement(P::ModuleStatementContext *node);
  ast::Stmt *expressionStatement(P::ExpressionStatementContext *node);
  ast::FnDecl *function(P::FunctionContext *node);
  ast::MemberDecl member(P::MemberContext *node);
  bool checkTarget(const ast::Expr *target);
  ast::Pattern pattern(P::PatternContext *node);
  std::string documentation(uint32_t declaration) const;

  // Shared
  ast::Block *block(P::BlockContext *node);
  ast::Block *blockOf(ast::Expr *value);
  ast::Block *functionBody(P::FunctionBodyContext *node);
  std::vector<ast::Param> parameters(P::ParametersContext *node);
  ast::TypeExpr *type(P::TypeContext *node);
  ast::Dim dimension(P::DimensionContext *node);
  void range(P::RangeContext *node, ast::Expr *&end, ast::Expr *&step);
  std::string identifier(const antlr4::ParserRuleContext *node) const;
  std::string path(const antlr4::ParserRuleContext *node) const;

  // Expressions (build_expr.cpp)
  void operand(P::OperandContext *node, std::vector<Item> &items);
  Operand climb(std::vector<Item> &items, size_t &next, int minimum);
  Operand combine(antlr4::Token *op, Operand lhs, Operand rhs, ast::Expr *&chained);
  Operand primary(P::PrimaryContext *node);
  Operand trailer(P::TrailerContext *node, Operand base);
  ast::Expr *call(P::TrailerContext *node, Operand base, Span span);
  ast::Expr *index(P::TrailerContext *node, Operand base, Span span);
  ast::Expr *pipe(Operand input, Operand callee, Span span, Span opSpan);
  ast::Expr *literal(antlr4::Token *token);
  ast::Expr *matchExpression(P::MatchExpressionContext *node);
  ast::MatchPattern matchPattern(P::MatchPatternContext *node);
  ast::Expr *ifExpression(P::IfExpressionContext *node);
  ast::Comprehension *comprehension(P::ComprehensionContext *node);
  ast::Expr *reference(antlr4::Token *amp, ast::Expr *operand);
  ast::Expr *number(antlr4::Token *token, bool negative, Span span);
  ast::Expr *string(antlr4::Token *token);
  void escape(std::string_view text, size_t &i, uint32_t begin, std::string &out);
  void interpolate(uint32_t begin, uint32_t end, ast::StrLit *literal);
  void badString(Span span, std::string message);

  Span span(const antlr4::ParserRuleContext *node) const;
  Span span(const antlr4::Token *token) const { return text_.span(token); }
  std::string_view textOf(const antlr4::Token *token) const { return text_.textOf(token); }
  template <typename T> T *make(ast::ExprKind kind, Span span) {
    T *node = env_.context.make<T>();
    node->kind = kind;
    node->span = span;
    return node;
  }
  template <typename T> T *make(ast::StmtKind kind, Span span) {
    T *node = env_.context.make<T>();
    node->kind = kind;
    node->span = span;
    return node;
  }

  Environment &env_;
  const SourceText &text_;
  const std::vector<ast::Comment> &comments_;
  int depth_;
};

} // namespace dl::syntax
