// Types: construction, equality, substitution of sizes, text.
#include "compiler/sema/typed.h"
#include "compiler/sema/values.h"

#include <array>

namespace dl::sema {
namespace {

constexpr std::array<std::string_view, 7> kElemNames = {"f32", "f64", "bf16", "i32", "i64", "u8", "bool"};

Type simple(TypeKind kind) {
  auto node = std::make_shared<TypeNode>();
  node->kind = kind;
  return node;
}

} // namespace

std::string_view elemName(Elem e) { return kElemNames[size_t(e)]; }
bool isFloat(Elem e) { return e == Elem::F32 || e == Elem::F64 || e == Elem::BF16; }
bool isInteger(Elem e) { return e == Elem::I32 || e == Elem::I64 || e == Elem::U8; }
std::optional<Elem> elemNamed(std::string_view name) {
  for (size_t i = 0; i < kElemNames.size(); ++i)
    if (kElemNames[i] == name)
      return Elem(i);
  if (name == "int")
    return Elem::I64;
  return std::nullopt;
}

Type unitType() {
  static const Type type = simple(TypeKind::Unit);
  return type;
}
Type noneType() {
  static const Type type = simple(TypeKind::None);
  return type;
}
Type strType() {
  static const Type type = simple(TypeKind::Str);
  return type;
}
Type tensorType(Elem elem, std::vector<Dim> dims) {
  auto node = std::make_shared<TypeNode>();
  node->kind = TypeKind::Tensor;
  node->elem = elem;
  node->dims = std::move(dims);
  return node;
}
Type scalarType(Elem elem) { return tensorType(elem, {}); }
Type tupleType(std::vector<Type> items) {
  auto node = std::make_shared<TypeNode>();
  node->kind = TypeKind::Tuple;
  node->items = std::move(items);
  return node;
}
Type recordType(std::vector<std::string> names, std::vector<Type> items) {
  auto node = std::make_shared<TypeNode>();
  node->kind = TypeKind::Record;
  node->names = std::move(names);
  node->items = std::move(items);
  return node;
}
Type listType(Dim length, Type item) {
  auto node = std::make_shared<TypeNode>();
  node->kind = TypeKind::List;
  node->dims = {std::move(length)};
  node->items = {std::move(item)};
  return node;
}
Type elemType(Elem elem) {
  auto node = std::make_shared<TypeNode>();
  node->kind = TypeKind::ElemType;
  node->elem = elem;
  return node;
}
Type moduleType(std::shared_ptr<const ModuleInstance> module) {
  auto node = std::make_shared<TypeNode>();
  node->kind = TypeKind::Module;
  node->module = std::move(module);
  return node;
}
Type functionType(std::shared_ptr<const FunctionValue> function) {
  auto node = std::make_shared<TypeNode>();
  node->kind = TypeKind::Function;
  node->function = std::move(function);
  return node;
}

bool isScalar(const Type &t) { return t && t->kind == TypeKind::Tensor && t->dims.empty(); }
bool isTensor(const Type &t) { return t && t->kind == TypeKind::Tensor && !t->dims.empty(); }
bool isList(const Type &t) { return t && t->kind == TypeKind::List; }
bool isRagged(const Type &t) { return isTensor(t) && t->dims[0].isOpen(); }
bool isInt(const Type &t) { return isScalar(t) && t->elem == Elem::I64; }

static std::vector<Part> storedParts(const Type &item, const Dim &length) {
  const Type ends = tensorType(Elem::I64, {length});
  switch (item->kind) {
  case TypeKind::Tensor: {
    if (isRagged(item))
      return {{"data", item, std::nullopt}, {"ends", ends, std::nullopt}};
    std::vector<Dim> dims{length};
    dims.insert(dims.end(), item->dims.begin(), item->dims.end());
    return {{"data", tensorType(item->elem, std::move(dims)), std::nullopt}};
  }
  case TypeKind::Str:
    return {{"data", tensorType(Elem::U8, {Dim::open()}), std::nullopt}, {"ends", ends, std::nullopt}};
  case TypeKind::List:
    return {{"data", listType(Dim::open(), item->items[0]), std::nullopt}, {"ends", ends, std::nullopt}};
  default: {
    std::vector<Part> parts = storedParts(item);
    for (Part &part : parts)
      part = {part.name, listType(length, part.type), std::nullopt};
    return parts;
  }
  }
}

std::vector<Part> storedParts(const Type &type) {
  std::vector<Part> parts;
  switch (type->kind) {
  case TypeKind::Tuple:
  case TypeKind::Record:
    for (size_t i = 0; i < type->items.size(); ++i)
      parts.push_back({i < type->names.size() ? type->names[i] : std::to_string(i), type->items[i], std::nullopt});
    break;
  case TypeKind::Module:
    for (const Field &field : type->module->fields)
      parts.push_back({field.name, field.type, field.dim});
    break;
  case TypeKind::Function:
    if (type->function)
      for (size_t i = 0; i < type->function->captureTypes.size(); ++i)
        parts.push_back({"capture" + std::to_string(i), type->function->captureTypes[i], std::nullopt});
    break;
  case TypeKind::List:
    return storedParts(type->items[0], type->dims[0]);
  default:
    break;
  }
  return parts;
}

// A size that has no value is the same everywhere.
static std::string keyOf(const Dim &d, const std::function<std::string(const Dim &)> &dimKey) {
  return d.isOpen() ? "_" : dimKey(d);
}

std::string typeKey(const Type &t, const std::function<std::string(const Dim &)> &dimKey) {
  if (!t)
    return "error";
  auto list = [&](const std::vector<Type> &items) {
    std::string text;
    for (const Type &item : items)
      text += typeKey(item, dimKey) + ";";
    return text;
  };
  switch (t->kind) {
  case TypeKind::Unit:
    return "unit";
  case TypeKind::None:
    return "none";
  case TypeKind::Str:
    return "str";
  case TypeKind::Generator:
    return "generator";
  case TypeKind::ElemType:
    return "elem " + std::string(elemName(t->elem));
  case TypeKind::Module_:
    return "space";
  case TypeKind::Tensor: {
    std::string text = std::string(elemName(t->elem)) + "[";
    for (const Dim &d : t->dims)
      text += keyOf(d, dimKey) + ",";
    return text + "]";
  }
  case TypeKind::List:
    return "list[" + keyOf(t->dims[0], dimKey) + ":" + typeKey(t->items[0], dimKey) + "]";
  case TypeKind::Tuple:
    return "(" + list(t->items) + ")";
  case TypeKind::Record: {
    std::string text = "{";
    for (size_t i = 0; i < t->items.size(); ++i)
      text += t->names[i] + ":" + typeKey(t->items[i], dimKey) + ";";
    return text + "}";
  }
  case TypeKind::Module:
    return moduleKey(*t->module, dimKey);
  case TypeKind::Function:
    return functionKey(*t->function, dimKey);
  }
  return "";
}

bool sameType(const Type &a, const Type &b) {
  if (a == b)
    return true;
  if (!a || !b || a->kind != b->kind)
    return false;
  if (a->kind == TypeKind::Tensor)
    return a->elem == b->elem && a->dims == b->dims;
  auto key = [](const Dim &d) { return d.key(); };
  return typeKey(a, key) == typeKey(b, key);
}

Type mapDims(const Type &t, const std::function<Dim(const Dim &)> &map) {
  if (!t)
    return t;
  switch (t->kind) {
  case TypeKind::Tensor: {
    if (t->dims.empty())
      return t;
    std::vector<Dim> dims;
    for (const Dim &d : t->dims)
      dims.push_back(d.isOpen() ? d : map(d));
    return tensorType(t->elem, std::move(dims));
  }
  case TypeKind::List:
    return listType(t->dims[0].isOpen() ? t->dims[0] : map(t->dims[0]), mapDims(t->items[0], map));
  case TypeKind::Tuple:
  case TypeKind::Record: {
    auto node = std::make_shared<TypeNode>(*t);
    for (Type &item : node->items)
      item = mapDims(item, map);
    return node;
  }
  case TypeKind::Module:
    return moduleType(mapModuleDims(*t->module, map));
  case TypeKind::Function:
    return functionType(mapFunctionDims(*t->function, map));
  default:
    return t;
  }
}

Type substitute(const Type &t, const std::function<std::optional<Dim>(uint32_t)> &replace) {
  return mapDims(t, [&](const Dim &d) { return d.substitute(replace); });
}

// Stops counting at the limit, because parts that are shared can make a type exponentially large.
static bool countParts(const Type &t, size_t &left) {
  if (left == 0)
    return false;
  --left;
  if (!t)
    return true;
  for (const Type &item : t->items)
    if (!countParts(item, left))
      return false;
  if (t->kind == TypeKind::Module)
    for (const Field &f : t->module->fields)
      if (!countParts(f.type, left))
        return false;
  if (t->kind == TypeKind::Function)
    for (const Type &item : t->function->captureTypes)
      if (!countParts(item, left))
        return false;
  return true;
}
bool isLargerThan(const Type &t, size_t limit) { return !countParts(t, limit); }

void forEachDim(const Type &t, const std::function<void(const Dim &)> &visit) {
  if (!t)
    return;
  for (const Dim &d : t->dims)
    if (!d.isOpen())
      visit(d);
  for (const Type &item : t->items)
    forEachDim(item, visit);
  if (t->kind == TypeKind::Module)
    forEachModuleDim(*t->module, visit);
  if (t->kind == TypeKind::Function)
    forEachFunctionDim(*t->function, visit);
}

std::string str(const Type &t) {
  if (!t)
    return "?";
  switch (t->kind) {
  case TypeKind::Unit:
    return "()";
  case TypeKind::None:
    return "none";
  case TypeKind::Str:
    return "str";
  case TypeKind::Generator:
    return "Generator";
  case TypeKind::ElemType:
    return "element type " + std::string(elemName(t->elem));
  case TypeKind::Module_:
    return "an imported file";
  case TypeKind::Tensor: {
    std::string text(elemName(t->elem));
    if (t->dims.empty())
      return text;
    text += "[";
    for (size_t i = 0; i < t->dims.size(); ++i)
      text += (i ? ", " : "") + t->dims[i].str();
    return text + "]";
  }
  case TypeKind::Tuple: {
    std::string text = "(";
    for (size_t i = 0; i < t->items.size(); ++i)
      text += (i ? ", " : "") + str(t->items[i]);
    return text + (t->items.size() == 1 ? ",)" : ")");
  }
  case TypeKind::Record: {
    std::string text = "{";
    for (size_t i = 0; i < t->items.size(); ++i)
      text += (i ? ", " : "") + t->names[i] + ": " + str(t->items[i]);
    return text + "}";
  }
  case TypeKind::List:
    return "list[" + str(t->items[0]) + "]";
  case TypeKind::Module:
    return t->module->name;
  case TypeKind::Function:
    return "function " + t->function->name;
  }
  return "?";
}

} // namespace dl::sema
