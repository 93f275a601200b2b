// Statements. Each writes whole lines and adds to the scope what it declares.
#include "tests/random/writer.h"

#include <algorithm>

namespace dl::testing {

using sema::Elem;

void Writer::block(const std::function<void()> &content) {
  size_t outer = scope_.size(), objects = objects_.size(), lists = lists_.size(), records = records_.size();
  ++indent_;
  ++depth_;
  content();
  --depth_;
  --indent_;
  scope_.resize(outer);
  objects_.resize(objects);
  lists_.resize(lists);
  records_.resize(records);
}

void Writer::statements(int count) {
  for (int i = 0; i < count; ++i)
    statement();
}

void Writer::statement() {
  bool deep = depth_ >= (isSmall() ? 2 : 4);
  switch (pick(deep ? 8 : 34)) {
  case 0:
  case 1:
  case 2:
    declare();
    break;
  case 3:
    assign();
    break;
  case 4:
  case 5:
    assignPart();
    break;
  case 6:
    loops_ &&chance(50) ? leave() : declare();
    break;
  case 7:
    show();
    break;
  case 8:
    tuples();
    break;
  case 9:
  case 10:
    branch();
    break;
  case 11:
  case 12:
  case 13:
    forLoop();
    break;
  case 14:
    whileLoop();
    break;
  case 15:
    rowLoop();
    break;
  case 16:
    mutatingCall();
    break;
  case 17:
    moduleObject();
    break;
  case 18:
    moduleUse();
    break;
  case 19:
  case 20:
    list();
    break;
  case 21:
    texts();
    break;
  case 22:
    moduleList();
    break;
  case 23:
    closure();
    break;
  case 24:
    chance(30) ? claim() : closure();
    break;
  case 26:
    match();
    break;
  case 27:
  case 28:
  case 30:
    listUse();
    break;
  case 29:
    derivativeOf();
    break;
  case 31:
  case 32:
  case 33:
    recordUse();
    break;
  default:
    if (returns_ && depth_ > 1)
      line("if " + scalarBool(2) + " { return " + expr(*returns_, 2) + " }");
    else
      declare();
  }
}

void Writer::declare() {
  TensorType type = randomType();
  std::string name = fresh("v"), value = expr(type, 3);
  bool isMutable = chance(60);
  line((isMutable ? "var " : "let ") + name + (chance(25) ? ": " + type.text() : "") + " = " + value);
  scope_.push_back({name, type, isMutable});
}

// Keeps what a loop computes again and again within bounds.
std::string Writer::damped(const TensorType &type, const std::string &text) {
  if (type.elem == Elem::Bool)
    return text;
  if (!type.isFloat())
    return "(" + text + ") % 7";
  return (pick(2) ? "tanh(" : "sin(") + text + ")";
}

void Writer::assign() {
  std::vector<Name> targets;
  for (const Name &name : scope_)
    if (name.isMutable)
      targets.push_back(name);
  if (targets.empty())
    return declare();
  Name target = any(targets);
  std::string value = expr(target.type, 3);
  if (chance(15)) { // made before it is known whether it is taken
    std::string made = fresh("v");
    line("let " + made + " = " + damped(target.type, value));
    line("if " + scalarBool(2) + " { " + target.name + " = " + made + " }");
    scope_.push_back({made, target.type, false});
    return;
  }
  if (target.type.elem == Elem::Bool || chance(50))
    return line(target.name + " = " + damped(target.type, value));
  static const std::vector<std::string> operators = {" += ", " -= ", " *= "};
  line(target.name + any(operators) + damped(target.type, value));
}

void Writer::assignPart() {
  std::vector<Name> targets;
  for (const Name &name : scope_)
    if (name.isMutable && !name.type.dims.empty())
      targets.push_back(name);
  if (targets.empty())
    return declare();
  Name target = any(targets);
  TensorType part = target.type;
  std::string items;
  // Each dimension: an index, the whole, or a slice of known size.
  for (size_t d = 0, at = 0; d < target.type.dims.size(); ++d) {
    const Size &size = target.type.dims[d];
    std::string item;
    int kind = pick(6);
    if (kind < 3 && size.least > 0) {
      item = index(size);
      part = part.dropped(at);
    } else if (kind == 3 && size.isConst() && size.least >= 2) {
      item = pick(2) ? "1:" : ":-1";
      part.dims[at++] = {std::to_string(size.least - 1), size.least - 1};
    } else if (kind == 4 && size.isConst() && size.least >= 3) {
      item = "::2";
      part.dims[at++] = {std::to_string((size.least + 1) / 2), (size.least + 1) / 2};
    } else {
      item = ":";
      ++at;
    }
    items += (items.empty() ? "" : ", ") + item;
  }
  if (target.type.isFloat() && chance(10))
    return line(target.name + "[" + target.name + (pick(2) ? " > " : " < ") +
                "0.3127] = " + damped({target.type.elem, {}}, expr({target.type.elem, {}}, 2)));
  if (chance(10) && target.type.dims[0].least > 0) { // rows at places of which some may be the same
    TensorType rows = target.type;
    rows.dims[0] = {"2", 2};
    std::string first = index(target.type.dims[0]);
    std::string places = "[" + first + ", " + index(target.type.dims[0]) + "]";
    bool adds = target.type.elem != Elem::Bool && target.type.elem != Elem::BF16;
    return line(target.name + "[" + places + (adds ? "] += " : "] = ") + damped(rows, expr(rows, 2)));
  }
  std::string value = damped(target.type, chance(25) && !part.dims.empty() ? expr({part.elem, {}}, 2) : expr(part, 2));
  static const std::vector<std::string> operators = {" = ", " = ", " += ", " *= "};
  line(target.name + "[" + items + "]" + (target.type.elem == Elem::Bool ? " = " : any(operators)) + value);
}

void Writer::branch() {
  line("if " + scalarBool(2) + " {");
  block([&] { statements(1 + pick(2)); });
  if (chance(20)) {
    line("} else if " + scalarBool(2) + " {");
    block([&] { statements(1 + pick(2)); });
  }
  if (chance(50)) {
    line("} else {");
    block([&] { statements(1 + pick(2)); });
  }
  line("}");
}

void Writer::forLoop() {
  std::string name = fresh("i");
  Name variable{name, {Elem::I64, {}}};
  switch (pick(5)) {
  case 0:
    line("for " + name + " in " + std::to_string(pick(3)) + ".." + std::to_string(2 + pick(4)) + " {");
    break;
  case 1:
    line("for " + name + " in 0.." + std::to_string(3 + pick(5)) + " step " + std::to_string(1 + pick(3)) + " {");
    break;
  case 2:
    line("for " + name + " in " + std::to_string(2 + pick(3)) + "..0 step -" + std::to_string(1 + pick(2)) + " {");
    break;
  default: {
    Size size = randomSize();
    variable.below = size;
    line("for " + name + " in 0.." + size.text + (chance(15) ? " step 2 {" : " {"));
  }
  }
  ++loops_;
  block([&] {
    scope_.push_back(variable);
    statements(1 + pick(3));
    assign();
  });
  --loops_;
  line("}");
}

void Writer::whileLoop() {
  std::string name = fresh("n");
  line("var " + name + " = 0");
  line("while " + name + " < " + std::to_string(1 + pick(5)) + (chance(40) ? " and " + scalarBool(2) : "") + " {");
  ++loops_;
  block([&] {
    line(name + " += 1");
    scope_.push_back({name, {Elem::I64, {}}});
    statements(1 + pick(3));
    assign();
  });
  --loops_;
  line("}");
}

void Writer::rowLoop() {
  TensorType type = randomType();
  if (type.dims.empty())
    type.dims.push_back(randomSize());
  std::string name = fresh("row");
  line("for " + name + " in " + expr(type, 2) + " {");
  ++loops_;
  block([&] {
    scope_.push_back({name, type.dropped(0)});
    statements(pick(3));
    assign();
  });
  --loops_;
  line("}");
}

void Writer::leave() {
  std::string what = returns_ && chance(25) ? "return " + expr(*returns_, 2) : pick(2) ? "break" : "continue";
  line("if " + scalarBool(2) + " { " + what + " }");
}

void Writer::mutatingCall() {
  for (int attempt = 0; attempt < 3; ++attempt) {
    if (functions_.empty())
      break;
    FunctionName function = any(functions_);
    if (function.kind != FunctionName::Mutating)
      continue;
    // The changed parameter stands for the result in finding the sizes.
    for (const Name &name : scope_) {
      if (!name.isMutable || !chance(60))
        continue;
      FunctionName probe = function;
      probe.result = function.params[0];
      std::optional<std::vector<TensorType>> params;
      std::vector<Size> open;
      probe.params.push_back(function.result);
      params = bound(probe, name.type);
      if (!params)
        continue;
      std::string list = "&" + name.name;
      std::string target = name.name;
      for (size_t i = 1; i < function.params.size(); ++i)
        list += ", " + expr(params->at(i), 2);
      if (!function.hasResult)
        return line(function.name + "(" + list + ")");
      std::string result = fresh("v");
      line("let " + result + " = " + function.name + "(" + list + ")");
      scope_.push_back({result, params->back()});
      return;
    }
  }
  assignPart();
}

// A small program uses what it declares: nothing else in it might.
void Writer::useDeclared() {
  const FunctionName function = any(functions_);
  TensorType type{Elem::F32, {}};
  for (int rank = pick(3); rank > 0; --rank)
    type.dims.push_back(randomSize());
  std::string arguments;
  auto pass = [&](const TensorType &parameter) {
    arguments += (arguments.empty() ? "" : ", ") + argument(parameter, 2);
  };
  switch (function.kind) {
  case FunctionName::Annotated: {
    FunctionName any = function;
    any.params.push_back(function.result);
    any.result = {Elem::I64, {}}; // binds nothing: any sizes will do
    std::vector<TensorType> params = *bound(any, any.result);
    type = params.back();
    for (size_t i = 0; i + 1 < params.size(); ++i)
      pass(params[i]);
    break;
  }
  case FunctionName::Elementwise:
    for (size_t i = 0; i < function.params.size(); ++i)
      pass(type);
    break;
  case FunctionName::HigherOrder: {
    std::string name = fresh("z");
    arguments = "fn(" + name + ") = " + inScope({{name, type}}, [&] { return expr(type, 2); });
    pass(type);
    break;
  }
  case FunctionName::Mutating: {
    FunctionName any = function;
    any.result = {Elem::I64, {}};
    type = bound(any, any.result)->at(0);
    std::string name = fresh("v");
    line("var " + name + " = " + expr(type, 2));
    scope_.push_back({name, type, true});
    return mutatingCall();
  }
  case FunctionName::Module:
    moduleObject();
    return moduleUse();
  case FunctionName::List:
    newList();
    return listCall();
  case FunctionName::Record:
    recordUse();
    return recordUse();
  }
  std::string name = fresh("v");
  line("let " + name + " = " + function.name + "(" + arguments + ")");
  scope_.push_back({name, type});
}

void Writer::moduleObject() {
  for (const FunctionName &function : functions_) {
    if (function.kind != FunctionName::Module || !chance(60))
      continue;
    std::string name = fresh("m");
    Size size = filledSize();
    line("var " + name + " = " + function.name + "(" + size.text +
         (chance(40) ? ", s=" + expr({function.result.elem, {}}, 2) : "") + ")");
    FunctionName object = function;
    object.result.dims = {size};
    objects_.emplace_back(name, object);
    scope_.push_back({name + ".w", object.result, true});
    scope_.push_back({name + ".b", {object.result.elem, {}}, true});
    scope_.push_back({name + ".c", {Elem::I64, {}}, false});
    return;
  }
  declare();
}

void Writer::moduleUse() {
  if (objects_.empty())
    return moduleObject();
  const auto [name, object] = any(objects_);
  std::string result = fresh("v");
  if (pick(2)) {
    line("let " + result + " = " + name + ".step(" + number(1) + ")");
    scope_.push_back({result, {Elem::I64, {}}});
  } else {
    line("let " + result + " = " + name + "(" + expr(object.result, 2) + ")");
    scope_.push_back({result, object.result});
  }
}

void Writer::tuples() {
  TensorType first = randomType(), second = randomType();
  std::string a = fresh("v"), b = fresh("v");
  std::string pair = "(" + expr(first, 2) + ", " + expr(second, 2) + ")";
  bool isMutable = chance(40);
  switch (pick(3)) {
  case 0:
    line((isMutable ? "var (" : "let (") + a + ", " + b + ") = " + pair);
    break;
  case 1: {
    std::string whole = fresh("v");
    line("let " + whole + " = if " + scalarBool(2) + " { " + pair + " } else { (" + expr(first, 1) + ", " +
         expr(second, 1) + ") }");
    line((isMutable ? "var (" : "let (") + a + ", " + b + ") = " + whole);
    break;
  }
  default: {
    std::string whole = fresh("v");
    line("let " + whole + " = " + pair);
    scope_.push_back({whole + "[0]", first});
    scope_.push_back({whole + "[1]", second});
    return;
  }
  }
  scope_.push_back({a, first, isMutable});
  scope_.push_back({b, second, isMutable});
}

void Writer::show() {
  if (options_.differentiable && chance(60))
    return declare();
  switch (pick(4)) {
  case 0:
    return line("print(" + number(2) + ", " + scalarBool(2) + ")");
  case 1:
    return line("print(\"" + fresh("at ") + " {(" + number(1) + "):4d} {(" + scalarBool(1) + ")}\")");
  case 2:
    return line("print(" + expr({Elem::I64, {randomSize()}}, 2) + ")");
  default:
    return line("print(\"{(" + expr({options_.differentiable ? Elem::F64 : Elem::F32, {}}, 1) + "):.2f}\")");
  }
}

} // namespace dl::testing
