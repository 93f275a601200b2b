// einsum: sums of products over named dimensions, as permutations, products and sums of existing ops, so that
// derivatives and vmap are theirs.
#include "compiler/sema/checker.h"

#include <algorithm>
#include <cctype>

namespace dl::sema {

namespace {

// A dimension's letter; those under `...` count from the right, from 256 on.
using Labels = std::vector<int>;
constexpr int kEllipsis = 256;

bool has(const Labels &labels, int label) { return std::find(labels.begin(), labels.end(), label) != labels.end(); }

std::string nameOf(int label) { return label < kEllipsis ? std::string(1, char(label)) : "..."; }

// An operand, and what each of its dimensions is called.
struct Factor {
  Value value;
  Labels labels;
};

} // namespace

struct Einsum {
  Checker &c;
  Span span;

  const Dim &size(const Factor &f, int label) {
    return f.value.type->dims[size_t(std::find(f.labels.begin(), f.labels.end(), label) - f.labels.begin())];
  }

  Shape sizes(const Factor &f, const Labels &labels) {
    Shape out;
    for (int label : labels)
      out.push_back(size(f, label));
    return out;
  }

  Factor ordered(const Factor &f, const Labels &labels) {
    std::vector<int64_t> order;
    for (int label : labels)
      order.push_back(std::find(f.labels.begin(), f.labels.end(), label) - f.labels.begin());
    return {c.permuted(f.value, order, span), labels};
  }

  // ii: the elements for which both are equal.
  void takeDiagonals(Factor &f) {
    for (size_t i = 0; i < f.labels.size(); ++i)
      for (size_t k = i + 1; k < f.labels.size(); ++k) {
        if (f.labels[k] != f.labels[i])
          continue;
        std::vector<int64_t> order;
        Labels rest;
        for (size_t d = 0; d < f.labels.size(); ++d)
          if (d != i && d != k) {
            order.push_back(int64_t(d));
            rest.push_back(f.labels[d]);
          }
        order.push_back(int64_t(i));
        order.push_back(int64_t(k));
        rest.push_back(f.labels[i]);
        Value x = c.permuted(f.value, order, span);
        const Dim &n = x.type->dims.back();
        Value positions = c.opValue("arange", {}, tensorType(Elem::I64, {n}), span);
        Value diagonal = c.callBuiltin("eq", {c.reshaped(positions, {n, Dim(1)}, span), positions}, span);
        Value zero = c.wrapLiteral(c.intValue(0, span), x.type->elem);
        f.value = c.callBuiltin("where", {diagonal, x, zero}, span);
        f.value = c.callBuiltin("sum", {f.value, c.intValue(-1, span)}, span);
        f.value = c.convert(f.value, x.type->elem, span);
        f.labels = rest;
        i = size_t(-1);
        break;
      }
  }

  // Adds up what nobody else needs.
  void reduce(Factor &f, const Labels &needed) {
    for (size_t i = f.labels.size(); i-- > 0;)
      if (!has(needed, f.labels[i])) {
        f.value = c.callBuiltin("sum", {f.value, c.intValue(int64_t(i), span)}, span);
        f.labels.erase(f.labels.begin() + long(i));
      }
  }

