// The formatter: a syntax tree and its comments as text in the one canonical layout.
#include "compiler/syntax/doc.h"
#include "compiler/syntax/parse.h"
#include "compiler/syntax/precedence.h"
#include "compiler/syntax/spelling.h"
#include "compiler/syntax/text.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace dl {
namespace syntax {
namespace {

using namespace ast;

constexpr size_t kWidth = 100;

class Formatter {
public:
  Formatter(const File &file, const SourceManager &sources)
      : file_(file), source_(sources.file(file.id).text), comments_(file.comments) {}

  std::string run() {
    Doc all = items(
        file_.stmts.size(), 0, static_cast<uint32_t>(source_.size()), [&](size_t i) { return file_.stmts[i]->span; },
        [&](size_t i) { return statement(file_.stmts[i]); });
    std::string out = layOut(all, kWidth);
    if (!out.empty())
      out += '\n';
    return out;
  }

private:
  std::string sourceOf(Span span) const { return std::string(source_.substr(span.begin, span.end - span.begin)); }
  bool oneLine(Span span) const {
    return source_.substr(span.begin, span.end - span.begin).find('\n') == std::string_view::npos;
  }
  bool commentBefore(uint32_t end) const { return next_ < comments_.size() && comments_[next_].span.begin < end; }
  long newlines(uint32_t begin, uint32_t end) const {
    return std::count(source_.begin() + begin, source_.begin() + std::max(begin, end), '\n');
  }

  // Statements or members that stand in bytes [from, to), with the comments between them and at most one blank line.
  Doc items(size_t count, uint32_t from, uint32_t to, const std::function<Span(size_t)> &spanOf,
            const std::function<Doc(size_t)> &docOf) {
    std::vector<Doc> out;
    uint32_t last = from; // where the item before ended
    auto separate = [&](uint32_t begin) {
      if (!out.empty()) {
        out.push_back(hardLine());
        if (newlines(last, begin) > 1)
          out.push_back(hardLine());
      }
      last = begin;
    };
    auto takeComments = [&](uint32_t end) {
      while (commentBefore(end)) {
        const Comment &comment = comments_[next_++];
        std::string words = comment.text;
        words.erase(words.find_last_not_of(" \t\r") + 1);
        if (!out.empty() && newlines(last, comment.span.begin) == 0) {
          out.push_back(trailing("  " + words));
        } else {
          separate(comment.span.begin);
          out.push_back(text(words));
        }
        last = comment.span.end;
      }
    };
    for (size_t i = 0; i < count; ++i) {
      Span span = spanOf(i);
      takeComments(span.begin);
      separate(span.begin);
      size_t before = next_;
      bool outer = std::exchange(lost_, false);
      Doc doc = docOf(i);
      // A comment in the middle of an expression has no place in the layout: such a statement stays as it is.
      if (lost_ || commentBefore(span.end)) {
        next_ = before;
        while (commentBefore(span.end))
          ++next_;
        doc = raw(sourceOf(span));
      }
      lost_ = outer;
      out.push_back(doc);
      last = span.end;
    }
    takeComments(to);
    return concat(std::move(out));
  }

  // ---------------------------------------------------------------------------------------------------- statements
  Doc statement(const Stmt *s) {
    switch (s->kind) {
    case StmtKind::Let: {
      auto *let = as<const Let>(s);
      std::string head = cat(let->isVar ? "var " : "let ", pattern(let->pattern), typed(let->type));
      return assigned(text(head), " =", let->value);
    }
    case StmtKind::Assign: {
      auto *assign = as<const Assign>(s);
      return assigned(expression(assign->target), cat(" ", assign->op ? spelling(*assign->op) : "", "="),
                      assign->value);
    }
    case StmtKind::ExprStmt:
      return expression(as<const ExprStmt>(s)->value);
    case StmtKind::While: {
      Doc condition = expression(as<const While>(s)->condition);
      return concat({text("while "), condition, text(" "), block(as<const While>(s)->body)});
    }
    case StmtKind::For: {
      auto *loop = as<const For>(s);
      Doc over = range(loop->begin, loop->end, loop->step, loop->in);
      return concat({text(cat("for ", pattern(loop->pattern), " in ")), over, text(" "), block(loop->body)});
    }
    case StmtKind::Break:
      return text("break");
    case StmtKind::Continue:
      return text("continue");
    case StmtKind::Return: {
      auto *value = as<const Return>(s)->value;
      return value ? concat({text("return "), expression(value)}) : text("return");
    }
    case StmtKind::Assert: {
      auto *check = as<const Assert>(s);
      Doc condition = expression(check->condition);
      if (!check->message)
        return concat({text("assert "), condition});
      return group(concat({text("assert "), condition, text(","), nest(concat({line(), expression(check->message)}))}));
    }
    case StmtKind::Fn:
      return function(as<const FnDecl>(s));
    case StmtKind::Module:
      return module(as<const ModuleDecl>(s));
    case StmtKind::Import:
      return import(as<const Import>(s));
    case StmtKind::Test:
      return concat({text(cat("test ", quoted(as<const Test>(s)->name), " ")), block(as<const Test>(s)->body)});
    case StmtKind::Error:
      break;
    }
    return raw(sourceOf(s->span));
  }

