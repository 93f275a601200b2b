// Expressions. Slices: slices.cpp.
#include "compiler/dialect/Dl.h"
#include "compiler/irgen/generator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace dl::irgen {

using mlir::Value;
using sema::Expr;
using sema::ExprKind;

Values FunctionGenerator::value(const Expr &e) {
  Values values = evaluate(e);
  if (e.type && e.kind != ExprKind::Unreachable) {
    bindSizes(e.type, values);
    if (values.size() == 1)
      bindInt(e.dim, values[0]);
  }
  return values;
}

Value FunctionGenerator::scalar(const Expr &e) {
  Values values = value(e);
  if (values.size() == 1)
    return values[0];
  fail(e.span, "one value is needed here, there are " + std::to_string(values.size()));
  return boolean(false);
}

Value FunctionGenerator::indexValue(const Expr &e) {
  auto here = at(e.span);
  if (e.kind == ExprKind::DimValue && e.dim && sizes_.allBound(*e.dim))
    return size(*e.dim);
  Value number = scalar(e);
  if (auto cast = number.getDefiningOp<mlir::arith::IndexCastOp>(); cast && cast.getIn().getType().isIndex())
    return cast.getIn();
  return builder_.createOrFold<mlir::arith::IndexCastOp>(place(e.span), builder_.getIndexType(), number);
}

Values FunctionGenerator::flattenArgs(llvm::ArrayRef<Expr *> args) {
  Values values;
  for (const Expr *arg : args)
    llvm::append_range(values, value(*arg));
  return values;
}

Values FunctionGenerator::evaluate(const Expr &e) {
  auto here = at(e.span);
  switch (e.kind) {
  case ExprKind::Constant:
    return constant(e);
  case ExprKind::TensorConst:
    return {coerce(tensorConstant(e), flatten(e.type, context_)[0])};
  case ExprKind::DimValue:
    if (!e.dim) {
      fail(e.span, "a size without a form");
      return placeholders(e.type);
    }
    return {builder_.createOrFold<mlir::arith::IndexCastOp>(place(e.span), builder_.getI64Type(), size(*e.dim))};
  case ExprKind::Var:
    return coerce(read(e.variable, e.span), flatten(e.type, context_));
  case ExprKind::Op:
    return e.name.starts_with(sema::kImperative) ? imperative(e) : builtin(e);
  case ExprKind::Extern:
    return externCall(e);
  case ExprKind::Call:
    return call(e);
  case ExprKind::Tuple:
    return coerce(flattenArgs(e.args), flatten(e.type, context_));
  case ExprKind::Get:
    return part(e);
  case ExprKind::With:
    return withPart(e);
  case ExprKind::If:
    return conditional(e);
  case ExprKind::Block:
    return body(e.thenBody, Sink{e.type});
  case ExprKind::Slice:
    return slice(e);
  case ExprKind::UpdateSlice:
    return updateSlice(e);
  case ExprKind::Grad:
    return differentiate(e);
  case ExprKind::Unreachable:
    return e.type ? placeholders(e.type) : Values{};
  }
  return {};
}

// ----------------------------------------------------------------------------------------------------- constants
Values FunctionGenerator::constant(const Expr &e) {
  mlir::Location loc = place(e.span);
  if (e.type && e.type->kind == sema::TypeKind::Str) {
    const std::string *text = std::get_if<std::string>(&e.literal.value);
    std::string empty;
    text = text ? text : &empty;
    auto type = mlir::RankedTensorType::get({int64_t(text->size())}, builder_.getI8Type());
    llvm::ArrayRef<int8_t> bytes(reinterpret_cast<const int8_t *>(text->data()), text->size());
    Value literal = builder_.create<mlir::arith::ConstantOp>(loc, mlir::DenseElementsAttr::get(type, bytes));
    return coerce(Values{literal}, flatten(e.type, context_));
  }
  Types types = e.type ? flatten(e.type, context_) : Types{};
  if (types.empty())
    return {};
  mlir::Type type = types[0];
  // A literal may stand for a whole tensor of itself.
  auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type);
  mlir::Type elem = tensor ? tensor.getElementType() : type;
  auto attr = std::visit(
      [&](const auto &literal) -> mlir::TypedAttr {
        if constexpr (std::is_same_v<std::decay_t<decltype(literal)>, std::string>)
          return {};
        else if (llvm::isa<mlir::FloatType>(elem))
          return builder_.getFloatAttr(elem, double(literal));
        else
          return builder_.getIntegerAttr(elem, int64_t(literal));
      },
      e.literal.value);
  Value literal = builder_.create<mlir::arith::ConstantOp>(loc, attr);
  return {tensor ? broadcastTo(literal, e.type, loc) : literal};
}