  Factor product(Factor a, Factor b, const Labels &needed) {
    // Sums of short integers are i64.
    if (a.value.type->elem != b.value.type->elem && isInteger(a.value.type->elem) && isInteger(b.value.type->elem))
      for (Factor *f : {&a, &b})
        f->value = c.convert(f->value, Elem::I64, span);
    Labels batch, left, right, inner;
    for (int label : a.labels)
      (!has(b.labels, label) ? left : has(needed, label) ? batch : inner).push_back(label);
    for (int label : b.labels)
      if (!has(a.labels, label))
        right.push_back(label);
    auto joined = [](std::initializer_list<Labels> parts) {
      Labels all;
      for (const Labels &part : parts)
        all.insert(all.end(), part.begin(), part.end());
      return all;
    };
    Labels result = joined({batch, left, right});
    Shape shape = sizes(a, joined({batch, left})), columns = sizes(b, right);
    shape.insert(shape.end(), columns.begin(), columns.end());
    Dim m = Checker::productOf(sizes(a, left)), n = Checker::productOf(columns),
        k = Checker::productOf(sizes(a, inner));
    Shape leading = sizes(a, batch);
    Factor x = ordered(a, joined({batch, left, inner})), y = ordered(b, joined({batch, inner, right}));
    auto shaped = [&](const Value &v, std::initializer_list<Dim> last) {
      Shape dims = leading;
      dims.insert(dims.end(), last);
      return c.reshaped(v, dims, span);
    };
    Value out = inner.empty() ? c.callBuiltin("mul", {shaped(x.value, {m, Dim(1)}), shaped(y.value, {Dim(1), n})}, span)
                              : c.callBuiltin("matmul", {shaped(x.value, {m, k}), shaped(y.value, {k, n})}, span);
    return {c.reshaped(out, shape, span), result};
  }
};

Value Checker::callEinsum(std::vector<Argument> args, Span span) {
  if (args.size() < 2 || args[0].value.type->kind != TypeKind::Str || !args[0].value.known.text) {
    error(Code::WrongArguments, args.empty() ? span : args[0].span,
          "`einsum` takes a formula that is known when the program is compiled, and tensors")
        .withHelp("as in `einsum(\"ij,jk->ik\", a, b)`");
    return bad(span);
  }
  std::string formula;
  for (char ch : *args[0].value.known.text)
    if (ch != ' ')
      formula += ch;
  const Span at = args[0].span;
  auto wrong = [&](const std::string &message) {
    error(Code::WrongArguments, at, "einsum: " + message);
    return bad(span);
  };
  size_t arrow = formula.find("->");
  std::vector<std::string> terms(1);
  for (char ch : formula.substr(0, arrow))
    if (ch == ',')
      terms.emplace_back();
    else
      terms.back() += ch;
  if (terms.size() != args.size() - 1)
    return wrong("the formula is for " + std::to_string(terms.size()) + " operands, there are " +
                 std::to_string(args.size() - 1));
  // The letters of a term; `...` stands for `extra` dimensions.
  auto labelsOf = [&](const std::string &term, size_t extra) -> std::optional<Labels> {
    Labels labels;
    for (size_t i = 0; i < term.size(); ++i) {
      if (term.compare(i, 3, "...") == 0) {
        for (size_t k = extra; k-- > 0;)
          labels.push_back(kEllipsis + int(k));
        i += 2;
      } else if (std::isalpha(static_cast<unsigned char>(term[i]))) {
        labels.push_back(term[i]);
      } else {
        wrong("`" + std::string(1, term[i]) + "` is no letter; a formula has letters, `,`, `...` and `->`");
        return std::nullopt;
      }
    }
    return labels;
  };
  std::vector<Factor> factors;
  size_t most = 0;
  std::optional<Elem> elem;
  for (size_t i = 0; i < terms.size(); ++i) {
    Argument &a = args[i + 1];
    if (a.value.type->kind != TypeKind::Tensor || a.value.type->elem == Elem::Bool || !a.name.empty()) {
      error(Code::TypeMismatch, a.span, "einsum: an operand is a tensor of numbers, this is " + describe(a.value));
      return bad(span);
    }
    if (!a.value.known.literal && !elem)
      elem = a.value.type->elem;
    size_t dots = terms[i].find("..."), rank = a.value.type->dims.size();
    size_t letters = terms[i].size() - (dots == std::string::npos ? 0 : 3);
    if (dots == std::string::npos ? letters != rank : letters > rank) {
      error(Code::RankMismatch, a.span,
            "einsum: `" + terms[i] + "` is for " + std::to_string(letters) +
                (dots == std::string::npos ? "" : " or more") + " dimensions, this is " + describe(a.value))
          .label(at, "the formula");
      return bad(span);
    }
    size_t extra = rank - letters;
    most = std::max(most, extra);
    std::optional<Labels> labels = labelsOf(terms[i], extra);
    if (!labels)
      return bad(span);
    factors.push_back({a.value, *labels});
  }
  if (!elem)
    elem = factors[0].value.type->elem;
  Labels used, wanted;
  for (const Factor &f : factors)
    used.insert(used.end(), f.labels.begin(), f.labels.end());
  if (arrow != std::string::npos) {
    std::optional<Labels> labels = labelsOf(formula.substr(arrow + 2), most);
    if (!labels)
      return bad(span);
    wanted = *labels;
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (!has(used, wanted[i]))
        return wrong("the result has `" + nameOf(wanted[i]) + "`, which no operand has");
      if (has({wanted.begin(), wanted.begin() + long(i)}, wanted[i]))
        return wrong("the result has `" + nameOf(wanted[i]) + "` twice");
    }
  } else {
    // Those under `...`, then the letters that occur once.
    for (size_t k = most; k-- > 0;)
      wanted.push_back(kEllipsis + int(k));
    for (int letter = 'A'; letter <= 'z'; ++letter)
      if (std::count(used.begin(), used.end(), letter) == 1)
        wanted.push_back(letter);
  }
  std::map<int, std::pair<Dim, const Argument *>> known;
  for (size_t i = 0; i < factors.size(); ++i) {
    if (!conform(factors[i].value, tensorType(*elem, factors[i].value.type->dims), args[i + 1].span,
                 "einsum: operand " + std::to_string(i + 1)))
      return bad(span);
    for (size_t d = 0; d < factors[i].labels.size(); ++d) {
      int label = factors[i].labels[d];
      const Dim &size = factors[i].value.type->dims[d];
      auto [it, isNew] = known.try_emplace(label, size, &args[i + 1]);
      if (!isNew && !requireEqual(it->second.first, size, span, "einsum: `" + nameOf(label) + "` is {0} and {1}")) {
        Diagnostic &error =
            this->error(Code::ShapeMismatch, span,
                        "einsum: `" + nameOf(label) + "` is " + it->second.first.str() + " and " + size.str());
        error.label(it->second.second->span, describe(it->second.second->value));
        if (it->second.second != &args[i + 1])
          error.label(args[i + 1].span, describe(args[i + 1].value));
        return bad(span);
      }
    }
    factors[i].value = materialise(factors[i].value, "operand");
  }
  Einsum sum{*this, span};
  auto neededAfter = [&](size_t next) {
    Labels needed = wanted;
    for (; next < factors.size(); ++next)
      needed.insert(needed.end(), factors[next].labels.begin(), factors[next].labels.end());
    return needed;
  };
  for (Factor &f : factors)
    sum.takeDiagonals(f);
  Factor total = factors[0];
  sum.reduce(total, neededAfter(1));
  for (size_t i = 1; i < factors.size(); ++i) {
    Labels needed = neededAfter(i + 1), both = needed;
    both.insert(both.end(), total.labels.begin(), total.labels.end());
    sum.reduce(factors[i], both);
    total = sum.product(total, factors[i], needed);
    sum.reduce(total, needed);
  }
  return sum.ordered(total, wanted).value;
}

} // namespace dl::sema
