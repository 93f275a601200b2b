// Calls of builtin ops: their signatures are interpreted.
#include "compiler/sema/checker.h"
#include "compiler/sema/habits.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace dl::sema {

struct Checker::BuiltinCall {
  const Signature &signature;
  Span span;
  std::vector<std::optional<Value>> operands; // per parameter: Tensor, Str
  std::vector<Value> list;                    // the values of a `tensors` parameter
  Attrs attrs;
  std::map<std::string, Elem> elements; // letters and `dtype` parameters
  ShapeContext shapes;
};

namespace {

bool isLetter(const std::string &elem) { return elem.size() == 1; }

bool allows(const std::string &letter, Elem elem) {
  switch (letter[0]) {
  case 'F':
    return isFloat(elem);
  case 'I':
    return isInteger(elem);
  case 'B':
    return !isFloat(elem);
  case 'N':
    return elem != Elem::Bool;
  default:
    return true;
  }
}

const char *letterText(const std::string &letter) {
  switch (letter[0]) {
  case 'F':
    return "floating-point numbers";
  case 'I':
    return "integers";
  case 'B':
    return "integers or bools";
  case 'N':
    return "numbers";
  default:
    return "elements";
  }
}

// What gives one number of many: a list of numbers serves too.
bool isReduction(const std::string &name) {
  static const std::set<std::string> names = {"sum", "prod", "max", "min", "any", "all", "argmax", "argmin"};
  return names.count(name) != 0;
}

} // namespace

// A compile-time argument; `none` leaves it out.
bool Checker::attrOf(const Value &v, const std::string &what, std::optional<Attr> &out) {
  const Known &k = v.known;
  if (v.type->kind == TypeKind::None)
    return true;
  if (v.type->kind == TypeKind::ElemType)
    out = Attr(v.type->elem);
  else if (k.dim && k.dim->isConst())
    out = Attr(k.dim->constant());
  else if (k.boolean)
    out = Attr(*k.boolean);
  else if (k.number)
    out = Attr(*k.number);
  else if (k.text)
    out = Attr(*k.text);
  else if (v.type->kind == TypeKind::Tuple) {
    std::vector<int64_t> list;
    for (size_t i = 0; i < v.type->items.size(); ++i) {
      const Known *item = i < k.items.size() ? &k.items[i] : nullptr;
      if (!item || !item->dim || !item->dim->isConst()) {
        error(Code::NotConstant, v.span, what + " is a tuple of ints that are known when the program is compiled");
        return false;
      }
      list.push_back(item->dim->constant());
    }
    out = Attr(list);
  } else if (v.expr->kind == ExprKind::TensorConst && v.type->dims.size() == 1 && isInteger(v.type->elem)) {
    std::vector<int64_t> list;
    for (double n : v.expr->numbers)
      list.push_back(int64_t(n));
    out = Attr(list);
  }
  if (!out) {
    Diagnostic &d =
        error(Code::NotConstant, v.span, what + " must be known when the program is compiled, this is " + describe(v));
    if (isTensor(v.type) && isFloat(v.type->elem) && (what == "`dim` of `cat`" || what == "`dim` of `stack`"))
      d.withHelp("the tensors stand in one pair of parentheses: `cat((a, b), dim=0)`");
    return false;
  }
  return true;
}

bool Checker::settingOf(const Value &v, const SigParam &param, const std::string &what, std::optional<Attr> &out) {
  if (!attrOf(v, what, out))
    return false;
  bool isInt = out && std::holds_alternative<int64_t>(*out);
  bool fits = !out                               ? param.defaultText == "none"
              : param.type.kind == SigType::Flag ? std::holds_alternative<bool>(*out)
              : param.type.kind == SigType::Int  ? isInt
                                                 : isInt || std::holds_alternative<std::vector<int64_t>>(*out);
  if (!fits)
    error(Code::TypeMismatch, v.span,
          what +
              (param.type.kind == SigType::Flag  ? " is true or false"
               : param.type.kind == SigType::Int ? " is an int"
                                                 : " is an int or a tuple of ints") +
              ", this is " + describe(v));
  return fits;
}