  static std::string quoted(std::string_view name) {
    std::string out = "\"";
    for (char c : name) {
      switch (c) {
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\0':
        out += "\\0";
        break;
      case '\x1b':
        out += "\\e";
        break;
      case '"':
      case '\\':
        out += {'\\', c};
        break;
      case '{':
      case '}':
        out += {c, c};
        break;
      default:
        out += c;
      }
    }
    return out + '"';
  }

  // head = value, with the value on the next line if it does not fit and cannot break well itself. The value of a
  // function goes there sooner: its head is long already.
  Doc assigned(Doc head, const std::string &sign, const Expr *value, bool isBody = false) {
    Doc right = expression(value);
    bool operation = value->kind == ExprKind::Binary || value->kind == ExprKind::Compare ||
                     value->kind == ExprKind::Logical || value->kind == ExprKind::Pipe;
    bool mayMove = operation || (isBody && (value->kind == ExprKind::Call || value->kind == ExprKind::Index ||
                                            value->kind == ExprKind::Member || value->kind == ExprKind::Str));
    if (mayMove && !right->breaks)
      return concat({head, group(concat({text(sign), nest(concat({line(), right}))}))});
    return concat({head, text(sign + " "), right});
  }

  Doc import(const Import *s) {
    std::string out = cat(s->isFrom ? "from " : "import ", s->module);
    if (!s->alias.empty())
      out += " as " + s->alias;
    if (!s->isFrom)
      return text(out);
    std::vector<Doc> names;
    for (const ImportName &name : s->names)
      names.push_back(text(name.alias.empty() ? name.name : name.name + " as " + name.alias));
    return group(concat({text(out + " import "), nest(join(names, concat({text(","), line()})))}));
  }

  Doc function(const FnDecl *fn) {
    std::string head = cat(fn->isExport ? "export " : "", fn->isExtern ? "extern " : "",
                           fn->isDerivative ? "derivative " : "", fn->isMut ? "mut " : "", "fn ", fn->name);
    Doc header = concat({text(head), parameters(fn->params), text(fn->result ? " -> " + type(fn->result) : "")});
    return fn->body ? concat({header, functionBody(fn->body)}) : header;
  }

  // `= expr` and `{ … }` are the same tree; the user's choice is in the source.
  Doc functionBody(const Block *body) {
    if (source_[body->span.begin] != '{' || body->stmts.size() != 1)
      return braced(body) ? concat({text(" "), block(body)}) : equals(body);
    const Stmt *only = body->stmts[0];
    bool isExpression = only->kind == StmtKind::ExprStmt && as<const ExprStmt>(only)->value->span == body->span &&
                        as<const ExprStmt>(only)->value->kind == ExprKind::Block;
    return isExpression ? equals(body) : concat({text(" "), block(body)});
  }
  bool braced(const Block *body) const { return source_[body->span.begin] == '{'; }
  Doc equals(const Block *body) { return assigned(text(""), " =", as<const ExprStmt>(body->stmts[0])->value, true); }

  Doc parameters(const std::vector<Param> &params) {
    std::vector<Doc> docs;
    for (const Param &p : params) {
      Doc head = text(cat(p.isMut ? "mut " : "", p.isVariadic ? "*" : "", p.name, typed(p.type)));
      // PEP 8's spacing: spaces around the sign only after a type.
      docs.push_back(p.defaultValue ? concat({head, text(p.type ? " = " : "="), expression(p.defaultValue)}) : head);
    }
    return enclosed("(", docs, ")");
  }

