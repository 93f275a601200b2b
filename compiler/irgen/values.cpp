// Values, variables, sizes and regions of the function being generated.
#include "compiler/dialect/Dl.h"
#include "compiler/irgen/generator.h"
#include "compiler/irgen/spans.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

namespace dl::irgen {

using mlir::Value;
using sema::Dim;

mlir::Location FunctionGenerator::place(Span span) { return makeLocation(context_, span, module_.sources); }

void FunctionGenerator::fail(Span span, const std::string &what) {
  module_.diagnostics.error(Code::InternalError, span.valid() ? span : function_.span,
                            "the compiler cannot translate this: " + what);
}

// -------------------------------------------------------------------------------------------------------- values
Value FunctionGenerator::coerce(Value value, mlir::Type type) {
  if (!value || value.getType() == type)
    return value;
  if (mlir::tensor::CastOp::areCastCompatible(value.getType(), type))
    return builder_.createOrFold<mlir::tensor::CastOp>(value.getLoc(), type, value);
  std::string text;
  llvm::raw_string_ostream(text) << value.getType() << " stands where " << type << " belongs";
  fail({}, text);
  return placeholders(type)[0];
}

Values FunctionGenerator::coerce(Values values, llvm::ArrayRef<mlir::Type> types) {
  if (values.size() != types.size()) {
    fail({}, std::to_string(values.size()) + " values stand where " + std::to_string(types.size()) + " belong");
    return placeholders(types);
  }
  for (auto [value, type] : llvm::zip_equal(values, types))
    value = coerce(value, type);
  return values;
}

Value FunctionGenerator::boolean(bool value) {
  return builder_.create<mlir::arith::ConstantOp>(op_.getLoc(), builder_.getBoolAttr(value));
}

Value FunctionGenerator::zero(mlir::Type type, llvm::ArrayRef<Value> sizes) {
  auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type);
  mlir::Type elem = tensor ? tensor.getElementType() : type;
  Value scalar = builder_.create<mlir::arith::ConstantOp>(op_.getLoc(), builder_.getZeroAttr(elem));
  if (!tensor)
    return scalar;
  return builder_.create<ir::BroadcastOp>(op_.getLoc(), tensor, scalar, llvm::ArrayRef<int64_t>{}, sizes);
}

Values FunctionGenerator::placeholders(const sema::Type &type) {
  Values values;
  for (const Leaf &leaf : leavesOf(type)) {
    Values sizes;
    if (leaf.type->kind == sema::TypeKind::Str)
      sizes.push_back(size(Dim(int64_t(0))));
    for (const Dim &dim : leaf.type->dims)
      if (!dim.isConst() || dim.constant() < 0)
        sizes.push_back(size(sizes_.allBound(dim) ? dim : Dim(int64_t(0))));
    values.push_back(zero(leafType(leaf.type, context_), sizes));
  }
  return values;
}

Values FunctionGenerator::placeholders(llvm::ArrayRef<mlir::Type> types) {
  Values values;
  for (mlir::Type type : types) {
    Values sizes;
    if (auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type))
      sizes.assign(tensor.getNumDynamicDims(), size(Dim(int64_t(0))));
    values.push_back(zero(type, sizes));
  }
  return values;
}

Value FunctionGenerator::broadcastTo(Value value, const sema::Type &leaf, mlir::Location loc) {
  auto from = llvm::dyn_cast<mlir::RankedTensorType>(value.getType());
  mlir::Type elem = from ? from.getElementType() : value.getType();
  if (leaf->dims.empty())
    return value;
  auto shape = llvm::cast<mlir::RankedTensorType>(leafType(leaf, context_));
  auto to = mlir::RankedTensorType::get(shape.getShape(), elem);
  int64_t rank = from ? from.getRank() : 0, added = to.getRank() - rank;
  if (added < 0) {
    fail({}, "an operand has more dimensions than the result of its operation");
    return placeholders(mlir::Type(to))[0];
  }
  bool stretches = added > 0;
  llvm::SmallVector<int64_t> dims;
  for (int64_t i = 0; i < rank; ++i) {
    dims.push_back(i + added);
    stretches |= from.getDimSize(i) == 1 && to.getDimSize(i + added) != 1;
  }
  if (!stretches)
    return coerce(value, to);
  return builder_.create<ir::BroadcastOp>(loc, to, value, dims, dynamicSizes(leaf));
}