bool Checker::shapeOf(std::vector<Argument> &args, Shape &out, const std::string &what, Span span) {
  for (Argument &a : args) {
    Value &v = a.value;
    if (v.expr->kind == ExprKind::TensorConst && v.type->dims.size() == 1 && isInteger(v.type->elem)) {
      for (double n : v.expr->numbers)
        out.push_back(Dim(int64_t(n)));
      continue;
    }
    if (v.type->kind == TypeKind::Tuple) {
      Value whole = materialise(v, "shape");
      for (uint32_t i = 0; i < whole.type->items.size(); ++i) {
        Value item = part(whole, i, a.span);
        if (!isInt(item.type)) {
          error(Code::TypeMismatch, a.span, what + ": a shape is made of ints, this is " + describe(v));
          return false;
        }
        out.push_back(intDim(item, "size"));
      }
      continue;
    }
    if (!isInt(v.type)) {
      error(Code::TypeMismatch, a.span, what + ": a size is an int, this is " + describe(v));
      return false;
    }
    out.push_back(intDim(v, "size"));
  }
  for (const Dim &dim : out)
    requireSize(dim, what + ": a size is negative", span);
  return true;
}

void Checker::requireSize(const Dim &dim, const std::string &message, Span span) {
  if (dim.isConst() || dim.isOpen() || dim.nonNegative())
    return;
  require(callBuiltin("ge", {dimValue(dim, span), intValue(0, span)}, span), strValue(message, span), span);
}

static std::optional<Attr> defaultAttr(const std::string &text) {
  if (text == "none")
    return std::nullopt;
  if (text == "true" || text == "false")
    return Attr(text == "true");
  if (std::optional<Elem> elem = elemNamed(text))
    return Attr(*elem);
  if (text.size() >= 2 && text[0] == '"')
    return Attr(text.substr(1, text.size() - 2));
  int64_t integer;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), integer);
  if (failure == std::errc() && end == text.data() + text.size())
    return Attr(integer);
  return Attr(std::strtod(text.c_str(), nullptr));
}

