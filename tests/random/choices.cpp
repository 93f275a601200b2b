// `match` and `in`.
#include "tests/random/writer.h"

namespace dl::testing {

using sema::Elem;

std::string Writer::inScope(const std::vector<Name> &names, const std::function<std::string()> &write) {
  size_t outer = scope_.size();
  scope_.insert(scope_.end(), names.begin(), names.end());
  std::string text = write();
  scope_.resize(outer);
  return text;
}

// The subjects are small numbers, so that every arm is taken now and then.
std::string Writer::matchExpr(const TensorType &type, int depth) {
  const TensorType whole{Elem::I64, {}};
  auto arm = [&](const std::vector<Name> &names = {}) { return inScope(names, [&] { return expr(type, depth - 1); }); };
  std::string number = "(" + this->number(depth - 1) + ") % 4", n = fresh("n"), x = fresh("x");
  switch (pick(5)) {
  case 0: {
    std::string literals = pick(2) ? "0" : "1 or 2", guard = pick(2) ? n + " > 1" : scalarBool(1);
    std::string text = "match " + number + " { " + literals + ": " + arm() + ", ";
    if (chance(50))
      text += "3 if " + scalarBool(1) + ": " + arm() + ", ";
    if (chance(60))
      text += n + " if " + guard + ": " + arm({{n, whole}}) + ", ";
    return text + (pick(2) ? "_: " + arm() : n + ": " + arm({{n, whole}})) + " }";
  }
  case 1: // every value of a bool
    return "match " + scalarBool(depth - 1) + " { true: " + arm() + ", false: " + arm() + " }";
  case 2: {
    std::string text = "match (" + scalarBool(depth - 1) + ", " + number + ") { (true, 0): " + arm() + ", ";
    if (chance(50))
      text += "(_, 1) or (_, 2): " + arm() + ", ";
    text = chance(50) ? text + "(false, " + n + "): " + arm({{n, whole}}) + ", " : text;
    return text + "_: " + arm() + " }";
  }
  case 3: { // a name for a value of any type
    TensorType part = randomType(1);
    std::string text =
        "match (" + number + ", " + expr(part, depth - 1) + ") { (0, " + x + "): " + arm({{x, part}}) + ", ";
    if (chance(60)) {
      std::string guard = inScope({{n, whole}, {x, part}}, [&] { return scalarBool(2); });
      text += "(" + n + ", " + x + ") if " + guard + ": " + arm({{n, whole}, {x, part}}) + ", ";
    }
    return text + "(_, " + x + "): " + arm({{x, part}}) + " }";
  }
  default:
    return "match \"b{(" + number + ")}\" { \"b0\": " + arm() + ", \"b1\" or \"b-1\": " + arm() + ", _: " + arm() +
           " }";
  }
}

// Its arms do something.
void Writer::match() {
  std::string n = fresh("n");
  auto arm = [&](const std::string &pattern, bool binds) {
    line(pattern + ": {");
    block([&] {
      if (binds)
        scope_.push_back({n, {Elem::I64, {}}});
      statements(1 + pick(2));
      if (chance(40))
        assign();
    });
    line("}");
  };
  line("match (" + number(2) + ") % 4 {");
  ++indent_;
  arm(pick(2) ? "0" : "-1 or 0", false);
  if (chance(40))
    arm("1 or 2 if " + scalarBool(2), false);
  if (chance(60))
    arm(n + " if " + n + " > 1", true);
  if (loops_ && chance(30))
    line("3: { " + std::string(pick(2) ? "break" : "continue") + " }");
  pick(2) ? line("_: {}") : arm(n, true);
  --indent_;
  line("}");
}

std::string Writer::membership(int depth) {
  std::string in = chance(40) ? " not in " : " in ";
  switch (pick(4)) {
  case 0:
    return "((" + number(depth - 1) + ") % 5" + in + "[" + number(1) + ", 1, " + number(1) + "])";
  case 1:
    return "(" + number(depth - 1) + in + "(2, " + number(1) + ", 0))";
  case 2:
    return "(" + number(depth - 1) + in + "(" + expr({Elem::I64, {randomSize()}}, depth - 1) + "))";
  default:
    return "(\"b{(" + number(1) + ") % 3}\"" + in + "[\"b0\", \"b{(" + number(1) + ")}\"])";
  }
}

} // namespace dl::testing
