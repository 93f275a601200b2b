// The syntax tree as S-expressions: (let x (+ 1 (* 2 y))). One line for each statement, blocks indented.
#include "compiler/syntax/ast.h"
#include "compiler/syntax/spelling.h"
#include "compiler/syntax/text.h"

#include <charconv>

namespace dl::ast {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '\n')
      out += "\\n";
    else if (c == '"' || c == '\\')
      out += std::string{'\\', c};
    else
      out += c;
  }
  return out + '"';
}

std::string shortest(double value) {
  char buffer[32];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}

class Printer {
public:
  std::string out;

  void statement(const Stmt *s, int indent) {
    line(indent);
    switch (s->kind) {
    case StmtKind::Let: {
      auto *let = as<const Let>(s);
      add(let->isVar ? "(var " : "(let ");
      pattern(let->pattern);
      typed(let->type);
      add(" ");
      expression(let->value, indent);
      break;
    }
    case StmtKind::Assign: {
      auto *assign = as<const Assign>(s);
      add("(", assign->op ? spelling(*assign->op) : "", "= ");
      expression(assign->target, indent);
      add(" ");
      expression(assign->value, indent);
      break;
    }
    case StmtKind::ExprStmt:
      expression(as<const ExprStmt>(s)->value, indent);
      return;
    case StmtKind::While:
      add("(while ");
      expression(as<const While>(s)->condition, indent);
      block(as<const While>(s)->body, indent);
      break;
    case StmtKind::For: {
      auto *loop = as<const For>(s);
      add("(for ");
      pattern(loop->pattern);
      over(loop->begin, loop->end, loop->step, loop->in, indent);
      block(loop->body, indent);
      break;
    }
    case StmtKind::Break:
      add("(break");
      break;
    case StmtKind::Continue:
      add("(continue");
      break;
    case StmtKind::Return:
      add("(return");
      optional(as<const Return>(s)->value, indent);
      break;
    case StmtKind::Assert:
      add("(assert ");
      expression(as<const Assert>(s)->condition, indent);
      optional(as<const Assert>(s)->message, indent);
      break;
    case StmtKind::Fn:
      function(as<const FnDecl>(s), indent);
      return;
    case StmtKind::Module:
      module(as<const ModuleDecl>(s), indent);
      return;
    case StmtKind::Import:
      import(as<const Import>(s));
      break;
    case StmtKind::Test:
      add("(test ", quoted(as<const Test>(s)->name));
      block(as<const Test>(s)->body, indent);
      break;
    case StmtKind::Error:
      add("(error");
      break;
    }
    add(")");
  }

private:
  template <typename... Parts> void add(const Parts &...parts) { out += cat(parts...); }

  void line(int indent) {
    if (!out.empty())
      out += '\n';
    out.append(static_cast<size_t>(indent) * 2, ' ');
  }

  void block(const Block *b, int indent) {
    for (const Stmt *s : b->stmts)
      statement(s, indent + 1);
  }

  // A block as one operand.
  void grouped(const Block *b, int indent) {
    add(" (do");
    block(b, indent);
    add(")");
  }

  void optional(const Expr *e, int indent) {
    if (!e)
      return;
    add(" ");
    expression(e, indent);
  }

  void pattern(const Pattern &p) {
    if (!p.isTuple) {
      add(p.name);
      return;
    }
    add("(tuple");
    for (const Pattern &item : p.items) {
      add(" ");
      pattern(item);
    }
    add(")");
  }

  void pattern(const MatchPattern &p, int indent) {
    if (p.literal) {
      optional(p.literal, indent);
      return;
    }
    if (!p.isTuple) {
      add(" " + p.name);
      return;
    }
    add(" (tuple");
    for (const MatchPattern &item : p.items)
      pattern(item, indent);
    add(")");
  }

  void typed(const TypeExpr *t) {
    if (!t)
      return;
    add(":");
    type(t);
  }