  Doc module(const ModuleDecl *m) {
    Doc head = concat({text("module " + m->name), m->params.empty() ? text("") : parameters(m->params), text(" {")});
    uint32_t open = m->span.end;
    if (!m->members.empty())
      open = static_cast<uint32_t>(source_.rfind('{', m->members[0].span.begin));
    uint32_t from = m->members.empty() ? firstBrace(m) : open;
    Doc body = items(
        m->members.size(), from + 1, m->span.end - 1, [&](size_t i) { return m->members[i].span; },
        [&](size_t i) { return member(m->members[i]); });
    if (m->members.empty() && !body->breaks && body->parts.empty())
      return concat({head, text("}")});
    return concat({head, nest(concat({hardLine(), body})), hardLine(), text("}")});
  }

  // The brace that opens a module without members.
  uint32_t firstBrace(const ModuleDecl *m) const {
    uint32_t from = m->params.empty() ? m->nameSpan.end : m->params.back().span.end;
    size_t at = source_.find('{', from);
    return at == std::string_view::npos ? m->span.end - 1 : static_cast<uint32_t>(at);
  }

  Doc member(const MemberDecl &m) {
    if (m.fn)
      return function(m.fn);
    const char *word = m.kind == MemberDecl::Param ? "param " : m.kind == MemberDecl::Buffer ? "buffer " : "let ";
    return assigned(text(cat(word, m.name, typed(m.type))), " =", m.value);
  }

  // A block stays on one line when the user wrote it so and it fits there.
  Doc block(const Block *b) { return group(openBlock(b)); }

  // The same as part of the group around it.
  Doc openBlock(const Block *b) {
    if (commentBefore(b->span.begin))
      lost_ = true;
    bool comments = commentBefore(b->span.end);
    if (b->stmts.empty() && !comments)
      return text("{}");
    bool flat = b->stmts.size() == 1 && !comments && oneLine(b->span);
    Doc body = items(
        b->stmts.size(), b->span.begin + 1, b->span.end - 1, [&](size_t i) { return b->stmts[i]->span; },
        [&](size_t i) { return statement(b->stmts[i]); });
    Doc edge = flat ? line() : hardLine();
    return concat({text("{"), nest(concat({edge, body})), edge, text("}")});
  }

  // ---------------------------------------------------------------------------------------------- types and patterns
  template <class Item> std::string tuplePattern(const std::vector<Item> &items) const {
    std::string out = "(";
    for (size_t i = 0; i < items.size(); ++i)
      out += (i ? ", " : "") + pattern(items[i]);
    return out + (items.size() == 1 ? ",)" : ")");
  }
  std::string pattern(const Pattern &p) const { return p.isTuple ? tuplePattern(p.items) : p.name; }
  std::string pattern(const MatchPattern &p) const {
    if (p.literal)
      return std::string(sourceOf(p.span));
    return p.isTuple ? tuplePattern(p.items) : p.name;
  }

  std::string typed(const TypeExpr *t) { return t ? ": " + type(t) : ""; }

  std::string list(const std::vector<TypeExpr *> &types) {
    std::string out;
    for (size_t i = 0; i < types.size(); ++i)
      out += (i ? ", " : "") + type(types[i]);
    return out;
  }

  std::string type(const TypeExpr *t) {
    switch (t->kind) {
    case TypeKind::Named:
      return t->name;
    case TypeKind::Tensor: {
      std::string out = t->name + "[";
      for (size_t i = 0; i < t->dims.size(); ++i) {
        const Dim &dim = t->dims[i];
        out += i ? ", " : "";
        out += dim.kind == Dim::Any ? "_" : dim.kind == Dim::Pack ? "*" + dim.name : flat(dim.value);
      }
      return out + "]";
    }
    case TypeKind::Tuple:
      return "(" + list(t->items) + (t->items.size() == 1 ? ",)" : ")");
    case TypeKind::List:
      return "list[" + list(t->items) + "]";
    case TypeKind::Function:
      return "fn(" + list(t->items) + ")" + (t->result ? " -> " + type(t->result) : "");
    }
    return "";
  }

  std::string flat(const Expr *e) { return layOut(expression(e), SIZE_MAX); }

  // --------------------------------------------------------------------------------------------------- expressions
  Doc expression(const Expr *e, int minimum = kLambda) {
    Doc doc = bare(e);
    return level(e) < minimum ? concat({text("("), doc, text(")")}) : doc;
  }

  // The right side of the last comparison in a chain, or null.
  static const Expr *chainEnd(const Expr *e) {
    if (e->kind == ExprKind::Compare)
      return as<const Compare>(e)->rhs;
    return isChain(e) ? chainEnd(as<const Logical>(e)->rhs) : nullptr;
  }

