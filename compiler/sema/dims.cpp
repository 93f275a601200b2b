// Sizes: integer polynomials in normal form, and what can be proven about them.
#include "compiler/sema/types.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <numeric>

namespace dl::sema {

struct Dim::Node {
  std::vector<Term> terms;
};

namespace {

// Sizes wrap like the i64 arithmetic of the generated code; overflow is not a fault of the compiler.
int64_t wrapAdd(int64_t a, int64_t b) { return int64_t(uint64_t(a) + uint64_t(b)); }
int64_t wrapMul(int64_t a, int64_t b) { return int64_t(uint64_t(a) * uint64_t(b)); }
int64_t floorDivide(int64_t a, int64_t b) {
  if (b == -1)
    return wrapMul(a, -1);
  int64_t q = a / b;
  return (a % b != 0 && ((a < 0) != (b < 0))) ? q - 1 : q;
}

int order(const Dim &a, const Dim &b);
int order(const Dim::Atom &a, const Dim::Atom &b) {
  if (a.kind != b.kind)
    return a.kind < b.kind ? -1 : 1;
  if (a.kind == Dim::AtomKind::Symbol)
    return a.symbol == b.symbol ? 0 : a.symbol < b.symbol ? -1 : 1;
  if (int c = order(*a.lhs, *b.lhs))
    return c;
  return order(*a.rhs, *b.rhs);
}
int order(const std::vector<Dim::Atom> &a, const std::vector<Dim::Atom> &b) {
  if (a.size() != b.size())
    return a.size() > b.size() ? -1 : 1; // higher powers first, constants last
  for (size_t i = 0; i < a.size(); ++i)
    if (int c = order(a[i], b[i]))
      return c;
  return 0;
}
int order(const Dim &a, const Dim &b) {
  const auto &x = a.terms(), &y = b.terms();
  if (x.size() != y.size())
    return x.size() < y.size() ? -1 : 1;
  for (size_t i = 0; i < x.size(); ++i) {
    if (int c = order(x[i].atoms, y[i].atoms))
      return c;
    if (x[i].coefficient != y[i].coefficient)
      return x[i].coefficient < y[i].coefficient ? -1 : 1;
  }
  return 0;
}

bool atomNonNegative(const Dim::Atom &atom) {
  switch (atom.kind) {
  case Dim::AtomKind::Symbol:
    return atom.nonNegative;
  case Dim::AtomKind::FloorDiv:
    return atom.lhs->nonNegative() && atom.rhs->nonNegative();
  case Dim::AtomKind::Mod:
    return atom.rhs->nonNegative();
  case Dim::AtomKind::Min:
    return atom.lhs->nonNegative() && atom.rhs->nonNegative();
  case Dim::AtomKind::Max:
    return atom.lhs->nonNegative() || atom.rhs->nonNegative();
  }
  return false;
}

// The quotient of a term by a term, when it has one.
bool divideTerm(const Dim::Term &a, const Dim::Term &b, Dim::Term &out) {
  if (b.coefficient <= 0 || a.coefficient % b.coefficient != 0)
    return false;
  out.coefficient = a.coefficient / b.coefficient;
  out.atoms = a.atoms;
  for (const Dim::Atom &atom : b.atoms) {
    auto it = std::find_if(out.atoms.begin(), out.atoms.end(), [&](const Dim::Atom &x) { return order(x, atom) == 0; });
    if (it == out.atoms.end())
      return false;
    out.atoms.erase(it);
  }
  return true;
}

} // namespace

Dim::Dim(int64_t value) {
  auto node = std::make_shared<Node>();
  if (value != 0)
    node->terms.push_back({value, {}});
  node_ = std::move(node);
}

Dim Dim::fresh(std::string name, bool nonNegative) {
  static std::atomic<uint32_t> next{1};
  Atom atom{AtomKind::Symbol, next++, std::move(name), nonNegative, nullptr, nullptr, nullptr, nullptr};
  auto node = std::make_shared<Node>();
  node->terms.push_back({1, {std::move(atom)}});
  return Dim(std::move(node));
}

Dim Dim::between(std::string name, const Dim &lower, const Dim &upper) {
  Atom atom = fresh(std::move(name), lower.nonNegative()).terms()[0].atoms[0];
  atom.lower = std::make_shared<const Dim>(lower);
  atom.upper = std::make_shared<const Dim>(upper);
  return fromTerms({{1, {std::move(atom)}}});
}

const Dim &Dim::open() {
  static const Dim dim = fresh("_");
  return dim;
}
bool Dim::isOpen() const { return node_ == open().node_ || (isSymbol() && symbolId() == open().symbolId()); }

Dim Dim::fromTerms(std::vector<Term> terms) {
  for (Term &t : terms)
    std::sort(t.atoms.begin(), t.atoms.end(), [](const Atom &a, const Atom &b) { return order(a, b) < 0; });
  std::sort(terms.begin(), terms.end(), [](const Term &a, const Term &b) { return order(a.atoms, b.atoms) < 0; });
  auto node = std::make_shared<Node>();
  for (Term &t : terms) {
    if (!node->terms.empty() && order(node->terms.back().atoms, t.atoms) == 0)
      node->terms.back().coefficient = wrapAdd(node->terms.back().coefficient, t.coefficient);
    else
      node->terms.push_back(std::move(t));
    if (node->terms.back().coefficient == 0)
      node->terms.pop_back();
  }
  return Dim(std::move(node));
}

Dim Dim::opaque(AtomKind kind, const Dim &a, const Dim &b) {
  Atom atom{};
  atom.kind = kind;
  atom.lhs = std::make_shared<const Dim>(a);
  atom.rhs = std::make_shared<const Dim>(b);
  return fromTerms({{1, {std::move(atom)}}});
}

const std::vector<Dim::Term> &Dim::terms() const { return node_->terms; }
bool Dim::isConst() const { return terms().empty() || (terms().size() == 1 && terms()[0].atoms.empty()); }
int64_t Dim::constant() const { return terms().empty() ? 0 : terms()[0].coefficient; }
bool Dim::isSymbol() const {
  return terms().size() == 1 && terms()[0].coefficient == 1 && terms()[0].atoms.size() == 1 &&
         terms()[0].atoms[0].kind == AtomKind::Symbol;
}
uint32_t Dim::symbolId() const { return terms()[0].atoms[0].symbol; }
std::string Dim::symbolName() const { return terms()[0].atoms[0].name; }
bool Dim::operator==(const Dim &other) const { return node_ == other.node_ || order(*this, other) == 0; }

// What may stand for one atom of a term so that the sum becomes no larger: bounds of the atom, from below where the
// term counts positively and from above where it counts negatively. The term's other atoms are not negative.
static std::vector<Dim> smaller(const Dim::Atom &atom, const Dim::Term &term) {
  const bool above = term.coefficient < 0;
  switch (atom.kind) {
  case Dim::AtomKind::Symbol:
    if (const auto &bound = above ? atom.upper : atom.lower)
      return {*bound};
    return {};
  case Dim::AtomKind::Min:
    return above ? std::vector{*atom.lhs, *atom.rhs} : std::vector<Dim>();
  case Dim::AtomKind::Max:
    return above ? std::vector<Dim>() : std::vector{*atom.lhs, *atom.rhs};
  default:
    return {};
  }
}

bool Dim::provablyNonNegative(int depth) const {
  auto positive = [](const Term &t) {
    return t.coefficient > 0 && std::all_of(t.atoms.begin(), t.atoms.end(), atomNonNegative);
  };
  if (std::all_of(terms().begin(), terms().end(), positive))
    return true;
  if (depth == 0)
    return false;
  for (const Term &t : terms())
    for (size_t k = 0; k < t.atoms.size(); ++k) {
      Dim rest(t.coefficient);
      bool monotone = true;
      for (size_t other = 0; other < t.atoms.size(); ++other)
        if (other != k) {
          monotone &= atomNonNegative(t.atoms[other]);
          rest = rest * fromTerms({{1, {t.atoms[other]}}});
        }
      if (!monotone)
        continue;
      const Dim without = *this - fromTerms({t});
      for (const Dim &bound : smaller(t.atoms[k], t))
        if ((without + rest * bound).provablyNonNegative(depth - 1))
          return true;
      // b (a // b) <= a for b > 0, and b = 0 stops the program before.
      if (t.coefficient < 0 && t.atoms[k].kind == AtomKind::FloorDiv && t.atoms[k].rhs->nonNegative()) {
        Term divisor = t.atoms[k].rhs->terms().size() == 1 ? t.atoms[k].rhs->terms()[0] : Term{0, {}}, quotient;
        Dim magnitude = Dim(int64_t(-1)) * rest;
        if (divisor.coefficient > 0 && magnitude.terms().size() == 1 &&
            divideTerm(magnitude.terms()[0], divisor, quotient) &&
            (without - fromTerms({quotient}) * *t.atoms[k].lhs).provablyNonNegative(depth - 1))
          return true;
      }
    }
  return false;
}

// Bounds of bounds are followed this far: i <= n - k, k <= n and the like.
bool Dim::nonNegative() const { return provablyNonNegative(4); }

Dim operator+(const Dim &a, const Dim &b) {
  std::vector<Dim::Term> terms = a.terms();
  terms.insert(terms.end(), b.terms().begin(), b.terms().end());
  return Dim::fromTerms(std::move(terms));
}
Dim operator*(const Dim &a, const Dim &b) {
  std::vector<Dim::Term> terms;
  for (const Dim::Term &x : a.terms())
    for (const Dim::Term &y : b.terms()) {
      Dim::Term t{wrapMul(x.coefficient, y.coefficient), x.atoms};
      t.atoms.insert(t.atoms.end(), y.atoms.begin(), y.atoms.end());
      terms.push_back(std::move(t));
    }
  return Dim::fromTerms(std::move(terms));
}
Dim operator-(const Dim &a, const Dim &b) { return a + Dim(int64_t(-1)) * b; }

Dim Dim::floorDiv(const Dim &a, const Dim &b) {
  if (b.isConst() && b.constant() == 1)
    return a;
  if (a.isConst() && b.isConst() && b.constant() != 0)
    return Dim(floorDivide(a.constant(), b.constant()));
  if (a == b && !b.isConst())
    return Dim(int64_t(1));
  // (q b + r) // b = q + r // b for whole q.
  std::vector<Term> whole, rest;
  if (b.terms().size() == 1) {
    const Term &divisor = b.terms()[0];
    for (const Term &t : a.terms()) {
      Term q;
      if (divideTerm(t, divisor, q)) {
        whole.push_back(q);
      } else if (divisor.atoms.empty() && divisor.coefficient > 0) {
        // Split the coefficient, so that 3 N // 2 and N + N // 2 have one form.
        int64_t part = floorDivide(t.coefficient, divisor.coefficient);
        if (part != 0)
          whole.push_back({part, t.atoms});
        rest.push_back({t.coefficient - part * divisor.coefficient, t.atoms});
      } else {
        rest.push_back(t);
      }
    }
  } else {
    rest = a.terms();
  }
  Dim quotient = fromTerms(std::move(whole)), remainder = fromTerms(std::move(rest));
  if (remainder.terms().empty())
    return quotient;
  if (remainder.isConst() && b.isConst())
    return quotient + Dim(floorDivide(remainder.constant(), b.constant()));
  return quotient + opaque(AtomKind::FloorDiv, remainder, b);
}

Dim Dim::mod(const Dim &a, const Dim &b) {
  if (b.isConst() && b.constant() == 0)
    return opaque(AtomKind::Mod, a, b);
  Dim quotient = floorDiv(a, b);
  bool opaqueLeft = false;
  for (const Term &t : quotient.terms())
    for (const Atom &atom : t.atoms)
      opaqueLeft |= atom.kind == AtomKind::FloorDiv && *atom.rhs == b;
  if (!opaqueLeft)
    return a - quotient * b;
  // a mod b = (a - q b) mod b for the whole part q of the quotient.
  Dim reduced = a;
  for (const Term &t : quotient.terms()) {
    bool divides =
        std::any_of(t.atoms.begin(), t.atoms.end(), [](const Atom &x) { return x.kind == AtomKind::FloorDiv; });
    if (!divides)
      reduced = reduced - fromTerms({t}) * b;
  }
  return opaque(AtomKind::Mod, reduced, b);
}

// Whether `d` is min(…, part) or max(…, part), of which applying the same to `part` again changes nothing.
static bool absorbs(const Dim &d, const Dim &part, Dim::AtomKind kind) {
  if (d.terms().size() != 1 || d.terms()[0].coefficient != 1 || d.terms()[0].atoms.size() != 1)
    return false;
  const Dim::Atom &atom = d.terms()[0].atoms[0];
  return atom.kind == kind && (*atom.lhs == part || *atom.rhs == part);
}

Dim Dim::min(const Dim &a, const Dim &b) {
  if (a == b || (b - a).nonNegative() || absorbs(a, b, AtomKind::Min))
    return a;
  if ((a - b).nonNegative() || absorbs(b, a, AtomKind::Min))
    return b;
  return order(a, b) < 0 ? opaque(AtomKind::Min, a, b) : opaque(AtomKind::Min, b, a);
}
Dim Dim::max(const Dim &a, const Dim &b) {
  if (a == b || (a - b).nonNegative() || absorbs(a, b, AtomKind::Max))
    return a;
  if ((b - a).nonNegative() || absorbs(b, a, AtomKind::Max))
    return b;
  return order(a, b) < 0 ? opaque(AtomKind::Max, a, b) : opaque(AtomKind::Max, b, a);
}

namespace {

void collectSymbols(const Dim &d, std::vector<uint32_t> &out) {
  for (const Dim::Term &t : d.terms())
    for (const Dim::Atom &atom : t.atoms) {
      if (atom.kind == Dim::AtomKind::Symbol) {
        if (std::find(out.begin(), out.end(), atom.symbol) == out.end())
          out.push_back(atom.symbol);
      } else {
        collectSymbols(*atom.lhs, out);
        collectSymbols(*atom.rhs, out);
      }
    }
}

std::string termText(const Dim::Term &t, bool first) {
  std::string text;
  int64_t c = t.coefficient;
  if (!first) {
    text = c < 0 ? " - " : " + ";
    if (c < 0)
      c = -c;
  } else if (c == -1 && !t.atoms.empty()) {
    text = "-";
    c = 1;
  }
  bool needStar = false;
  if (c != 1 || t.atoms.empty()) {
    text += std::to_string(c);
    needStar = true;
  }
  for (const Dim::Atom &atom : t.atoms) {
    if (needStar)
      text += " * ";
    needStar = true;
    auto operand = [](const Dim &d) {
      bool simple = d.isConst() || d.isSymbol();
      return simple ? d.str() : "(" + d.str() + ")";
    };
    switch (atom.kind) {
    case Dim::AtomKind::Symbol:
      text += atom.name;
      break;
    case Dim::AtomKind::FloorDiv:
      text += (t.atoms.size() > 1 || c != 1) ? "(" + operand(*atom.lhs) + " // " + operand(*atom.rhs) + ")"
                                             : operand(*atom.lhs) + " // " + operand(*atom.rhs);
      break;
    case Dim::AtomKind::Mod:
      text += (t.atoms.size() > 1 || c != 1) ? "(" + operand(*atom.lhs) + " % " + operand(*atom.rhs) + ")"
                                             : operand(*atom.lhs) + " % " + operand(*atom.rhs);
      break;
    case Dim::AtomKind::Min:
      text += "min(" + atom.lhs->str() + ", " + atom.rhs->str() + ")";
      break;
    case Dim::AtomKind::Max:
      text += "max(" + atom.lhs->str() + ", " + atom.rhs->str() + ")";
      break;
    }
  }
  return text;
}

} // namespace

std::vector<uint32_t> Dim::symbols() const {
  std::vector<uint32_t> out;
  collectSymbols(*this, out);
  return out;
}

std::string Dim::str() const {
  if (terms().empty())
    return "0";
  std::string text;
  for (const Term &t : terms())
    text += termText(t, text.empty());
  return text;
}

Dim Dim::substitute(const std::function<std::optional<Dim>(uint32_t)> &replace) const {
  if (isConst())
    return *this;
  Dim sum;
  for (const Term &t : terms()) {
    Dim product(t.coefficient);
    for (const Atom &atom : t.atoms) {
      if (atom.kind == AtomKind::Symbol) {
        std::optional<Dim> value = replace(atom.symbol);
        if (!value && atom.upper) {
          Atom same = atom;
          same.lower = std::make_shared<const Dim>(atom.lower->substitute(replace));
          same.upper = std::make_shared<const Dim>(atom.upper->substitute(replace));
          value = fromTerms({{1, {std::move(same)}}});
        }
        product = product * (value ? *value : fromTerms({{1, {atom}}}));
        continue;
      }
      Dim lhs = atom.lhs->substitute(replace), rhs = atom.rhs->substitute(replace);
      product = product * (atom.kind == AtomKind::FloorDiv ? floorDiv(lhs, rhs)
                           : atom.kind == AtomKind::Mod    ? mod(lhs, rhs)
                           : atom.kind == AtomKind::Min    ? min(lhs, rhs)
                                                           : max(lhs, rhs));
    }
    sum = sum + product;
  }
  return sum;
}

std::string Dim::key(const std::function<std::string(uint32_t)> &name) const {
  if (isConst())
    return std::to_string(constant());
  std::string text;
  for (const Term &t : terms()) {
    text += text.empty() ? "" : "+";
    text += std::to_string(t.coefficient);
    for (const Atom &atom : t.atoms) {
      text += "*";
      if (atom.kind == AtomKind::Symbol) {
        text += name ? name(atom.symbol) : "$" + std::to_string(atom.symbol);
        continue;
      }
      static constexpr const char *names[] = {"", "div", "mod", "min", "max"};
      text += std::string(names[int(atom.kind)]) + "(" + atom.lhs->key(name) + "," + atom.rhs->key(name) + ")";
    }
  }
  return text;
}

Proof compare(const Dim &a, const Dim &b) {
  if (a.isOpen() != b.isOpen())
    return Proof::Different;
  Dim d = a - b;
  if (d.terms().empty())
    return Proof::Equal;
  if (d.isConst())
    return Proof::Different;
  // d > 0 or d < 0 for all sizes.
  if ((d - Dim(int64_t(1))).nonNegative() || (Dim(int64_t(-1)) * d - Dim(int64_t(1))).nonNegative())
    return Proof::Different;
  // The coefficients' common divisor does not divide the constant: 2 N is never 2 M + 1.
  int64_t divisor = 0, constant = 0;
  for (const Dim::Term &t : d.terms()) {
    if (t.atoms.empty())
      constant = t.coefficient;
    else
      divisor = std::gcd(divisor, t.coefficient);
  }
  if (divisor > 1 && constant % divisor != 0)
    return Proof::Different;
  return Proof::Unknown;
}

} // namespace dl::sema
