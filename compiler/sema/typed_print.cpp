// The typed tree as text: one line a statement, calls in prefix form.
#include "compiler/sema/typed.h"

#include <cstdio>

namespace dl::sema {
namespace {

class Printer {
public:
  std::string text;

  void function(const Function &f) {
    line((f.isExport ? "export fn " : "fn ") + f.symbol + "(" + params(f) + ") -> " + str(f.result));
    ++indent_;
    if (f.body)
      body(*f.body);
    --indent_;
  }

private:
  std::string params(const Function &f) {
    std::string out;
    for (size_t i = 0; i < f.params.size(); ++i) {
      out += (i ? ", " : "") + std::string(i < f.isMut.size() && f.isMut[i] ? "mut " : "") + f.params[i]->name + ": " +
             str(f.params[i]->type);
      if (f.params[i]->dim)
        out += " = " + f.params[i]->dim->str();
    }
    return out;
  }

  void line(const std::string &s) { text += std::string(size_t(indent_) * 2, ' ') + s + "\n"; }

  void body(const Body &b) {
    for (const Stmt *s : b.stmts)
      stmt(*s);
    if (b.value)
      line("=> " + expr(*b.value));
  }

  void stmt(const Stmt &s) {
    switch (s.kind) {
    case StmtKind::Let:
      line(std::string(s.variable->isMutable ? "var " : "let ") + s.variable->name + ": " + str(s.variable->type) +
           (s.variable->dim ? " = " + s.variable->dim->str() : "") + " = " + expr(*s.value));
      break;
    case StmtKind::Assign:
      line(s.variable->name + " = " + expr(*s.value));
      break;
    case StmtKind::Eval:
      line(expr(*s.value));
      break;
    case StmtKind::While:
      line("while " + expr(*s.condition));
      nested(s.body);
      break;
    case StmtKind::For:
      line("for " + s.variable->name + " in " + expr(*s.begin) + ".." + expr(*s.end) +
           (s.step ? " step " + expr(*s.step) : ""));
      nested(s.body);
      break;
    case StmtKind::Break:
      line("break");
      break;
    case StmtKind::Continue:
      line("continue");
      break;
    case StmtKind::Return:
      line(s.value ? "return " + expr(*s.value) : "return");
      break;
    case StmtKind::Assert:
      line("assert " + expr(*s.condition) + ", " + expr(*s.message));
      break;
    case StmtKind::CheckEqual:
      line("check " + s.lhs.str() + " == " + s.rhs.str() + ", \"" + s.text + "\"");
      break;
    }
  }

  void nested(const Body *b) {
    ++indent_;
    if (b)
      body(*b);
    --indent_;
  }

  std::string block(const Body *b) {
    if (!b)
      return "{}";
    if (b->stmts.empty())
      return b->value ? "{ " + expr(*b->value) + " }" : "{}";
    Printer inner;
    inner.indent_ = indent_ + 1;
    inner.body(*b);
    return "{\n" + inner.text + std::string(size_t(indent_) * 2, ' ') + "}";
  }

  static std::string number(double v) {
    char buffer[40];
    snprintf(buffer, sizeof buffer, "%.9g", v);
    return buffer;
  }

  std::string args(const Expr &e, size_t first = 0) {
    std::string out;
    for (size_t i = first; i < e.args.size(); ++i)
      out += (i > first ? ", " : "") + expr(*e.args[i]);
    return out;
  }

  std::string slices(const Expr &e) {
    std::string out = "[";
    for (size_t i = 0; i < e.slices.size(); ++i) {
      const SliceItem &s = e.slices[i];
      out += i ? ", " : "";
      switch (s.kind) {
      case SliceItem::Single:
        out += expr(*s.index);
        break;
      case SliceItem::Range:
        out += expr(*s.begin) + " size " + s.length.str() + (s.step == 1 ? "" : " step " + std::to_string(s.step));
        break;
      case SliceItem::Full:
        out += ":";
        break;
      case SliceItem::New:
        out += "new";
        break;
      }
    }
    return out + "]";
  }