  void type(const TypeExpr *t) {
    auto items = [&] {
      for (size_t i = 0; i < t->items.size(); ++i) {
        add(i ? ", " : "");
        type(t->items[i]);
      }
    };
    switch (t->kind) {
    case TypeKind::Named:
      add(t->name);
      break;
    case TypeKind::Tensor:
      add(t->name, "[");
      for (size_t i = 0; i < t->dims.size(); ++i) {
        const Dim &dim = t->dims[i];
        add(i ? ", " : "");
        if (dim.kind == Dim::Any)
          add("_");
        else if (dim.kind == Dim::Pack)
          add("*", dim.name);
        else
          expression(dim.value, 0);
      }
      add("]");
      break;
    case TypeKind::Tuple:
      add("(");
      items();
      add(t->items.size() == 1 ? ",)" : ")");
      break;
    case TypeKind::List:
      add("list[");
      items();
      add("]");
      break;
    case TypeKind::Function:
      add("fn(");
      items();
      add(")");
      if (t->result) {
        add(" -> ");
        type(t->result);
      }
      break;
    }
  }

  void over(const Expr *begin, const Expr *end, const Expr *step, const Expr *in, int indent) {
    if (in)
      return optional(in, indent);
    add(" (range");
    optional(begin, indent);
    optional(end, indent);
    optional(step, indent);
    add(")");
  }

  void parameters(const std::vector<Param> &params, int indent) {
    add(" (");
    for (size_t i = 0; i < params.size(); ++i) {
      const Param &p = params[i];
      add(i ? " " : "", p.isMut ? "mut " : "", p.isVariadic ? "*" : "", p.name);
      typed(p.type);
      if (p.defaultValue) {
        add("=");
        expression(p.defaultValue, indent);
      }
    }
    add(")");
  }

  void function(const FnDecl *fn, int indent) {
    add("(", fn->isExport ? "export " : "", fn->isExtern ? "extern " : "", fn->isDerivative ? "derivative " : "",
        fn->isMut ? "mut " : "", "fn ", fn->name);
    parameters(fn->params, indent);
    if (fn->result) {
      add(" -> ");
      type(fn->result);
    }
    if (fn->body)
      block(fn->body, indent);
    add(")");
  }

  void module(const ModuleDecl *m, int indent) {
    add("(module ", m->name);
    parameters(m->params, indent);
    for (const MemberDecl &member : m->members) {
      line(indent + 1);
      if (member.fn) {
        function(member.fn, indent + 1);
        continue;
      }
      add(member.kind == MemberDecl::Param    ? "(param "
          : member.kind == MemberDecl::Buffer ? "(buffer "
                                              : "(let ",
          member.name);
      typed(member.type);
      optional(member.value, indent + 1);
      add(")");
    }
    add(")");
  }

  void import(const Import *s) {
    add(s->isFrom ? "(from " : "(import ", s->module);
    if (!s->alias.empty())
      add(" as ", s->alias);
    for (const ImportName &name : s->names) {
      add(" ", name.name);
      if (!name.alias.empty())
        add(" as ", name.alias);
    }
  }

  void all(const std::vector<Expr *> &items, int indent) {
    for (const Expr *item : items)
      optional(item, indent);
  }

  void arguments(const std::vector<Arg> &args, int indent) {
    for (const Arg &arg : args) {
      add(" ");
      if (!arg.name.empty())
        add(arg.name, "=");
      expression(arg.value, indent);
    }
  }

