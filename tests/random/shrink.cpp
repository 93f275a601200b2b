#include "tests/random/shrink.h"

#include "compiler/syntax/parse.h"

#include <algorithm>
#include <vector>

namespace dl::testing {
namespace {

struct Edit {
  uint32_t begin, end; // of the text
  std::string instead;
  size_t saved() const { return end - begin - instead.size(); }
};

// Every way to make the program smaller by one node.
class Edits {
public:
  Edits(const std::string &text) : text_(text) {
    uint32_t id = sources_.add("shrink.dl", text);
    Diagnostics diagnostics(sources_);
    ast::File file = parse(id, sources_, context_, diagnostics);
    for (ast::Stmt *stmt : file.stmts)
      statement(stmt);
    std::sort(edits_.begin(), edits_.end(), [](const Edit &a, const Edit &b) { return a.saved() > b.saved(); });
  }
  const std::vector<Edit> &all() const { return edits_; }

private:
  std::string textOf(Span span) const { return text_.substr(span.begin, span.end - span.begin); }
  void replace(Span whole, const std::string &instead) {
    if (whole.valid() && instead.size() < whole.end - whole.begin)
      edits_.push_back({whole.begin, whole.end, instead});
  }
  void remove(Span span) {
    // With the rest of its line, if that is empty.
    uint32_t begin = span.begin, end = span.end;
    while (begin > 0 && text_[begin - 1] == ' ')
      --begin;
    if (end < text_.size() && (text_[end] == '\n' || text_[end] == ';'))
      ++end;
    edits_.push_back({begin, end, ""});
  }

  void block(const ast::Block *block) {
    if (block)
      for (ast::Stmt *stmt : block->stmts)
        statement(stmt);
  }
  // The statements of a block, in the place of what it belongs to.
  std::string inner(const ast::Block *block) const {
    std::string text;
    if (block)
      for (ast::Stmt *stmt : block->stmts)
        text += (text.empty() ? "" : "\n") + textOf(stmt->span);
    return text;
  }

  void statement(ast::Stmt *stmt) {
    remove(stmt->span);
    switch (stmt->kind) {
    case ast::StmtKind::Let:
      expression(ast::as<ast::Let>(stmt)->value);
      break;
    case ast::StmtKind::Assign:
      expression(ast::as<ast::Assign>(stmt)->target);
      expression(ast::as<ast::Assign>(stmt)->value);
      break;
    case ast::StmtKind::ExprStmt:
      expression(ast::as<ast::ExprStmt>(stmt)->value);
      break;
    case ast::StmtKind::While: {
      auto *loop = ast::as<ast::While>(stmt);
      replace(stmt->span, inner(loop->body));
      expression(loop->condition);
      block(loop->body);
      break;
    }
    case ast::StmtKind::For: {
      auto *loop = ast::as<ast::For>(stmt);
      replace(stmt->span, inner(loop->body));
      for (ast::Expr *e : {loop->begin, loop->end, loop->step, loop->in})
        expression(e);
      block(loop->body);
      break;
    }
    case ast::StmtKind::Return:
      expression(ast::as<ast::Return>(stmt)->value);
      break;
    case ast::StmtKind::Assert:
      expression(ast::as<ast::Assert>(stmt)->condition);
      break;
    case ast::StmtKind::Fn:
      block(ast::as<ast::FnDecl>(stmt)->body);
      break;
    case ast::StmtKind::Module:
      for (const ast::MemberDecl &member : ast::as<ast::ModuleDecl>(stmt)->members) {
        remove(member.span);
        expression(member.value);
        if (member.fn)
          block(member.fn->body);
      }
      break;
    default:
      break;
    }
  }

