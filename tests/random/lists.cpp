// Lists that functions take, give and change.
#include "tests/random/writer.h"

namespace dl::testing {

using sema::Elem;

// The first parameter is a list of what stands there.
void Writer::listFunction() {
  FunctionName function{FunctionName::List, entry_ + fresh("_l"), {}, {}};
  sizes_ = {{"N", 1}, {"M", 1}};
  function.params.push_back(randomType(1));
  for (int i = pick(2); i > 0; --i)
    function.params.push_back(randomType());
  sizes_ = sizesOf(function.params);
  function.result = randomType();
  function.givesList = chance(50);
  function.changesList = chance(30);
  function.hasResult = !function.changesList || chance(40);
  const TensorType item = function.params[0];
  // What is always there: the list has an element.
  enter(function);
  scope_[0].name = "a[0]";
  scope_.push_back({"a[-1]", item});
  scope_.push_back({"len(a)", {Elem::I64, {}}});
  lists_.push_back({"a", item, function.changesList});
  std::string takes = function.changesList ? "mut a: " : "a: ", rest;
  for (size_t i = 1; i < function.params.size(); ++i)
    rest += ", " + std::string(1, static_cast<char>('a' + i)) + ": " + function.params[i].text();
  std::string result = function.givesList ? "list[" + function.result.text() + "]" : function.result.text();
  line("fn " + function.name + "(" + takes + "list[" + item.text() + "]" + rest + ")" +
       (function.hasResult ? " -> " + result : "") + " {");
  if (function.hasResult && !function.givesList)
    returns_ = function.result;
  block([&] {
    if (function.changesList)
      changeList(lists_.back());
    statements(pick(2));
    if (!function.hasResult)
      changeList(lists_.front());
    else if (function.givesList)
      line(listExpr(function.result));
    else
      line(expr(function.result, 3));
  });
  line("}");
  functions_.push_back(function);
}

// A list with an element at least, which may be written before by lines of its own.
std::string Writer::listExpr(const TensorType &item) {
  std::vector<std::string> fitting;
  for (const ListName &list : lists_)
    if (list.item == item)
      fitting.push_back(list.name);
  std::string one = "[" + expr(item, 2) + "]", x = fresh("x");
  if (!fitting.empty() && chance(60)) {
    std::string name = any(fitting);
    switch (pick(5)) {
    case 0:
      return "if " + scalarBool(2) + " { " + name + " } else { " + any(fitting) + " }";
    case 1:
      return name + " + " + one;
    case 2:
      return name + "[:1] + " + any(fitting);
    default:
      return name;
    }
  }
  if (!lists_.empty() && chance(60)) { // from another: all of it, or what passes
    const ListName source = any(lists_);
    std::string name = fresh("l");
    line("var " + name + ": list[" + item.text() + "] = " + one);
    line("for " + x + " in " + source.name + " {");
    ++loops_;
    block([&] {
      scope_.push_back({x, source.item});
      statements(pick(2));
      line(name + ".append(" + damped(item, expr(item, 2)) + ")");
    });
    --loops_;
    line("}");
    return name;
  }
  std::string text = "[" + expr(item, 2);
  for (int i = pick(3); i > 0; --i)
    text += ", " + expr(item, 1);
  return text + "]";
}

void Writer::changeList(const ListName &list) {
  const std::string name = list.name;
  const TensorType item = list.item;
  switch (pick(8)) {
  case 0:
    return line(name + ".append(" + damped(item, expr(item, 2)) + ")");
  case 1:
    return line(name + "[" + (pick(2) ? "0" : "-1") + "] = " + damped(item, expr(item, 2)));
  case 2:
    return line("if " + scalarBool(2) + " { " + name + ".insert(0, " + expr(item, 1) + ") }");
  case 3: {
    std::string last = fresh("v");
    line("if len(" + name + ") > 1 {");
    block([&] {
      line("let " + last + " = " + name + ".pop()");
      scope_.push_back({last, item});
      assign();
    });
    return line("}");
  }
  case 4:
    return line(name + ".reverse()");
  case 5: {
    std::string x = fresh("x");
    std::string value = inScope({{x, item}}, [&] { return damped(item, expr(item, 2)); });
    return line("for " + x + " in &" + name + " { " + x + " = " + value + " }");
  }
  case 6:
    return line("if len(" + name + ") < 6 { " + name + ".extend(" + name + ") }");
  default: {
    std::string other = listExpr(item);
    return line(name + " = " + other);
  }
  }
}

// Declares what a function gives that takes a list.
void Writer::listCall() {
  for (int attempt = 0; attempt < 4 && !functions_.empty(); ++attempt) {
    FunctionName function = any(functions_);
    if (function.kind != FunctionName::List)
      continue;
    FunctionName probe = function;
    probe.result = function.params[0];
    probe.params.push_back(function.result);
    for (const ListName &list : lists_) {
      std::optional<std::vector<TensorType>> params = bound(probe, list.item);
      if (!params || (function.changesList && !list.isMutable) || !chance(70))
        continue;
      const std::string name = list.name;
      std::string text = function.name + "(" + (function.changesList ? "&" : "") + name;
      for (size_t i = 1; i < function.params.size(); ++i)
        text += ", " + expr(params->at(i), 2);
      text += ")";
      if (!function.hasResult)
        return line(text);
      std::string result = fresh(function.givesList ? "l" : "v");
      bool isMutable = chance(60);
      line((isMutable ? "var " : "let ") + result + " = " + text);
      if (function.givesList)
        return nameList({result, params->back(), isMutable});
      scope_.push_back({result, params->back(), isMutable});
      return;
    }
  }
  newList();
}

void Writer::newList() {
  TensorType item = randomType();
  for (const FunctionName &function : functions_) // one that a function takes
    if (function.kind == FunctionName::List && chance(70)) {
      FunctionName probe = function;
      probe.result = {Elem::I64, {}}; // binds nothing, so any sizes will do
      item = bound(probe, probe.result)->at(0);
    }
  std::string name = fresh("l"), value = listExpr(item);
  line("var " + name + ": list[" + item.text() + "] = " + value);
  nameList({name, item, true});
}

void Writer::nameList(const ListName &list) {
  lists_.push_back(list);
  scope_.push_back({list.name + "[0]", list.item, list.isMutable});
  scope_.push_back({list.name + "[-1]", list.item});
  scope_.push_back({"len(" + list.name + ")", {Elem::I64, {}}});
}

void Writer::listUse() {
  if (lists_.empty() || chance(20))
    return newList();
  const ListName list = any(lists_);
  if (list.isMutable && chance(40))
    return changeList(list);
  if (chance(70))
    return listCall();
  std::string name = fresh("l");
  bool isMutable = chance(60);
  line((isMutable ? "var " : "let ") + name + " = " + list.name); // a copy
  nameList({name, list.item, isMutable});
}

} // namespace dl::testing
