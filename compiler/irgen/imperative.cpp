// The imperative form of differentiation: params, their reads, and backward.
#include "compiler/dialect/Dl.h"
#include "compiler/irgen/generator.h"

namespace dl::irgen {

static const sema::Attr *attrNamed(const sema::Expr &e, std::string_view name) {
  for (const auto &[key, attr] : e.attrs)
    if (key == name)
      return &attr;
  return nullptr;
}

static bool flag(const sema::Expr &e, std::string_view name) {
  const sema::Attr *attr = attrNamed(e, name);
  return attr && std::get<bool>(*attr);
}

Values FunctionGenerator::imperative(const sema::Expr &e) {
  mlir::Location loc = place(e.span);
  llvm::StringRef kind = llvm::StringRef(e.name).drop_front(sema::kImperative.size());
  mlir::UnitAttr yes = builder_.getUnitAttr();
  Types types = flatten(e.type, context_);
  Values operands = flattenArgs(e.args);
  if (kind == "token") {
    auto operand = [&](size_t i) { return i < operands.size() ? coerce(operands[i], types[0]) : mlir::Value(); };
    const bool again = flag(e, "again"), computed = flag(e, "computed");
    return {builder_.create<ir::ParamTokenOp>(
        loc, types[0], again ? mlir::Value() : operand(0), computed ? mlir::Value() : operand(again ? 0 : 1),
        computed ? operands[1] : mlir::Value(), flag(e, "frozen") ? yes : mlir::UnitAttr())};
  }
  if (kind == "leaf")
    return {builder_.create<ir::LeafOp>(loc, types[0], coerce(operands[0], types[0]), operands[1], mlir::UnitAttr())};
  if (kind == "graph") {
    auto what = builder_.getStringAttr(std::get<std::string>(*attrNamed(e, "what")));
    return {builder_.create<ir::GraphInfoOp>(loc, types[0], operands[0], what)};
  }
  bool weighted = flag(e, "weighted");
  mlir::Value weight = weighted ? coerce(operands[1], operands[0].getType()) : mlir::Value();
  llvm::ArrayRef<mlir::Value> rest = llvm::ArrayRef(operands).drop_front(weighted ? 2 : 1);
  llvm::ArrayRef<mlir::Value> tokens = rest.take_front(types.size()), grads = rest.drop_front(types.size());
  auto op =
      builder_.create<ir::BackwardOp>(loc, mlir::ValueRange(grads).getTypes(), operands[0], weight, tokens, grads);
  return coerce(Values(op.getResults()), types);
}

} // namespace dl::irgen