Value FunctionGenerator::tensorConstant(const Expr &e) {
  mlir::Location loc = place(e.span);
  mlir::Type elem = elementType(e.type->elem, context_);
  llvm::SmallVector<int64_t> shape;
  int64_t count = 1;
  for (const sema::Dim &dim : e.type->dims) {
    shape.push_back(dim.isConst() ? dim.constant() : 0);
    count *= shape.back();
  }
  if (count != int64_t(e.numbers.size())) {
    fail(e.span, "a literal with " + std::to_string(e.numbers.size()) + " numbers for " + sema::str(e.type));
    return placeholders(e.type)[0];
  }
  llvm::SmallVector<mlir::Attribute> numbers;
  for (double number : e.numbers)
    numbers.push_back(llvm::isa<mlir::FloatType>(elem)
                          ? mlir::Attribute(builder_.getFloatAttr(elem, number))
                          : mlir::Attribute(builder_.getIntegerAttr(elem, int64_t(number))));
  if (shape.empty())
    return builder_.create<mlir::arith::ConstantOp>(loc, llvm::cast<mlir::TypedAttr>(numbers[0]));
  return builder_.create<mlir::arith::ConstantOp>(
      loc, mlir::DenseElementsAttr::get(mlir::RankedTensorType::get(shape, elem), numbers));
}

// --------------------------------------------------------------------------------------------------------- calls
Values FunctionGenerator::builtin(const Expr &e) {
  auto row = module_.rows.find(e.name);
  if (row == module_.rows.end()) {
    fail(e.span, "there is no operation `" + e.name + "`");
    return placeholders(e.type);
  }
  mlir::Location loc = place(e.span);
  Values operands = flattenArgs(e.args);
  std::vector<Leaf> results = leavesOf(e.type);
  Types resultTypes = flatten(e.type, context_);
  if (row->second->builtin.broadcast && results.size() == 1)
    for (Value &operand : operands)
      operand = broadcastTo(operand, results[0].type, loc);

  llvm::StringMap<ops::Attr> attrs;
  for (const auto &[name, attr] : e.attrs)
    attrs[name] = std::visit(
        [&](const auto &value) -> ops::Attr {
          if constexpr (std::is_same_v<std::decay_t<decltype(value)>, sema::Elem>)
            return elementType(value, context_);
          else
            return value;
        },
        attr);
  std::vector<Values> sizes;
  for (const Leaf &leaf : results)
    sizes.push_back(dynamicSizes(leaf.type));
  ops::BuildContext context{builder_, loc, operands, attrs, resultTypes, sizes};
  Values values = row->second->build(context);
  if (values.empty() && !resultTypes.empty()) {
    fail(e.span, "`" + e.name + "` was not built");
    return placeholders(e.type);
  }
  return coerce(values, resultTypes);
}

Values FunctionGenerator::externCall(const Expr &e) {
  mlir::Location loc = place(e.span);
  Values inputs = flattenArgs(e.args);
  Types types = e.type ? flatten(e.type, context_) : Types{};
  mlir::UnitAttr yes = builder_.getUnitAttr(), no;
  mlir::StringAttr callee = builder_.getStringAttr(e.name);
  mlir::Operation *op;
  bool allTensors = llvm::all_of(types, [](mlir::Type type) { return llvm::isa<mlir::RankedTensorType>(type); });
  if (e.isKernel && allTensors) {
    Values dests;
    for (const Leaf &leaf : leavesOf(e.type))
      dests.push_back(builder_.create<mlir::tensor::EmptyOp>(
          loc, llvm::cast<mlir::RankedTensorType>(leafType(leaf.type, context_)), dynamicSizes(leaf.type)));
    op = builder_.create<ir::KernelOp>(loc, types, callee, inputs, dests, /*accumulates=*/no,
                                       /*effect=*/e.isPure ? no : yes);
  } else {
    op = builder_.create<ir::ExternOp>(loc, types, callee, inputs, /*pure=*/e.isPure ? yes : no);
  }
  return Values(op->result_begin(), op->result_end());
}