  // `a < b < c` is (a < b) and (b < c) with one node for both b.
  static bool isChain(const Expr *e) {
    if (e->kind != ExprKind::Logical || !as<const Logical>(e)->isAnd)
      return false;
    auto *l = as<const Logical>(e);
    return l->rhs->kind == ExprKind::Compare && chainEnd(l->lhs) == as<const Compare>(l->rhs)->lhs;
  }

  static int level(const Expr *e) {
    switch (e->kind) {
    case ExprKind::Lambda:
      return kLambda;
    case ExprKind::Logical:
      return isChain(e) ? kCompare : as<const Logical>(e)->isAnd ? kAnd : kOr;
    case ExprKind::Compare:
      return kCompare;
    case ExprKind::Pipe:
      return kPipe;
    case ExprKind::Binary:
      return levelOf(as<const Binary>(e)->op);
    case ExprKind::Unary:
      return as<const Unary>(e)->op == UnaryOp::Not ? kNot : kSign;
    case ExprKind::Int:
      return as<const IntLit>(e)->value < 0 ? kSign : kPostfix;
    case ExprKind::If:
    case ExprKind::Match:
    case ExprKind::Block:
    case ExprKind::NoGrad:
      return kPower;
    default:
      return kPostfix;
    }
  }

  Doc bare(const Expr *e) {
    switch (e->kind) {
    case ExprKind::Int:
    case ExprKind::Float:
    case ExprKind::Str:
    case ExprKind::Error:
      return text(sourceOf(e->span));
    case ExprKind::Bool:
      return text(as<const BoolLit>(e)->value ? "true" : "false");
    case ExprKind::None:
      return text("none");
    case ExprKind::Name:
      return text(as<const Name>(e)->name);
    case ExprKind::Unary: {
      auto *unary = as<const Unary>(e);
      bool isNot = unary->op == UnaryOp::Not;
      return concat(
          {text(cat(spelling(unary->op), isNot ? " " : "")), expression(unary->operand, isNot ? kNot : kSign)});
    }
    case ExprKind::Binary:
    case ExprKind::Compare:
    case ExprKind::Logical:
    case ExprKind::Pipe:
      return chain(e);
    case ExprKind::Call: {
      auto *call = as<const Call>(e);
      Doc callee = expression(call->callee, kPostfix);
      return concat({callee, arguments(call->args)});
    }
    case ExprKind::Index: {
      Doc base = expression(as<const Index>(e)->base, kPostfix);
      std::vector<Doc> docs;
      for (const IndexItem &item : as<const Index>(e)->items)
        docs.push_back(indexItem(item));
      return concat({base, enclosed("[", docs, "]")});
    }
    case ExprKind::Member:
      return concat({expression(as<const Member>(e)->base, kPostfix), text("." + as<const Member>(e)->name)});
    case ExprKind::Tuple: {
      auto *tuple = as<const Tuple>(e);
      return enclosed("(", all(tuple->items), tuple->items.size() == 1 ? ",)" : ")");
    }
    case ExprKind::Bracket:
      return bracket(as<const Bracket>(e));
    case ExprKind::Comprehension: {
      auto *loop = as<const Comprehension>(e);
      return loop->reducing ? comprehension(loop) : enclosed("[", {comprehension(loop)}, "]");
    }
    case ExprKind::If: {
      auto *branch = as<const If>(e);
      return group(ifChain(branch));
    }
    case ExprKind::Match:
      return match(as<const Match>(e));
    case ExprKind::Block:
      return block(as<const BlockExpr>(e)->block);
    case ExprKind::NoGrad:
      return concat(
          {text(as<const NoGrad>(e)->enable ? "enable_grad " : "no_grad "), block(as<const NoGrad>(e)->block)});
    case ExprKind::Lambda: {
      auto *lambda = as<const Lambda>(e);
      Doc head =
          concat({text("fn"), parameters(lambda->params), text(lambda->result ? " -> " + type(lambda->result) : "")});
      return concat({head, functionBody(lambda->body)});
    }
    case ExprKind::Ref:
      return concat({text("&"), expression(as<const Ref>(e)->operand)});
    case ExprKind::Spread:
      return concat({text("*"), expression(as<const Spread>(e)->operand)});
    }
    return text("");
  }

