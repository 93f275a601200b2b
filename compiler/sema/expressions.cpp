// Expressions: dispatch, conditions, members, lambdas, blocks.
#include "compiler/sema/checker.h"
#include "compiler/sema/habits.h"
#include "compiler/sema/record_items.h"

namespace dl::sema {

Value Checker::checkExpr(const ast::Expr *expr) {
  if (!enter(expr->span))
    return bad(expr->span);
  Restore<int> nesting(nesting_, nesting_ + 1);
  noteName(expr);
  Value v = checkExprInner(expr);
  v.span = expr->span;
  noteValue(expr->span, v);
  return v;
}

Value Checker::checkExprInner(const ast::Expr *expr) {
  switch (expr->kind) {
  case ast::ExprKind::Int: {
    const ast::IntLit *lit = ast::as<const ast::IntLit>(expr);
    Value v = intValue(lit->value, expr->span, lit->suffix.empty());
    if (lit->suffix.empty())
      return v;
    Elem elem = elemNamed(lit->suffix).value_or(Elem::I64);
    v = convertLiteral(v, elem);
    v.known.literal = false;
    return v;
  }
  case ast::ExprKind::Float: {
    const ast::FloatLit *lit = ast::as<const ast::FloatLit>(expr);
    if (lit->suffix.empty())
      return floatValue(lit->value, Elem::F32, expr->span, true);
    return floatValue(lit->value, elemNamed(lit->suffix).value_or(Elem::F32), expr->span);
  }
  case ast::ExprKind::Bool:
    return boolValue(ast::as<const ast::BoolLit>(expr)->value, expr->span);
  case ast::ExprKind::None:
    return none(expr->span);
  case ast::ExprKind::Str:
    return checkStr(ast::as<const ast::StrLit>(expr));
  case ast::ExprKind::Name:
    return readName(ast::as<const ast::Name>(expr)->name, expr->span);
  case ast::ExprKind::Unary:
    return checkUnary(ast::as<const ast::Unary>(expr));
  case ast::ExprKind::Binary: {
    const ast::Binary *b = ast::as<const ast::Binary>(expr);
    Value lhs = checkExpr(b->lhs);
    size_t evaluated = mark();
    Value rhs = checkExpr(b->rhs);
    pin(lhs, evaluated);
    return binary(b->op, lhs, rhs, expr->span, b->opSpan);
  }
  case ast::ExprKind::Compare: {
    const ast::Compare *c = ast::as<const ast::Compare>(expr);
    Value lhs = checkExpr(c->lhs);
    size_t evaluated = mark();
    Value rhs = checkExpr(c->rhs);
    pin(lhs, evaluated);
    return compareValues(c->op, lhs, rhs, expr->span, c->opSpan);
  }
  case ast::ExprKind::Logical:
    return checkLogical(ast::as<const ast::Logical>(expr));
  case ast::ExprKind::Call:
    return checkCall(ast::as<const ast::Call>(expr));
  case ast::ExprKind::Pipe:
    return checkPipe(ast::as<const ast::Pipe>(expr));
  case ast::ExprKind::Index:
    return paramValue(checkIndex(ast::as<const ast::Index>(expr)), expr->span);
  case ast::ExprKind::Member:
    return checkMember(ast::as<const ast::Member>(expr));
  case ast::ExprKind::Tuple: {
    std::vector<Value> items = checkInOrder(ast::as<const ast::Tuple>(expr)->items);
    auto parts = std::make_shared<const std::vector<Value>>(items);
    Value v = tupleValue(std::move(items), expr->span);
    v.parts = std::move(parts);
    return v;
  }
  case ast::ExprKind::Bracket:
    return checkBracket(ast::as<const ast::Bracket>(expr), false);
  case ast::ExprKind::Comprehension:
    return checkComprehension(ast::as<const ast::Comprehension>(expr), "", expr->span);
  case ast::ExprKind::If:
    return checkIf(ast::as<const ast::If>(expr));
  case ast::ExprKind::Match:
    return checkMatch(ast::as<const ast::Match>(expr));
  case ast::ExprKind::Block:
    return checkBlock(ast::as<const ast::BlockExpr>(expr)->block, newScope(scope_), true).value;
  case ast::ExprKind::Lambda:
    return checkLambda(ast::as<const ast::Lambda>(expr));
  case ast::ExprKind::NoGrad:
    return checkNoGrad(ast::as<const ast::NoGrad>(expr));
  case ast::ExprKind::Ref:
    error(Code::MissingRef, expr->span, "`&` stands only before an argument of a call or the modules of a `for`");
    return bad(expr->span);
  case ast::ExprKind::Spread:
    error(Code::WrongArguments, expr->span,
          "`*` makes arguments of a call of what stands behind it; here there is none");
    return bad(expr->span);
  case ast::ExprKind::Error:
    return bad(expr->span);
  }
  return bad(expr->span);
}

Value Checker::inOwnBody(const std::function<Value()> &evaluate, Span span) {
  Body *body = makeBody();
  Value v;
  {
    Restore<Body *> inner(frame_->body, body);
    v = evaluate();
  }
  if (v.bad() || body->stmts.empty())
    return v;
  if (v.type->kind == TypeKind::Unit && !isTrivial(v)) {
    Stmt *eval = makeStmt(StmtKind::Eval, span);
    eval->value = v.expr;
    body->stmts.push_back(eval);
  }
  body->value = v.type->kind == TypeKind::Unit ? nullptr : v.expr;
  Value out = v;
  out.expr = make(ExprKind::Block, v.type, span);
  out.expr->thenBody = body;
  // Sizes that were bound inside have no value outside.
  out.known = v.known.isConstant() ? v.known : Known{};
  return out;
}

Value Checker::condition(Value value, Span span) {
  if (value.bad())
    return value;
  if (!isScalar(value.type) || value.type->elem != Elem::Bool) {
    Diagnostic &d = error(Code::BadCondition, span, "a condition is a scalar bool, this is " + describe(value));
    if (isTensor(value.type) && value.type->elem == Elem::Bool)
      d.withHelp("`any(…)` or `all(…)` makes one bool of it; `where(c, a, b)` chooses element by element");
    else if (isScalar(value.type))
      d.withHelp("compare it: `" + sourceText(span, 30) + " != 0`");
    return bad(span);
  }
  return value;
}

Value Checker::checkScalarBool(const ast::Expr *expr) { return condition(checkExpr(expr), expr->span); }

Value Checker::checkIf(const ast::If *expr) {
  Value cond = checkScalarBool(expr->condition);
  if (cond.bad()) {
    // Both branches are still looked at for their own mistakes.
    Body *discarded = makeBody();
    Restore<Body *> inner(frame_->body, discarded);
    Restore<int> depth(frame_->depth, frame_->depth + 1);
    checkBlock(expr->thenBlock, newScope(scope_), true);
    if (expr->elseBlock)
      checkBlock(expr->elseBlock, newScope(scope_), true);
    return bad(expr->span);
  }
  if (!cond.known.boolean) {
    std::function<BlockResult()> other;
    if (expr->elseBlock)
      other = [&] { return checkBlock(expr->elseBlock, newScope(scope_), true); };
    return runtimeIf(
        cond, expr->span, "branches of this `if`", [&] { return checkBlock(expr->thenBlock, newScope(scope_), true); },
        other);
  }
  // Only the branch that is taken is part of the program.
  const ast::Block *taken = *cond.known.boolean ? expr->thenBlock : expr->elseBlock;
  if (!taken)
    return unit(expr->span);
  BlockResult r = checkBlock(taken, newScope(scope_), true);
  if (r.diverges) {
    Value v = unit(expr->span);
    v.expr = make(ExprKind::Unreachable, unitType(), expr->span);
    return v;
  }
  return r.value;
}

Value Checker::runtimeIf(const Value &cond, Span span, const std::string &what,
                         const std::function<BlockResult()> &first, const std::function<BlockResult()> &second) {
  Restore<std::map<uint32_t, Dim>> equal(frame_->equal);
  Restore<std::vector<Dim>> zero(frame_->zero);
  auto facts = std::pair(frame_->equal, frame_->zero);
  auto branch = [&](const std::function<BlockResult()> &evaluate, BlockResult &result) {
    frame_->equal = facts.first;
    frame_->zero = facts.second;
    Body *body = makeBody();
    Restore<Body *> inner(frame_->body, body);
    Restore<int> depth(frame_->depth, frame_->depth + 1);
    if (evaluate)
      result = evaluate();
    else
      result.value = unit(span);
    return body;
  };
  BlockResult a, b;
  Body *thenBody = branch(first, a);
  Body *elseBody = branch(second, b);
  Value out = unit(span);
  out.expr = make(ExprKind::If, unitType(), span);
  out.expr->args = {cond.expr};
  out.expr->thenBody = thenBody;
  out.expr->elseBody = second ? elseBody : nullptr;
  if (a.value.bad() || b.value.bad()) {
    out.type = nullptr;
    return out;
  }
  auto discard = [&](Body *body, const BlockResult &r) {
    if (r.diverges || isTrivial(r.value))
      return;
    Stmt *eval = makeStmt(StmtKind::Eval, r.value.span);
    eval->value = r.value.expr;
    body->stmts.push_back(eval);
  };
  bool unitA = a.value.type->kind == TypeKind::Unit, unitB = b.value.type->kind == TypeKind::Unit;
  if (!second || (a.diverges && b.diverges) || (unitA && !a.diverges) || (unitB && !b.diverges)) {
    discard(thenBody, a);
    discard(elseBody, b);
    if (second && a.diverges && b.diverges) {
      // Control does not go on: an Unreachable tells the block around.
      Stmt *eval = makeStmt(StmtKind::Eval, span);
      eval->value = out.expr;
      emit(eval);
      out.expr = make(ExprKind::Unreachable, unitType(), span);
    }
    return out;
  }
  auto align = [&](BlockResult &r, const BlockResult &other, Body *body) {
    // Literals of one branch take the other's element type.
    const Type &x = r.value.type, &y = other.value.type;
    if (!r.diverges && !other.diverges && x->kind == TypeKind::Tensor && y->kind == TypeKind::Tensor &&
        x->elem != y->elem && r.value.known.literal && (isFloat(y->elem) || isInteger(x->elem)) &&
        y->elem != Elem::Bool) {
      Restore<Body *> inner(frame_->body, body);
      r.value = convertLiteral(r.value, y->elem);
    }
  };
  align(a, b, thenBody);
  align(b, a, elseBody);
  if (!a.diverges && !b.diverges && a.value.type->kind == TypeKind::Module && !sameType(a.value.type, b.value.type))
    if (std::optional<Type> loose = looseType(a.value.type, false); loose && loosens(b.value.type, *loose))
      for (auto [result, body] : {std::pair(&a, thenBody), std::pair(&b, elseBody)}) {
        Restore<Body *> inner(frame_->body, body);
        conform(result->value, *loose, span, what);
      }
  std::optional<Type> type;
  if (a.diverges)
    type = b.value.type;
  else if (b.diverges)
    type = a.value.type;
  else
    type = joinTypes(a.value.type, b.value.type, span);
  if (!type) {
    // Modules of two types are chosen between when the program is compiled, or not at all.
    bool isChoice = holdsModule(a.value.type) || holdsModule(b.value.type);
    Diagnostic &d = error(isChoice ? Code::NotConstant : Code::BranchTypes, span,
                          "the " + what + " have different types, " + str(a.value.type) + " and " + str(b.value.type));
    d.label(a.value.span, str(a.value.type)).label(b.value.span, str(b.value.type));
    if (isChoice && cond.span.valid())
      d.withHelp("`" + sourceText(cond.span, 40) +
                 "` would have to be known when the program is compiled, but is only known when it runs");
    out.type = nullptr;
    return out;
  }
  out.type = *type;
  out.expr->type = *type;
  thenBody->value = a.diverges ? make(ExprKind::Unreachable, *type, span) : a.value.expr;
  elseBody->value = b.diverges ? make(ExprKind::Unreachable, *type, span) : b.value.expr;
  return out;
}

Value Checker::checkMember(const ast::Member *expr) {
  if (std::optional<Value> frozen = readRequiresGrad(expr); frozen && !*frozen->known.boolean)
    return *frozen;
  if (std::optional<Value> own = paramMember(expr))
    return *own;
  Value base = checkExpr(expr->base);
  if (base.bad())
    return bad(expr->span);
  noteMember(expr, base);
  if (base.space) {
    if (Binding *b = memberOfFile(base.space, expr->name))
      return readBinding(b, expr->span);
    std::vector<std::string> names;
    for (const auto &[name, binding] : base.space->names)
      names.push_back(name);
    Diagnostic &d = error(Code::UnknownMember, expr->nameSpan,
                          "`" + sourceText(expr->base->span) + "` has no `" + expr->name + "`");
    std::string near = didYouMean(expr->name, names);
    if (std::string habit = habitHelp(expr->name); !habit.empty())
      d.withHelp(habit);
    else if (!near.empty())
      d.withHelp("did you mean `" + near + "`?");
    return bad(expr->span);
  }
  if (std::optional<Value> v = memberOf(base, expr->name, expr->span))
    return *v;
  if ((expr->name == "values" || expr->name == "indices") && takenForPair(expr->base, base, expr->nameSpan))
    return bad(expr->span);
  // x.f without a call is f(x) for the properties that PyTorch writes so.
  std::vector<std::string> names = memberNames(base.type);
  if (base.type->kind == TypeKind::Module) {
    for (const ast::MemberDecl &member : base.type->module->decl->members)
      if (member.kind == ast::MemberDecl::Fn && member.fn)
        names.push_back(member.fn->name);
    names.insert(names.end(), moduleIntrinsics().begin(), moduleIntrinsics().end());
  }
  Diagnostic &d = noMember(Code::UnknownMember, expr->nameSpan, base.type, expr->name, names);
  if (d.help.empty() && lookup(expr->name, scope_))
    d.withHelp("to call the function `" + expr->name + "`, write `" + sourceText(expr->span, 40) + "(…)`");
  return bad(expr->span);
}

// What a value holds by name; no methods.
std::vector<std::string> Checker::memberNames(const Type &type) const {
  std::vector<std::string> names;
  if (type->kind == TypeKind::Module)
    for (const auto &[name, member] : details(*type->module).members)
      names.push_back(name);
  else if (type->kind == TypeKind::Record)
    names = type->names;
  else if (type->kind == TypeKind::Tensor)
    names = {"shape", "ndim", "dtype", "T"};
  return names;
}

// `names`: those that may have been meant.
Diagnostic &Checker::noMember(Code code, Span span, const Type &type, const std::string &name,
                              const std::vector<std::string> &names) {
  Diagnostic &d = error(code, span, str(type) + " has no member `" + name + "`");
  if (type->kind == TypeKind::Module)
    for (const ModuleDetails::Hyper &hyper : details(*type->module).hyper)
      if (hyper.name == name)
        return d.withHelp("no method uses the argument `" + name + "`, so it is not kept; `let " + name + " = " + name +
                          "` among the members keeps it");
  if (type->kind == TypeKind::Module && name == "training")
    return d.withHelp("no method of it, or of a module inside, mentions `training`, so it is the same in both modes");
  if (name == "item" && isScalar(type))
    return d.withHelp("a scalar is a number already");
  std::string near = didYouMean(name, names);
  if (std::string habit = habitHelp(name); !habit.empty())
    d.withHelp(habit);
  else if (name.size() > 1 && name.ends_with('_') && lookupCallable(name.substr(0, name.size() - 1), scope_))
    d.withHelp("`x = x." + name.substr(0, name.size() - 1) + "(…)` gives the variable the new value");
  else if (!near.empty())
    d.withHelp("did you mean `" + near + "`?");
  return d;
}

std::optional<Value> Checker::memberOf(const Value &base, const std::string &name, Span span) {
  switch (base.type->kind) {
  case TypeKind::Tensor: {
    if (name == "shape") {
      std::vector<Value> items;
      for (const Dim &d : base.type->dims)
        items.push_back(dimValue(d, span));
      // The sizes of a value that has yet to be computed are known once it is.
      if (!isTrivial(base) && !base.type->dims.empty())
        materialise(base, "sized");
      return tupleValue(std::move(items), span);
    }
    if (name == "ndim")
      return intValue(int64_t(base.type->dims.size()), span);
    if (name == "dtype")
      return elemValue(base.type->elem, span);
    if (name == "T") {
      if (base.type->dims.size() != 2) {
        error(Code::RankMismatch, span, "`.T` transposes a matrix, this is " + describe(base))
            .withHelp("`transpose(x, a, b)` swaps two dimensions of any tensor");
        return bad(span);
      }
      return opValue("transpose", {base}, tensorType(base.type->elem, {base.type->dims[1], base.type->dims[0]}), span,
                     {{"dim0", Attr(int64_t(0))}, {"dim1", Attr(int64_t(1))}});
    }
    return std::nullopt;
  }
  case TypeKind::Record:
    for (size_t i = 0; i < base.type->names.size(); ++i)
      if (base.type->names[i] == name)
        return part(base, uint32_t(i), span);
    if (wrapsItems(base.type) && base.type->items[0]->kind == TypeKind::Record)
      return memberOf(part(base, 0, span), name, span);
    return std::nullopt;
  case TypeKind::Module: {
    const ModuleInstance &m = *base.type->module;
    auto it = details(m).members.find(name);
    if (it != details(m).members.end()) {
      if (it->second.field >= 0)
        return fieldValue(base, uint32_t(it->second.field), span);
      if (!it->second.tied.empty())
        return tiedValue(base, it->second.tied, span);
      Value v = constantOf(it->second.type, it->second.known, span);
      return v;
    }
    if (const ast::FnDecl *fn = methodNamed(m, name)) {
      FunctionDetails d;
      d.kind = FunctionDetails::Method;
      d.fn = fn;
      d.env = details(m).env;
      return functionValue(std::move(d), m.name + "." + name, {base}, span);
    }
    if (std::optional<Value> pack = packOf(base, span); pack && pack->type->kind == TypeKind::Record)
      return memberOf(*pack, name, span);
    if (name == "training")
      return trainingFlag(base, false, span);
    return std::nullopt;
  }
  default:
    return std::nullopt;
  }
}

Value Checker::checkLambda(const ast::Lambda *expr) {
  FunctionDetails d;
  d.kind = FunctionDetails::Lambda;
  d.lambda = expr;
  d.env = scope_;
  std::vector<Value> captures;
  for (Binding *outer : freeNames(nullptr, expr, scope_)) {
    d.captured.push_back(outer);
    captures.push_back(readBinding(outer, expr->span));
    if (captures.back().bad())
      return bad(expr->span);
  }
  return functionValue(std::move(d), "fn", std::move(captures), expr->span);
}

Value Checker::stopGrad(const Value &value) {
  if (value.bad())
    return value;
  switch (value.type->kind) {
  case TypeKind::Tensor: {
    if (!isFloat(value.type->elem) || value.expr->kind == ExprKind::Constant)
      return value;
    Value v = opValue("stop_grad", {value}, value.type, value.span);
    v.known = value.known;
    return v;
  }
  case TypeKind::List: {
    Value whole = materialise(value, "detached");
    std::vector<Value> parts;
    for (uint32_t k = 0; k < storedParts(value.type).size(); ++k)
      parts.push_back(stopGrad(storedPart(whole, k, value.span)));
    return fromParts(value.type, parts, value.span);
  }
  case TypeKind::Tuple:
  case TypeKind::Record:
  case TypeKind::Module: {
    Value whole = materialise(value, "detached");
    Value v = whole;
    v.expr = make(ExprKind::Tuple, value.type, value.span);
    size_t count = value.type->kind == TypeKind::Module ? value.type->module->fields.size() : value.type->items.size();
    for (uint32_t i = 0; i < count; ++i)
      v.expr->args.push_back(stopGrad(part(whole, i, value.span)).expr);
    return v;
  }
  default:
    return value;
  }
}

// Inside no_grad every value that is bound, assigned or given out is a constant to differentiation.
Value Checker::checkNoGrad(const ast::NoGrad *expr) {
  Restore<int> mode(frame_->noGrad, expr->enable ? 0 : frame_->noGrad + 1);
  Value v = checkBlock(expr->block, newScope(scope_), true).value;
  return expr->enable ? v : stopGrad(v);
}

} // namespace dl::sema
