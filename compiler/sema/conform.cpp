// Making sizes equal and values fit types: literals adapt, unknown sizes get a run-time check.
#include "compiler/sema/checker.h"
#include "compiler/sema/module_parts.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace dl::sema {

Proof Checker::compareDims(const Dim &a, const Dim &b) const {
  Dim x = frame_->resolve(a), y = frame_->resolve(b);
  Proof proof = compare(x, y);
  if (proof != Proof::Unknown)
    return proof;
  Dim difference = x - y, opposite = y - x;
  for (const Dim &zero : frame_->zero) {
    Dim z = frame_->resolve(zero);
    if (z == difference || z == opposite)
      return Proof::Equal;
  }
  return Proof::Unknown;
}

void Checker::assumeEqual(const Dim &a, const Dim &b) {
  Dim x = frame_->resolve(a), y = frame_->resolve(b);
  auto bind = [&](const Dim &symbol, const Dim &value) {
    if (!symbol.isSymbol())
      return false;
    std::vector<uint32_t> inside = value.symbols();
    if (std::find(inside.begin(), inside.end(), symbol.symbolId()) != inside.end())
      return false;
    frame_->equal[symbol.symbolId()] = value;
    return true;
  };
  if (x == y || bind(x, y) || bind(y, x))
    return;
  frame_->zero.push_back(x - y);
}

bool Checker::requireEqual(const Dim &a, const Dim &b, Span span, const std::string &text) {
  switch (compareDims(a, b)) {
  case Proof::Equal:
    return true;
  case Proof::Different:
    return false;
  case Proof::Unknown:
    break;
  }
  Stmt *check = makeStmt(StmtKind::CheckEqual, span);
  check->lhs = a;
  check->rhs = b;
  check->text = text;
  emit(check);
  assumeEqual(a, b);
  return true;
}

// A number that is written in the program is meant: it does not wrap around.
bool Checker::fitsElement(const Value &literal, Elem elem) {
  if (!isInteger(elem))
    return true;
  const double low = elem == Elem::U8    ? 0
                     : elem == Elem::I32 ? -0x1p31
                                         : -0x1p63,
               high = elem == Elem::U8    ? 0xff
                      : elem == Elem::I32 ? 0x1p31 - 1
                                          : 0x1p63;
  auto check = [&](double number, const std::string &text) {
    if (number >= low && number <= high)
      return true;
    const std::string name(elemName(elem));
    Diagnostic &d = error(Code::TypeMismatch, literal.span, text + " does not fit into " + name);
    if (elem == Elem::U8)
      d.withHelp("u8 holds 0 to 255; `u8(" + text + ")` keeps the low 8 bits");
    else if (elem == Elem::I32)
      d.withHelp("i32 holds -2147483648 to 2147483647; i64 holds more");
    return false;
  };
  if (literal.expr->kind == ExprKind::TensorConst) {
    if (literal.items)
      return std::all_of(literal.items->begin(), literal.items->end(),
                         [&](const Value &item) { return fitsElement(item, elem); });
    for (double number : literal.expr->numbers)
      if (!check(number, std::to_string(int64_t(number))))
        return false;
    return true;
  }
  if (!literal.known.dim || !literal.known.dim->isConst())
    return true;
  int64_t number = literal.known.dim->constant();
  return check(double(number), std::to_string(number));
}

Value Checker::convertLiteral(const Value &value, Elem elem) {
  return fitsElement(value, elem) ? wrapLiteral(value, elem) : bad(value.span);
}

// What an element of this type keeps of an integer.
static int64_t lowBits(int64_t number, Elem elem) {
  return elem == Elem::U8 ? int64_t(uint8_t(number)) : elem == Elem::I32 ? int64_t(int32_t(number)) : number;
}

