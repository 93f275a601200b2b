#include "compiler/driver/signature.h"

#include <unordered_map>

namespace dl::driver {
namespace {

DType dtypeOf(sema::Elem elem) {
  switch (elem) {
  case sema::Elem::F32:
    return DType::f32;
  case sema::Elem::F64:
    return DType::f64;
  case sema::Elem::BF16:
    return DType::bf16;
  case sema::Elem::I32:
    return DType::i32;
  case sema::Elem::I64:
    return DType::i64;
  case sema::Elem::U8:
    return DType::u8;
  case sema::Elem::Bool:
    return DType::boolean;
  }
  return DType::f32;
}

std::string join(const std::string &prefix, const std::string &part) {
  return prefix.empty() ? part : prefix + "." + part;
}

using Bindings = std::unordered_map<uint32_t, int64_t>;

// The value of a size, unless it mentions a symbol without one.
std::optional<int64_t> evaluate(const sema::Dim &dim, const Bindings &bindings);

std::optional<int64_t> evaluate(const sema::Dim::Atom &atom, const Bindings &bindings) {
  if (atom.kind == sema::Dim::AtomKind::Symbol) {
    auto it = bindings.find(atom.symbol);
    return it == bindings.end() ? std::nullopt : std::optional(it->second);
  }
  std::optional<int64_t> a = evaluate(*atom.lhs, bindings), b = evaluate(*atom.rhs, bindings);
  if (!a || !b)
    return std::nullopt;
  switch (atom.kind) {
  case sema::Dim::AtomKind::Min:
    return std::min(*a, *b);
  case sema::Dim::AtomKind::Max:
    return std::max(*a, *b);
  default:
    break;
  }
  if (*b == 0)
    return std::nullopt;
  int64_t quotient = *a / *b, remainder = *a % *b;
  if (remainder != 0 && (remainder < 0) != (*b < 0)) {
    --quotient;
    remainder += *b;
  }
  return atom.kind == sema::Dim::AtomKind::FloorDiv ? quotient : remainder;
}

std::optional<int64_t> evaluate(const sema::Dim &dim, const Bindings &bindings) {
  int64_t sum = 0;
  for (const sema::Dim::Term &term : dim.terms()) {
    int64_t product = term.coefficient;
    for (const sema::Dim::Atom &atom : term.atoms) {
      std::optional<int64_t> value = evaluate(atom, bindings);
      if (!value)
        return std::nullopt;
      product *= *value;
    }
    sum += product;
  }
  return sum;
}

std::string typeOf(const dl_value &value) {
  std::string text = name(static_cast<DType>(value.dtype));
  if (value.rank == 0)
    return text;
  text += "[";
  for (int i = 0; i < value.rank; ++i)
    text += (i ? ", " : "") + std::to_string(value.sizes[i]);
  return text + "]";
}

} // namespace

void flatten(const sema::Type &type, const std::string &name, std::vector<Leaf> &leaves) {
  switch (type->kind) {
  case sema::TypeKind::Tensor: {
    Leaf leaf;
    leaf.slot.name = name;
    leaf.slot.type = sema::str(type);
    leaf.slot.dtype = dtypeOf(type->elem);
    leaf.dims = type->dims;
    for (sema::Dim &dim : leaf.dims)
      if (dim.isOpen())
        dim = sema::Dim::fresh("_");
    for (const sema::Dim &dim : type->dims)
      leaf.slot.shape.push_back(dim.isConst() ? dim.constant() : -1);
    leaves.push_back(std::move(leaf));
    return;
  }
  case sema::TypeKind::Str: {
    Leaf leaf;
    leaf.slot.name = name;
    leaf.slot.type = "str";
    leaf.slot.dtype = DType::u8;
    leaf.slot.isString = true;
    leaf.slot.shape = {-1};
    leaf.dims = {sema::Dim::fresh("_")};
    leaves.push_back(std::move(leaf));
    return;
  }
  case sema::TypeKind::List:
    for (const sema::Part &part : sema::storedParts(type))
      flatten(part.type, join(name, part.name), leaves);
    return;
  case sema::TypeKind::Tuple:
    for (size_t i = 0; i < type->items.size(); ++i)
      flatten(type->items[i], join(name, std::to_string(i)), leaves);
    return;
  case sema::TypeKind::Record:
    for (size_t i = 0; i < type->items.size(); ++i)
      flatten(type->items[i], join(name, type->names[i]), leaves);
    return;
  case sema::TypeKind::Module:
    for (const sema::Field &field : type->module->fields)
      flatten(field.type, join(name, field.name), leaves);
    return;
  case sema::TypeKind::Function:
    for (size_t i = 0; i < type->function->captureTypes.size(); ++i)
      flatten(type->function->captureTypes[i], join(name, std::to_string(i)), leaves);
    return;
  default:
    return; // no representation at run time
  }
}

dl_value emptyResult(const Slot &slot) {
  dl_value value = {};
  value.dtype = static_cast<int32_t>(slot.dtype);
  value.rank = static_cast<int32_t>(slot.shape.size());
  for (size_t d = 0; d < slot.shape.size(); ++d)
    value.sizes[d] = slot.shape[d];
  return value;
}

Signature signatureOf(const sema::Function &function) {
  Signature signature;
  signature.name = function.name;
  for (size_t i = 0; i < function.params.size(); ++i) {
    size_t first = signature.parameters.size();
    flatten(function.params[i]->type, function.paramNames[i], signature.parameters);
    if (function.params[i]->dim && signature.parameters.size() == first + 1)
      signature.parameters[first].dim = function.params[i]->dim;
  }
  if (function.result)
    flatten(function.result, "", signature.results);
  for (size_t i = 0; i < function.params.size(); ++i)
    if (i < function.isMut.size() && function.isMut[i])
      flatten(function.params[i]->type, function.paramNames[i], signature.results);
  return signature;
}

std::vector<Signature> exportsOf(const sema::Program &program) {
  std::vector<Signature> signatures;
  for (const sema::Function *function : program.functions)
    if (function->isExport)
      signatures.push_back(signatureOf(*function));
  return signatures;
}

std::string Signature::mismatch(const dl_value *arguments, size_t count) const {
  if (count != parameters.size())
    return name + " takes " + std::to_string(parameters.size()) + " values, not " + std::to_string(count);
  Bindings bindings;
  for (size_t i = 0; i < count; ++i) {
    const Leaf &leaf = parameters[i];
    const dl_value &value = arguments[i];
    if (value.dtype != static_cast<int32_t>(leaf.slot.dtype) || static_cast<size_t>(value.rank) != leaf.dims.size())
      return name + ": " + leaf.slot.name + " is " + leaf.slot.type + ", not " + typeOf(value);
    if (leaf.dim && leaf.dim->isSymbol())
      bindings.emplace(leaf.dim->symbolId(), value.i);
    for (size_t d = 0; d < leaf.dims.size(); ++d)
      if (leaf.dims[d].isSymbol())
        bindings.emplace(leaf.dims[d].symbolId(), value.sizes[d]);
  }
  for (size_t i = 0; i < count; ++i)
    for (size_t d = 0; d < parameters[i].dims.size(); ++d) {
      std::optional<int64_t> expected = evaluate(parameters[i].dims[d], bindings);
      if (expected && *expected != arguments[i].sizes[d])
        return name + ": " + parameters[i].slot.name + " is " + parameters[i].slot.type + ", not " +
               typeOf(arguments[i]) + ": size " + std::to_string(d) + " should be " + std::to_string(*expected);
    }
  return "";
}

} // namespace dl::driver