  static std::string attr(const Attr &a) {
    if (auto *i = std::get_if<int64_t>(&a))
      return std::to_string(*i);
    if (auto *d = std::get_if<double>(&a))
      return number(*d);
    if (auto *b = std::get_if<bool>(&a))
      return *b ? "true" : "false";
    if (auto *s = std::get_if<std::string>(&a))
      return "\"" + *s + "\"";
    if (auto *e = std::get_if<Elem>(&a))
      return std::string(elemName(*e));
    std::string out = "(";
    for (int64_t i : std::get<std::vector<int64_t>>(a))
      out += std::to_string(i) + ",";
    return out + ")";
  }

  std::string expr(const Expr &e) {
    switch (e.kind) {
    case ExprKind::Constant: {
      if (auto *i = std::get_if<int64_t>(&e.literal.value))
        return std::to_string(*i) + (e.type->elem == Elem::I64 ? "" : std::string(elemName(e.type->elem)));
      if (auto *d = std::get_if<double>(&e.literal.value))
        return number(*d) + std::string(elemName(e.type->elem));
      if (auto *b = std::get_if<bool>(&e.literal.value))
        return *b ? "true" : "false";
      return "\"" + std::get<std::string>(e.literal.value) + "\"";
    }
    case ExprKind::TensorConst: {
      std::string out = "[";
      for (size_t i = 0; i < e.numbers.size(); ++i)
        out += (i ? ", " : "") + number(e.numbers[i]);
      return out + "]: " + str(e.type);
    }
    case ExprKind::DimValue:
      return "size(" + e.dim->str() + ")";
    case ExprKind::Var:
      return e.variable->name;
    case ExprKind::Op: {
      std::string out = e.name + "(" + args(e);
      for (const auto &[name, value] : e.attrs)
        out += (out.back() == '(' ? "" : ", ") + name + "=" + attr(value);
      return out + "): " + str(e.type);
    }
    case ExprKind::Extern:
      return (e.isKernel ? "kernel " : "extern ") + e.name + "(" + args(e) + "): " + str(e.type);
    case ExprKind::Call: {
      std::string out = e.function->symbol + "(" + args(e) + ")";
      for (const Variable *v : e.mutArgs)
        out += " &" + v->name;
      return out + ": " + str(e.type);
    }
    case ExprKind::Tuple:
      if (e.type &&
          (e.type->kind == TypeKind::None || e.type->kind == TypeKind::Unit || e.type->kind == TypeKind::ElemType))
        return str(e.type);
      return "(" + args(e) + ")";
    case ExprKind::Get:
      return expr(*e.args[0]) + "." + std::to_string(e.index);
    case ExprKind::With:
      return "with(" + expr(*e.args[0]) + ", " + std::to_string(e.index) + ", " + expr(*e.args[1]) + ")";
    case ExprKind::If:
      return "if " + expr(*e.args[0]) + " " + block(e.thenBody) + (e.elseBody ? " else " + block(e.elseBody) : "");
    case ExprKind::Block:
      return block(e.thenBody);
    case ExprKind::Slice:
      return expr(*e.args[0]) + slices(e) + ": " + str(e.type);
    case ExprKind::UpdateSlice:
      return "update(" + expr(*e.args[0]) + slices(e) + ", " + expr(*e.args[1]) + ")";
    case ExprKind::Grad: {
      std::string out = std::string(e.grad.kind == GradInfo::Jvp ? "jvp "
                                    : e.grad.wantValue           ? "value_and_grad "
                                                                 : "grad ") +
                        e.function->symbol + "(" + args(e) + ") wrt";
      for (uint32_t w : e.grad.wrt)
        out += " " + std::to_string(w);
      return out + ": " + str(e.type);
    }
    case ExprKind::Unreachable:
      return "unreachable";
    }
    return "?";
  }

  int indent_ = 0;
};

} // namespace

std::string print(const Program &program) {
  Printer p;
  for (const Function *f : program.functions)
    p.function(*f);
  for (const TestCase &t : program.tests)
    p.text += "test \"" + t.name + "\" = " + t.function->symbol + "\n";
  return p.text;
}

} // namespace dl::sema
