#include "compiler/lsp/names.h"

#include "compiler/syntax/walk.h"

#include <algorithm>

namespace dl::lsp {
namespace {

using namespace ast;
using sema::Symbol;

class Declared {
public:
  explicit Declared(uint32_t offset) : offset(offset) {}

  void statements(const std::vector<Stmt *> &stmts) {
    for (const Stmt *s : stmts)
      statement(s);
  }

  // Innermost first, the inner one of equal names.
  std::vector<Symbol> names() {
    std::reverse(found.begin(), found.end());
    std::vector<Symbol> out;
    for (Symbol &symbol : found)
      if (std::none_of(out.begin(), out.end(), [&](const Symbol &other) { return other.name == symbol.name; }))
        out.push_back(std::move(symbol));
    return out;
  }

private:
  bool inside(Span span) const { return span.begin <= offset && offset <= span.end; }

  void add(Symbol::Kind kind, const std::string &name, Span span, const std::string &doc = "") {
    if (!name.empty() && name != "_")
      found.push_back({kind, name, span, name, doc});
  }
  void pattern(const Pattern &p) {
    if (!p.isTuple)
      add(Symbol::Variable, p.name, p.span);
    for (const Pattern &item : p.items)
      pattern(item);
  }
  void parameters(const std::vector<Param> &params) {
    for (const Param &p : params) {
      add(Symbol::Parameter, p.name, p.span);
      if (p.type)
        sizes(p.type);
    }
  }
  // `N` of f32[N, 3] may be used in the body.
  void sizes(const TypeExpr *type) {
    for (const Dim &d : type->dims)
      if (d.kind == Dim::Value && d.value && d.value->kind == ExprKind::Name)
        add(Symbol::Size, as<const Name>(d.value)->name, d.span);
    for (const TypeExpr *item : type->items)
      sizes(item);
  }

  void statement(const Stmt *s) {
    switch (s->kind) {
    case StmtKind::Let:
      if (s->span.end <= offset)
        pattern(as<const Let>(s)->pattern);
      break;
    case StmtKind::Fn: {
      auto *fn = as<const FnDecl>(s);
      add(Symbol::Function, fn->name, fn->nameSpan, fn->doc);
      if (inside(fn->span))
        parameters(fn->params);
      break;
    }
    case StmtKind::Module: {
      auto *module = as<const ModuleDecl>(s);
      add(Symbol::Module, module->name, module->nameSpan, module->doc);
      if (!inside(module->span))
        break;
      parameters(module->params);
      for (const MemberDecl &member : module->members)
        add(member.fn ? Symbol::Method : Symbol::Field, member.fn ? member.fn->name : member.name,
            member.fn ? member.fn->nameSpan : member.span, member.doc);
      for (const MemberDecl &member : module->members)
        if (member.fn && inside(member.fn->span)) {
          add(Symbol::Variable, "self", module->nameSpan);
          parameters(member.fn->params);
        }
      break;
    }
    case StmtKind::Import: {
      auto *import = as<const Import>(s);
      if (import->isFrom)
        for (const ImportName &name : import->names)
          add(Symbol::Function, name.alias.empty() ? name.name : name.alias, name.span);
      else
        add(Symbol::File, !import->alias.empty() ? import->alias : import->module.substr(import->module.rfind('.') + 1),
            import->span);
      break;
    }
    case StmtKind::For:
      if (inside(as<const For>(s)->body->span))
        pattern(as<const For>(s)->pattern);
      break;
    default:
      break;
    }
    if (inside(s->span))
      forEachPart(s, visit);
  }

  void expression(const Expr *e) {
    if (!inside(e->span))
      return;
    if (e->kind == ExprKind::Lambda)
      parameters(as<const Lambda>(e)->params);
    if (e->kind == ExprKind::Comprehension)
      for (const ForClause &clause : as<const Comprehension>(e)->clauses)
        pattern(clause.pattern);
    forEachPart(e, visit);
  }

  uint32_t offset;
  std::vector<Symbol> found; // outer ones first
  Visit visit{[this](const Expr *e) { expression(e); },
              [this](const Block *block) {
                if (inside(block->span))
                  statements(block->stmts);
              }};
};

} // namespace

std::vector<Symbol> declaredAround(const File &file, uint32_t offset) {
  Declared declared(offset);
  declared.statements(file.stmts);
  return declared.names();
}

} // namespace dl::lsp