// Which argument belongs to which parameter.
bool Checker::bindBuiltin(BuiltinCall &call, std::vector<Argument> args) {
  const Signature &s = call.signature;
  const std::string called = "`" + s.name + "`";
  std::vector<std::vector<Argument>> slots(s.params.size());
  std::vector<Argument> positional;
  for (Argument &a : args) {
    if (a.value.bad())
      return false;
    if (a.ref) {
      error(Code::MissingRef, a.span, called + " changes none of its arguments").withHelp("leave out the `&`");
      return false;
    }
    if (a.name.empty()) {
      positional.push_back(std::move(a));
      continue;
    }
    auto it = std::find_if(s.params.begin(), s.params.end(), [&](const SigParam &p) { return p.name == a.name; });
    if (it == s.params.end()) {
      std::vector<std::string> names;
      for (const SigParam &p : s.params)
        names.push_back(p.name);
      Diagnostic &d = error(Code::WrongArguments, a.nameSpan, called + " has no parameter `" + a.name + "`");
      std::string near = didYouMean(a.name, names);
      if (std::string habit = habitHelp(a.name); !habit.empty())
        d.withHelp(habit);
      else if (!near.empty())
        d.withHelp("did you mean `" + near + "`?");
      return false;
    }
    auto &slot = slots[size_t(it - s.params.begin())];
    if (!slot.empty()) {
      error(Code::WrongArguments, a.span, "the parameter `" + a.name + "` of " + called + " is given twice");
      return false;
    }
    slot.push_back(std::move(a));
  }
  size_t next = 0;
  for (size_t k = 0; k < s.params.size() && next < positional.size(); ++k) {
    if (!slots[k].empty())
      continue;
    const SigParam &p = s.params[k];
    size_t needed = 0;
    bool last = true;
    for (size_t j = k + 1; j < s.params.size(); ++j) {
      needed += !s.params[j].defaultText && slots[j].empty();
      last = false;
    }
    bool many = p.type.kind == SigType::Shape || (p.type.kind == SigType::Ints && last && positional.size() - next > 1);
    slots[k].push_back(std::move(positional[next++]));
    if (many && isInt(slots[k][0].value.type))
      while (next + needed < positional.size() && isInt(positional[next].value.type))
        slots[k].push_back(std::move(positional[next++]));
  }
  if (next < positional.size()) {
    error(Code::WrongArguments, positional[next].span,
          called + " takes " + std::to_string(s.params.size()) + (s.params.size() == 1 ? " argument" : " arguments") +
              ", more are given");
    return false;
  }
  call.operands.resize(s.params.size());
  for (size_t k = 0; k < s.params.size(); ++k) {
    const SigParam &p = s.params[k];
    const std::string what = "`" + p.name + "` of " + called;
    if (slots[k].empty()) {
      if (!p.defaultText) {
        error(Code::WrongArguments, call.span, called + " needs the argument `" + p.name + "`");
        return false;
      }
      if (isLetter(*p.defaultText))
        continue; // the element type of another argument
      std::optional<Attr> attr = defaultAttr(*p.defaultText);
      if (p.type.kind == SigType::ElemType && attr) {
        call.elements[p.name] = std::get<Elem>(*attr);
        call.attrs.emplace_back(p.name, *attr);
      } else if (attr) {
        call.attrs.emplace_back(p.name, *attr);
        call.shapes.attrs[p.name] = *attr;
      }
      continue;
    }
    Value &v = slots[k][0].value;
    switch (p.type.kind) {
    case SigType::Tensor:
      settle(slots[k][0]);
      if (v.bad())
        return false;
      if (isList(v.type) && isReduction(s.name))
        v = asTensor(materialise(v, "list"), slots[k][0].span);
      if (v.bad())
        return false;
      if (v.type->kind != TypeKind::Tensor) {
        error(Code::TypeMismatch, slots[k][0].span, what + " is a tensor or a number, this is " + describe(v));
        return false;
      }
      call.operands[k] = v;
      break;
    case SigType::Str:
      if (v.type->kind != TypeKind::Str) {
        error(Code::TypeMismatch, slots[k][0].span, what + " is a str, this is " + describe(v));
        return false;
      }
      call.operands[k] = v;
      break;
    case SigType::Size:
    case SigType::Shape: {
      Shape shape;
      if (!shapeOf(slots[k], shape, called, call.span))
        return false;
      if (p.type.kind == SigType::Size && shape.size() != 1) {
        error(Code::TypeMismatch, slots[k][0].span, what + " is an int, this is " + describe(v));
        return false;
      }
      call.shapes.shapes[p.name] = shape;
      break;
    }
    case SigType::Tensors: {
      if (slots[k][0].bracket || v.type->kind == TypeKind::Tuple) {
        Value whole = materialise(v, "tensors");
        for (uint32_t i = 0; i < whole.type->items.size(); ++i) {
          call.list.push_back(part(whole, i, slots[k][0].span));
          if (whole.expr->kind == ExprKind::Tuple && i < whole.expr->args.size())
            call.list.back().expr = whole.expr->args[i];
        }
      } else if (isList(v.type)) {
        Value list = opened(materialise(v, "tensors"));
        for (int64_t i = 0; list.type->dims[0].isConst() && i < list.type->dims[0].constant(); ++i)
          call.list.push_back(opened(listAt(list, intValue(i, v.span), v.span)));
      } else if (isTensor(v.type)) {
        for (int64_t i = 0; v.type->dims[0].isConst() && i < v.type->dims[0].constant(); ++i)
          call.list.push_back(sliceAt(v, intValue(i, v.span), v.span));
      }
      for (const Value &item : call.list)
        if (item.bad() || item.type->kind != TypeKind::Tensor) {
          error(Code::TypeMismatch, slots[k][0].span, what + " holds tensors, this is " + describe(item));
          return false;
        }
      if (call.list.empty()) {
        error(Code::TypeMismatch, slots[k][0].span,
              what + " is a tuple or bracket list of tensors, this is " + describe(v));
        return false;
      }
      break;
    }
    case SigType::ElemType:
      if (v.type->kind != TypeKind::ElemType) {
        error(Code::TypeMismatch, slots[k][0].span, what + " is an element type such as f32, this is " + describe(v));
        return false;
      }
      call.elements[p.name] = v.type->elem;
      call.attrs.emplace_back(p.name, Attr(v.type->elem));
      break;
    case SigType::Flag:
    case SigType::Int:
    case SigType::Ints: {
      std::optional<Attr> attr;
      std::vector<Value> all;
      for (const Argument &a : slots[k])
        all.push_back(a.value);
      if (!settingOf(all.size() == 1 ? v : tupleValue(std::move(all), slots[k][0].span), p, what, attr))
        return false;
      if (attr) {
        call.attrs.emplace_back(p.name, *attr);
        call.shapes.attrs[p.name] = *attr;
      }
      break;
    }
    }
  }
  return true;
}

