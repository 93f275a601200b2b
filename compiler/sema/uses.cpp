#include "compiler/sema/uses.h"

#include <functional>

namespace dl::sema {

void Uses::visit(const Body *body) {
  if (!body)
    return;
  for (const Stmt *stmt : body->stmts)
    visit(stmt);
  visit(body->value);
}

void Uses::visit(const Stmt *stmt) {
  if (stmt->kind == StmtKind::Assign)
    assigned.insert(stmt->variable);
  for (const Expr *part : {stmt->value, stmt->condition, stmt->message, stmt->begin, stmt->end, stmt->step})
    visit(part);
  visit(stmt->body);
}

void Uses::visit(const Expr *expr) {
  if (!expr)
    return;
  if (expr->variable)
    read.insert(expr->variable);
  if (expr->function)
    functions.push_back(expr->function);
  assigned.insert(expr->mutArgs.begin(), expr->mutArgs.end());
  for (const Expr *argument : expr->args)
    visit(argument);
  visit(expr->thenBody);
  visit(expr->elseBody);
  for (const SliceItem &item : expr->slices) {
    visit(item.index);
    visit(item.begin);
  }
}

std::vector<Function *> reachableFrom(Function *function) {
  std::vector<Function *> order;
  std::set<const Function *> seen;
  std::function<void(Function *)> visit = [&](Function *f) {
    if (!seen.insert(f).second)
      return;
    for (const Function *callee : Uses(f->body).functions)
      visit(const_cast<Function *>(callee));
    for (const Function *rule : {f->derivative, f->forwardDerivative})
      if (rule)
        visit(const_cast<Function *>(rule));
    order.push_back(f);
  };
  visit(function);
  return order;
}

} // namespace dl::sema