Value Checker::wrapLiteral(const Value &value, Elem elem) {
  if (value.type->elem == elem)
    return value;
  Value v = value;
  v.type = tensorType(elem, value.type->dims);
  if (value.expr->kind == ExprKind::TensorConst) {
    v.expr = make(ExprKind::TensorConst, v.type, value.span);
    v.expr->numbers = value.expr->numbers;
    if (isInteger(value.type->elem) && isInteger(elem))
      for (double &number : v.expr->numbers)
        number = double(lowBits(int64_t(number), elem));
    return v;
  }
  if (value.known.dim && value.known.dim->isConst()) {
    int64_t number = value.known.dim->constant();
    if (isFloat(elem)) {
      v = floatValue(double(number), elem, value.span, true);
    } else {
      v.expr = make(ExprKind::Constant, v.type, value.span);
      v.expr->literal.value = lowBits(number, elem);
      v.known = elem == Elem::I64 ? value.known : Known{};
    }
    return v;
  }
  if (value.known.number)
    return floatValue(*value.known.number, elem, value.span, true);
  return convert(value, elem, value.span);
}

Value Checker::convert(const Value &value, Elem elem, Span span) {
  if (value.bad() || value.type->elem == elem)
    return value;
  if (value.known.number && isFloat(elem) && value.known.literal)
    return floatValue(*value.known.number, elem, span);
  if (value.known.dim && value.known.dim->isConst() && isFloat(elem))
    return floatValue(double(value.known.dim->constant()), elem, span);
  return opValue("convert", {value}, tensorType(elem, value.type->dims), span, {{"dtype", Attr(elem)}});
}

// Whether a literal may become an element of this type without losing what was written.
static bool adapts(const Value &value, Elem elem) {
  if (!value.known.literal || value.type->kind != TypeKind::Tensor)
    return false;
  if (value.type->elem == elem || isFloat(elem))
    return elem != Elem::Bool && value.type->elem != Elem::Bool;
  return isInteger(elem) && isInteger(value.type->elem);
}

bool Checker::typeMismatch(const Value &value, const std::string &wanted, Span span, const std::string &what) {
  error(Code::TypeMismatch, span, what + " is " + describe(value) + ", expected " + wanted);
  return false;
}

// Where two types first differ that are written alike, as modules are that were made with other settings.
static std::string differenceOf(const Type &have, const Type &want, const std::string &path) {
  if (str(have) != str(want))
    return "`" + path + "` is " + str(have) + ", expected " + str(want);
  auto below = [&](const std::string &name) { return path.empty() ? name : path + "." + name; };
  std::map<std::string, Type> missing;
  for (const NamedPart &part : partsOfTree(want))
    missing.emplace(part.name, part.type);
  for (const NamedPart &part : partsOfTree(have)) {
    auto it = missing.find(part.name);
    if (it == missing.end())
      return "there is no `" + below(part.name) + "`";
    if (!sameType(part.type, it->second))
      return differenceOf(part.type, it->second, below(part.name));
    missing.erase(it);
  }
  return missing.empty() ? "a setting differs" : "with `" + below(missing.begin()->first) + "`";
}

