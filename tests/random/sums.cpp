// Comprehensions, reductions of them, and sums by letters.
#include "tests/random/writer.h"

#include <algorithm>

namespace dl::testing {

using sema::Elem;

std::string Writer::comprehension(const TensorType &type, int depth) {
  std::vector<Name> names;
  std::string clauses;
  for (const Size &size : type.dims) {
    names.push_back({fresh("i"), {Elem::I64, {}}, false, size});
    clauses += (clauses.empty() ? "" : ", ") + names.back().name + " in 0.." + size.text;
  }
  std::string body = inScope(names, [&] { return expr({type.elem, {}}, std::min(depth - 1, 2)); });
  return "[for " + clauses + ": " + body + "]";
}

// A scalar of what a comprehension gives, of which a condition may leave nothing.
std::string Writer::gathered(const TensorType &type, int depth) {
  std::vector<Name> names;
  std::string clauses;
  for (int i = 1 + pick(2); i > 0; --i) {
    clauses += clauses.empty() ? "" : ", ";
    if (chance(30)) {
      TensorType rows = randomType(1);
      rows.dims.insert(rows.dims.begin(), filledSize());
      std::string text = inScope(names, [&] { return expr(rows, depth - 1); });
      names.push_back({fresh("x"), rows.dropped(0)});
      clauses += names.back().name + " in (" + text + ")";
    } else {
      Size size = filledSize();
      names.push_back({fresh("i"), {Elem::I64, {}}, false, size});
      clauses += names.back().name + " in 0.." + size.text;
    }
  }
  std::vector<std::string> reductions = {"sum"};
  bool filters = chance(50);
  if (type.elem == Elem::Bool)
    reductions = {"any", "all"};
  else if (!filters && type.elem == Elem::I64)
    reductions = {"sum", "max", "min"};
  else if (!filters)
    reductions = {"sum", "mean", "max", "min", "prod"};
  std::string f = any(reductions);
  std::string condition = filters ? " if " + inScope(names, [&] { return scalarBool(2); }) : "";
  std::string body = inScope(names, [&] { return expr({type.elem, {}}, std::min(depth - 1, 2)); });
  if (type.elem == Elem::I64 && filters && chance(30))
    return "len([for " + clauses + condition + ": " + body + "])";
  std::string list = "for " + clauses + condition + ": " + body;
  return f + (chance(30) ? "([" + list + "])" : "(" + list + ")");
}

// Each letter of the result stands in one operand at least; one or two more are summed over.
std::string Writer::einsum(const TensorType &type, int depth) {
  std::string letters = "pqr", formula;
  std::vector<std::pair<char, Size>> all;
  for (size_t d = 0; d < type.dims.size(); ++d)
    all.emplace_back(letters[d], type.dims[d]);
  for (int i = pick(3); i > 0; --i)
    all.emplace_back(static_cast<char>('i' + i), randomSize());
  std::vector<TensorType> operands(static_cast<size_t>(1 + pick(3)), {type.elem, {}});
  std::vector<std::string> terms(operands.size());
  auto add = [&](size_t operand, const std::pair<char, Size> &letter) {
    auto at = pick(static_cast<int>(terms[operand].size()) + 1);
    terms[operand].insert(terms[operand].begin() + at, letter.first);
    operands[operand].dims.insert(operands[operand].dims.begin() + at, letter.second);
  };
  for (const auto &letter : all) {
    auto owner = static_cast<size_t>(pick(static_cast<int>(operands.size())));
    for (size_t i = 0; i < operands.size(); ++i)
      if (operands[i].dims.size() < 3 && (i == owner || chance(40)))
        add(i, letter);
    if (operands[owner].dims.size() < 3 && chance(8))
      add(owner, letter); // a diagonal
  }
  std::string result;
  for (size_t d = 0; d < type.dims.size(); ++d) {
    bool stands = std::any_of(terms.begin(), terms.end(),
                              [&](const std::string &term) { return term.find(letters[d]) != std::string::npos; });
    if (!stands)
      return "";
    result += letters[d];
  }
  std::string values;
  for (size_t i = 0; i < operands.size(); ++i) {
    formula += (i ? "," : "") + terms[i];
    values += ", " + expr(operands[i], depth - 1);
  }
  return "einsum(\"" + formula + "->" + result + "\"" + values + ")";
}

} // namespace dl::testing