// --------------------------------------------------------------------------------------------------------- sizes
Value FunctionGenerator::size(const Dim &dim) {
  if (!sizes_.allBound(dim)) {
    fail({}, "the size " + dim.str() + " has no value here");
    return builder_.create<mlir::arith::ConstantIndexOp>(place(current_), 0);
  }
  return sizes_.emit(dim, builder_, place(current_));
}

Values FunctionGenerator::dynamicSizes(const sema::Type &leaf) {
  Values sizes;
  for (const Dim &dim : leaf->dims)
    if (!dim.isConst() || dim.constant() < 0)
      sizes.push_back(size(dim));
  return sizes;
}

void FunctionGenerator::bindDim(const Dim &dim, llvm::function_ref<Value()> makeValue) {
  if (dim.isConst() || dim.isOpen())
    return;
  if (dim.isSymbol()) {
    if (!sizes_.isBound(dim.symbolId()))
      sizes_.bind(dim.symbolId(), makeValue());
    return;
  }
  std::optional<SizeTable::Linear> linear = sizes_.solvable(dim);
  if (!linear)
    return;
  mlir::Location loc = place(current_);
  Value rest = sizes_.emit(linear->rest, builder_, loc);
  Value numerator = builder_.createOrFold<mlir::arith::SubIOp>(loc, makeValue(), rest);
  Value coefficient = builder_.create<mlir::arith::ConstantIndexOp>(loc, linear->coefficient);
  sizes_.bind(linear->symbol, builder_.createOrFold<mlir::arith::DivSIOp>(loc, numerator, coefficient));
}

void FunctionGenerator::bindSizes(const sema::Type &type, llvm::ArrayRef<Value> values) {
  std::vector<Leaf> leaves = leavesOf(type);
  if (leaves.size() != values.size())
    return;
  for (auto [leaf, value] : llvm::zip_equal(leaves, values))
    bindInt(leaf.dim, value);
  // Plain symbols of all parts first: sizes like N + k may be solved for what is left.
  for (bool plain : {true, false})
    for (auto [leaf, value] : llvm::zip_equal(leaves, values))
      for (auto [i, dim] : llvm::enumerate(leaf.type->dims)) {
        if (dim.isSymbol() != plain)
          continue;
        bindDim(dim, [&, value = value, i = i] {
          return builder_.createOrFold<mlir::tensor::DimOp>(value.getLoc(), value, int64_t(i));
        });
      }
}

void FunctionGenerator::bindInt(const std::optional<Dim> &dim, Value value) {
  if (!dim || !value || !value.getType().isInteger(64))
    return;
  bindDim(*dim, [&] {
    return builder_.createOrFold<mlir::arith::IndexCastOp>(value.getLoc(), builder_.getIndexType(), value);
  });
}

std::optional<Dim> FunctionGenerator::symbolic(const sema::Expr &e) {
  if (!e.type || !sema::isScalar(e.type) || e.type->elem != sema::Elem::I64)
    return std::nullopt;
  switch (e.kind) {
  case sema::ExprKind::Constant:
    if (auto *number = std::get_if<int64_t>(&e.literal.value))
      return Dim(*number);
    return std::nullopt;
  case sema::ExprKind::Var:
    if (auto it = loopSymbols_.find(e.variable); it != loopSymbols_.end())
      return it->second;
    return e.dim ? e.dim : e.variable->dim;
  case sema::ExprKind::Op: {
    if (e.args.empty() || e.args.size() > 2)
      break;
    std::optional<Dim> a = symbolic(*e.args[0]);
    if (a && e.name == "neg")
      return Dim(int64_t(0)) - *a;
    std::optional<Dim> b = e.args.size() == 2 ? symbolic(*e.args[1]) : std::nullopt;
    if (!a || !b)
      break;
    if (e.name == "add")
      return *a + *b;
    if (e.name == "sub")
      return *a - *b;
    if (e.name == "mul")
      return *a * *b;
    break;
  }
  default:
    break;
  }
  return e.dim;
}

// ----------------------------------------------------------------------------------------------------- variables
Values FunctionGenerator::read(const sema::Variable *variable, Span span) {
  if (auto it = environment_.find(variable); it != environment_.end())
    return it->second;
  fail(span, "`" + (variable ? variable->name : std::string("?")) + "` has no value here");
  return variable ? placeholders(variable->type) : Values{};
}

void FunctionGenerator::write(const sema::Variable *variable, Values values) {
  environment_[variable] = coerce(std::move(values), flatten(variable->type, context_));
}