bool Checker::conform(Value &value, const Type &type, Span span, const std::string &what) {
  if (value.bad() || !type)
    return false;
  if (value.type->kind == TypeKind::Tensor && type->kind == TypeKind::Tensor) {
    if (value.type->elem != type->elem) {
      if (!adapts(value, type->elem)) {
        Diagnostic &d = error(Code::TypeMismatch, span, what + " is " + describe(value) + ", expected " + str(type));
        if (value.type->elem != Elem::Bool || !isFloat(type->elem))
          d.withHelp("`" + std::string(elemName(type->elem)) + "(" + sourceText(value.span, 30) + ")` converts it");
        return false;
      }
      value = convertLiteral(value, type->elem);
      if (value.bad())
        return false;
    }
    if (value.type->dims.size() != type->dims.size()) {
      error(Code::RankMismatch, span,
            what + " is " + describe(value) + ", expected " + str(type) + ": " + std::to_string(type->dims.size()) +
                (type->dims.size() == 1 ? " dimension, not " : " dimensions, not ") +
                std::to_string(value.type->dims.size()));
      return false;
    }
    for (size_t i = 0; i < type->dims.size(); ++i) {
      std::string place = what + ": size of dimension " + std::to_string(i);
      if (!requireEqual(value.type->dims[i], type->dims[i], span, place + " is {0}, expected {1}")) {
        error(Code::ShapeMismatch, span,
              what + " is " + describe(value) + ", expected " + str(type) + ": size " + value.type->dims[i].str() +
                  " of dimension " + std::to_string(i) + " is not " + type->dims[i].str());
        return false;
      }
    }
    if (!sameType(value.type, type)) {
      value.type = type;
    }
    value.known.literal = false;
    return true;
  }
  if (isList(type) && value.items && !isList(value.type)) {
    // A literal where a list belongs.
    std::vector<Value> items = *value.items;
    for (Value &item : items)
      if (!fitItem(item, type->items[0], span, what + ": an item"))
        return false;
    value = listOf(std::move(items), type->items[0], value.span);
  }
  if (isList(type) && value.isRows && isTensor(value.type))
    value = asList(value, value.span);
  if (value.type->kind != type->kind)
    return typeMismatch(value, str(type), span, what);
  if (isList(type))
    return conformList(value, type, span, what);
  if (type->kind == TypeKind::Tuple) {
    if (value.type->items.size() != type->items.size())
      return typeMismatch(value, str(type), span, what);
    if (sameType(value.type, type))
      return true;
    Value whole = materialise(value, "tuple");
    std::vector<Value> items;
    for (uint32_t i = 0; i < type->items.size(); ++i) {
      items.push_back(part(whole, i, value.span));
      if (value.expr->kind == ExprKind::Tuple && value.expr->args[i]->kind == ExprKind::Constant)
        items.back() = constantOf(value.type->items[i], value.known.items[i], value.span);
      if (!conform(items.back(), type->items[i], span, what + ": item " + std::to_string(i)))
        return false;
    }
    value = tupleValue(std::move(items), value.span);
    return true;
  }
  if (sameType(value.type, type))
    return true;
  if (type->kind == TypeKind::Record || type->kind == TypeKind::Module) {
    // Equal up to sizes that only the program's run can compare?
    auto shapeless = [](const Dim &) { return std::string("_"); };
    if (typeKey(value.type, shapeless) == typeKey(type, shapeless)) {
      std::vector<Dim> have, want;
      forEachDim(value.type, [&](const Dim &d) { have.push_back(d); });
      forEachDim(type, [&](const Dim &d) { want.push_back(d); });
      bool equal = have.size() == want.size();
      for (size_t i = 0; equal && i < have.size(); ++i)
        equal = requireEqual(have[i], want[i], span, what + ": a size is {0}, expected {1}");
      if (equal) {
        value.type = type;
        return true;
      }
    }
  }
  if (loosens(value.type, type))
    return loosen(value, type, span, what);
  const std::string wanted = str(type);
  return typeMismatch(value, str(value.type) == wanted ? wanted + ", " + differenceOf(value.type, type, "") : wanted,
                      span, what);
}

// The type that both branches' values have; sizes that may differ become new ones.
std::optional<Type> Checker::joinTypes(const Type &a, const Type &b, Span span) {
  if (!a || !b)
    return a ? a : b;
  if (sameType(a, b))
    return a;
  if (a->kind != b->kind)
    return std::nullopt;
  if (a->kind == TypeKind::Tensor) {
    if (a->elem != b->elem || a->dims.size() != b->dims.size())
      return std::nullopt;
    std::vector<Dim> dims;
    for (size_t i = 0; i < a->dims.size(); ++i) {
      Proof proof = compareDims(a->dims[i], b->dims[i]);
      if (proof == Proof::Different)
        return std::nullopt;
      dims.push_back(proof == Proof::Equal ? a->dims[i] : Dim::fresh("n"));
    }
    return tensorType(a->elem, std::move(dims));
  }
  if (isList(a)) {
    std::optional<Type> item =
        sameType(a->items[0], b->items[0]) ? a->items[0] : joinTypes(a->items[0], b->items[0], span);
    if (!item)
      return std::nullopt;
    bool equal = !a->dims[0].isOpen() && compareDims(a->dims[0], b->dims[0]) == Proof::Equal;
    return listType(equal ? a->dims[0] : Dim::fresh("n"), *item);
  }
  if ((a->kind == TypeKind::Tuple || a->kind == TypeKind::Record) && a->items.size() == b->items.size() &&
      a->names == b->names) {
    auto node = std::make_shared<TypeNode>(*a);
    for (size_t i = 0; i < a->items.size(); ++i) {
      std::optional<Type> item = joinTypes(a->items[i], b->items[i], span);
      if (!item)
        return std::nullopt;
      node->items[i] = *item;
    }
    return Type(node);
  }
  return std::nullopt;
}

} // namespace dl::sema
