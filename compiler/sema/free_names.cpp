#include "compiler/sema/free_names.h"

namespace dl::sema {
namespace {

using namespace ast;

// Walks the whole tree of a function. `assigned` set: collects only the roots of assignments and of `&x`.
class Walker {
public:
  Walker(std::set<std::string> &out, bool assigned) : out_(out), assigned_(assigned) {}

  void function(const std::vector<Param> &params, const TypeExpr *result, const Block *body) {
    for (const Param &p : params)
      expr(p.defaultValue);
    bound_.emplace_back();
    for (const Param &p : params)
      bound_.back().insert(p.name);
    for (const Param &p : params)
      type(p.type);
    type(result);
    block(body);
    bound_.pop_back();
  }

private:
  bool isBound(const std::string &n) const {
    for (const auto &names : bound_)
      if (names.count(n))
        return true;
    return false;
  }
  void name(const std::string &n) {
    if (!assigned_ && !isBound(n))
      out_.insert(n);
  }
  void bind(const Pattern &p) {
    if (!p.isTuple)
      bound_.back().insert(p.name);
    for (const Pattern &item : p.items)
      bind(item);
  }

  void type(const TypeExpr *t) {
    if (!t)
      return;
    if (t->kind == ast::TypeKind::Named)
      name(t->name.substr(0, t->name.find('.')));
    for (const ast::Dim &d : t->dims)
      expr(d.value);
    for (const TypeExpr *item : t->items)
      type(item);
    type(t->result);
  }

  void args(const std::vector<Arg> &list) {
    for (const Arg &a : list)
      expr(a.value);
  }

  void root(const Expr *e) {
    while (e) {
      if (e->kind == ast::ExprKind::Name) {
        if (!isBound(as<const Name>(e)->name))
          out_.insert(as<const Name>(e)->name);
        return;
      }
      if (e->kind == ast::ExprKind::Member) {
        const Member *m = as<const Member>(e);
        if (m->base->kind == ast::ExprKind::Name && as<const Name>(m->base)->name == "self") {
          out_.insert(m->name);
          return;
        }
        e = m->base;
      } else if (e->kind == ast::ExprKind::Index) {
        e = as<const Index>(e)->base;
      } else if (e->kind == ast::ExprKind::Tuple) {
        for (const Expr *item : as<const Tuple>(e)->items)
          root(item);
        return;
      } else {
        return;
      }
    }
  }

  void expr(const Expr *e) {
    if (!e)
      return;
    switch (e->kind) {
    case ast::ExprKind::Name:
      name(as<const Name>(e)->name);
      break;
    case ast::ExprKind::Str:
      for (const StrPart &p : as<const StrLit>(e)->parts)
        expr(p.value);
      break;
    case ast::ExprKind::Unary:
      expr(as<const Unary>(e)->operand);
      break;
    case ast::ExprKind::Binary:
      expr(as<const Binary>(e)->lhs);
      expr(as<const Binary>(e)->rhs);
      break;
    case ast::ExprKind::Compare:
      expr(as<const Compare>(e)->lhs);
      expr(as<const Compare>(e)->rhs);
      break;
    case ast::ExprKind::Logical:
      expr(as<const Logical>(e)->lhs);
      expr(as<const Logical>(e)->rhs);
      break;
    case ast::ExprKind::Call:
      // A method that changes its module assigns the receiver; which methods do is not known here.
      if (assigned_ && as<const Call>(e)->callee->kind == ast::ExprKind::Member)
        root(as<const Member>(as<const Call>(e)->callee)->base);
      expr(as<const Call>(e)->callee);
      args(as<const Call>(e)->args);
      break;
    case ast::ExprKind::Pipe:
      expr(as<const Pipe>(e)->input);
      expr(as<const Pipe>(e)->callee);
      args(as<const Pipe>(e)->args);
      break;
    case ast::ExprKind::Index:
      expr(as<const Index>(e)->base);
      for (const IndexItem &i : as<const Index>(e)->items) {
        expr(i.value);
        expr(i.begin);
        expr(i.end);
        expr(i.step);
      }
      break;
    case ast::ExprKind::Member:
      expr(as<const Member>(e)->base);
      name(as<const Member>(e)->name); // x.f() may be the function f
      break;
    case ast::ExprKind::Tuple:
      for (const Expr *item : as<const Tuple>(e)->items)
        expr(item);
      break;
    case ast::ExprKind::Bracket:
      for (const Expr *item : as<const Bracket>(e)->items)
        expr(item);
      break;
    case ast::ExprKind::Comprehension: {
      const Comprehension *c = as<const Comprehension>(e);
      bound_.emplace_back();
      for (const ForClause &f : c->clauses) {
        expr(f.begin);
        expr(f.end);
        expr(f.step);
        expr(f.in);
        bind(f.pattern);
      }
      expr(c->condition);
      expr(c->body);
      bound_.pop_back();
      break;
    }
    case ast::ExprKind::If:
      expr(as<const If>(e)->condition);
      block(as<const If>(e)->thenBlock);
      block(as<const If>(e)->elseBlock);
      break;
    case ast::ExprKind::Match:
      expr(as<const Match>(e)->subject);
      for (const MatchArm &arm : as<const Match>(e)->arms) {
        bound_.emplace_back();
        for (const MatchPattern &pattern : arm.patterns)
          bind(pattern);
        expr(arm.guard);
        block(arm.body);
        bound_.pop_back();
      }
      break;
    case ast::ExprKind::Block:
      block(as<const BlockExpr>(e)->block);
      break;
    case ast::ExprKind::NoGrad:
      block(as<const NoGrad>(e)->block);
      break;
    case ast::ExprKind::Lambda: {
      const Lambda *l = as<const Lambda>(e);
      function(l->params, l->result, l->body);
      break;
    }
    case ast::ExprKind::Ref:
      if (assigned_)
        root(as<const Ref>(e)->operand);
      expr(as<const Ref>(e)->operand);
      break;
    case ast::ExprKind::Spread:
      expr(as<const Spread>(e)->operand);
      break;
    default:
      break;
    }
  }

