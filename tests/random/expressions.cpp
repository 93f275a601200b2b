// Expressions of a wanted type.
#include "tests/random/writer.h"

#include <algorithm>

namespace dl::testing {

using sema::Elem;

namespace {

// `max(x, dim=0)[1]` alone would be taken for a part of a pair.
std::string row(const std::string &x, const std::string &index) {
  bool isExtremum = x.find("max(") != std::string::npos || x.find("min(") != std::string::npos;
  return "(" + x + ")[" + index + (isExtremum ? ", ...]" : "]");
}

const char *suffixOf(Elem elem) {
  switch (elem) {
  case Elem::F64:
    return "f64";
  case Elem::BF16:
    return "bf16";
  case Elem::I32:
    return "i32";
  case Elem::U8:
    return "u8";
  case Elem::F32:
    return "f32";
  default:
    return "";
  }
}
std::string nameOf(Elem elem) { return std::string(sema::elemName(elem)); }

} // namespace

std::string Writer::shapeText(const TensorType &type) {
  std::string text = "(";
  for (const Size &size : type.dims)
    text += size.text + ", ";
  return text + ")";
}

std::string Writer::literal(Elem elem, bool suffix) {
  if (elem == Elem::Bool)
    return pick(2) ? "true" : "false";
  // f32 and i64 are what a number is where nothing asks.
  bool needed = suffix && elem != Elem::F32 && elem != Elem::I64;
  std::string end = needed || (suffix && elem == Elem::F32 && chance(5)) ? suffixOf(elem) : "";
  if (!sema::isFloat(elem))
    return std::to_string(pick(5)) + end;
  static const std::vector<std::string> numbers = {"0.5", "1.0",  "2.0", "0.25", "1.5",
                                                   "0.1", "0.75", "3.0", "1e-1", "0.3"};
  return any(numbers) + end;
}

std::string Writer::variableOf(const TensorType &type) {
  std::vector<const Name *> fitting;
  for (const Name &name : scope_)
    if (name.type == type)
      fitting.push_back(&name);
  if (fitting.empty())
    return "";
  // The latest ones more often: what was computed should be used.
  size_t i = chance(50) ? fitting.size() - 1 : static_cast<size_t>(pick(static_cast<int>(fitting.size())));
  return fitting[i]->name;
}

std::string Writer::index(const Size &size) {
  std::vector<std::string> fitting;
  for (const Name &name : scope_)
    if (name.below && *name.below == size)
      fitting.push_back(name.name);
  if (!fitting.empty() && chance(80))
    return any(fitting);
  switch (pick(4)) {
  case 0:
    return "-1";
  case 1:
    return "(" + number(1) + ") % " + size.text;
  default:
    return std::to_string(pick(static_cast<int>(size.least)));
  }
}

std::string Writer::leaf(const TensorType &type) {
  std::string variable = variableOf(type);
  if (!variable.empty() && chance(90))
    return variable;
  if (options_.differentiable && type.isFloat() && !scope_.empty() && chance(60)) {
    // Little of a program of constants has a derivative.
    const Name &other = scope_.size() > 3 && pick(2) ? scope_.back() : any(scope_);
    if (other.type.elem == type.elem && other.type.isFilled()) {
      std::string number = other.type.dims.empty() ? other.name : "mean(" + other.name + ")";
      return type.dims.empty() ? number : "(" + constant(type) + " * " + number + ")";
    }
  }
  return constant(type);
}

std::string Writer::constant(const TensorType &type) {
  if (type.dims.empty())
    return literal(type.elem, true);
  // A literal, nested as deep as the type.
  bool small = std::all_of(type.dims.begin(), type.dims.end(),
                           [](const Size &size) { return size.isConst() && size.least <= 4; });
  if (small && type.dims.size() <= 2 && chance(70)) {
    std::function<std::string(size_t)> nested = [&](size_t d) -> std::string {
      if (d == type.dims.size())
        return (type.elem != Elem::Bool && chance(30) && type.elem != Elem::U8 ? "-" : "") + literal(type.elem, true);
      std::string text;
      for (int64_t i = 0; i < type.dims[d].least; ++i)
        text += (i ? ", " : "") + nested(d + 1);
      return "[" + text + "]";
    };
    return nested(0);
  }
  if (type.elem == Elem::Bool)
    return "full(" + shapeText(type) + ", " + literal(Elem::Bool, true) + ")";
  if (type.dims.size() == 1 && chance(40))
    return type.elem == Elem::I64 ? "arange(" + type.dims[0].text + ")"
                                  : nameOf(type.elem) + "(arange(" + type.dims[0].text + "))";
  if (chance(50))
    return "full(" + shapeText(type) + ", " + literal(type.elem, true) + ")";
  return std::string(pick(2) ? "zeros(" : "ones(") + shapeText(type) + ", dtype=" + nameOf(type.elem) + ")";
}

std::string Writer::expr(const TensorType &type, int depth) {
  if (depth <= 0 || --budget_ < 0)
    return leaf(type);
  if (isSmall())
    depth = std::min(depth, 2);
  if (chance(18))
    if (std::string text = call(type, depth); !text.empty())
      return text;
  if (chance(8))
    return conditional(type, depth);
  if (!type.dims.empty() && chance(30))
    if (std::string text = shapedExpr(type, depth); !text.empty())
      return text;
  if (type.elem == Elem::Bool)
    return boolExpr(type, depth);
  return type.isFloat() ? floatExpr(type, depth) : integerExpr(type, depth);
}

// The same type, or one with leading dimensions left out or sizes of 1: what broadcasts.
std::string Writer::operand(const TensorType &type, int depth) {
  if (type.dims.empty() || chance(55))
    return expr(type, depth);
  TensorType smaller = type;
  switch (pick(4)) {
  case 0:
    if (chance(50))
      return literal(type.elem, chance(30));
    smaller.dims.clear();
    break;
  case 1:
    smaller.dims.erase(smaller.dims.begin(), smaller.dims.begin() + 1 + pick(static_cast<int>(type.dims.size())));
    break;
  default:
    smaller.dims[static_cast<size_t>(pick(static_cast<int>(type.dims.size())))] = {"1", 1};
    break;
  }
  return expr(smaller, depth - 1);
}

std::string Writer::floatExpr(const TensorType &type, int depth) {
  auto sub = [&] { return expr(type, depth - 1); };
  int kind = pick(options_.differentiable ? 19 : 26);
  switch (kind) {
  case 0:
  case 1:
  case 2: {
    static const std::vector<std::string> smooth = {"sin",      "cos",  "tanh",     "sigmoid",    "atan", "erf",
                                                    "softplus", "mish", "softsign", "logsigmoid", "gelu"};
    std::string f = any(smooth), x = sub();
    return chance(15) ? "(" + x + ")." + f + "()" : chance(15) ? "(" + x + " |> " + f + ")" : f + "(" + x + ")";
  }
  case 3:
  case 4:
    return "(" + sub() + " + " + operand(type, depth - 1) + ")";
  case 5:
    return "(" + operand(type, depth - 1) + " + " + sub() + ")";
  case 6:
  case 7:
    return "(" + sub() + " * " + operand(type, depth - 1) + ")";
  case 8:
    return "(" + sub() + " - " + operand(type, depth - 1) + ")";
  case 9:
    return "(" + sub() + " / (" + operand(type, depth - 1) + " ** 2.0 + 1.0))";
  case 10:
    return "(-" + leaf(type) + ")";
  case 11:
    return "log(abs(" + sub() + ") + 1.0)";
  case 12:
    return "sqrt(abs(" + sub() + ") + 0.5)";
  case 13:
    return "exp(tanh(" + sub() + "))";
  case 14:
    return reduced(type, depth);
  case 15:
  case 16: {
    std::string text = reduced(type, depth);
    return text.empty() ? sub() : text;
  }
  case 17: {
    std::string condition = boolExpr(type.with(Elem::Bool), depth - 1), a = sub();
    return "where(" + condition + ", " + a + ", " + operand(type, depth - 1) + ")";
  }
  case 18:
    return (pick(2) ? "maximum(" : "minimum(") + sub() + ", " + operand(type, depth - 1) + ")";
  case 19: {
    static const std::vector<Elem> sources = {Elem::F32,  Elem::F64, Elem::I64, Elem::I32,
                                              Elem::Bool, Elem::U8,  Elem::BF16};
    TensorType source = type.with(any(sources));
    std::string x = expr(source, depth - 1);
    return chance(30) ? "(" + x + ").to(" + nameOf(type.elem) + ")" : nameOf(type.elem) + "(" + x + ")";
  }
  case 20:
    return (pick(2) ? "relu(" : "abs(") + sub() + ")";
  case 21: {
    static const std::vector<std::string> jumps = {"floor", "ceil", "round", "sign"};
    return any(jumps) + "(" + sub() + " * 1.371 + 0.1937)";
  }
  case 22:
    return "((" + sub() + " + 0.1937)" + (pick(2) ? " // " : " % ") + (pick(2) ? "1.371" : "0.7193") + ")";
  case 23:
    return "clamp(" + sub() + ", -1.0, 1.0)";
  case 24:
    return (pick(2) ? "square(" : "silu(") + sub() + ")";
  default:
    return nameOf(type.elem) + "(" + expr(type.with(Elem::I64), depth - 1) + ")";
  }
}

std::string Writer::integerExpr(const TensorType &type, int depth) {
  if (depth <= 0)
    return leaf(type);
  auto sub = [&] { return expr(type, depth - 1); };
  bool scalar = type.dims.empty();
  switch (pick(13)) {
  case 0:
  case 1:
    return "(" + sub() + " + " + operand(type, depth - 1) + ")";
  case 2:
    return "(" + sub() + " - " + operand(type, depth - 1) + ")";
  case 3:
    return "(" + sub() + " * " + operand(type, depth - 1) + ")";
  case 4:
    return "(" + sub() + " // " + (pick(3) || type.elem == Elem::U8 ? "3" : "-2") + ")";
  case 5:
    return "(" + sub() + " % " + (pick(3) || type.elem == Elem::U8 ? "5" : "-3") + ")";
  case 6:
    return reduced(type, depth);
  case 7:
    return nameOf(type.elem) + "(" +
           expr(type.with(pick(2)   ? Elem::Bool
                          : pick(2) ? Elem::I32
                                    : Elem::I64),
                depth - 1) +
           ")";
  case 8:
    if (scalar && type.elem == Elem::I64 && !sizes_.empty())
      return any(sizes_).text;
    return "where(" + boolExpr(type.with(Elem::Bool), depth - 1) + ", " + sub() + ", " + sub() + ")";
  case 9:
    if (type.elem == Elem::I64 && !type.dims.empty()) {
      // The place of an extremum along a further dimension.
      TensorType larger = type.with(Elem::F32);
      size_t at = static_cast<size_t>(pick(static_cast<int>(larger.dims.size() + 1)));
      if (larger.dims.size() < 3) {
        larger.dims.insert(larger.dims.begin() + static_cast<ptrdiff_t>(at), filledSize());
        return std::string(pick(2) ? "argmax(" : "argmin(") + expr(larger, depth - 1) + ", dim=" + std::to_string(at) +
               ")";
      }
    }
    return sub();
  case 10:
    return (pick(2) ? "maximum(" : "minimum(") + sub() + ", " + operand(type, depth - 1) + ")";
  case 11:
    if (scalar)
      for (const Name &name : scope_)
        if (type.elem == Elem::I64 && name.type.dims.size() == 1 && chance(30))
          return chance(50) ? name.name + ".shape[0]" : name.name + ".numel()";
    return type.elem == Elem::U8 ? sub() : "abs(" + sub() + ")";
  default:
    return sub();
  }
}

std::string Writer::boolExpr(const TensorType &type, int depth) {
  if (depth <= 0)
    return leaf(type);
  if (type.dims.empty() && chance(8))
    return membership(depth);
  auto sub = [&] { return expr(type, depth - 1); };
  static const std::vector<std::string> comparisons = {" < ", " > ", " <= ", " >= "};
  switch (pick(9)) {
  case 0:
    return "(" + sub() + " and " + sub() + ")";
  case 1:
    return "(" + sub() + " or " + sub() + ")";
  case 2:
    return "(not " + sub() + ")";
  case 3:
  case 4: {
    TensorType ints = type.with(Elem::I64);
    std::string a = expr(ints, depth - 1);
    return "(" + a + (pick(3) ? any(comparisons) : pick(2) ? " == " : " != ") + operand(ints, depth - 1) + ")";
  }
  case 5:
    if (std::string text = reduced(type, depth); !text.empty())
      return text;
    return sub();
  default: {
    TensorType floats = type.with(options_.differentiable ? Elem::F64 : pick(3) ? Elem::F32 : Elem::F64);
    std::string a = expr(floats, depth - 1);
    // Numbers that nothing hits by chance, so that the comparison does not depend on rounding.
    static const std::vector<std::string> odd = {"0.1273", "0.6138", "0.0317", "1.2871", "0.8653", "(-0.2179)"};
    return "(" + a + any(comparisons) + (chance(75) ? any(odd) : operand(floats, depth - 1)) + ")";
  }
  }
}

// A reduction over one more dimension, or over everything.
std::string Writer::reduced(const TensorType &type, int depth) {
  std::vector<std::string> names;
  if (type.elem == Elem::Bool)
    names = {"any", "all"};
  else if (type.isFloat())
    names = {"sum", "sum", "mean", "max", "min"};
  else if (type.elem == Elem::I64)
    names = {"sum", "max", "min"};
  else // sums of integers are i64
    names = {"max", "min"};
  std::string f = any(names);
  bool ofEmpty = f == "sum" || f == "any" || f == "all"; // has a value without elements
  if (type.elem == Elem::BF16 || type.dims.size() >= 3)
    return expr(type, depth - 1);
  if (type.dims.empty() && type.elem != Elem::I32 && type.elem != Elem::U8 && chance(12))
    return gathered(type, depth);
  if (type.dims.empty() && chance(15) && type.elem != Elem::Bool) {
    // Elements that are chosen at run time: how many is known only then.
    TensorType vector = type;
    vector.dims = {randomSize()};
    std::string variable = variableOf(vector);
    if (variable.empty() && chance(50)) {
      vector.dims.push_back(randomSize());
      std::string x = expr(vector, depth - 1), mask = expr(vector.with(Elem::Bool), depth - 1);
      if (type.elem == Elem::I64 && chance(30))
        return chance(50) ? "count_nonzero(" + mask + ")" : "sum(unique((" + x + ").flatten()))";
      if (type.isFloat() || type.elem == Elem::I64)
        return "sum((" + x + ")[" + mask + "])";
    }
    if (!variable.empty() && type.isFloat())
      return "sum(" + variable + "[" + variable + (pick(2) ? " > " : " < ") + literal(type.elem, false) + "])";
  }
  if (type.dims.empty() && chance(60)) {
    TensorType whole = randomType(3).with(type.elem);
    if (whole.dims.empty())
      whole.dims.push_back(randomSize());
    if (!ofEmpty && !whole.isFilled())
      return expr(type, depth - 1);
    std::string x = expr(whole, depth - 1);
    return chance(25) ? "(" + x + ")." + f + "()" : f + "(" + x + ")";
  }
  TensorType larger = type;
  bool keep = !type.dims.empty() && chance(15);
  auto at = static_cast<size_t>(pick(static_cast<int>(larger.dims.size() + 1)));
  if (keep) {
    for (at = 0; at < larger.dims.size() && larger.dims[at].text != "1";)
      ++at;
    keep = at < larger.dims.size();
    at = keep ? at : 0;
  }
  Size size = ofEmpty ? randomSize() : filledSize();
  if (keep)
    larger.dims[at] = size;
  else
    larger.dims.insert(larger.dims.begin() + static_cast<ptrdiff_t>(at), size);
  std::string dim =
      chance(25) ? std::to_string(static_cast<int>(at) - static_cast<int>(larger.dims.size())) : std::to_string(at);
  if (type.isFloat() && size.least > 0 && chance(15))
    f = any<std::string>({"logsumexp", "norm", "prod"});
  std::string x = expr(larger, depth - 1), rest = "dim=" + dim + (keep ? ", keepdim=true)" : ")");
  return chance(30) ? "(" + x + ")." + f + "(" + rest : f + "(" + x + ", " + rest;
}

std::string Writer::conditional(const TensorType &type, int depth) {
  if (chance(30))
    return matchExpr(type, depth);
  std::string condition = scalarBool(depth - 1), a = expr(type, depth - 1);
  switch (pick(4)) {
  case 0: {
    std::string name = fresh("t");
    scope_.push_back({name, type});
    std::string rest = expr(type, depth - 1);
    scope_.pop_back();
    return "{ let " + name + " = " + a + "; " + rest + " }";
  }
  default:
    return "if " + condition + " { " + a + " } else { " + expr(type, depth - 1) + " }";
  }
}

// What moves elements: it fits every element type.
std::string Writer::shapedExpr(const TensorType &type, int depth) {
  size_t rank = type.dims.size();
  auto sub = [&](TensorType other) { return expr(other, depth - 1); };
  TensorType other = type;
  if (chance(25))
    return chance(25) ? windowed(type, depth) : indexed(type, depth);
  switch (pick(14)) {
  case 0:
    if (rank < 2)
      return "";
    if (rank == 2) {
      std::swap(other.dims[0], other.dims[1]);
      return "(" + sub(other) + ").T";
    }
    other.dims = {type.dims[1], type.dims[2], type.dims[0]};
    return "(" + sub(other) + ").permute(2, 0, 1)";
  case 1: { // matmul
    if (type.elem == Elem::Bool || rank > 2 || type.elem == Elem::BF16)
      return "";
    if (chance(40)) // sums of short integers are i64
      return (type.isFloat() ? "" : nameOf(type.elem)) + "(" + einsum(type, depth) + ")";
    Size inner = randomSize();
    TensorType right = type;
    if (rank == 1) {
      bool matrixFirst = pick(2);
      other.dims = {type.dims[0], inner};
      right.dims = {inner};
      if (!matrixFirst) {
        other.dims = {inner};
        right.dims = {inner, type.dims[0]};
      }
    } else {
      other.dims = {type.dims[0], inner};
      right.dims = {inner, type.dims[1]};
    }
    std::string a = sub(other);
    return "(" + a + " @ " + sub(right) + ")";
  }
  case 2: { // an index into a further dimension
    auto at = static_cast<size_t>(pick(static_cast<int>(rank + 1)));
    Size size = filledSize();
    if (rank >= 3)
      return "";
    other.dims.insert(other.dims.begin() + static_cast<ptrdiff_t>(at), size);
    std::string x = sub(other), colons;
    for (size_t k = 0; k < at; ++k)
      colons += ":, ";
    if (at == rank && rank > 0 && chance(30))
      colons = "..., ";
    return at == 0 ? row(x, index(size)) : "(" + x + ")[" + colons + index(size) + "]";
  }
  case 3: { // a slice of a larger one of known size
    for (size_t d = 0; d < rank; ++d) {
      if (!type.dims[d].isConst() || type.dims[d].least > 3 || type.dims[d].least < 1)
        continue;
      int64_t size = type.dims[d].least, step = 1 + pick(2), begin = pick(2), end = begin + (size - 1) * step + 1;
      other.dims[d] = {std::to_string(end + pick(2)), 0};
      other.dims[d].least = std::stoll(other.dims[d].text);
      std::string x = sub(other), item;
      for (size_t k = 0; k < d; ++k)
        item += ":, ";
      item += (begin || pick(2) ? std::to_string(begin) : "") + ":" + std::to_string(end);
      if (step > 1)
        item += ":" + std::to_string(step);
      return "(" + x + ")[" + item + "]";
    }
    return "";
  }
  case 4: { // rows at given places
    if (chance(40)) {
      other.dims[0] = filledSize();
      TensorType places{Elem::I64, {type.dims[0]}};
      std::string x = sub(other);
      return "(" + x + ")[(" + expr(places, depth - 1) + ") % " + other.dims[0].text + "]";
    }
    if (!type.dims[0].isConst() || type.dims[0].least > 4)
      return "";
    other.dims[0] = filledSize();
    std::string places;
    for (int64_t i = 0; i < type.dims[0].least; ++i)
      places += (i ? ", " : "") + std::to_string(pick(3) ? pick(static_cast<int>(other.dims[0].least)) : -1);
    return "(" + sub(other) + ")[[" + places + "]]";
  }
  case 5:
    return "flip(" + sub(type) + ", " + std::to_string(pick(static_cast<int>(rank))) + ")";
  case 6: { // cat
    if (!type.dims[0].isConst() || type.dims[0].least < 2)
      return "";
    TensorType second = type;
    int64_t first = 1 + pick(static_cast<int>(type.dims[0].least - 1));
    other.dims[0] = {std::to_string(first), first};
    second.dims[0] = {std::to_string(type.dims[0].least - first), type.dims[0].least - first};
    std::string a = sub(other);
    return "cat((" + a + ", " + sub(second) + "))";
  }
  case 7: { // stack
    if (type.dims[0].text != "2")
      return "";
    other.dims.erase(other.dims.begin());
    std::string a = sub(other);
    return "stack((" + a + ", " + sub(other) + "))";
  }
  case 8: { // reshape between dimensions that stand beside each other
    if (rank == 1 && type.dims[0].text == "4") {
      other.dims = {{"2", 2}, {"2", 2}};
      return "(" + sub(other) + ").reshape(4)";
    }
    if (rank == 1 && type.dims[0].isConst() && chance(50)) {
      other.dims.insert(other.dims.begin() + pick(2), {"1", 1});
      return "(" + sub(other) + ").squeeze(" + std::to_string(other.dims[0].text == "1" ? 0 : 1) + ")";
    }
    other.dims = {type.dims.rbegin(), type.dims.rend()};
    return "(" + sub(other) + ").reshape" + shapeText(type);
  }
  case 9: // a size of 1 comes from nowhere
    for (size_t d = 0; d < rank; ++d)
      if (type.dims[d].text == "1") {
        other.dims.erase(other.dims.begin() + static_cast<ptrdiff_t>(d));
        if (d == 0 && !other.dims.empty() && chance(40))
          return "(" + sub(other) + ")[new]";
        return other.dims.empty() ? "" : "(" + sub(other) + ").unsqueeze(" + std::to_string(d) + ")";
      }
    return "";
  case 10: { // expand
    auto d = static_cast<size_t>(pick(static_cast<int>(rank)));
    other.dims[d] = {"1", 1};
    return "(" + sub(other) + ").expand" + shapeText(type);
  }
  case 11:
    if (auto d = static_cast<size_t>(pick(static_cast<int>(rank)));
        type.isFloat() && type.elem != Elem::BF16 && type.dims[d].least > 0)
      return std::string(pick(2) ? "softmax(" : "log_softmax(") + sub(type) + ", dim=" + std::to_string(d) + ")";
    return "";
  default:
    return rank <= 2 ? comprehension(type, depth) : "";
  }
}

// --------------------------------------------------------------------------------------------------------- calls
std::optional<std::vector<TensorType>> Writer::bound(const FunctionName &function, const TensorType &wanted) {
  if (function.result.elem != wanted.elem || function.result.dims.size() != wanted.dims.size())
    return std::nullopt;
  std::vector<std::pair<std::string, Size>> bindings;
  auto bind = [&](const Size &own) -> Size {
    if (own.isConst())
      return own;
    for (const auto &[name, size] : bindings)
      if (name == own.text)
        return size;
    bindings.emplace_back(own.text, filledSize());
    return bindings.back().second;
  };
  for (size_t d = 0; d < wanted.dims.size(); ++d) {
    const Size &own = function.result.dims[d];
    if (own.isConst() ||
        std::any_of(bindings.begin(), bindings.end(), [&](const auto &b) { return b.first == own.text; })) {
      if (!(bind(own) == wanted.dims[d]))
        return std::nullopt;
    } else if (wanted.dims[d].least < own.least) {
      return std::nullopt;
    } else {
      bindings.emplace_back(own.text, wanted.dims[d]);
    }
  }
  std::vector<TensorType> params = function.params;
  for (TensorType &param : params)
    for (Size &size : param.dims)
      size = bind(size);
  return params;
}

// What a function is given: often a row, which lies inside of something larger.
std::string Writer::argument(const TensorType &type, int depth) {
  if (type.dims.size() > 2 || chance(75))
    return expr(type, depth);
  TensorType rows = type;
  const int count = 1 + pick(3);
  rows.dims.insert(rows.dims.begin(), {std::to_string(count), count});
  return row(expr(rows, depth), std::to_string(pick(count)));
}

std::string Writer::call(const TensorType &type, int depth) {
  std::vector<std::string> found;
  auto list = [&](const std::vector<TensorType> &params, size_t first) {
    std::string text;
    for (size_t i = first; i < params.size(); ++i)
      text += (i > first ? ", " : "") + argument(params[i], depth - 1);
    return text;
  };
  for (int attempt = 0; attempt < 4; ++attempt) {
    if (chance(25) && type.isFloat()) { // a lambda, which may use what is in scope
      std::string name = fresh("z");
      scope_.push_back({name, type});
      std::string body = expr(type, depth - 1);
      scope_.pop_back();
      return "(fn(" + name + ") = " + body + ")(" + expr(type, depth - 1) + ")";
    }
    if (!objects_.empty() && chance(30)) {
      const auto &[object, module] = any(objects_);
      if (module.result == type)
        return object + "(" + expr(type, depth - 1) + ")";
    }
    if (functions_.empty())
      continue;
    FunctionName function = any(functions_);
    switch (function.kind) {
    case FunctionName::Elementwise: {
      if (!type.isFloat() || type.elem == Elem::BF16)
        continue;
      return function.name + "(" + list(std::vector<TensorType>(function.params.size(), type), 0) + ")";
    }
    case FunctionName::HigherOrder: {
      if (!type.isFloat() || type.elem == Elem::BF16)
        continue;
      std::string name = fresh("z");
      scope_.push_back({name, type});
      std::string body = expr(type, depth - 1);
      scope_.pop_back();
      return function.name + "(fn(" + name + ") = " + body + ", " + expr(type, depth - 1) + ")";
    }
    case FunctionName::Annotated: {
      std::optional<std::vector<TensorType>> params = bound(function, type);
      if (!params)
        continue;
      if (chance(20))
        return "(" + expr(params->at(0), depth - 1) + ")." + function.name + "(" + list(*params, 1) + ")";
      if (chance(15))
        return "(" + expr(params->at(0), depth - 1) + " |> " + function.name + "(" + list(*params, 1) + "))";
      if (chance(10) && params->size() > 1)
        return function.name + "(" + expr(params->at(0), depth - 1) + ", *(" + list(*params, 1) + ", ))";
      return function.name + "(" + list(*params, 0) + ")";
    }
    default:
      continue;
    }
  }
  return "";
}

} // namespace dl::testing