  void expression(const Expr *e, int indent) {
    switch (e->kind) {
    case ExprKind::Int:
      add(as<const IntLit>(e)->value, as<const IntLit>(e)->suffix);
      return;
    case ExprKind::Float: {
      auto *f = as<const FloatLit>(e);
      std::string digits = shortest(f->value);
      add(digits, digits.find_first_of(".e") == std::string::npos ? ".0" : "", f->suffix);
      return;
    }
    case ExprKind::Bool:
      add(as<const BoolLit>(e)->value ? "true" : "false");
      return;
    case ExprKind::None:
      add("none");
      return;
    case ExprKind::Name:
      add(as<const Name>(e)->name);
      return;
    case ExprKind::Str:
      return string(as<const StrLit>(e), indent);
    case ExprKind::Unary:
      add("(", spelling(as<const Unary>(e)->op));
      optional(as<const Unary>(e)->operand, indent);
      break;
    case ExprKind::Binary:
      add("(", spelling(as<const Binary>(e)->op));
      optional(as<const Binary>(e)->lhs, indent);
      optional(as<const Binary>(e)->rhs, indent);
      break;
    case ExprKind::Compare:
      add("(", spelling(as<const Compare>(e)->op));
      optional(as<const Compare>(e)->lhs, indent);
      optional(as<const Compare>(e)->rhs, indent);
      break;
    case ExprKind::Logical:
      add(as<const Logical>(e)->isAnd ? "(and" : "(or");
      optional(as<const Logical>(e)->lhs, indent);
      optional(as<const Logical>(e)->rhs, indent);
      break;
    case ExprKind::Call:
      add("(call");
      optional(as<const Call>(e)->callee, indent);
      arguments(as<const Call>(e)->args, indent);
      break;
    case ExprKind::Pipe:
      add("(|>");
      optional(as<const Pipe>(e)->input, indent);
      optional(as<const Pipe>(e)->callee, indent);
      arguments(as<const Pipe>(e)->args, indent);
      break;
    case ExprKind::Index:
      add("(index");
      optional(as<const Index>(e)->base, indent);
      for (const IndexItem &item : as<const Index>(e)->items)
        indexItem(item, indent);
      break;
    case ExprKind::Member:
      add("(.");
      optional(as<const Member>(e)->base, indent);
      add(" ", as<const Member>(e)->name);
      break;
    case ExprKind::Tuple:
      add("(tuple");
      all(as<const Tuple>(e)->items, indent);
      break;
    case ExprKind::Bracket:
      add("(bracket");
      all(as<const Bracket>(e)->items, indent);
      break;
    case ExprKind::Comprehension: {
      auto *loop = as<const Comprehension>(e);
      add(loop->reducing ? "(reduce" : "(comprehension");
      for (const ForClause &clause : loop->clauses) {
        add(" (");
        pattern(clause.pattern);
        over(clause.begin, clause.end, clause.step, clause.in, indent);
        add(")");
      }
      if (loop->condition)
        add(" if");
      optional(loop->condition, indent);
      optional(loop->body, indent);
      break;
    }
    case ExprKind::If:
      add("(if");
      optional(as<const If>(e)->condition, indent);
      grouped(as<const If>(e)->thenBlock, indent);
      if (as<const If>(e)->elseBlock)
        grouped(as<const If>(e)->elseBlock, indent);
      break;
    case ExprKind::Match:
      add("(match");
      optional(as<const Match>(e)->subject, indent);
      for (const MatchArm &arm : as<const Match>(e)->arms) {
        add(" (arm");
        for (const MatchPattern &p : arm.patterns)
          pattern(p, indent);
        if (arm.guard)
          optional(arm.guard, indent);
        block(arm.body, indent);
        add(")");
      }
      break;
    case ExprKind::Block:
      add("(do");
      block(as<const BlockExpr>(e)->block, indent);
      break;
    case ExprKind::NoGrad:
      add(as<const NoGrad>(e)->enable ? "(enable_grad" : "(no_grad");
      block(as<const NoGrad>(e)->block, indent);
      break;
    case ExprKind::Lambda: {
      auto *lambda = as<const Lambda>(e);
      add("(fn");
      parameters(lambda->params, indent);
      if (lambda->result) {
        add(" -> ");
        type(lambda->result);
      }
      block(lambda->body, indent);
      break;
    }
    case ExprKind::Ref:
      add("(&");
      optional(as<const Ref>(e)->operand, indent);
      break;
    case ExprKind::Spread:
      add("(*");
      optional(as<const Spread>(e)->operand, indent);
      break;
    case ExprKind::Error:
      add("(error");
      break;
    }
    add(")");
  }

  void string(const StrLit *s, int indent) {
    bool plain = s->parts.empty() || (s->parts.size() == 1 && !s->parts[0].value);
    if (plain) {
      add(quoted(s->parts.empty() ? "" : s->parts[0].text));
      return;
    }
    add("(str");
    for (const StrPart &part : s->parts) {
      if (!part.value) {
        add(" ", quoted(part.text));
        continue;
      }
      optional(part.value, indent);
      if (!part.format.empty())
        add(" :", quoted(part.format));
    }
    add(")");
  }

  void indexItem(const IndexItem &item, int indent) {
    switch (item.kind) {
    case IndexItem::Single:
      return optional(item.value, indent);
    case IndexItem::Ellipsis:
      add(" ...");
      return;
    case IndexItem::New:
      add(" new");
      return;
    case IndexItem::Slice:
      add(" (slice");
      for (const Expr *bound : {item.begin, item.end, item.step}) {
        if (bound)
          optional(bound, indent);
        else
          add(" _");
      }
      add(")");
      return;
    }
  }
};

} // namespace

std::string print(const File &file) {
  Printer printer;
  for (const Stmt *s : file.stmts)
    printer.statement(s, 0);
  if (!printer.out.empty())
    printer.out += '\n';
  return std::move(printer.out);
}

} // namespace dl::ast