  Doc arm(const MatchArm &arm) {
    std::string head;
    for (const MatchPattern &p : arm.patterns)
      head += (head.empty() ? "" : " or ") + pattern(p);
    Doc body = braced(arm.body) ? block(arm.body) : expression(as<const ExprStmt>(arm.body->stmts[0])->value);
    if (arm.guard)
      return concat({text(head + " if "), expression(arm.guard), text(": "), body});
    return concat({text(head + ": "), body});
  }

  // One arm a line.
  Doc match(const Match *e) {
    Doc head = concat({text("match "), expression(e->subject), text(" {")});
    if (e->arms.empty())
      return concat({head, text("}")});
    auto open = static_cast<uint32_t>(source_.rfind('{', e->arms[0].span.begin));
    Doc body = items(
        e->arms.size(), open + 1, e->span.end - 1, [&](size_t i) { return e->arms[i].span; },
        [&](size_t i) { return arm(e->arms[i]); });
    return concat({head, nest(concat({hardLine(), body})), hardLine(), text("}")});
  }

  Doc ifChain(const If *branch) {
    Doc condition = expression(branch->condition);
    Doc then = openBlock(branch->thenBlock);
    std::vector<Doc> parts = {text("if "), condition, text(" "), then};
    if (const Block *other = branch->elseBlock) {
      parts.push_back(text(" else "));
      bool nested =
          other->stmts.size() == 1 && other->stmts[0]->kind == StmtKind::ExprStmt && source_[other->span.begin] != '{';
      parts.push_back(nested ? ifChain(as<const If>(as<const ExprStmt>(other->stmts[0])->value)) : openBlock(other));
    }
    return concat(std::move(parts));
  }

  // Operators of one level as one list that breaks together. A line that ends in an operator goes on, and so does one
  // before `|>`.
  Doc chain(const Expr *e) {
    std::vector<Doc> rest;
    Doc first = links(e, rest);
    return group(concat({first, nest(concat(std::move(rest)))}));
  }

  Doc links(const Expr *e, std::vector<Doc> &rest) {
    auto link = [&](const char *op, Doc rhs) {
      rest.push_back(text(cat(" ", op)));
      rest.push_back(line());
      rest.push_back(std::move(rhs));
    };
    auto left = [&](const Expr *lhs, int wanted, bool same) {
      return same ? links(lhs, rest) : expression(lhs, wanted);
    };
    switch (e->kind) {
    case ExprKind::Binary: {
      auto *b = as<const Binary>(e);
      Level l = levelOf(b->op);
      bool power = l == kPower;
      Doc first = left(b->lhs, power ? kPostfix : l, !power && b->lhs->kind == ExprKind::Binary && level(b->lhs) == l);
      link(spelling(b->op), expression(b->rhs, power ? kSign : l + 1));
      return first;
    }
    case ExprKind::Compare: {
      auto *c = as<const Compare>(e);
      Doc first = expression(c->lhs, kCompare + 1);
      link(spelling(c->op), expression(c->rhs, kCompare + 1));
      return first;
    }
    case ExprKind::Logical: {
      auto *l = as<const Logical>(e);
      if (isChain(e)) {
        Doc first = links(l->lhs, rest);
        auto *c = as<const Compare>(l->rhs);
        link(spelling(c->op), expression(c->rhs, kCompare + 1));
        return first;
      }
      int own = level(e);
      Doc first = left(l->lhs, own, l->lhs->kind == ExprKind::Logical && level(l->lhs) == own);
      link(l->isAnd ? "and" : "or", expression(l->rhs, own + 1));
      return first;
    }
    default: {
      auto *p = as<const Pipe>(e);
      Doc first = left(p->input, kPipe, p->input->kind == ExprKind::Pipe);
      rest.push_back(line());
      rest.push_back(text("|> "));
      bool plain = p->callee->kind == ExprKind::Name || p->callee->kind == ExprKind::Member ||
                   p->callee->kind == ExprKind::Index || (p->callee->kind == ExprKind::Call && !p->args.empty());
      Doc callee = plain ? expression(p->callee, kPostfix) : concat({text("("), expression(p->callee), text(")")});
      rest.push_back(p->args.empty() ? callee : concat({callee, arguments(p->args)}));
      return first;
    }
    }
  }

  std::vector<Doc> all(const std::vector<Expr *> &items) {
    std::vector<Doc> docs;
    for (const Expr *item : items)
      docs.push_back(expression(item));
    return docs;
  }

  Doc enclosed(const char *open, const std::vector<Doc> &items, const char *close) {
    if (items.empty())
      return text(cat(open, close));
    return group(concat(
        {text(open), nest(concat({softLine(), join(items, concat({text(","), line()}))})), softLine(), text(close)}));
  }

