#include "compiler/irgen/types.h"

#include "llvm/ADT/STLExtras.h"

namespace dl::irgen {

using sema::TypeKind;

mlir::Type elementType(sema::Elem elem, mlir::MLIRContext *context) {
  switch (elem) {
  case sema::Elem::F32:
    return mlir::Float32Type::get(context);
  case sema::Elem::F64:
    return mlir::Float64Type::get(context);
  case sema::Elem::BF16:
    return mlir::BFloat16Type::get(context);
  case sema::Elem::I32:
    return mlir::IntegerType::get(context, 32);
  case sema::Elem::I64:
    return mlir::IntegerType::get(context, 64);
  case sema::Elem::U8:
    return mlir::IntegerType::get(context, 8);
  case sema::Elem::Bool:
    return mlir::IntegerType::get(context, 1);
  }
  return {};
}

// The fields of the module that the parts of `type` are, or of the modules that it lists.
static const std::vector<sema::Field> *fieldsOf(const sema::Type &type) {
  if (type->kind == TypeKind::List)
    return fieldsOf(type->items[0]);
  return type->kind == TypeKind::Module ? &type->module->fields : nullptr;
}

static void addLeaves(const sema::Type &type, const std::string &path, const std::optional<sema::Dim> &dim,
                      bool isState, std::vector<Leaf> &out) {
  if (!type)
    return;
  if (type->kind == TypeKind::Tensor || type->kind == TypeKind::Str) {
    out.push_back({type, path, dim, isState});
    return;
  }
  const std::vector<sema::Field> *fields = fieldsOf(type);
  for (auto [i, part] : llvm::enumerate(sema::storedParts(type))) {
    const sema::Field *field = fields ? &(*fields)[i] : nullptr;
    addLeaves(part.type, path + "." + part.name, part.dim,
              field ? field->kind != sema::Field::Param || field->frozen : isState, out);
  }
}

std::vector<Leaf> leavesOf(const sema::Type &type) {
  std::vector<Leaf> leaves;
  addLeaves(type, "", std::nullopt, false, leaves);
  return leaves;
}

size_t countLeaves(const sema::Type &type) { return leavesOf(type).size(); }

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
