// Lists, texts, modules in lists, functions as values, and errors at run time.
#include "tests/random/writer.h"

#include <algorithm>

namespace dl::testing {

using sema::Elem;

// A list grows in a loop, is changed, shortened and gone over; its ends stay in scope.
void Writer::list() {
  TensorType type = randomType();
  std::string name = fresh("l"), item = fresh("x"), size = std::to_string(2 + pick(3));
  if (chance(30)) {
    line("var " + name + ": list[" + type.text() + "] = [" + expr(type, 2) + ", " + expr(type, 1) + "]");
  } else {
    std::string i = fresh("i");
    line("var " + name + ": list[" + type.text() + "] = []");
    line("for " + i + " in 0.." + size + " {");
    block([&] {
      scope_.push_back({i, {Elem::I64, {}}});
      line(name + ".append(" + damped(type, expr(type, 2)) + ")");
    });
    line("}");
  }
  scope_.push_back({name + "[0]", type});
  if (chance(40))
    line("if " + scalarBool(2) + " { " + name + ".append(" + expr(type, 2) + ") }");
  if (chance(40))
    line(name + "[" + (pick(2) ? "1" : "-1") + "] = " + damped(type, expr(type, 2)));
  if (chance(20)) {
    std::string last = fresh("v");
    line("let " + last + " = " + name + ".pop()");
    scope_.push_back({last, type});
  }
  if (chance(20))
    line(name + ".insert(0, " + expr(type, 1) + ")");
  if (chance(20))
    line(name + ".reverse()");
  if (chance(60)) {
    line("for " + item + " in " + name + " {");
    ++loops_;
    block([&] {
      scope_.push_back({item, type});
      statements(pick(2));
      assign();
    });
    --loops_;
    line("}");
  }
  scope_.push_back({name + "[-1]", type});
  scope_.push_back({"len(" + name + ")", {Elem::I64, {}}});
  lists_.push_back({name, type, true});
  if (type.dims.empty() && type.elem != Elem::Bool && type.elem != Elem::BF16 && chance(50)) {
    std::string total = fresh("v"), each = fresh("x");
    scope_.push_back({each, type});
    std::string condition = chance(60) ? " if " + scalarBool(2) : "", value = expr(type, 2);
    scope_.pop_back();
    line("let " + total + " = sum([for " + each + " in " + name + condition + ": " + value + "])");
    scope_.push_back({total, type.isFloat() ? type : type.with(Elem::I64)});
  }
}

// Pairs in a list; a text that grows.
void Writer::texts() {
  std::string name = fresh("s"), item = fresh("x"), whole = fresh("t");
  line("var " + name + ": list[str] = [\"a\", \"b{(" + number(1) + ")}\"]");
  if (chance(60))
    line(name + ".append(\"c{(" + scalarBool(1) + ")}\")");
  if (chance(40))
    line(name + "[1] = " + name + "[0] + \"d{(" + number(1) + ")}\"");
  line("var " + whole + " = \"\"");
  line("for " + item + " in " + name + " {");
  ++loops_;
  block([&] {
    line(whole + " = " + whole + " + " + item);
    statements(pick(2));
  });
  --loops_;
  line("}");
  line("print(" + whole + " + " + name + "[-1])");
  scope_.push_back({"len(" + name + ")", {Elem::I64, {}}});
  scope_.push_back({"(" + whole + " == \"a\")", {Elem::Bool, {}}});
}

// Several modules of one kind, called one after the other and changed in place.
void Writer::moduleList() {
  for (const FunctionName &function : functions_) {
    if (function.kind != FunctionName::Module || !chance(60))
      continue;
    std::string name = fresh("q"), item = fresh("m"), value = fresh("v"), i = fresh("i");
    TensorType vector = function.result;
    vector.dims = {filledSize()};
    std::string size = vector.dims[0].text, scale = expr({vector.elem, {}}, 1);
    line("var " + name + " = [for " + i + " in 0.." + std::to_string(2 + pick(3)) + ": " + function.name + "(" + size +
         ", s=" + scale + ")]");
    if (chance(60))
      line("for " + item + " in &" + name + " { " + item + ".step(" + number(1) + ") }");
    line("var " + value + " = " + expr(vector, 2));
    line("for " + item + " in " + name + " { " + value + " = " + damped(vector, item + "(" + value + ")") + " }");
    scope_.push_back({value, vector, true});
    scope_.push_back({name + "[1].b", {vector.elem, {}}});
    return;
  }
  list();
}

// A function that captures what is in scope: called, called again in the reverse pass, or for each row.
void Writer::closure() {
  TensorType given = randomType(1), result = randomType(1);
  std::string name = fresh("f"), z = fresh("z");
  scope_.push_back({z, given});
  std::string body = expr(result, 3);
  scope_.pop_back();
  line("let " + name + " = fn(" + z + ": " + given.text() + ") = " + body);
  std::string value = fresh("v");
  if (chance(35)) {
    TensorType rows = given, mapped = result;
    Size size = randomSize();
    rows.dims.insert(rows.dims.begin(), size);
    mapped.dims.insert(mapped.dims.begin(), size);
    line("let " + value + " = vmap(" + name + ")(" + expr(rows, 2) + ")");
    scope_.push_back({value, mapped});
    return;
  }
  line("let " + value + " = " + (chance(30) ? "checkpoint(" + name + ")" : name) + "(" + argument(given, 2) + ")");
  scope_.push_back({value, result});
}

// Conditions of which some fail.
void Writer::claim() {
  if (options_.differentiable)
    return declare();
  switch (pick(4)) {
  case 0:
    return line("if " + scalarBool(2) + " and " + number(2) + " > 3 { error(\"" + fresh("stop ") + "\") }");
  case 1: {
    std::string name = fresh("v");
    // By a number from a tensor, here and below: what is known to fail is refused before the program runs. And printed:
    // a division that nothing needs is left out, with its error.
    line("let " + name + " = " + number(2) + (pick(2) ? " // " : " % ") + "([" + number(1) + "][0] % 5)");
    line("print(" + name + ")");
    scope_.push_back({name, {Elem::I64, {}}});
    return;
  }
  default:
    return line("assert [" + number(2) + "][0] < 9 or " + scalarBool(1) + ", \"" + fresh("claim ") + " {(" + number(1) +
                ")}\"");
  }
}

// Rules of the user's own that agree with the true derivatives.
void Writer::derivativeRule() {
  Elem elem = options_.differentiable || chance(30) ? Elem::F64 : Elem::F32;
  TensorType vector{elem, {{"N", 1}}};
  FunctionName function{FunctionName::Annotated, entry_ + fresh("_d"), {vector}, vector};
  static const std::vector<std::string> single = {"let y = tanh(a); (y, fn(dy) = dy * (1.0 - y * y))",
                                                  "(sin(a) + a, fn(dy) = dy * (cos(a) + 1.0))",
                                                  "(a * a * 0.5, fn(dy) = (a * dy,))"};
  bool two = chance(40);
  if (two)
    function.params.push_back(vector);
  line("derivative fn " + function.name + "(" + parameters(function) + ") -> " + vector.text() + " { " +
       (two ? "(a * sin(b), fn(dy) = (dy * sin(b), dy * a * cos(b)))" : any(single)) + " }");
  functions_.push_back(function);
}

// The derivative of a function that captures what is in scope, in the middle of a program.
void Writer::derivativeOf() {
  if (!pick(3))
    return derivativeOfParts();
  TensorType argument = randomType(1).with(Elem::F64), scalar{Elem::F64, {}};
  std::string z = fresh("z"), value = fresh("v"), slope = fresh("v");
  std::string f = "(fn(" + z + ": " + argument.text() + ") = " + capturing({{z, argument}}) + ")",
              at = expr(argument, 2);
  switch (pick(3)) {
  case 0:
    line("let " + slope + " = grad" + f + "(" + at + ")");
    break;
  case 1:
    line("let (" + value + ", " + slope + ") = value_and_grad" + f + "(" + at + ")");
    scope_.push_back({value, scalar});
    break;
  default: {
    line("let (" + value + ", " + slope + ") = jvp(" + f.substr(1, f.size() - 2) + ", " + at + ", " +
         expr(argument, 1) + ")");
    scope_.push_back({value, scalar});
    scope_.push_back({slope, scalar});
    return;
  }
  }
  scope_.push_back({slope, argument});
}

// A number that depends on all of `names`, and on what is in scope.
std::string Writer::capturing(const std::vector<Name> &names) {
  int before = budget_;
  budget_ = std::min(budget_, 12);
  std::string body = inScope(names, [&] {
    std::string sum;
    for (const Name &name : names)
      sum += "sum(sin(" + name.name + ") * " + expr(name.type, 2) + ") + ";
    return sum + expr({Elem::F64, {}}, 2);
  });
  budget_ = before;
  return body;
}

// With respect to a list, a tuple, or a module.
void Writer::derivativeOfParts() {
  std::string z = fresh("z"), slope = fresh("v");
  for (const auto &[name, object] : objects_)
    if (object.result.elem == Elem::F64 && chance(60)) {
      const TensorType vector = object.result, scalar{Elem::F64, {}};
      std::string body = capturing({{z + ".w", vector}, {z + ".b", scalar}});
      line("let " + slope + " = grad(fn(" + z + ") = " + body + " + sum(" + z + "(" + expr(vector, 2) + ")))(" + name +
           ")");
      scope_.push_back({slope + ".w", vector});
      scope_.push_back({slope + ".b", scalar});
      return;
    }
  for (const ListName &list : std::vector<ListName>(lists_))
    if (list.item.elem == Elem::F64 && chance(60)) {
      size_t lists = lists_.size();
      lists_.push_back({z, list.item});
      std::string body = capturing({{z + "[0]", list.item}, {z + "[-1]", list.item}}), x = fresh("x");
      body += " + sum(for " + x + " in " + z + ": sum(" +
              inScope({{x, list.item}}, [&] { return expr(list.item, 2); }) + "))";
      lists_.resize(lists);
      line("let " + slope + " = grad(fn(" + z + ": list[" + list.item.text() + "]) = " + body + ")(" + list.name + ")");
      return nameList({slope, list.item});
    }
  TensorType first = randomType(1).with(Elem::F64), second = randomType(1).with(Elem::F64);
  std::string body = capturing({{z + "[0]", first}, {z + "[1]", second}});
  line("let " + slope + " = grad(fn(" + z + ": (" + first.text() + ", " + second.text() + ")) = " + body + ")((" +
       expr(first, 2) + ", " + expr(second, 2) + "))");
  scope_.push_back({slope + "[0]", first});
  scope_.push_back({slope + "[1]", second});
}

} // namespace dl::testing
