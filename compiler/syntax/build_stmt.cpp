#include "compiler/syntax/build.h"
#include "compiler/syntax/text.h"

#include <algorithm>

namespace dl::syntax {

using antlr4::Token;
using namespace ast;
using P = grammar::DLParser;

Span Builder::span(const antlr4::ParserRuleContext *node) const {
  // A statement's own NEWLINE is none of its text.
  const Token *last = node->stop ? node->stop : node->start;
  Span whole = text_.span(node->start, last);
  if (last->getType() == P::NEWLINE)
    whole.end = std::max(whole.begin, text_.span(last).begin);
  return whole;
}

std::string Builder::identifier(const antlr4::ParserRuleContext *node) const {
  return std::string(textOf(node->start));
}

std::string Builder::path(const antlr4::ParserRuleContext *node) const {
  std::string name;
  Cursor cursor(node);
  while (auto *part = cursor.rule<P::IdentifierContext>()) {
    name += (name.empty() ? "" : ".") + identifier(part);
    cursor.accept(P::DOT);
  }
  return name;
}

// The `##` lines that end on the line above a declaration.
std::string Builder::documentation(uint32_t declaration) const {
  auto above = std::upper_bound(comments_.begin(), comments_.end(), declaration,
                                [](uint32_t at, const Comment &c) { return at < c.span.begin; });
  std::string doc;
  std::string_view file = env_.sources.file(text_.file()).text;
  uint32_t next = declaration;
  while (above != comments_.begin()) {
    const Comment &comment = *--above;
    std::string_view gap = file.substr(comment.span.end, next - comment.span.end);
    size_t lineBegin = file.rfind('\n', comment.span.begin);
    std::string_view before = file.substr(lineBegin + 1, comment.span.begin - lineBegin - 1);
    bool adjacent =
        std::count(gap.begin(), gap.end(), '\n') == 1 && gap.find_first_not_of(" \t\r\n") == std::string_view::npos;
    bool alone = before.find_first_not_of(" \t") == std::string_view::npos;
    if (!adjacent || !alone || !comment.text.starts_with("##"))
      break;
    std::string_view line = std::string_view(comment.text).substr(2);
    if (line.starts_with(' '))
      line.remove_prefix(1);
    doc = doc.empty() ? std::string(line) : std::string(line) + "\n" + doc;
    next = comment.span.begin;
  }
  return doc;
}

// -------------------------------------------------------------------------------------------------------- statements
std::vector<Stmt *> Builder::file(P::FileContext *node) {
  std::vector<Stmt *> statements;
  fillStatements(node, statements);
  return statements;
}

void Builder::fillStatements(const antlr4::ParserRuleContext *node, std::vector<Stmt *> &out) {
  for (antlr4::tree::ParseTree *child : node->children) {
    auto *s = dynamic_cast<P::StatementContext *>(child);
    if (s && !s->exception)
      out.push_back(statement(s));
  }
}

Block *Builder::block(P::BlockContext *node) {
  auto *result = env_.context.make<Block>();
  result->span = span(node);
  fillStatements(node, result->stmts);
  return result;
}

Block *Builder::blockOf(Expr *value) {
  auto *result = env_.context.make<Block>();
  result->span = value->span;
  auto *s = make<ExprStmt>(StmtKind::ExprStmt, value->span);
  s->value = value;
  result->stmts.push_back(s);
  return result;
}

Stmt *Builder::statement(P::StatementContext *node) {
  Cursor cursor(node);
  switch (node->start->getType()) {
  case P::LET:
  case P::VAR:
    return letStatement(static_cast<P::LetStatementContext *>(node));
  case P::ASSERT: {
    auto *s = make<Assert>(StmtKind::Assert, span(node));
    cursor.take();
    s->condition = expression(cursor.rule<P::ExpressionContext>());
    if (cursor.accept(P::COMMA))
      s->message = expression(cursor.rule<P::ExpressionContext>());
    return s;
  }
  case P::WHILE: {
    auto *s = make<While>(StmtKind::While, span(node));
    cursor.take();
    s->condition = expression(cursor.rule<P::ExpressionContext>());
    s->body = block(cursor.rule<P::BlockContext>());
    return s;
  }
  case P::FOR:
    return forStatement(static_cast<P::ForStatementContext *>(node));
  case P::BREAK:
    return make<Break>(StmtKind::Break, span(node));
  case P::CONTINUE:
    return make<Continue>(StmtKind::Continue, span(node));
  case P::RETURN: {
    auto *s = make<Return>(StmtKind::Return, span(node));
    cursor.take();
    if (auto *value = cursor.rule<P::ExpressionContext>())
      s->value = expression(value);
    return s;
  }
  case P::IMPORT:
    return importStatement(node, false);
  case P::MODULE:
    return moduleStatement(static_cast<P::ModuleStatementContext *>(node));
  default:
    break;
  }
  if (dynamic_cast<P::FromStatementContext *>(node))
    return importStatement(node, true);
  if (dynamic_cast<P::TestStatementContext *>(node)) {
    auto *s = make<Test>(StmtKind::Test, span(node));
    cursor.take();
    Token *name = cursor.take();
    auto *literal = as<StrLit>(string(name));
    for (const StrPart &part : literal->parts) {
      if (part.value)
        env_.diagnostics.error(Code::BadString, span(name), "the name of a test cannot have values in it");
      s->name += part.text;
    }
    s->body = block(cursor.rule<P::BlockContext>());
    return s;
  }
  if (auto *fn = cursor.rule<P::FunctionContext>())
    return function(fn);
  return expressionStatement(static_cast<P::ExpressionStatementContext *>(node));
}

Stmt *Builder::letStatement(P::LetStatementContext *node) {
  auto *s = make<Let>(StmtKind::Let, span(node));
  Cursor cursor(node);
  s->isVar = cursor.take()->getType() == P::VAR;
  s->pattern = pattern(cursor.rule<P::PatternContext>());
  if (cursor.accept(P::COLON))
    s->type = type(cursor.rule<P::TypeContext>());
  cursor.accept(P::ASSIGN);
  s->value = expression(cursor.rule<P::ExpressionContext>());
  return s;
}

Stmt *Builder::forStatement(P::ForStatementContext *node) {
  auto *s = make<For>(StmtKind::For, span(node));
  Cursor cursor(node);
  cursor.take();
  s->pattern = pattern(cursor.rule<P::PatternContext>());
  cursor.accept(P::IN);
  Token *amp = cursor.type() == P::AMP ? cursor.take() : nullptr;
  Expr *over = reference(amp, expression(cursor.rule<P::ExpressionContext>()));
  if (auto *limits = cursor.rule<P::RangeContext>()) {
    s->begin = over;
    range(limits, s->end, s->step);
    if (amp)
      env_.diagnostics.error(Code::SyntaxError, span(amp), "a range cannot be taken by `&`");
  } else {
    s->in = over;
  }
  s->body = block(cursor.rule<P::BlockContext>());
  return s;
}

void Builder::range(P::RangeContext *node, Expr *&end, Expr *&step) {
  Cursor cursor(node);
  cursor.accept(P::DOTDOT);
  end = expression(cursor.rule<P::ExpressionContext>());
  if (cursor.accept(P::STEP))
    step = expression(cursor.rule<P::ExpressionContext>());
}

Stmt *Builder::importStatement(P::StatementContext *node, bool isFrom) {
  auto *s = make<Import>(StmtKind::Import, span(node));
  s->isFrom = isFrom;
  Cursor cursor(node);
  cursor.take();
  auto *module = cursor.rule<P::PathContext>();
  s->module = path(module);
  s->moduleSpan = span(module);
  if (!isFrom) {
    if (cursor.accept(P::AS))
      s->alias = identifier(cursor.rule<P::IdentifierContext>());
    return s;
  }
  cursor.accept(P::IMPORT);
  while (auto *child = cursor.rule<P::ImportNameContext>()) {
    cursor.accept(P::COMMA);
    Cursor parts(child);
    ImportName name;
    name.span = span(child);
    name.name = identifier(parts.rule<P::IdentifierContext>());
    if (parts.accept(P::AS))
      name.alias = identifier(parts.rule<P::IdentifierContext>());
    s->names.push_back(std::move(name));
  }
  return s;
}

Stmt *Builder::expressionStatement(P::ExpressionStatementContext *node) {
  Cursor cursor(node);
  Expr *value = expression(cursor.rule<P::ExpressionContext>());
  auto *assignment = cursor.rule<P::AssignmentContext>();
  if (!assignment) {
    auto *s = make<ExprStmt>(StmtKind::ExprStmt, span(node));
    s->value = value;
    return s;
  }
  auto *s = make<Assign>(StmtKind::Assign, span(node));
  s->target = value;
  s->opSpan = span(assignment);
  s->value = expression(cursor.rule<P::ExpressionContext>());
  switch (assignment->start->getType()) {
  case P::ADD_ASSIGN:
    s->op = BinaryOp::Add;
    break;
  case P::SUB_ASSIGN:
    s->op = BinaryOp::Sub;
    break;
  case P::MUL_ASSIGN:
    s->op = BinaryOp::Mul;
    break;
  case P::DIV_ASSIGN:
    s->op = BinaryOp::Div;
    break;
  case P::FLOORDIV_ASSIGN:
    s->op = BinaryOp::FloorDiv;
    break;
  case P::MOD_ASSIGN:
    s->op = BinaryOp::Mod;
    break;
  case P::POW_ASSIGN:
    s->op = BinaryOp::Pow;
    break;
  case P::MATMUL_ASSIGN:
    s->op = BinaryOp::MatMul;
    break;
  default:
    break;
  }
  if (!checkTarget(value)) {
    auto *error = make<ErrorStmt>(StmtKind::Error, s->span);
    return error;
  }
  return s;
}

// Whether `target` is a place that can be assigned; otherwise reports it.
bool Builder::checkTarget(const Expr *target) {
  switch (target->kind) {
  case ExprKind::Name:
  case ExprKind::Index:
  case ExprKind::Member:
    return true;
  case ExprKind::Error:
    return false;
  case ExprKind::Tuple: {
    const auto &items = static_cast<const Tuple *>(target)->items;
    if (!items.empty())
      return std::all_of(items.begin(), items.end(), [&](const Expr *item) { return checkTarget(item); });
    break;
  }
  default:
    break;
  }
  Diagnostic &d = env_.diagnostics.error(Code::NotAssignable, target->span, "this cannot be assigned");
  if (target->kind == ExprKind::Compare)
    d.withHelp("`==` compares, `=` assigns");
  else if (target->kind == ExprKind::Call)
    d.withHelp("a function is declared with `fn`");
  else
    d.withHelp("a name, an element `x[i]`, a member `m.x` or a tuple of those can be assigned");
  return false;
}

Pattern Builder::pattern(P::PatternContext *node) {
  Pattern result;
  result.span = span(node);
  Cursor cursor(node);
  if (auto *name = cursor.rule<P::IdentifierContext>()) {
    result.name = identifier(name);
    return result;
  }
  cursor.take();
  bool comma = false;
  while (auto *item = cursor.rule<P::PatternContext>()) {
    result.items.push_back(pattern(item));
    comma = cursor.accept(P::COMMA);
  }
  if (result.items.size() == 1 && !comma) {
    Pattern only = std::move(result.items[0]);
    return only;
  }
  result.isTuple = true;
  return result;
}

// ------------------------------------------------------------------------------------------------------ declarations
FnDecl *Builder::function(P::FunctionContext *node) {
  auto *fn = make<FnDecl>(StmtKind::Fn, span(node));
  fn->doc = documentation(fn->span.begin);
  Cursor cursor(node);
  while (cursor.type() != P::FN) {
    switch (cursor.take()->getType()) {
    case P::EXPORT:
      fn->isExport = true;
      break;
    case P::EXTERN:
      fn->isExtern = true;
      break;
    case P::DERIVATIVE:
      fn->isDerivative = true;
      break;
    default:
      fn->isMut = true;
      break;
    }
  }
  cursor.take();
  auto *name = cursor.rule<P::IdentifierContext>();
  fn->name = identifier(name);
  fn->nameSpan = span(name);
  cursor.accept(P::LPAREN);
  fn->params = parameters(cursor.rule<P::ParametersContext>());
  cursor.accept(P::RPAREN);
  if (cursor.accept(P::ARROW))
    fn->result = type(cursor.rule<P::TypeContext>());
  if (auto *body = cursor.rule<P::FunctionBodyContext>())
    fn->body = functionBody(body);
  if (!fn->body && !fn->isExtern) {
    env_.diagnostics
        .error(Code::SyntaxError, {fn->span.file, fn->span.end, fn->span.end},
               cat("expected the body of `", fn->name, "`: `= expression` or `{ … }`"))
        .withHelp("the `{` belongs on the same line");
    fn->body = env_.context.make<Block>();
    fn->body->span = fn->span;
  } else if (fn->body && fn->isExtern) {
    env_.diagnostics.error(Code::SyntaxError, fn->body->span, "an `extern fn` has no body; the runtime implements it");
  }
  return fn;
}

Block *Builder::functionBody(P::FunctionBodyContext *node) {
  Cursor cursor(node);
  cursor.accept(P::ASSIGN);
  if (auto *value = cursor.rule<P::ExpressionContext>())
    return blockOf(expression(value));
  return block(cursor.rule<P::BlockContext>());
}

std::vector<Param> Builder::parameters(P::ParametersContext *node) {
  std::vector<Param> result;
  Cursor cursor(node);
  while (auto *child = cursor.rule<P::ParameterContext>()) {
    cursor.accept(P::COMMA);
    Cursor parts(child);
    Param param;
    param.span = span(child);
    param.isMut = parts.accept(P::MUT);
    param.isVariadic = parts.accept(P::STAR);
    param.name = identifier(parts.rule<P::IdentifierContext>());
    auto old = std::find_if(result.begin(), result.end(), [&](const Param &p) { return p.name == param.name; });
    if (old != result.end() && param.name != "_" && !param.name.empty())
      env_.diagnostics.error(Code::Redefinition, param.span, cat("the parameter `", param.name, "` is defined twice"))
          .label(old->span, "the first definition");
    if (parts.accept(P::COLON))
      param.type = type(parts.rule<P::TypeContext>());
    if (parts.accept(P::ASSIGN))
      param.defaultValue = expression(parts.rule<P::ExpressionContext>());
    result.push_back(std::move(param));
  }
  return result;
}

Stmt *Builder::moduleStatement(P::ModuleStatementContext *node) {
  auto *module = make<ModuleDecl>(StmtKind::Module, span(node));
  module->doc = documentation(module->span.begin);
  Cursor cursor(node);
  cursor.take();
  auto *name = cursor.rule<P::IdentifierContext>();
  module->name = identifier(name);
  module->nameSpan = span(name);
  if (cursor.accept(P::LPAREN)) {
    module->params = parameters(cursor.rule<P::ParametersContext>());
    cursor.accept(P::RPAREN);
  }
  for (antlr4::tree::ParseTree *child : cursor.rule<P::ModuleBodyContext>()->children) {
    auto *m = dynamic_cast<P::MemberContext *>(child);
    if (m && !m->exception)
      module->members.push_back(member(m));
  }
  return module;
}

MemberDecl Builder::member(P::MemberContext *node) {
  Cursor cursor(node);
  if (auto *fn = cursor.rule<P::FunctionContext>()) {
    MemberDecl result;
    result.kind = MemberDecl::Fn;
    result.span = span(node);
    result.fn = function(fn);
    result.name = result.fn->name;
    result.doc = result.fn->doc;
    return result;
  }
  size_t kind = cursor.take()->getType();
  MemberDecl result;
  result.kind = kind == P::PARAM ? MemberDecl::Param : kind == P::BUFFER ? MemberDecl::Buffer : MemberDecl::Let;
  result.span = span(node);
  result.doc = documentation(result.span.begin);
  result.name = identifier(cursor.rule<P::IdentifierContext>());
  if (cursor.accept(P::COLON))
    result.type = type(cursor.rule<P::TypeContext>());
  cursor.accept(P::ASSIGN);
  result.value = expression(cursor.rule<P::ExpressionContext>());
  return result;
}

// ------------------------------------------------------------------------------------------------------------- types
TypeExpr *Builder::type(P::TypeContext *node) {
  auto *result = env_.context.make<TypeExpr>();
  result->span = span(node);
  Cursor cursor(node);
  auto items = [&] {
    bool comma = false;
    while (auto *item = cursor.rule<P::TypeContext>()) {
      result->items.push_back(type(item));
      comma = cursor.accept(P::COMMA);
    }
    return comma;
  };
  switch (cursor.type()) {
  case P::FN:
    result->kind = TypeKind::Function;
    cursor.take();
    cursor.accept(P::LPAREN);
    items();
    cursor.accept(P::RPAREN);
    if (cursor.accept(P::ARROW))
      result->result = type(cursor.rule<P::TypeContext>());
    return result;
  case P::LPAREN: {
    result->kind = TypeKind::Tuple;
    cursor.take();
    bool comma = items();
    return result->items.size() == 1 && !comma ? result->items[0] : result;
  }
  case P::LIST:
    result->kind = TypeKind::List;
    cursor.take();
    cursor.accept(P::LBRACKET);
    items();
    return result;
  default:
    break;
  }
  result->kind = TypeKind::Named;
  result->name = path(cursor.rule<P::PathContext>());
  if (!cursor.accept(P::LBRACKET))
    return result;
  result->kind = TypeKind::Tensor;
  while (auto *dim = cursor.rule<P::DimensionContext>()) {
    result->dims.push_back(dimension(dim));
    cursor.accept(P::COMMA);
  }
  return result;
}

Dim Builder::dimension(P::DimensionContext *node) {
  Dim result;
  result.span = span(node);
  Cursor cursor(node);
  if (cursor.accept(P::STAR)) {
    result.kind = Dim::Pack;
    result.name = identifier(cursor.rule<P::IdentifierContext>());
    return result;
  }
  Expr *value = expression(cursor.rule<P::ExpressionContext>());
  if (value->kind == ExprKind::Name && as<Name>(value)->name == "_")
    result.kind = Dim::Any;
  else
    result.value = value;
  return result;
}

} // namespace dl::syntax
