#include "compiler/syntax/build.h"
#include "compiler/syntax/precedence.h"
#include "compiler/syntax/text.h"

#include <algorithm>

namespace dl::syntax {

using antlr4::Token;
using namespace ast;
using P = grammar::DLParser;

// ------------------------------------------------------------------------------------------------------- precedence
namespace {

BinaryOp binaryOp(size_t type) {
  switch (type) {
  case P::PLUS:
    return BinaryOp::Add;
  case P::MINUS:
    return BinaryOp::Sub;
  case P::STAR:
    return BinaryOp::Mul;
  case P::SLASH:
    return BinaryOp::Div;
  case P::FLOORDIV:
    return BinaryOp::FloorDiv;
  case P::PERCENT:
    return BinaryOp::Mod;
  case P::POWER:
    return BinaryOp::Pow;
  default:
    return BinaryOp::MatMul;
  }
}

int tokenLevel(size_t type) {
  switch (type) {
  case P::OR:
    return kOr;
  case P::AND:
    return kAnd;
  case P::PIPE:
    return kPipe;
  case P::EQ:
  case P::NE:
  case P::LT:
  case P::LE:
  case P::GT:
  case P::GE:
  case P::IN:
  case P::NOT:
    return kCompare;
  default:
    return levelOf(binaryOp(type));
  }
}

CompareOp compareOp(size_t type) {
  switch (type) {
  case P::EQ:
    return CompareOp::Eq;
  case P::NE:
    return CompareOp::Ne;
  case P::LT:
    return CompareOp::Lt;
  case P::LE:
    return CompareOp::Le;
  case P::GT:
    return CompareOp::Gt;
  case P::IN:
    return CompareOp::In;
  case P::NOT:
    return CompareOp::NotIn;
  default:
    return CompareOp::Ge;
  }
}

Span join(Span a, Span b) { return {a.file, a.begin, b.end}; }

} // namespace

size_t Cursor::type() const {
  Token *t = token();
  return t ? t->getType() : 0;
}

Token *Cursor::token() const {
  auto *leaf = done() ? nullptr : dynamic_cast<antlr4::tree::TerminalNode *>(children_[next_]);
  return leaf ? leaf->getSymbol() : nullptr;
}

bool Cursor::accept(size_t wanted) {
  bool yes = type() == wanted;
  next_ += yes;
  return yes;
}

Token *Cursor::take() {
  Token *t = token();
  ++next_;
  return t;
}

Expr *Builder::expression(P::ExpressionContext *node) {
  if (auto *literal = dynamic_cast<P::LambdaContext *>(node)) {
    auto *lambda = make<Lambda>(ExprKind::Lambda, span(node));
    lambda->params = parameters(literal->parameters());
    if (auto *result = literal->type())
      lambda->result = type(result);
    lambda->body = functionBody(literal->functionBody());
    return lambda;
  }
  Cursor cursor(node);
  auto *first = cursor.rule<P::OperandContext>();
  std::vector<Item> items;
  operand(first, items);
  while (!cursor.done()) {
    items.push_back({cursor.take(), false, {}});
    cursor.accept(P::IN); // the second word of `not in`
    operand(cursor.rule<P::OperandContext>(), items);
  }
  size_t next = 0;
  return climb(items, next, kOr).expr;
}

void Builder::operand(P::OperandContext *node, std::vector<Item> &items) {
  Cursor cursor(node);
  while (cursor.token())
    items.push_back({cursor.take(), true, {}});
  auto *atom = cursor.rule<P::PrimaryContext>();
  // -9223372036854775808 is a number although 9223372036854775808 is none.
  Cursor inner(atom);
  if (inner.type() == P::INT && cursor.done() && !items.empty() && items.back().prefix &&
      items.back().op->getType() == P::MINUS && textOf(inner.token()) == "9223372036854775808") {
    Span whole = join(span(items.back().op), span(inner.token()));
    items.back() = {nullptr, false, {number(inner.token(), true, whole), whole}};
    return;
  }
  Operand value = primary(atom);
  while (auto *next = cursor.rule<P::TrailerContext>())
    value = trailer(next, value);
  items.push_back({nullptr, false, value});
}

Builder::Operand Builder::climb(std::vector<Item> &items, size_t &next, int minimum) {
  Item item = items[next++];
  Operand lhs = item.operand;
  if (item.prefix) {
    bool isNot = item.op->getType() == P::NOT;
    Operand value = climb(items, next, isNot ? kNot : kSign);
    Span whole = join(span(item.op), value.outer);
    auto *unary = make<Unary>(ExprKind::Unary, whole);
    unary->op = isNot ? UnaryOp::Not : item.op->getType() == P::MINUS ? UnaryOp::Neg : UnaryOp::Plus;
    unary->operand = value.expr;
    lhs = {unary, whole};
  }
  Expr *chained = nullptr; // the right side of the comparison before, which a chain compares again
  while (next < items.size()) {
    Token *op = items[next].op;
    int level = tokenLevel(op->getType());
    if (level < minimum)
      break;
    ++next;
    Operand rhs = climb(items, next, level == kPower ? kSign : level + 1);
    lhs = combine(op, lhs, rhs, chained);
  }
  return lhs;
}

Builder::Operand Builder::combine(Token *op, Operand lhs, Operand rhs, Expr *&chained) {
  Span whole = join(lhs.outer, rhs.outer), opSpan = span(op);
  size_t type = op->getType();
  int level = tokenLevel(type);
  if (level == kPipe)
    return {pipe(lhs, rhs, whole, opSpan), whole};
  auto logical = [&](bool isAnd, Expr *a, Expr *b) {
    auto *node = make<Logical>(ExprKind::Logical, whole);
    node->isAnd = isAnd;
    node->lhs = a;
    node->rhs = b;
    node->opSpan = opSpan;
    return node;
  };
  if (level == kOr || level == kAnd) {
    chained = nullptr;
    return {logical(level == kAnd, lhs.expr, rhs.expr), whole};
  }
  if (level == kCompare) {
    bool again = chained != nullptr;
    Expr *left = again ? chained : lhs.expr;
    auto *node = make<Compare>(ExprKind::Compare, again ? join(left->span, rhs.outer) : whole);
    node->op = compareOp(type);
    node->lhs = left;
    node->rhs = rhs.expr;
    node->opSpan = opSpan;
    chained = rhs.expr;
    return {again ? static_cast<Expr *>(logical(true, lhs.expr, node)) : node, whole};
  }
  auto *node = make<Binary>(ExprKind::Binary, whole);
  node->op = binaryOp(type);
  node->lhs = lhs.expr;
  node->rhs = rhs.expr;
  node->opSpan = opSpan;
  return {node, whole};
}

Expr *Builder::pipe(Operand input, Operand callee, Span whole, Span opSpan) {
  auto *node = make<Pipe>(ExprKind::Pipe, whole);
  node->input = input.expr;
  node->opSpan = opSpan;
  node->callee = callee.expr;
  switch (callee.expr->kind) {
  case ExprKind::Call:
    if (!callee.parenthesised) {
      node->callee = as<Call>(callee.expr)->callee;
      node->args = as<Call>(callee.expr)->args;
    }
    break;
  case ExprKind::Int:
  case ExprKind::Float:
  case ExprKind::Bool:
  case ExprKind::Str:
  case ExprKind::None:
  case ExprKind::Unary:
  case ExprKind::Binary:
  case ExprKind::Compare:
  case ExprKind::Logical:
  case ExprKind::Tuple:
  case ExprKind::Bracket:
  case ExprKind::Comprehension:
    env_.diagnostics.error(Code::SyntaxError, callee.outer, "the right side of `|>` must be a function or a call")
        .label(opSpan, "this passes its left side on")
        .withHelp("`x |> f` is `f(x)`, `x |> f(2)` is `f(x, 2)`; `|>` binds looser than arithmetic");
    break;
  default:
    break;
  }
  return node;
}

// --------------------------------------------------------------------------------------------------------- primaries
Builder::Operand Builder::primary(P::PrimaryContext *node) {
  Span whole = span(node);
  Cursor cursor(node);
  if (auto *name = cursor.rule<P::IdentifierContext>()) {
    auto *expr = make<Name>(ExprKind::Name, whole);
    expr->name = identifier(name);
    return {expr, whole};
  }
  if (auto *branch = cursor.rule<P::IfExpressionContext>())
    return {ifExpression(branch), whole};
  if (auto *choice = cursor.rule<P::MatchExpressionContext>())
    return {matchExpression(choice), whole};
  if (auto *body = cursor.rule<P::BlockContext>()) {
    auto *expr = make<BlockExpr>(ExprKind::Block, whole);
    expr->block = block(body);
    return {expr, whole};
  }
  Token *first = cursor.take();
  switch (first->getType()) {
  case P::INT:
  case P::FLOAT:
  case P::STRING:
  case P::TRUE:
  case P::FALSE:
  case P::NONE:
    return {literal(first), whole};
  case P::NO_GRAD:
  case P::ENABLE_GRAD: {
    auto *expr = make<NoGrad>(ExprKind::NoGrad, whole);
    expr->enable = first->getType() == P::ENABLE_GRAD;
    expr->block = block(cursor.rule<P::BlockContext>());
    return {expr, whole};
  }
  case P::LPAREN:
  case P::LBRACKET:
    break;
  default: // BAD_NUMBER, which has been reported
    return {make<ErrorExpr>(ExprKind::Error, whole), whole};
  }
  bool isTuple = first->getType() == P::LPAREN;
  if (auto *loop = cursor.rule<P::ComprehensionContext>()) {
    Comprehension *expr = comprehension(loop);
    expr->span = whole;
    return {expr, whole};
  }
  std::vector<Expr *> items;
  bool comma = false;
  while (auto *item = cursor.rule<P::ExpressionContext>()) {
    items.push_back(expression(item));
    comma = cursor.accept(P::COMMA);
  }
  if (!isTuple) {
    auto *expr = make<Bracket>(ExprKind::Bracket, whole);
    expr->items = std::move(items);
    return {expr, whole};
  }
  if (items.size() == 1 && !comma)
    return {items[0], whole, true};
  auto *expr = make<Tuple>(ExprKind::Tuple, whole);
  expr->items = std::move(items);
  return {expr, whole};
}

Builder::Operand Builder::trailer(P::TrailerContext *node, Operand base) {
  Span whole = join(base.outer, span(node));
  Cursor cursor(node);
  switch (cursor.type()) {
  case P::LPAREN:
    return {call(node, base, whole), whole};
  case P::LBRACKET:
    return {index(node, base, whole), whole};
  default:
    break;
  }
  cursor.take();
  auto *name = cursor.rule<P::IdentifierContext>();
  auto *expr = make<Member>(ExprKind::Member, whole);
  expr->base = base.expr;
  expr->name = identifier(name);
  expr->nameSpan = span(name);
  return {expr, whole};
}

Expr *Builder::call(P::TrailerContext *node, Operand base, Span whole) {
  auto *expr = make<Call>(ExprKind::Call, whole);
  expr->callee = base.expr;
  Cursor cursor(node);
  cursor.take();
  if (auto *loop = cursor.rule<P::ComprehensionContext>()) {
    Comprehension *value = comprehension(loop);
    value->reducing = true;
    expr->args.push_back({"", value, value->span});
  }
  while (auto *argument = cursor.rule<P::ArgumentContext>()) {
    Cursor parts(argument);
    Arg arg{"", nullptr, span(argument)};
    bool isSpread = parts.accept(P::STAR);
    if (auto *name = parts.rule<P::IdentifierContext>()) {
      arg.name = identifier(name);
      parts.accept(P::ASSIGN);
    }
    Token *amp = parts.type() == P::AMP ? parts.take() : nullptr;
    arg.value = reference(amp, expression(parts.rule<P::ExpressionContext>()));
    if (isSpread) {
      auto *spread = make<Spread>(ExprKind::Spread, arg.span);
      spread->operand = arg.value;
      arg.value = spread;
    }
    expr->args.push_back(std::move(arg));
    cursor.accept(P::COMMA);
  }
  return expr;
}

Expr *Builder::reference(Token *amp, Expr *operand) {
  if (!amp)
    return operand;
  auto *expr = make<Ref>(ExprKind::Ref, join(span(amp), operand->span));
  expr->operand = operand;
  return expr;
}

Expr *Builder::index(P::TrailerContext *node, Operand base, Span whole) {
  auto *expr = make<Index>(ExprKind::Index, whole);
  expr->base = base.expr;
  Cursor cursor(node);
  cursor.take();
  while (auto *child = cursor.rule<P::IndexItemContext>()) {
    cursor.accept(P::COMMA);
    IndexItem item;
    item.kind = IndexItem::Single;
    item.span = span(child);
    Cursor parts(child);
    if (parts.accept(P::ELLIPSIS)) {
      item.kind = IndexItem::Ellipsis;
      expr->items.push_back(item);
      continue;
    }
    if (auto *value = parts.rule<P::ExpressionContext>())
      item.value = expression(value);
    if (auto *slice = parts.rule<P::SliceContext>()) {
      item.kind = IndexItem::Slice;
      item.begin = std::exchange(item.value, nullptr);
      Cursor bounds(slice);
      bounds.accept(P::COLON);
      if (auto *end = bounds.rule<P::ExpressionContext>())
        item.end = expression(end);
      if (bounds.accept(P::COLON))
        if (auto *step = bounds.rule<P::ExpressionContext>())
          item.step = expression(step);
    } else if (item.value->kind == ExprKind::None ||
               (item.value->kind == ExprKind::Name && as<Name>(item.value)->name == "new")) {
      item.kind = IndexItem::New;
      item.value = nullptr;
    }
    expr->items.push_back(item);
  }
  return expr;
}

Expr *Builder::matchExpression(P::MatchExpressionContext *node) {
  auto *match = make<Match>(ExprKind::Match, span(node));
  match->subject = expression(node->expression());
  for (P::MatchArmContext *each : node->matchArm()) {
    MatchArm arm;
    arm.span = span(each);
    for (P::MatchPatternContext *pattern : each->matchPattern())
      arm.patterns.push_back(matchPattern(pattern));
    if (each->guard)
      arm.guard = expression(each->guard);
    Expr *value = expression(each->value);
    arm.body = value->kind == ExprKind::Block ? as<BlockExpr>(value)->block : blockOf(value);
    match->arms.push_back(std::move(arm));
  }
  return match;
}

MatchPattern Builder::matchPattern(P::MatchPatternContext *node) {
  MatchPattern pattern;
  pattern.span = span(node);
  Cursor cursor(node);
  if (auto *name = cursor.rule<P::IdentifierContext>()) {
    pattern.name = identifier(name);
    return pattern;
  }
  if (cursor.type() == P::LPAREN) {
    if (node->matchPattern().size() == 1 && node->COMMA().empty())
      return matchPattern(node->matchPattern(0));
    pattern.isTuple = true;
    for (P::MatchPatternContext *item : node->matchPattern())
      pattern.items.push_back(matchPattern(item));
    return pattern;
  }
  bool negative = cursor.accept(P::MINUS);
  Token *token = cursor.take();
  pattern.literal = literal(token);
  if (negative) {
    auto *unary = make<Unary>(ExprKind::Unary, pattern.span);
    unary->op = UnaryOp::Neg;
    unary->operand = pattern.literal;
    pattern.literal = unary;
  }
  return pattern;
}

Expr *Builder::ifExpression(P::IfExpressionContext *node) {
  auto *expr = make<If>(ExprKind::If, span(node));
  Cursor cursor(node);
  cursor.accept(P::IF);
  expr->condition = expression(cursor.rule<P::ExpressionContext>());
  expr->thenBlock = block(cursor.rule<P::BlockContext>());
  if (!cursor.accept(P::ELSE))
    return expr;
  if (auto *nested = cursor.rule<P::IfExpressionContext>())
    expr->elseBlock = blockOf(ifExpression(nested));
  else
    expr->elseBlock = block(cursor.rule<P::BlockContext>());
  return expr;
}

Comprehension *Builder::comprehension(P::ComprehensionContext *node) {
  auto *expr = make<Comprehension>(ExprKind::Comprehension, span(node));
  Cursor cursor(node);
  cursor.accept(P::FOR);
  while (auto *child = cursor.rule<P::ForClauseContext>()) {
    cursor.accept(P::COMMA);
    Cursor parts(child);
    ForClause clause;
    clause.pattern = pattern(parts.rule<P::PatternContext>());
    parts.accept(P::IN);
    Expr *over = expression(parts.rule<P::ExpressionContext>());
    if (auto *limits = parts.rule<P::RangeContext>()) {
      clause.begin = over;
      range(limits, clause.end, clause.step);
    } else {
      clause.in = over;
    }
    expr->clauses.push_back(std::move(clause));
  }
  if (cursor.accept(P::IF))
    expr->condition = expression(cursor.rule<P::ExpressionContext>());
  cursor.accept(P::COLON);
  expr->body = expression(cursor.rule<P::ExpressionContext>());
  return expr;
}

} // namespace dl::syntax