  // Numbers and names fill the lines of a long literal; rows stand one below the other.
  Doc bracket(const Bracket *b) {
    std::vector<Doc> docs = all(b->items);
    bool small = std::all_of(b->items.begin(), b->items.end(), [](const Expr *e) {
      return e->kind == ExprKind::Int || e->kind == ExprKind::Float || e->kind == ExprKind::Name ||
             e->kind == ExprKind::Bool || e->kind == ExprKind::Unary;
    });
    if (!small || docs.size() < 2)
      return enclosed("[", docs, "]");
    std::vector<Doc> parts = {softLine()};
    for (size_t i = 0; i < docs.size(); ++i) {
      if (i)
        parts.push_back(group(line()));
      parts.push_back(i + 1 < docs.size() ? concat({docs[i], text(",")}) : docs[i]);
    }
    return group(concat({text("["), nest(concat(std::move(parts))), softLine(), text("]")}));
  }

  Doc arguments(const std::vector<Arg> &args) {
    std::vector<Doc> docs;
    for (const Arg &arg : args)
      docs.push_back(arg.name.empty() ? expression(arg.value) : concat({text(arg.name + "="), expression(arg.value)}));
    if (args.empty() || !hugs(args))
      return enclosed("(", docs, ")");
    return concat({text("("), join(docs, text(", ")), text(")")});
  }

  // Whether the arguments stand between their parentheses without lines of their own: around the one block among
  // them, or a lone literal.
  bool hugs(const std::vector<Arg> &args) const {
    const Expr *last = args.back().value;
    if (args.size() == 1 && (last->kind == ExprKind::Bracket || last->kind == ExprKind::Str))
      return true;
    if (args.size() == 1 && last->kind == ExprKind::Comprehension)
      return !as<const Comprehension>(last)->reducing;
    auto isBlock = [&](const Arg &arg) {
      return arg.value->kind == ExprKind::Block ||
             (arg.value->kind == ExprKind::Lambda && braced(as<const Lambda>(arg.value)->body));
    };
    auto isLong = [](const Arg &arg) { return arg.value->kind == ExprKind::Lambda || arg.value->kind == ExprKind::If; };
    auto blocks = std::count_if(args.begin(), args.end(), isBlock);
    return blocks == 1 &&
           std::all_of(args.begin(), args.end(), [&](const Arg &arg) { return isBlock(arg) || !isLong(arg); });
  }

  Doc range(const Expr *begin, const Expr *end, const Expr *step, const Expr *in) {
    if (in)
      return expression(in);
    Doc from = expression(begin);
    std::vector<Doc> parts = {from, text(".."), expression(end)};
    if (step) {
      parts.push_back(text(" step "));
      parts.push_back(expression(step));
    }
    return concat(std::move(parts));
  }

  Doc comprehension(const Comprehension *loop) {
    std::vector<Doc> clauses;
    for (const ForClause &clause : loop->clauses)
      clauses.push_back(
          concat({text(pattern(clause.pattern) + " in "), range(clause.begin, clause.end, clause.step, clause.in)}));
    std::vector<Doc> parts = {text("for "), join(clauses, text(", "))};
    if (loop->condition) {
      parts.push_back(text(" if "));
      parts.push_back(expression(loop->condition));
    }
    parts.push_back(text(":"));
    parts.push_back(nest(concat({line(), expression(loop->body)})));
    return group(concat(std::move(parts)));
  }

  Doc indexItem(const IndexItem &item) {
    switch (item.kind) {
    case IndexItem::Single:
      return expression(item.value);
    case IndexItem::Ellipsis:
      return text("...");
    case IndexItem::New:
      return text("new");
    case IndexItem::Slice:
      break;
    }
    std::vector<Doc> parts;
    if (item.begin)
      parts.push_back(expression(item.begin));
    parts.push_back(text(":"));
    if (item.end)
      parts.push_back(expression(item.end));
    if (item.step) {
      parts.push_back(text(":"));
      parts.push_back(expression(item.step));
    }
    return concat(std::move(parts));
  }

  const File &file_;
  std::string_view source_;
  const std::vector<Comment> &comments_;
  size_t next_ = 0;   // the first comment that is not written yet
  bool lost_ = false; // a comment was met that the statement in hand cannot place
};

} // namespace
} // namespace syntax

std::string format(const ast::File &file, const SourceManager &sources) {
  return syntax::Formatter(file, sources).run();
}

} // namespace dl