// The element types: letters are bound by values with a type of their own, literals follow.
bool Checker::bindElements(BuiltinCall &call) {
  const Signature &s = call.signature;
  const std::string called = "`" + s.name + "`";
  struct Use {
    Value *value;
    const std::string *elem;
    std::string name;
  };
  std::vector<Use> uses;
  static const std::string any = "T";
  for (size_t k = 0; k < s.params.size(); ++k) {
    if (s.params[k].type.kind == SigType::Tensor && call.operands[k])
      uses.push_back({&*call.operands[k], &s.params[k].type.elem, s.params[k].name});
    if (s.params[k].type.kind == SigType::Tensors)
      for (Value &v : call.list)
        uses.push_back({&v, &any, s.params[k].name});
  }
  auto reject = [&](const Use &u, const std::string &wanted, std::optional<Elem> elem) {
    Diagnostic &d = error(Code::TypeMismatch, u.value->span.valid() ? u.value->span : call.span,
                          called + " takes " + wanted + ", this is " + describe(*u.value));
    if (elem && u.value->type->elem != *elem)
      d.withHelp("`" + std::string(elemName(*elem)) + "(" + sourceText(u.value->span, 30) + ")` converts it");
    return false;
  };
  // A `dtype` that is given in place of an argument's own.
  for (const SigParam &p : s.params) {
    auto given = p.defaultText && isLetter(*p.defaultText) ? call.elements.find(p.name) : call.elements.end();
    for (const Use &u : uses)
      if (given != call.elements.end() && *u.elem == *p.defaultText)
        *u.value = convert(*u.value, given->second, call.span);
  }
  for (const Use &u : uses) {
    Elem elem = u.value->type->elem;
    if (!isLetter(*u.elem)) {
      Elem wanted = elemNamed(*u.elem).value_or(elem);
      if (elem == wanted)
        continue;
      bool adapts =
          u.value->known.literal && elem != Elem::Bool && wanted != Elem::Bool && (isFloat(wanted) || isInteger(elem));
      if (!adapts)
        return reject(u, std::string(elemName(wanted)) + " for `" + u.name + "`",
                      wanted == Elem::Bool ? std::nullopt : std::optional(wanted));
      *u.value = convertLiteral(*u.value, wanted);
      if (u.value->bad())
        return false;
      continue;
    }
    if (u.value->known.literal)
      continue;
    auto it = call.elements.find(*u.elem);
    if (it != call.elements.end()) {
      // A run-time int stands for a float where floats are meant: sqrt(n), atan2(x, n).
      if (it->second != elem)
        return reject(u, std::string(elemName(it->second)) + " like its other arguments", it->second);
      continue;
    }
    if (!allows(*u.elem, elem)) {
      if (*u.elem == "F" && isInt(u.value->type)) {
        *u.value = convert(*u.value, Elem::F32, call.span);
        elem = Elem::F32;
      } else {
        return reject(u, letterText(*u.elem),
                      *u.elem == "F" && elem != Elem::Bool ? std::optional(Elem::F32) : std::nullopt);
      }
    }
    call.elements[*u.elem] = elem;
  }
  for (const Use &u : uses) {
    if (!u.value->known.literal || !isLetter(*u.elem))
      continue;
    Elem own = u.value->type->elem;
    auto it = call.elements.find(*u.elem);
    if (it == call.elements.end()) {
      // Literals alone: a float among them makes all floats.
      Elem elem = own;
      for (const Use &other : uses)
        if (*other.elem == *u.elem && isFloat(other.value->type->elem))
          elem = other.value->type->elem;
      if (*u.elem == "F" && !isFloat(elem))
        elem = Elem::F32;
      if (!allows(*u.elem, elem))
        return reject(u, letterText(*u.elem), std::nullopt);
      it = call.elements.emplace(*u.elem, elem).first;
    }
    if (own == it->second) {
      continue;
    }
    bool adapts = own != Elem::Bool && it->second != Elem::Bool && (isFloat(it->second) || isInteger(own));
    if (!adapts)
      return reject(u, std::string(elemName(it->second)) + " like its other arguments", std::nullopt);
    *u.value = convertLiteral(*u.value, it->second);
    if (u.value->bad())
      return false;
  }
  return true;
}

