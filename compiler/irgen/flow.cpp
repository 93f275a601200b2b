#include "compiler/irgen/flow.h"

namespace dl::irgen {

using namespace sema;

// Calls onExpr and onBody for the direct children of an expression.
template <typename OnExpr, typename OnBody> static void children(const Expr &e, OnExpr onExpr, OnBody onBody) {
  for (const Expr *arg : e.args)
    onExpr(arg);
  for (const SliceItem &item : e.slices) {
    onExpr(item.index);
    onExpr(item.begin);
  }
  onBody(e.thenBody);
  onBody(e.elseBody);
}
template <typename OnExpr> static void children(const Stmt &s, OnExpr onExpr) {
  for (const Expr *e : {s.value, s.condition, s.message, s.begin, s.end, s.step})
    onExpr(e);
}

Exits exitsOf(const Expr *expr) {
  Exits exits;
  if (expr)
    children(*expr, [&](const Expr *e) { exits |= exitsOf(e); }, [&](const Body *b) { exits |= exitsOf(b); });
  return exits;
}

Exits exitsOf(const Stmt &stmt) {
  Exits exits;
  exits.breaks = stmt.kind == StmtKind::Break;
  exits.continues = stmt.kind == StmtKind::Continue;
  exits.returns = stmt.kind == StmtKind::Return;
  children(stmt, [&](const Expr *e) { exits |= exitsOf(e); });
  Exits inside = exitsOf(stmt.body);
  exits.returns |= inside.returns;
  return exits;
}

Exits exitsOf(const Body *body) {
  Exits exits;
  if (!body)
    return exits;
  for (const Stmt *stmt : body->stmts)
    exits |= exitsOf(*stmt);
  exits |= exitsOf(body->value);
  return exits;
}

static bool alwaysExits(const Expr *expr) {
  if (!expr)
    return false;
  if (expr->kind == ExprKind::Block)
    return alwaysExits(expr->thenBody);
  return expr->kind == ExprKind::If && alwaysExits(expr->thenBody) && alwaysExits(expr->elseBody);
}

bool alwaysExits(const Body *body) {
  if (!body)
    return false;
  for (const Stmt *stmt : body->stmts) {
    switch (stmt->kind) {
    case StmtKind::Break:
    case StmtKind::Continue:
    case StmtKind::Return:
      return true;
    case StmtKind::Eval:
    case StmtKind::Let:
    case StmtKind::Assign:
      if (alwaysExits(stmt->value))
        return true;
      break;
    default:
      break;
    }
  }
  return alwaysExits(body->value);
}

void collectAssigned(const Expr *expr, VariableSet &out) {
  if (!expr)
    return;
  children(*expr, [&](const Expr *e) { collectAssigned(e, out); }, [&](const Body *b) { collectAssigned(b, out); });
  for (const Variable *variable : expr->mutArgs)
    if (variable)
      out.insert(variable);
}

void collectAssigned(const Stmt &stmt, VariableSet &out) {
  children(stmt, [&](const Expr *e) { collectAssigned(e, out); });
  if (stmt.kind == StmtKind::Assign)
    out.insert(stmt.variable);
  collectAssigned(stmt.body, out);
}

void collectAssigned(const Body *body, VariableSet &out) {
  if (!body)
    return;
  for (const Stmt *stmt : body->stmts)
    collectAssigned(*stmt, out);
  collectAssigned(body->value, out);
}

} // namespace dl::irgen