// The final values of the callee's `mut` parameters go to the variables that the call names; without a name they are
// dropped.
void FunctionGenerator::writeChanged(const Expr &e, mlir::ValueRange finals) {
  size_t next = 0, mutIndex = 0;
  for (size_t i = 0; i < e.function->params.size() && i < e.function->isMut.size(); ++i) {
    if (!e.function->isMut[i])
      continue;
    size_t count = countLeaves(e.function->params[i]->type);
    mlir::ValueRange final = finals.slice(next, count);
    next += count;
    if (mutIndex < e.mutArgs.size() && e.mutArgs[mutIndex])
      write(e.mutArgs[mutIndex], Values(final.begin(), final.end()));
    ++mutIndex;
  }
}

Values FunctionGenerator::call(const Expr &e) {
  auto found = e.function ? module_.functions.find(e.function) : module_.functions.end();
  if (found == module_.functions.end()) {
    fail(e.span, "a call of a function that is not part of the program");
    return placeholders(e.type);
  }
  mlir::func::FuncOp callee = found->second;
  Types paramTypes(callee.getArgumentTypes().begin(), callee.getArgumentTypes().end());
  Values args = coerce(flattenArgs(e.args), paramTypes);
  auto op = builder_.create<mlir::func::CallOp>(place(e.span), callee, args);

  Types types = e.type ? flatten(e.type, context_) : Types{};
  size_t own = e.function->result ? countLeaves(e.function->result) : 0;
  Values results(op.result_begin(), op.result_begin() + own);
  writeChanged(e, op->getResults().drop_front(own));
  return coerce(results, types);
}

static bool isFloatValue(mlir::Type type) { return llvm::isa<mlir::FloatType>(mlir::getElementTypeOrSelf(type)); }

Values FunctionGenerator::differentiate(const Expr &e) {
  auto found = e.function ? module_.functions.find(e.function) : module_.functions.end();
  if (found == module_.functions.end() || e.grad.numArgs > e.args.size()) {
    fail(e.span, "a derivative of a function that is not part of the program");
    return placeholders(e.type);
  }
  mlir::Location loc = place(e.span);
  mlir::func::FuncOp callee = found->second;
  Types paramTypes(callee.getArgumentTypes().begin(), callee.getArgumentTypes().end());
  Types resultTypes(callee.getResultTypes().begin(), callee.getResultTypes().end());
  llvm::ArrayRef<Expr *> all = e.args;
  Values args = coerce(flattenArgs(all.take_front(e.grad.numArgs)), paramTypes);
  Values seeds = flattenArgs(all.drop_front(e.grad.numArgs));
  llvm::SmallVector<int64_t> wrt(e.grad.wrt.begin(), e.grad.wrt.end());
  for (int64_t position : wrt)
    if (position >= int64_t(paramTypes.size())) {
      fail(e.span, "a derivative by a parameter that does not exist");
      return placeholders(e.type);
    }
  size_t own = e.function->result ? countLeaves(e.function->result) : 0;
  mlir::FlatSymbolRefAttr symbol = mlir::FlatSymbolRefAttr::get(callee.getSymNameAttr());
  Types allTypes = resultTypes;
  Values results, extra;

  if (e.grad.kind == sema::GradInfo::Vjp) {
    // A gradient by what the result does not depend on is a mistake; for a pullback, which is given cotangents, it is
    // 0. Cotangents of all float results: those given, 1 for the first, a scalar, when none is, nothing for the `mut`
    // parameters.
    Values cotangents;
    size_t given = 0;
    for (size_t i = 0; i < own; ++i) {
      if (!isFloatValue(resultTypes[i]))
        continue;
      if (given < seeds.size())
        cotangents.push_back(coerce(seeds[given++], resultTypes[i]));
      else if (cotangents.empty() && llvm::isa<mlir::FloatType>(resultTypes[i]))
        cotangents.push_back(builder_.create<mlir::arith::ConstantOp>(loc, builder_.getFloatAttr(resultTypes[i], 1.0)));
      else if (llvm::isa<mlir::FloatType>(resultTypes[i]))
        cotangents.push_back(zero(resultTypes[i], {}));
      else // handed on beside the scalar that is differentiated
        cotangents.push_back(zero(resultTypes[i], dynamicSizes(leavesOf(e.type)[i].type)));
    }
    size_t flat = 0;
    for (size_t i = 0; i < e.function->params.size(); ++i)
      for (size_t leaf = countLeaves(e.function->params[i]->type); leaf > 0; --leaf, ++flat) {
        if (i >= e.function->isMut.size() || !e.function->isMut[i] || !isFloatValue(paramTypes[flat]))
          continue;
        Values sizes;
        if (auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(paramTypes[flat]))
          for (int64_t d = 0; d < tensor.getRank(); ++d)
            if (tensor.isDynamicDim(d))
              sizes.push_back(builder_.createOrFold<mlir::tensor::DimOp>(loc, args[flat], d));
        cotangents.push_back(zero(paramTypes[flat], sizes));
      }
    for (int64_t position : wrt)
      allTypes.push_back(paramTypes[position]);
    auto op = builder_.create<ir::VjpOp>(loc, allTypes, symbol, args, cotangents, builder_.getDenseI64ArrayAttr(wrt),
                                         /*unusedOk=*/seeds.empty() && !e.grad.allowUnused ? mlir::UnitAttr{}
                                                                                           : builder_.getUnitAttr());
    results.append(op->result_begin(), op->result_begin() + own);
    extra.append(op->result_begin() + resultTypes.size(), op->result_end());
    writeChanged(e, op->getResults().slice(own, resultTypes.size() - own));
  } else {
    Values tangents;
    for (auto [position, tangent] : llvm::zip(wrt, seeds))
      tangents.push_back(coerce(tangent, paramTypes[position]));
    size_t ownTangents = 0;
    for (auto [i, type] : llvm::enumerate(resultTypes))
      if (isFloatValue(type)) {
        allTypes.push_back(type);
        ownTangents += i < own;
      }
    auto op = builder_.create<ir::JvpOp>(loc, allTypes, symbol, args, tangents, builder_.getDenseI64ArrayAttr(wrt));
    results.append(op->result_begin(), op->result_begin() + own);
    auto first = op->result_begin() + resultTypes.size();
    extra.append(first, first + ownTangents);
  }
  Values values = e.grad.wantValue ? results : Values{};
  llvm::append_range(values, extra);
  return coerce(values, flatten(e.type, context_));
}

