#include "compiler/syntax/walk.h"

namespace dl::ast {
namespace {

class Parts {
public:
  explicit Parts(const Visit &visit) : visit(visit) {}

  void of(const Expr *e) {
    switch (e->kind) {
    case ExprKind::Int:
    case ExprKind::Float:
    case ExprKind::Bool:
    case ExprKind::None:
    case ExprKind::Name:
    case ExprKind::Error:
      return;
    case ExprKind::Str:
      for (const StrPart &part : as<const StrLit>(e)->parts)
        add(part.value);
      return;
    case ExprKind::Unary:
      return add(as<const Unary>(e)->operand);
    case ExprKind::Binary:
      add(as<const Binary>(e)->lhs);
      return add(as<const Binary>(e)->rhs);
    case ExprKind::Compare:
      add(as<const Compare>(e)->lhs);
      return add(as<const Compare>(e)->rhs);
    case ExprKind::Logical:
      add(as<const Logical>(e)->lhs);
      return add(as<const Logical>(e)->rhs);
    case ExprKind::Call:
      add(as<const Call>(e)->callee);
      return add(as<const Call>(e)->args);
    case ExprKind::Pipe:
      add(as<const Pipe>(e)->input);
      add(as<const Pipe>(e)->callee);
      return add(as<const Pipe>(e)->args);
    case ExprKind::Index:
      add(as<const Index>(e)->base);
      for (const IndexItem &item : as<const Index>(e)->items)
        for (const Expr *part : {item.value, item.begin, item.end, item.step})
          add(part);
      return;
    case ExprKind::Member:
      return add(as<const Member>(e)->base);
    case ExprKind::Tuple:
      return add(as<const Tuple>(e)->items);
    case ExprKind::Bracket:
      return add(as<const Bracket>(e)->items);
    case ExprKind::Comprehension: {
      auto *c = as<const Comprehension>(e);
      for (const ForClause &clause : c->clauses)
        for (const Expr *part : {clause.begin, clause.end, clause.step, clause.in})
          add(part);
      add(c->condition);
      return add(c->body);
    }
    case ExprKind::If:
      add(as<const If>(e)->condition);
      add(as<const If>(e)->thenBlock);
      return add(as<const If>(e)->elseBlock);
    case ExprKind::Match:
      add(as<const Match>(e)->subject);
      for (const MatchArm &arm : as<const Match>(e)->arms) {
        add(arm.guard);
        add(arm.body);
      }
      return;
    case ExprKind::Block:
      return add(as<const BlockExpr>(e)->block);
    case ExprKind::NoGrad:
      return add(as<const NoGrad>(e)->block);
    case ExprKind::Lambda:
      add(as<const Lambda>(e)->params);
      return add(as<const Lambda>(e)->body);
    case ExprKind::Ref:
      return add(as<const Ref>(e)->operand);
    case ExprKind::Spread:
      return add(as<const Spread>(e)->operand);
    }
  }

  void of(const Stmt *s) {
    switch (s->kind) {
    case StmtKind::Let:
      return add(as<const Let>(s)->value);
    case StmtKind::Assign:
      add(as<const Assign>(s)->target);
      return add(as<const Assign>(s)->value);
    case StmtKind::ExprStmt:
      return add(as<const ExprStmt>(s)->value);
    case StmtKind::While:
      add(as<const While>(s)->condition);
      return add(as<const While>(s)->body);
    case StmtKind::For:
      for (const Expr *part :
           {as<const For>(s)->begin, as<const For>(s)->end, as<const For>(s)->step, as<const For>(s)->in})
        add(part);
      return add(as<const For>(s)->body);
    case StmtKind::Return:
      return add(as<const Return>(s)->value);
    case StmtKind::Assert:
      add(as<const Assert>(s)->condition);
      return add(as<const Assert>(s)->message);
    case StmtKind::Fn:
      add(as<const FnDecl>(s)->params);
      return add(as<const FnDecl>(s)->body);
    case StmtKind::Module:
      add(as<const ModuleDecl>(s)->params);
      for (const MemberDecl &member : as<const ModuleDecl>(s)->members) {
        add(member.value);
        if (member.fn)
          of(member.fn);
      }
      return;
    case StmtKind::Test:
      return add(as<const Test>(s)->body);
    case StmtKind::Break:
    case StmtKind::Continue:
    case StmtKind::Import:
    case StmtKind::Error:
      return;
    }
  }

private:
  void add(const Expr *expr) {
    if (expr && visit.expr)
      visit.expr(expr);
  }
  void add(const Block *block) {
    if (block && visit.block)
      visit.block(block);
  }
  void add(const std::vector<Expr *> &items) {
    for (const Expr *item : items)
      add(item);
  }
  void add(const std::vector<Arg> &args) {
    for (const Arg &arg : args)
      add(arg.value);
  }
  void add(const std::vector<Param> &params) {
    for (const Param &param : params)
      add(param.defaultValue);
  }

  const Visit &visit;
};

} // namespace

void forEachPart(const Expr *expr, const Visit &visit) { Parts(visit).of(expr); }
void forEachPart(const Stmt *stmt, const Visit &visit) { Parts(visit).of(stmt); }

} // namespace dl::ast
