// A small recursive-descent parser of builtin signatures; their names may be words of the language (`and`, `not`).
#include "compiler/sema/signatures.h"

#include <cctype>

namespace dl::sema {
namespace {

class Parser {
public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::optional<Signature> run() {
    Signature s;
    s.name = word();
    if (s.name.empty() || !take("("))
      return std::nullopt;
    while (!take(")")) {
      SigParam p;
      p.name = word();
      if (p.name.empty() || !take(":") || !type(p.type))
        return std::nullopt;
      if (take("=")) {
        size_t begin = skip();
        int depth = 0;
        while (at_ < text_.size() && (depth > 0 || (text_[at_] != ',' && text_[at_] != ')'))) {
          depth += text_[at_] == '(' ? 1 : text_[at_] == ')' ? -1 : 0;
          ++at_;
        }
        std::string value(text_.substr(begin, at_ - begin));
        while (!value.empty() && value.back() == ' ')
          value.pop_back();
        p.defaultText = value;
      }
      s.params.push_back(std::move(p));
      if (!take(",") && peek() != ')')
        return std::nullopt;
    }
    if (!take("->"))
      return std::nullopt;
    if (take("(")) {
      do {
        s.results.emplace_back();
        if (!type(s.results.back()))
          return std::nullopt;
      } while (take(","));
      if (!take(")"))
        return std::nullopt;
    } else {
      s.results.emplace_back();
      if (!type(s.results.back()))
        return std::nullopt;
    }
    skip();
    return at_ == text_.size() ? std::optional(std::move(s)) : std::nullopt;
  }

private:
  size_t skip() {
    while (at_ < text_.size() && text_[at_] == ' ')
      ++at_;
    return at_;
  }
  char peek() { return skip() < text_.size() ? text_[at_] : 0; }
  bool take(std::string_view token) {
    skip();
    if (text_.substr(at_, token.size()) != token)
      return false;
    at_ += token.size();
    return true;
  }
  std::string word() {
    size_t begin = skip();
    while (at_ < text_.size() && (isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_'))
      ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }
  bool type(SigType &t) {
    std::string name = word();
    t.wide = name == "wide" && take("(");
    if (t.wide) {
      name = word();
      if (!take(")"))
        return false;
    }
    if (name.empty())
      return false;
    if (peek() != '[') {
      t.kind = name == "bool"      ? SigType::Flag
               : name == "int"     ? SigType::Int
               : name == "ints"    ? SigType::Ints
               : name == "size"    ? SigType::Size
               : name == "shape"   ? SigType::Shape
               : name == "tensors" ? SigType::Tensors
               : name == "dtype"   ? SigType::ElemType
               : name == "str"     ? SigType::Str
                                   : SigType::Tensor;
      t.elem = name;
      return true;
    }
    t.elem = name;
    take("[");
    while (!take("]")) {
      SigDim d{};
      if (take("*")) {
        d.kind = SigDim::Pack;
        d.name = word();
      } else if (isdigit(static_cast<unsigned char>(peek()))) {
        d.kind = SigDim::Number;
        d.number = std::stoll(word());
      } else {
        d.kind = SigDim::Variable;
        d.name = word();
        if (take("(")) {
          d.kind = SigDim::Call;
          while (!take(")")) {
            d.args.push_back(word());
            if (d.args.back().empty() || (!take(",") && peek() != ')'))
              return false;
          }
        }
      }
      if (d.kind != SigDim::Number && d.name.empty())
        return false;
      t.dims.push_back(std::move(d));
      if (!take(",") && peek() != ']')
        return false;
    }
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
};

} // namespace

std::optional<Signature> parseSignature(std::string_view text) { return Parser(text).run(); }

std::map<std::string, Signature> parseSignatures(Builtins rows, std::vector<std::string> &broken) {
  std::map<std::string, Signature> out;
  for (const Builtin &row : rows) {
    std::optional<Signature> s = parseSignature(row.signature);
    if (!s) {
      broken.emplace_back(row.signature);
      continue;
    }
    s->row = &row;
    out[s->name] = std::move(*s);
  }
  return out;
}

} // namespace dl::sema