  void expression(ast::Expr *e) {
    if (!e)
      return;
    std::vector<ast::Expr *> children;
    std::vector<const ast::Block *> blocks;
    auto add = [&](ast::Expr *child) {
      if (child)
        children.push_back(child);
    };
    switch (e->kind) {
    case ast::ExprKind::Str:
      for (const ast::StrPart &part : ast::as<ast::StrLit>(e)->parts)
        if (part.value)
          expression(part.value);
      replace(e->span, "\"\"");
      return;
    case ast::ExprKind::Unary:
      add(ast::as<ast::Unary>(e)->operand);
      break;
    case ast::ExprKind::Binary:
      add(ast::as<ast::Binary>(e)->lhs);
      add(ast::as<ast::Binary>(e)->rhs);
      break;
    case ast::ExprKind::Compare:
      add(ast::as<ast::Compare>(e)->lhs);
      add(ast::as<ast::Compare>(e)->rhs);
      break;
    case ast::ExprKind::Logical:
      add(ast::as<ast::Logical>(e)->lhs);
      add(ast::as<ast::Logical>(e)->rhs);
      break;
    case ast::ExprKind::Call:
      if (auto *call = ast::as<ast::Call>(e); call->callee->kind == ast::ExprKind::Lambda)
        blocks.push_back(ast::as<ast::Lambda>(call->callee)->body);
      else if (call->callee->kind == ast::ExprKind::Member)
        add(ast::as<ast::Member>(call->callee)->base);
      for (const ast::Arg &arg : ast::as<ast::Call>(e)->args)
        add(arg.value);
      break;
    case ast::ExprKind::Pipe:
      add(ast::as<ast::Pipe>(e)->input);
      for (const ast::Arg &arg : ast::as<ast::Pipe>(e)->args)
        add(arg.value);
      break;
    case ast::ExprKind::Index:
      add(ast::as<ast::Index>(e)->base);
      for (const ast::IndexItem &item : ast::as<ast::Index>(e)->items)
        for (ast::Expr *part : {item.value, item.begin, item.end, item.step})
          if (part)
            expression(part);
      break;
    case ast::ExprKind::Member:
      add(ast::as<ast::Member>(e)->base);
      break;
    case ast::ExprKind::Tuple:
      for (ast::Expr *item : ast::as<ast::Tuple>(e)->items)
        expression(item);
      return;
    case ast::ExprKind::Bracket:
      children = ast::as<ast::Bracket>(e)->items;
      break;
    case ast::ExprKind::Comprehension:
      expression(ast::as<ast::Comprehension>(e)->body);
      break;
    case ast::ExprKind::If: {
      auto *branch = ast::as<ast::If>(e);
      add(branch->condition);
      replace(e->span, inner(branch->thenBlock));
      if (branch->elseBlock)
        replace(e->span, inner(branch->elseBlock));
      blocks = {branch->thenBlock, branch->elseBlock};
      break;
    }
    case ast::ExprKind::Match:
      add(ast::as<ast::Match>(e)->subject);
      for (const ast::MatchArm &arm : ast::as<ast::Match>(e)->arms) {
        replace(e->span, inner(arm.body));
        blocks.push_back(arm.body);
      }
      break;
    case ast::ExprKind::Block:
      blocks.push_back(ast::as<ast::BlockExpr>(e)->block);
      replace(e->span, inner(blocks[0]));
      break;
    case ast::ExprKind::Lambda:
      blocks.push_back(ast::as<ast::Lambda>(e)->body);
      break;
    default:
      return;
    }
    for (ast::Expr *child : children) {
      replace(e->span, textOf(child->span));
      expression(child);
    }
    for (const char *simple : {"1.0", "1", "true"})
      replace(e->span, simple);
    for (const ast::Block *inside : blocks)
      block(inside);
  }

  const std::string &text_;
  SourceManager sources_;
  ast::AstContext context_;
  std::vector<Edit> edits_;
};

} // namespace

std::string shrink(std::string text, const std::function<bool(const std::string &)> &fails, int tries) {
  bool smaller = true;
  while (smaller && tries > 0) {
    smaller = false;
    Edits edits(text);
    for (const Edit &edit : edits.all()) {
      if (tries-- <= 0)
        break;
      std::string next = text.substr(0, edit.begin) + edit.instead + text.substr(edit.end);
      if (fails(next)) {
        text = next;
        smaller = true;
        break;
      }
    }
  }
  return text;
}

} // namespace dl::testing