sema::Variable *FunctionGenerator::newVariable(std::string name, sema::Type type) {
  sema::Variable &variable = ownVariables_.emplace_back();
  variable.name = std::move(name);
  variable.type = std::move(type);
  variable.isMutable = true;
  return &variable;
}

void FunctionGenerator::nameResult(const sema::Variable &variable, llvm::ArrayRef<Value> values) {
  if (variable.name.empty() || variable.name == "_")
    return;
  std::vector<Leaf> leaves = leavesOf(variable.type);
  for (auto [leaf, value] : llvm::zip(leaves, values)) {
    mlir::Operation *op = value.getDefiningOp();
    if (!op || op->getNumResults() != 1 || op->hasAttr("dl.var") || mlir::matchPattern(op, mlir::m_Constant()))
      continue;
    op->setAttr("dl.var", builder_.getStringAttr(variable.name + leaf.path));
  }
}

llvm::SmallVector<const sema::Variable *> FunctionGenerator::visible(const VariableSet &assigned) {
  llvm::SmallVector<const sema::Variable *> variables;
  for (const sema::Variable *variable : assigned)
    if (environment_.count(variable))
      variables.push_back(variable);
  return variables;
}

Values FunctionGenerator::current(llvm::ArrayRef<const sema::Variable *> variables) {
  Values values;
  for (const sema::Variable *variable : variables)
    llvm::append_range(values, environment_[variable]);
  return values;
}

void FunctionGenerator::assignAll(llvm::ArrayRef<const sema::Variable *> variables, mlir::ValueRange values) {
  size_t next = 0;
  for (const sema::Variable *variable : variables)
    for (Value &value : environment_[variable])
      value = values[next++];
}

mlir::ArrayAttr FunctionGenerator::namesOf(llvm::ArrayRef<const sema::Variable *> variables) {
  llvm::SmallVector<mlir::Attribute> names;
  for (const sema::Variable *variable : variables)
    for (const Leaf &leaf : leavesOf(variable->type))
      names.push_back(builder_.getStringAttr(variable->name + leaf.path));
  return builder_.getArrayAttr(names);
}

void FunctionGenerator::addExitVariables(Exits exits, VariableSet &assigned) {
  if (exits.returns && returned_) {
    assigned.insert(returned_);
    assigned.insert(slot_);
  }
  if (exits.breaks && !loops_.empty() && loops_.back().broken)
    assigned.insert(loops_.back().broken);
  if (exits.continues && !loops_.empty() && loops_.back().skipped)
    assigned.insert(loops_.back().skipped);
}

Value FunctionGenerator::anyFlag(Exits exits, mlir::Location loc) {
  VariableSet flags;
  addExitVariables(exits, flags);
  Value any;
  for (const sema::Variable *flag : flags) {
    if (flag == slot_)
      continue;
    Value value = environment_[flag][0];
    any = any ? builder_.createOrFold<mlir::arith::OrIOp>(loc, any, value) : value;
  }
  return any;
}

Values FunctionGenerator::emitIf(mlir::Location loc, Value condition, const VariableSet &assigned,
                                 llvm::ArrayRef<mlir::Type> types, llvm::function_ref<Values()> thenBranch,
                                 llvm::function_ref<Values()> elseBranch) {
  llvm::SmallVector<const sema::Variable *> variables = visible(assigned);
  Values before = current(variables);
  Types all;
  for (Value value : before)
    all.push_back(value.getType());
  all.append(types.begin(), types.end());
  auto op = builder_.create<mlir::scf::IfOp>(loc, all, condition, /*addThenBlock=*/true, /*addElseBlock=*/true);
  auto fill = [&](mlir::Block *block, llvm::function_ref<Values()> branch) {
    SizeTable::Scope scope(sizes_);
    builder_.setInsertionPointToStart(block);
    Values given = coerce(branch(), types);
    Values yielded = current(variables);
    llvm::append_range(yielded, given);
    builder_.create<mlir::scf::YieldOp>(loc, yielded);
    assignAll(variables, before);
  };
  fill(op.thenBlock(), thenBranch);
  fill(op.elseBlock(), elseBranch);
  builder_.setInsertionPointAfter(op);
  assignAll(variables, op.getResults().take_front(before.size()));
  return llvm::to_vector(
      llvm::map_range(op.getResults().drop_front(before.size()), [](mlir::OpResult r) { return Value(r); }));
}

} // namespace dl::irgen