void Checker::shapeError(BuiltinCall &call) {
  Diagnostic &d = error(call.shapes.code, call.span, call.shapes.message);
  std::vector<const Value *> shown;
  for (const std::optional<Value> &v : call.operands)
    if (v && v->span.valid() && v->type->kind == TypeKind::Tensor)
      shown.push_back(&*v);
  for (const Value *v : shown)
    if (!(v->span == call.span))
      d.label(v->span, describe(*v));
  if (!call.shapes.help.empty())
    d.withHelp(call.shapes.help);
  else if (call.signature.name == "matmul" && shown.size() == 2 && shown[0]->type->dims.size() >= 1 &&
           shown[1]->type->dims.size() == 2) {
    const Shape &a = shown[0]->type->dims, &b = shown[1]->type->dims;
    if (compareDims(a.back(), b[1]) == Proof::Equal) {
      Shape result(a.begin(), a.end() - 1);
      result.push_back(b[0]);
      d.withHelp("`" + sourceText(shown[0]->span, 30) + " @ " + sourceText(shown[1]->span, 30) + ".T` would give " +
                 str(tensorType(shown[0]->type->elem, result)));
    }
  }
}

// Binds the packs and names in the operands' shapes.
bool Checker::bindShapes(BuiltinCall &call) {
  const Signature &s = call.signature;
  ShapeContext &c = call.shapes;
  c.op = s.name;
  c.equal = [this, &call](const Dim &a, const Dim &b) {
    return requireEqual(a, b, call.span,
                        call.signature.name + ": sizes {0} (" + a.str() + ") and {1} (" + b.str() + ") must be equal");
  };
  for (const Value &v : call.list)
    c.list.push_back(v.type->dims);
  for (size_t k = 0; k < s.params.size(); ++k) {
    const SigType &t = s.params[k].type;
    if (t.kind != SigType::Tensor || !call.operands[k])
      continue;
    const Shape &dims = call.operands[k]->type->dims;
    bool pack = t.dims.size() == 1 && t.dims[0].kind == SigDim::Pack;
    if (!pack && dims.size() != t.dims.size()) {
      c.code = Code::RankMismatch;
      c.message = "`" + s.params[k].name + "` of `" + s.name + "` has " + std::to_string(t.dims.size()) +
                  (t.dims.size() == 1 ? " dimension" : " dimensions") + ", this is " + describe(*call.operands[k]);
      shapeError(call);
      return false;
    }
    auto bind = [&](const std::string &name, const Shape &shape) {
      auto [it, isNew] = c.shapes.emplace(name, shape);
      if (isNew)
        return true;
      bool equal = it->second.size() == shape.size();
      for (size_t i = 0; equal && i < shape.size(); ++i)
        equal = c.equal(it->second[i], shape[i]);
      if (equal)
        return true;
      c.code = Code::ShapeMismatch;
      c.message = s.name + ": shapes " + str(it->second) + " and " + str(shape) + " must be equal";
      shapeError(call);
      return false;
    };
    if (pack) {
      if (!bind(t.dims[0].name, dims))
        return false;
      continue;
    }
    for (size_t i = 0; i < dims.size(); ++i) {
      if (t.dims[i].kind == SigDim::Number) {
        if (c.equal(dims[i], Dim(t.dims[i].number)))
          continue;
        c.code = Code::ShapeMismatch;
        c.message = "`" + s.params[k].name + "` of `" + s.name + "`: size " + dims[i].str() + " is not " +
                    std::to_string(t.dims[i].number);
        shapeError(call);
        return false;
      }
      if (!bind(t.dims[i].name, {dims[i]}))
        return false;
    }
  }
  return true;
}

