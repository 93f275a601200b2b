// Statements: blocks, bindings, returns, assertions.
#include "compiler/sema/checker.h"

namespace dl::sema {

// Functions and modules of a block are visible in all of it.
void Checker::hoist(const std::vector<ast::Stmt *> &stmts, Scope *scope) {
  for (const ast::Stmt *s : stmts) {
    Binding *b = nullptr;
    if (s->kind == ast::StmtKind::Fn) {
      const ast::FnDecl *fn = ast::as<const ast::FnDecl>(s);
      b = newBinding(Binding::Function, fn->name, fn->nameSpan);
      b->fn = fn;
    } else if (s->kind == ast::StmtKind::Module) {
      const ast::ModuleDecl *m = ast::as<const ast::ModuleDecl>(s);
      b = newBinding(Binding::Module, m->name, m->nameSpan);
      b->module = m;
      for (const ast::MemberDecl &member : m->members)
        if (member.fn && !member.fn->params.empty() && member.fn->params[0].name == "self")
          error(Code::WrongArguments, member.fn->params[0].span, "a method has no parameter for its module")
              .withHelp("leave `self` out; a method names the members directly: `weight`");
    }
    if (!b)
      continue;
    b->env = scope;
    if (Binding *old = scope->find(b->name)) {
      error(Code::Redefinition, b->span, "`" + b->name + "` is defined twice").label(old->span, "the first definition");
      continue;
    }
    declare(scope, b);
  }
}

BlockResult Checker::checkBlock(const ast::Block *block, Scope *scope, bool wantValue) {
  Restore<Scope *> inner(scope_, scope);
  hoist(block->stmts, scope);
  return checkStatements(block->stmts, 0, wantValue, block->span);
}

// Whether the statement is `var xs = []`.
static bool isEmptyList(const ast::Stmt *s) {
  if (s->kind != ast::StmtKind::Let)
    return false;
  const ast::Let *let = ast::as<const ast::Let>(s);
  return let->isVar && !let->type && !let->pattern.isTuple && let->pattern.name != "_" &&
         let->value->kind == ast::ExprKind::Bracket && ast::as<const ast::Bracket>(let->value)->items.empty();
}

BlockResult Checker::checkStatements(const std::vector<ast::Stmt *> &stmts, size_t from, bool wantValue, Span span) {
  BlockResult result;
  result.value = unit(span);
  for (size_t i = from; i < stmts.size() && !frame_->isOutdated(); ++i) {
    const ast::Stmt *s = stmts[i];
    if (isEmptyList(s))
      return checkGrowing(ast::as<const ast::Let>(s), stmts, i + 1, wantValue, span);
    bool last = i + 1 == stmts.size();
    if (last && wantValue && s->kind == ast::StmtKind::ExprStmt) {
      result.value = checkExpr(ast::as<const ast::ExprStmt>(s)->value);
      if (!result.value.bad() && result.value.expr->kind == ExprKind::Unreachable)
        result.diverges = true;
      return result;
    }
    if (checkStmt(s) && !scope_->isFile) {
      result.diverges = true;
      return result; // what follows is never reached
    }
  }
  return result;
}

bool Checker::checkStmt(const ast::Stmt *s) {
  switch (s->kind) {
  case ast::StmtKind::Let:
    return checkLet(ast::as<const ast::Let>(s));
  case ast::StmtKind::Assign:
    return checkAssign(ast::as<const ast::Assign>(s));
  case ast::StmtKind::ExprStmt: {
    Value v = checkExpr(ast::as<const ast::ExprStmt>(s)->value);
    if (v.bad())
      return false;
    if (v.expr->kind == ExprKind::Unreachable)
      return true;
    if (!isTrivial(v)) {
      Stmt *eval = makeStmt(StmtKind::Eval, s->span);
      eval->value = v.expr;
      emit(eval);
    }
    return false;
  }
  case ast::StmtKind::While:
    checkWhile(ast::as<const ast::While>(s));
    return false;
  case ast::StmtKind::For:
    checkFor(ast::as<const ast::For>(s));
    return false;
  case ast::StmtKind::Break:
  case ast::StmtKind::Continue: {
    const char *word = s->kind == ast::StmtKind::Break ? "break" : "continue";
    if (frame_->loops == 0) {
      error(Code::SyntaxError, s->span, std::string("`") + word + "` stands outside of a loop");
      return false;
    }
    if (Leaving *leaving = frame_->leaving; leaving && s->kind == ast::StmtKind::Break) {
      emitSet(StmtKind::Assign, leaving->left, boolValue(true, s->span), s->span);
      leaving->isCertain |= leaving->depth == frame_->depth;
    }
    emit(makeStmt(s->kind == ast::StmtKind::Break ? StmtKind::Break : StmtKind::Continue, s->span));
    return true;
  }
  case ast::StmtKind::Return:
    checkReturn(ast::as<const ast::Return>(s));
    return true;
  case ast::StmtKind::Assert:
    return checkAssert(ast::as<const ast::Assert>(s));
  case ast::StmtKind::Fn:
  case ast::StmtKind::Module:
  case ast::StmtKind::Error:
    return false; // hoisted, or reported
  case ast::StmtKind::Import:
    if (!scope_->isFile)
      error(Code::SyntaxError, s->span, "`import` stands at the top of a file");
    return false;
  case ast::StmtKind::Test:
    if (!scope_->isFile)
      error(Code::SyntaxError, s->span, "`test` stands outside of functions");
    return false;
  }
  return false;
}

bool Checker::checkLet(const ast::Let *stmt) {
  Value v = checkExpr(stmt->value);
  const bool stops = !v.bad() && v.expr->kind == ExprKind::Unreachable;
  if (stops)
    v = bad(stmt->value->span);
  if (!v.bad() && stmt->pattern.isTuple && takenForPair(stmt->value, v, stmt->pattern.span))
    v = bad(stmt->value->span);
  Scope *types = scope_;
  bool resizable = false;
  if (stmt->type && !v.bad()) {
    if (stmt->isVar && stmt->type->kind == ast::TypeKind::Tensor)
      for (const ast::Dim &d : stmt->type->dims)
        resizable |= d.kind == ast::Dim::Any || (d.value && d.value->kind == ast::ExprKind::Name &&
                                                 ast::as<const ast::Name>(d.value)->name == "_");
    bindSignatureDims(stmt->type, v.type, types);
    solveSignatureDims(stmt->type, v.type, types, false);
    std::string what = stmt->pattern.isTuple ? "the value" : "`" + stmt->pattern.name + "`";
    if (!matchType(stmt->type, v, types, what))
      v = bad(stmt->value->span);
    else
      v.known.literal = false;
  }
  if (!v.bad() && v.type->kind == TypeKind::Unit) {
    error(Code::TypeMismatch, stmt->value->span, "this gives no value");
    v = bad(stmt->value->span);
  }
  if (!v.bad() && !stmt->type && v.items && v.items->empty()) {
    error(Code::TypeMismatch, stmt->value->span, "the type of `[]` is not known")
        .withHelp(stmt->isVar ? "declare it, as in `var xs: list[f32] = []`; `zeros(0)` is an empty tensor"
                              : "`var xs = []` holds what is appended to it; `zeros(0)` is an empty tensor");
    v = bad(stmt->value->span);
  }
  v.items = nullptr;
  // One that is declared as a module of that name may become another of it.
  if (!v.bad() && stmt->isVar && stmt->type && v.type->kind == TypeKind::Module)
    if (std::optional<Type> loose = looseType(stmt->type, scope_); loose && !conform(v, *loose, v.span, "the value"))
      v = bad(stmt->value->span);
  if (!v.bad() && stmt->isVar && stmt->type && stmt->type->kind == ast::TypeKind::List)
    if (std::optional<Type> item = resolveItem(stmt->type->items[0], newScope(scope_)); item && isRagged(*item))
      conformList(v, listType(Dim::open(), *item), v.span, "the value");
  if (!v.bad() && !v.space && frame_->noGrad > 0)
    v = stopGrad(v);
  if (!stmt->isVar)
    v.known.literal = false;
  v.span = stmt->value->span;
  if (resizable && !v.bad()) {
    // Every size that is left open by `_` may change by assignment.
    std::vector<Dim> dims;
    for (size_t i = 0; i < v.type->dims.size(); ++i) {
      const ast::Dim &d = stmt->type->dims[i];
      bool any = d.kind == ast::Dim::Any ||
                 (d.value && d.value->kind == ast::ExprKind::Name && ast::as<const ast::Name>(d.value)->name == "_");
      dims.push_back(any ? Dim::fresh(stmt->pattern.name + "_size") : v.type->dims[i]);
    }
    v.type = tensorType(v.type->elem, dims);
  }
  bindPattern(stmt->pattern, v, stmt->isVar);
  if (stmt->isVar && !v.bad())
    copyParams(stmt->pattern, stmt->span);
  if (resizable && !v.bad() && !stmt->pattern.isTuple)
    if (Binding *b = scope_->find(stmt->pattern.name))
      b->resizable = true;
  return stops;
}

void Checker::checkReturn(const ast::Return *stmt) {
  Value v = stmt->value ? checkExpr(stmt->value) : unit(stmt->span);
  if (!frame_->caller) {
    error(Code::SyntaxError, stmt->span, "`return` stands outside of a function");
    return;
  }
  if (frame_->isRule) {
    error(Code::BadGradient, stmt->span,
          "a `derivative fn` ends with its value and its rules, `return` cannot leave it early")
        .withHelp("choose by an `if` in the value and in the rules");
    frame_->failed = true;
    return;
  }
  if (v.bad()) {
    frame_->failed = true;
    return;
  }
  bool wantsValue = (frame_->declared && frame_->declared->kind != TypeKind::Unit) || frame_->declaredResult;
  if (wantsValue && v.type->kind == TypeKind::Unit) {
    error(Code::MissingReturn, stmt->span, "`" + frame_->function->name + "` must give a value here");
    frame_->failed = true;
    return;
  }
  v = settleResult(v, stmt->value ? stmt->value->span : stmt->span);
  frame_->returned = true;
  if (!v.bad() && v.type->kind == TypeKind::Unit && !isTrivial(v)) {
    Stmt *eval = makeStmt(StmtKind::Eval, stmt->span);
    eval->value = v.expr;
    emit(eval);
  }
  Stmt *s = makeStmt(StmtKind::Return, stmt->span);
  s->value = v.bad() || v.type->kind == TypeKind::Unit ? nullptr : v.expr;
  emit(s);
}

Value Checker::settleResult(Value v, Span span) {
  Frame &frame = *frame_;
  const std::string what = "the result of `" + frame.function->name + "`";
  if (frame.noGrad > 0)
    v = stopGrad(v);
  if (frame.declared) {
    // Open sizes take this value's.
    std::map<uint32_t, Dim> chosen;
    std::function<void(const Type &, const Type &)> choose = [&](const Type &want, const Type &have) {
      if (want->kind != have->kind)
        return;
      if (want->kind == TypeKind::Tensor && want->dims.size() == have->dims.size())
        for (size_t i = 0; i < want->dims.size(); ++i)
          if (want->dims[i].isSymbol() && frame.open.count(want->dims[i].symbolId()))
            chosen.emplace(want->dims[i].symbolId(), have->dims[i]);
      if (isList(want) && want->dims[0].isSymbol() && frame.open.count(want->dims[0].symbolId()))
        chosen.emplace(want->dims[0].symbolId(), have->dims[0]);
      if ((want->kind == TypeKind::Tuple || isList(want)) && want->items.size() == have->items.size())
        for (size_t i = 0; i < want->items.size(); ++i)
          choose(want->items[i], have->items[i]);
    };
    choose(frame.declared, v.type);
    Type want = substitute(frame.declared, [&](uint32_t id) -> std::optional<Dim> {
      auto it = chosen.find(id);
      return it == chosen.end() ? std::nullopt : std::optional(it->second);
    });
    Known known = v.known;
    if (!conform(v, want, span, what))
      frame.failed = true;
    else if (isInt(v.type) || !isScalar(v.type) || v.type->elem == Elem::Bool)
      frame.resultKnown = known;
    frame.resultKnown.literal = false;
    return v;
  }
  if (frame.declaredResult && !matchType(frame.declaredResult, v, frame.signatureScope, what)) {
    frame.failed = true;
    return v;
  }
  // What checks have shown of its sizes is known to the caller too.
  if (v.type && v.type->kind == TypeKind::Tensor)
    v.type = mapDims(v.type, [&](const Dim &d) { return frame.resolve(d); });
  frame.resultKnown = v.known;
  frame.resultKnown.literal = false;
  if (v.type->kind == TypeKind::Tensor && isFloat(v.type->elem))
    frame.resultKnown = {};
  if (!frame.result) {
    frame.result = v.type;
    return v;
  }
  std::optional<Type> joined = joinTypes(frame.result, v.type, span);
  if (!joined) {
    error(Code::TypeMismatch, span,
          "`" + frame.function->name + "` gives " + str(v.type) + " here and " + str(frame.result) + " elsewhere");
    frame.failed = true;
    return v;
  }
  frame.result = *joined;
  return v;
}

void Checker::require(const Value &condition, const Value &message, Span span) {
  Stmt *check = makeStmt(StmtKind::Assert, span);
  check->condition = condition.expr;
  check->message = message.expr;
  emit(check);
}

bool Checker::checkAssert(const ast::Assert *stmt) {
  Value cond = checkScalarBool(stmt->condition);
  Value message = strValue("assertion failed: " + sourceText(stmt->condition->span, 200), stmt->span);
  Body *body = makeBody();
  {
    // Evaluated only on failure.
    Restore<Body *> inner(frame_->body, body);
    if (stmt->message)
      message = checkExpr(stmt->message);
  }
  if (cond.bad() || message.bad())
    return false;
  if (message.type->kind != TypeKind::Str) {
    error(Code::TypeMismatch, stmt->message->span,
          "the message of an assertion is a str, this is " + describe(message));
    return false;
  }
  if (!body->stmts.empty()) {
    body->value = message.expr;
    Expr *block = make(ExprKind::Block, strType(), stmt->span);
    block->thenBody = body;
    message.expr = block;
  }
  if (cond.known.boolean && *cond.known.boolean)
    return false;
  // Of its types, not a place that is not to be reached: `assert false`.
  if (cond.known.boolean && stmt->condition->kind != ast::ExprKind::Bool && refuse(message, stmt->span))
    return true;
  require(cond, message, stmt->span);
  // `assert x.shape[0] == n` tells the checker so.
  if (stmt->condition->kind == ast::ExprKind::Compare && cond.expr->kind == ExprKind::Op && cond.expr->name == "eq") {
    const Expr *a = cond.expr->args[0], *b = cond.expr->args[1];
    if (a->dim && b->dim && isInt(a->type) && isInt(b->type))
      assumeEqual(*a->dim, *b->dim);
  }
  return false;
}

} // namespace dl::sema
