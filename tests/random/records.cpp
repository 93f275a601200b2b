// Modules that are records: they hold what they are made of, are changed in place, copied, chosen, and kept in lists.
#include "tests/random/writer.h"

namespace dl::testing {

using sema::Elem;

namespace {
const std::vector<std::string> members = {"x", "y", "z"};
}

// `y` changes. The sizes are numbers, so that a function knows them from the name of the type.
void Writer::recordDeclaration() {
  FunctionName record{FunctionName::Record, entry_ + fresh("_R"), {}, {}};
  sizes_.clear();
  scope_.clear();
  std::string takes;
  for (const std::string &member : members) {
    record.params.push_back(randomType());
    takes += (takes.empty() ? "" : ", ") + member + ": " + record.params.back().text();
    scope_.push_back({member, record.params.back()});
  }
  const TensorType argument = randomType(1), changed = record.params[1];
  record.result = randomType();
  line("module " + record.name + "(" + takes + ") {");
  ++indent_;
  line("let x = x");
  line("buffer y = " + std::string(pick(2) ? "y" : damped(changed, expr(changed, 2))));
  line("let z = z");
  scope_.push_back({"k", argument});
  line("fn told(k: " + argument.text() + ") -> " + record.result.text() + " {");
  returns_ = record.result;
  block([&] {
    statements(pick(2));
    line(expr(record.result, 2));
  });
  line("}");
  returns_.reset();
  scope_[1].isMutable = true;
  line("mut fn change(k: " + argument.text() + ") {");
  block([&] {
    line("y = " + damped(changed, expr(changed, 2)));
    statements(pick(2));
  });
  line("}");
  --indent_;
  line("}");
  record.params.push_back(argument);
  functions_.push_back(record);
  recordFunctions(record);
}

// One gives a changed record, the other changes that of its caller.
void Writer::recordFunctions(const FunctionName &record) {
  const std::string name = record.name + "_f";
  ownFunctions_ = false; // they would call themselves without end
  const TensorType argument = record.params[3];
  enter({FunctionName::Annotated, name, {argument}, {}});
  line("fn " + name + "(r: " + record.name + ", a: " + argument.text() + ") -> " + record.name + " {");
  block([&] {
    nameRecord("r", record, false);
    if (chance(30))
      line("if " + scalarBool(2) + " { return r }");
    line("var s = r");
    nameRecord("s", record, true);
    statements(pick(2));
    changeRecord("s", record);
    line("s");
  });
  line("}");
  enter({FunctionName::Annotated, name, {argument}, {}});
  line("fn " + name + "m(mut r: " + record.name + ", a: " + argument.text() + ") {");
  block([&] {
    nameRecord("r", record, true);
    changeRecord("r", record);
    statements(pick(2));
    changeRecord("r", record);
  });
  line("}");
  ownFunctions_ = true;
}

void Writer::nameRecord(const std::string &name, const FunctionName &record, bool isMutable) {
  records_.push_back({name, record, isMutable});
  for (size_t i = 0; i < members.size(); ++i)
    scope_.push_back({name + "." + members[i], record.params[i], isMutable && i == 1});
}

std::string Writer::newRecord(const FunctionName &record) {
  std::string text = record.name + "(";
  for (size_t i = 0; i < members.size(); ++i)
    text += (i ? ", " : "") + expr(record.params[i], 2);
  return text + ")";
}

void Writer::changeRecord(const std::string &name, const FunctionName &record) {
  const TensorType changed = record.params[1];
  if (pick(2))
    return line(name + ".change(" + expr(record.params[3], 2) + ")");
  std::string place = name + ".y";
  TensorType part = changed;
  while (!part.dims.empty() && pick(2)) {
    place += "[" + index(part.dims[0]) + "]";
    part = part.dropped(0);
  }
  line(place + " = " + damped(part, expr(part, 2)));
}

void Writer::recordUse() {
  std::vector<FunctionName> types;
  for (const FunctionName &function : functions_)
    if (function.kind == FunctionName::Record)
      types.push_back(function);
  if (types.empty())
    return listUse();
  if (records_.empty() || chance(25)) {
    const FunctionName record = any(types);
    std::string name = fresh("r");
    bool isMutable = chance(70);
    line((isMutable ? "var " : "let ") + name + " = " + newRecord(record));
    return nameRecord(name, record, isMutable);
  }
  const RecordName one = any(records_);
  const FunctionName record = one.type;
  std::string copy = fresh("r"), k = expr(record.params[3], 2);
  switch (pick(7)) {
  case 0: // a copy, or one of two
    line("var " + copy + " = " +
         (pick(2) ? one.name : "if " + scalarBool(2) + " { " + one.name + " } else { " + newRecord(record) + " }"));
    return nameRecord(copy, record, true);
  case 1: {
    std::string value = fresh("v");
    line("let " + value + " = " + one.name + ".told(" + k + ")");
    scope_.push_back({value, record.result});
    return;
  }
  case 2:
    if (one.isMutable)
      return changeRecord(one.name, record);
    return recordUse();
  case 3:
    if (one.isMutable && ownFunctions_)
      return line(one.name + " = " + record.name + "_f(" + one.name + ", " + k + ")");
    return recordUse();
  case 4:
    if (one.isMutable && ownFunctions_)
      return line(record.name + "_fm(&" + one.name + ", " + k + ")");
    return recordUse();
  case 5: { // in a list
    std::string list = fresh("q"), item = fresh("r");
    line("var " + list + " = [" + one.name + ", " + newRecord(record) + ", " + one.name + "]");
    line("for " + item + " in &" + list + " { " + item + ".change(" + k + ") }");
    line(list + "[0] = " + (pick(2) ? one.name : list + "[2]"));
    scope_.push_back({list + "[1].y", record.params[1]});
    line("for " + item + " in " + list + " {");
    ++loops_;
    block([&] {
      nameRecord(item, record, false);
      statements(pick(2));
      assign();
    });
    --loops_;
    return line("}");
  }
  default: { // in a tuple
    std::string pair = fresh("t");
    TensorType other = randomType();
    line("let " + pair + " = (" + one.name + ", " + expr(other, 2) + ")");
    line("var (" + copy + ", " + copy + "b) = " + pair);
    nameRecord(copy, record, true);
    scope_.push_back({copy + "b", other, true});
    return;
  }
  }
}

} // namespace dl::testing