  void stmt(const Stmt *s) {
    switch (s->kind) {
    case ast::StmtKind::Let:
      type(as<const Let>(s)->type);
      expr(as<const Let>(s)->value);
      bind(as<const Let>(s)->pattern);
      break;
    case ast::StmtKind::Assign:
      if (assigned_)
        root(as<const Assign>(s)->target);
      expr(as<const Assign>(s)->target);
      expr(as<const Assign>(s)->value);
      break;
    case ast::StmtKind::ExprStmt:
      expr(as<const ExprStmt>(s)->value);
      break;
    case ast::StmtKind::While:
      expr(as<const While>(s)->condition);
      block(as<const While>(s)->body);
      break;
    case ast::StmtKind::For: {
      const For *f = as<const For>(s);
      expr(f->begin);
      expr(f->end);
      expr(f->step);
      expr(f->in);
      bound_.emplace_back();
      bind(f->pattern);
      block(f->body);
      bound_.pop_back();
      break;
    }
    case ast::StmtKind::Return:
      expr(as<const Return>(s)->value);
      break;
    case ast::StmtKind::Assert:
      expr(as<const Assert>(s)->condition);
      expr(as<const Assert>(s)->message);
      break;
    case ast::StmtKind::Fn: {
      const FnDecl *f = as<const FnDecl>(s);
      function(f->params, f->result, f->body);
      break;
    }
    default:
      break;
    }
  }

  void bind(const MatchPattern &pattern) {
    if (!pattern.isTuple && !pattern.literal)
      bound_.back().insert(pattern.name);
    for (const MatchPattern &item : pattern.items)
      bind(item);
  }

  void block(const Block *b) {
    if (!b)
      return;
    bound_.emplace_back();
    for (const Stmt *s : b->stmts)
      if (s->kind == ast::StmtKind::Fn)
        bound_.back().insert(as<const FnDecl>(s)->name);
    for (const Stmt *s : b->stmts)
      stmt(s);
    bound_.pop_back();
  }

  std::set<std::string> &out_;
  bool assigned_;
  std::vector<std::set<std::string>> bound_; // names that the function itself defines, innermost last
};

} // namespace

void collectNames(const ast::FnDecl *fn, const ast::Lambda *lambda, std::set<std::string> &out) {
  Walker walker(out, false);
  if (fn)
    walker.function(fn->params, fn->result, fn->body);
  else
    walker.function(lambda->params, lambda->result, lambda->body);
}

void collectAssigned(const ast::FnDecl *fn, std::set<std::string> &out) {
  Walker(out, true).function(fn->params, fn->result, fn->body);
}

} // namespace dl::sema