std::optional<Type> Checker::resultOfBuiltin(BuiltinCall &call, const SigType &result) {
  Elem elem = Elem::F32;
  auto letter = call.elements.find(result.elem);
  if (letter != call.elements.end())
    elem = letter->second;
  else if (std::optional<Elem> named = elemNamed(result.elem))
    elem = *named;
  else if (!call.list.empty())
    elem = call.list[0].type->elem;
  if (result.wide && !isFloat(elem))
    elem = Elem::I64;
  Shape dims;
  for (const SigDim &d : result.dims) {
    if (d.kind == SigDim::Number) {
      dims.push_back(Dim(d.number));
    } else if (d.kind == SigDim::Call) {
      std::optional<Shape> shape = applyShapeFunction(d.name, d.args, call.shapes);
      if (!shape) {
        shapeError(call);
        return std::nullopt;
      }
      dims.insert(dims.end(), shape->begin(), shape->end());
    } else {
      auto it = call.shapes.shapes.find(d.name);
      if (it == call.shapes.shapes.end()) {
        dims.push_back(Dim::fresh(d.name));
        call.shapes.shapes[d.name] = {dims.back()};
      } else {
        dims.insert(dims.end(), it->second.begin(), it->second.end());
      }
    }
  }
  for (const Dim &d : dims)
    if (d.isConst() && d.constant() < 0) {
      error(Code::BadDimension, call.span, "`" + call.signature.name + "`: a size cannot be " + d.str());
      return std::nullopt;
    }
  return tensorType(elem, std::move(dims));
}

// `sqrt(2.0)` is a number as if it were written, and so exact in any element type.
std::optional<double> Checker::numberOfCall(const BuiltinCall &call) {
  const Builtin *row = call.signature.row;
  if (!row || !row->ofNumber || !call.operands[0] || !call.operands[0]->known.literal)
    return std::nullopt;
  const Value &x = *call.operands[0];
  std::optional<double> number = isScalar(x.type) ? numberOf(x) : std::nullopt;
  if (!number || !(isFloat(x.type->elem) || call.signature.params[0].type.elem == "F"))
    return std::nullopt;
  double result = row->ofNumber(*number);
  // What is infinite or none, if only in f32, comes out when the program runs.
  return std::fabs(result) <= double(std::numeric_limits<float>::max()) ? std::optional(result) : std::nullopt;
}

Value Checker::callBuiltin(const Signature &signature, std::vector<Argument> args, Span span) {
  if ((signature.name == "stack" || signature.name == "cat") && !args.empty())
    if (std::optional<Value> joined = joinList(signature.name == "stack", args, span))
      return *joined;
  BuiltinCall call{signature, span, {}, {}, {}, {}, {}};
  if (!bindBuiltin(call, std::move(args)))
    return bad(span);
  if (std::optional<double> number = numberOfCall(call))
    return floatValue(*number, Elem::F32, span, true);
  if (!bindElements(call) || !bindShapes(call))
    return bad(span);
  std::vector<Type> types;
  for (const SigType &r : signature.results) {
    std::optional<Type> t = resultOfBuiltin(call, r);
    if (!t)
      return bad(span);
    types.push_back(*t);
  }
  std::vector<Value> operands;
  for (size_t k = 0; k < signature.params.size(); ++k) {
    if (signature.params[k].type.kind == SigType::Tensors)
      operands.insert(operands.end(), call.list.begin(), call.list.end());
    else if (call.operands[k])
      operands.push_back(*call.operands[k]);
  }
  // Nothing to convert or to rearrange.
  if (signature.name == "convert" && operands[0].type->elem == types[0]->elem)
    return operands[0];
  return opValue(signature.name, std::move(operands), types.size() == 1 ? types[0] : tupleType(types), span,
                 std::move(call.attrs));
}

Value Checker::callBuiltin(const std::string &name, std::vector<Value> operands, Span span) {
  auto it = signatures_.find(name);
  if (it == signatures_.end()) {
    error(Code::InternalError, span, "there is no op `" + name + "`");
    return bad(span);
  }
  std::vector<Argument> args;
  for (const Value &v : operands)
    args.push_back(argumentOf(v, v.span));
  return callBuiltin(it->second, std::move(args), span);
}

} // namespace dl::sema
