#include "compiler/irgen/types.h"

namespace dl::irgen {

using sema::TypeKind;

mlir::Type elementType(sema::Elem elem, mlir::MLIRContext *context) {
  switch (elem) {
  case sema::Elem::F32: return mlir::Float32Type::get(context);
  case sema::Elem::F64: return mlir::Float64Type::get(context);
  case sema::Elem::BF16: return mlir::BFloat16Type::get(context);
  case sema::Elem::I32: return mlir::IntegerType::get(context, 32);
  case sema::Elem::I64: return mlir::IntegerType::get(context, 64);
  case sema::Elem::U8: return mlir::IntegerType::get(context, 8);
  case sema::Elem::Bool: return mlir::IntegerType::get(context, 1);
  }
  return {};
}

// Calls `visit(part, name, dim)` for each direct part.
template <typename Visit> static void forEachPart(const sema::Type &type, Visit visit) {
  switch (type->kind) {
  case TypeKind::Tuple:
    for (size_t i = 0; i < type->items.size(); ++i)
      visit(type->items[i], std::to_string(i), std::nullopt);
    break;
  case TypeKind::Record:
    for (size_t i = 0; i < type->items.size(); ++i)
      visit(type->items[i], i < type->names.size() ? type->names[i] : std::to_string(i), std::nullopt);
    break;
  case TypeKind::Module:
    for (const sema::Field &field : type->module->fields)
      visit(field.type, field.name, field.dim);
    break;
  case TypeKind::Function:
    if (type->function)
      for (size_t i = 0; i < type->function->captureTypes.size(); ++i)
        visit(type->function->captureTypes[i], "capture" + std::to_string(i), std::nullopt);
    break;
  default:
    break;
  }
}

static void addLeaves(const sema::Type &type, const std::string &path, const std::optional<sema::Dim> &dim,
                      std::vector<Leaf> &out) {
  if (!type)
    return;
  if (type->kind == TypeKind::Tensor || type->kind == TypeKind::Str) {
    out.push_back({type, path, dim});
    return;
  }
  forEachPart(type, [&](const sema::Type &part, const std::string &name, const std::optional<sema::Dim> &partDim) {
    addLeaves(part, path + "." + name, partDim, out);
  });
}

std::vector<Leaf> leavesOf(const sema::Type &type) {
  std::vector<Leaf> leaves;
  addLeaves(type, "", std::nullopt, leaves);
  return leaves;
}

size_t countLeaves(const sema::Type &type) { return leavesOf(type).size(); }

std::vector<sema::Type> partsOf(const sema::Type &type) {
  std::vector<sema::Type> parts;
  forEachPart(type, [&](const sema::Type &part, const std::string &, const auto &) { parts.push_back(part); });
  return parts;
}

mlir::Type leafType(const sema::Type &leaf, mlir::MLIRContext *context) {
  if (leaf->kind == TypeKind::Str)
    return mlir::RankedTensorType::get({mlir::ShapedType::kDynamic}, mlir::IntegerType::get(context, 8));
  mlir::Type elem = elementType(leaf->elem, context);
  if (leaf->dims.empty())
    return elem;
  llvm::SmallVector<int64_t> shape;
  for (const sema::Dim &dim : leaf->dims)
    shape.push_back(dim.isConst() && dim.constant() >= 0 ? dim.constant() : mlir::ShapedType::kDynamic);
  return mlir::RankedTensorType::get(shape, elem);
}

llvm::SmallVector<mlir::Type> flatten(const sema::Type &type, mlir::MLIRContext *context) {
  llvm::SmallVector<mlir::Type> types;
  for (const Leaf &leaf : leavesOf(type))
    types.push_back(leafType(leaf.type, context));
  return types;
}

} // namespace dl::irgen
