// Functions that call themselves and give nothing: told by their form, since the type of a call is needed before that
// of the body is known.
#include "compiler/sema/checker.h"
#include "compiler/syntax/walk.h"

namespace dl::sema {
namespace {

using ast::as;

std::string nameOf(const ast::Expr *callee) {
  if (callee->kind == ast::ExprKind::Name)
    return as<const ast::Name>(callee)->name;
  return callee->kind == ast::ExprKind::Member ? as<const ast::Member>(callee)->name : "";
}

// What a body does anywhere in it. Functions inside have results of their own.
struct Deeds {
  explicit Deeds(const std::string &self, const ast::Block *body) : self(self) {
    visit.expr = [this](const ast::Expr *e) { of(e); };
    visit.block = [this](const ast::Block *b) { of(b); };
    of(body);
  }
  bool callsItself = false, returnsValue = false;

private:
  void of(const ast::Block *block) {
    for (const ast::Stmt *s : block->stmts) {
      returnsValue |= s->kind == ast::StmtKind::Return && as<const ast::Return>(s)->value;
      if (s->kind != ast::StmtKind::Fn && s->kind != ast::StmtKind::Module)
        ast::forEachPart(s, visit);
    }
  }
  void of(const ast::Expr *e) {
    callsItself |= e->kind == ast::ExprKind::Call && nameOf(as<const ast::Call>(e)->callee) == self;
    if (e->kind != ast::ExprKind::Lambda)
      ast::forEachPart(e, visit);
  }

  const std::string &self;
  ast::Visit visit;
};

// By its form: with a statement, with a call of print, or with one of the function itself; `self` is empty where that
// name may stand for another one.
bool endsWithoutValue(const ast::Block *block, const std::string &self) {
  if (block->stmts.empty() || block->stmts.back()->kind != ast::StmtKind::ExprStmt)
    return true;
  const ast::Expr *last = as<const ast::ExprStmt>(block->stmts.back())->value;
  switch (last->kind) {
  case ast::ExprKind::Call: {
    const ast::Expr *callee = as<const ast::Call>(last)->callee;
    return callee->kind == ast::ExprKind::Name && (nameOf(callee) == "print" || nameOf(callee) == self);
  }
  case ast::ExprKind::If: {
    auto *choice = as<const ast::If>(last);
    return !choice->elseBlock ||
           (endsWithoutValue(choice->thenBlock, self) && endsWithoutValue(choice->elseBlock, self));
  }
  case ast::ExprKind::Match:
    for (const ast::MatchArm &arm : as<const ast::Match>(last)->arms)
      if (!endsWithoutValue(arm.body, self))
        return false;
    return true;
  default:
    return false;
  }
}

} // namespace

bool Checker::isRecursiveProcedure(const Target &target) {
  const ast::FnDecl *fn = target.fn;
  // `fn mean() = mean(values)` of a module is no recursion.
  if (!fn || fn->result || !fn->body || !endsWithoutValue(fn->body, target.self ? "" : fn->name))
    return false;
  Deeds deeds(fn->name, fn->body);
  return deeds.callsItself && !deeds.returnsValue;
}

} // namespace dl::sema
