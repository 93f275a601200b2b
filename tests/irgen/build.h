// Shorthand for typed trees made by hand.
#pragma once

#include "compiler/sema/typed.h"

namespace dl::sema::build {

class Builder {
public:
  Program program;

  Variable *var(std::string name, Type type, bool isMutable = false) {
    Variable &v = program.variablePool.emplace_back();
    v.id = uint32_t(program.variablePool.size());
    v.name = std::move(name);
    v.type = std::move(type);
    v.isMutable = isMutable;
    return &v;
  }
  Expr *expr(ExprKind kind, Type type, std::vector<Expr *> args = {}) {
    Expr &e = program.exprPool.emplace_back();
    e.kind = kind;
    e.type = std::move(type);
    e.args = std::move(args);
    return &e;
  }
  Expr *op(std::string name, Type type, std::vector<Expr *> args, Attrs attrs = {}) {
    Expr *e = expr(ExprKind::Op, std::move(type), std::move(args));
    e->name = std::move(name);
    e->attrs = std::move(attrs);
    return e;
  }
  Expr *i64(int64_t value) {
    Expr *e = expr(ExprKind::Constant, scalarType(Elem::I64));
    e->literal.value = value;
    e->dim = Dim(value);
    return e;
  }
  Expr *f32(double value) {
    Expr *e = expr(ExprKind::Constant, scalarType(Elem::F32));
    e->literal.value = value;
    return e;
  }
  Expr *boolean(bool value) {
    Expr *e = expr(ExprKind::Constant, scalarType(Elem::Bool));
    e->literal.value = value;
    return e;
  }
  Expr *text(std::string value) {
    Expr *e = expr(ExprKind::Constant, strType());
    e->literal.value = std::move(value);
    return e;
  }
  Expr *size(Dim dim) {
    Expr *e = expr(ExprKind::DimValue, scalarType(Elem::I64));
    e->dim = std::move(dim);
    return e;
  }
  Expr *get(Variable *v) {
    Expr *e = expr(ExprKind::Var, v->type);
    e->variable = v;
    e->dim = v->dim;
    return e;
  }
  Expr *at(Expr *tensor, std::vector<Expr *> indices, Type type) {
    Expr *e = expr(ExprKind::Slice, std::move(type), {tensor});
    for (Expr *index : indices)
      e->slices.push_back(single(index));
    return e;
  }
  static SliceItem single(Expr *index) {
    SliceItem item;
    item.kind = SliceItem::Single;
    item.index = index;
    return item;
  }
  static SliceItem range(Expr *begin, Dim length, int64_t step = 1) {
    SliceItem item;
    item.kind = SliceItem::Range;
    item.begin = begin;
    item.length = std::move(length);
    item.step = step;
    return item;
  }
  static SliceItem plain(SliceItem::Kind kind) {
    SliceItem item;
    item.kind = kind;
    return item;
  }
  Expr *choose(Expr *condition, Type type, Body *thenBody, Body *elseBody) {
    Expr *e = expr(ExprKind::If, std::move(type), {condition});
    e->thenBody = thenBody;
    e->elseBody = elseBody;
    return e;
  }
  Body *body(std::vector<Stmt *> stmts, Expr *value = nullptr) {
    Body &b = program.bodyPool.emplace_back();
    b.stmts = std::move(stmts);
    b.value = value;
    return &b;
  }
  Stmt *stmt(StmtKind kind, Expr *value = nullptr) {
    Stmt &s = program.stmtPool.emplace_back();
    s.kind = kind;
    s.value = value;
    s.pollInterrupt = false;
    return &s;
  }
  Stmt *let(Variable *v, Expr *value) {
    Stmt *s = stmt(StmtKind::Let, value);
    s->variable = v;
    return s;
  }
  Stmt *assign(Variable *v, Expr *value) {
    Stmt *s = stmt(StmtKind::Assign, value);
    s->variable = v;
    return s;
  }
  Stmt *loop(Variable *v, Expr *begin, Expr *end, Body *body, Expr *step = nullptr) {
    Stmt *s = stmt(StmtKind::For);
    s->variable = v;
    s->begin = begin;
    s->end = end;
    s->step = step;
    s->body = body;
    return s;
  }
  Stmt *whileDo(Expr *condition, Body *body) {
    Stmt *s = stmt(StmtKind::While);
    s->condition = condition;
    s->body = body;
    return s;
  }
  Function *function(std::string symbol, std::vector<Variable *> params, Type result, Body *body) {
    Function &f = program.functionPool.emplace_back();
    f.symbol = f.name = std::move(symbol);
    f.params = std::move(params);
    f.isMut.assign(f.params.size(), false);
    for (const Variable *p : f.params)
      f.paramNames.push_back(p->name);
    f.result = std::move(result);
    f.body = body;
    program.functions.push_back(&f);
    return &f;
  }
};

} // namespace dl::sema::build