// --------------------------------------------------------------------------------------------------------- parts
// Where part `index` of `type` lies among its leaves.
static std::pair<size_t, size_t> partRange(const sema::Type &type, uint32_t index) {
  std::vector<sema::Part> parts = sema::storedParts(type);
  size_t offset = 0;
  for (uint32_t i = 0; i < index && i < parts.size(); ++i)
    offset += countLeaves(parts[i].type);
  return {offset, index < parts.size() ? countLeaves(parts[index].type) : 0};
}

Values FunctionGenerator::part(const Expr &e) {
  Values whole = value(*e.args[0]);
  auto [offset, count] = partRange(e.args[0]->type, e.index);
  if (offset + count > whole.size()) {
    fail(e.span, "part " + std::to_string(e.index) + " of " + sema::str(e.args[0]->type));
    return placeholders(e.type);
  }
  return coerce(Values(whole.begin() + offset, whole.begin() + offset + count), flatten(e.type, context_));
}

Values FunctionGenerator::withPart(const Expr &e) {
  Values whole = value(*e.args[0]), replacement = value(*e.args[1]);
  auto [offset, count] = partRange(e.args[0]->type, e.index);
  if (offset + count > whole.size()) {
    fail(e.span, "part " + std::to_string(e.index) + " of " + sema::str(e.args[0]->type));
    return placeholders(e.type);
  }
  whole.erase(whole.begin() + offset, whole.begin() + offset + count);
  whole.insert(whole.begin() + offset, replacement.begin(), replacement.end());
  return coerce(whole, flatten(e.type, context_));
}

Values FunctionGenerator::conditional(const Expr &e) {
  Value condition = scalar(*e.args[0]);
  VariableSet assigned;
  collectAssigned(e.thenBody, assigned);
  collectAssigned(e.elseBody, assigned);
  Exits exits = exitsOf(e.thenBody);
  exits |= exitsOf(e.elseBody);
  addExitVariables(exits, assigned);
  Types types = e.type ? flatten(e.type, context_) : Types{};
  Sink sink{types.empty() ? nullptr : e.type};
  return emitIf(
      place(e.span), condition, assigned, types, [&] { return body(e.thenBody, sink); },
      [&] { return body(e.elseBody, sink); });
}

} // namespace dl::irgen
