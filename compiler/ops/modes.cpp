#include "compiler/ops/modes.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace dl::ops {

namespace {

// A copy of the op with some operands replaced, the others being the program's values.
Value applyTo(Operation *op, ir::TangentBuilder &tangents, ArrayRef<std::pair<unsigned, Value>> replaced) {
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(operand);
  SmallVector<bool> done(operands.size(), false);
  for (auto [index, value] : replaced) {
    operands[index] = value;
    done[index] = true;
  }
  for (auto [index, operand] : llvm::enumerate(operands))
    if (!done[index])
      operand = tangents.primal(operand);
  Operation *copy = tangents.builder().clone(*op);
  copy->setOperands(operands);
  copy->setLoc(tangents.loc());
  return copy->getResult(0);
}

bool isElementwise(Operation *op) {
  return isa<ir::DlOp>(op) && op->getNumResults() == 1 && !isa<ir::CmpOp>(op) &&
         llvm::all_of(op->getOperandTypes(), [&](Type type) { return type == op->getResult(0).getType(); });
}

// Whether elements of the value may be the ones that a `where` does not take. Their adjoint is 0, and must stay 0 where
// a partial derivative is infinite or NaN.
bool isChosenFrom(Value value, int depth = 0) {
  constexpr int kFar = 16;
  return depth < kFar &&
         llvm::any_of(
             value.getUsers(),
             [&](Operation *user) {
               if (auto select = dyn_cast<ir::SelectOp>(user))
                 return select.getCondition() != value;
               if (!isElementwise(user) &&
                   !isa<ir::BroadcastOp, ir::ReshapeOp, ir::TransposeOp, ir::ConvertOp, ir::SliceOp>(user))
                 return false;
               return isChosenFrom(user->getResult(0), depth + 1);
             });
}

// The term, 0 where the condition holds.
Expr guarded(Expr condition, Expr term) {
  auto select = term.builder->create<ir::SelectOp>(term.loc, term.value.getType(), condition.value,
                                                   term.constant(0).value, term.value);
  select->setAttr(kGuard, UnitAttr::get(select->getContext()));
  return term.with(select);
}

// The condition of a guard, and that the tangents of what it compares with 0 are 0 too.
Value withTangents(Value condition, ir::TangentBuilder &tangents) {
  OpBuilder &b = tangents.builder();
  Location loc = tangents.loc();
  if (auto both = condition.getDefiningOp<ir::AndOp>())
    return b.create<ir::AndOp>(loc, both.getType(), withTangents(both.getX(), tangents),
                               withTangents(both.getY(), tangents));
  if (auto repeated = condition.getDefiningOp<ir::BroadcastOp>()) {
    SmallVector<Value> sizes;
    for (Value size : repeated.getSizes())
      sizes.push_back(tangents.primal(size));
    return b.create<ir::BroadcastOp>(loc, repeated.getType(), withTangents(repeated.getInput(), tangents),
                                     repeated.getDims(), sizes);
  }
  Value zero = tangents.primal(condition);
  auto compare = condition.getDefiningOp<ir::CmpOp>();
  Value tangent = compare ? tangents.tangent(compare.getX()) : Value();
  if (!tangent)
    return zero;
  Value still = ir::compare(b, loc, ir::CmpKind::eq, tangent, ir::zerosLike(b, loc, tangent));
  return b.create<ir::AndOp>(loc, zero.getType(), zero, still);
}

bool isPassedOn(Value term, Value adjoint) {
  auto neg = term.getDefiningOp<ir::NegOp>();
  return term == adjoint || (neg && neg.getX() == adjoint);
}

void accumulate(ir::TangentBuilder &tangents, Value &sum, Value term) {
  sum = sum ? tangents.builder().create<ir::AddOp>(tangents.loc(), sum.getType(), sum, term) : term;
}

} // namespace

LogicalResult linearJvp(Operation *op, ir::TangentBuilder &tangents, ArrayRef<unsigned> operands) {
  SmallVector<std::pair<unsigned, Value>> replaced;
  bool any = false;
  for (unsigned index : operands) {
    Value tangent = tangents.tangent(op->getOperand(index));
    any |= tangent != nullptr;
    replaced.emplace_back(index, tangent);
  }
  if (!any || !ir::isFloat(op->getResult(0).getType()))
    return success();
  for (auto &[index, tangent] : replaced)
    if (!tangent)
      tangent = ir::zerosLike(tangents.builder(), tangents.loc(), tangents.primal(op->getOperand(index)));
  tangents.set(op->getResult(0), applyTo(op, tangents, replaced));
  return success();
}

LogicalResult bilinearJvp(Operation *op, ir::TangentBuilder &tangents, unsigned first, unsigned second) {
  Value sum;
  for (unsigned index : {first, second})
    if (Value tangent = tangents.tangent(op->getOperand(index)))
      accumulate(tangents, sum, applyTo(op, tangents, {{index, tangent}}));
  if (sum)
    tangents.set(op->getResult(0), sum);
  return success();
}

LogicalResult guardVjp(ir::SelectOp op, ir::AdjointBuilder &adjoints) {
  if (!adjoints.wants(op.getY()))
    return success();
  Expr adjoint{&adjoints.builder(), adjoints.loc(), adjoints.adjoint(op.getResult())};
  Expr both = adjoint + adjoint.with(adjoints.primal(op.getY()));
  Expr infinite = compare(ir::CmpKind::ne, both - both, 0);
  Expr dropped = apply<ir::AndOp>(infinite.with(adjoints.primal(op.getCondition())), infinite);
  adjoints.add(op.getY(), select(dropped, 0, adjoint).value);
  return success();
}

LogicalResult guardJvp(ir::SelectOp op, ir::TangentBuilder &tangents) {
  Value tangent = tangents.tangent(op.getY());
  if (!tangent)
    return success();
  OpBuilder &b = tangents.builder();
  Expr term{&b, tangents.loc(), tangent};
  Value condition = withTangents(op.getCondition(), tangents);
  tangents.set(op.getResult(), guarded(term.with(condition), term).value);
  return success();
}

LogicalResult elementwiseVjp(Operation *op, ir::AdjointBuilder &adjoints, ArrayRef<Contribution> contributions) {
  auto primal = [&](Value original) { return adjoints.primal(original); };
  Primals primals(op, adjoints.builder(), adjoints.loc(), primal);
  std::optional<Value> adjoint;
  bool chosen = isChosenFrom(op->getResult(0));
  for (auto [operand, contribution] : llvm::zip_equal(op->getOperands(), contributions)) {
    if (!contribution || !adjoints.wants(operand))
      continue;
    if (!adjoint)
      adjoint = adjoints.adjoint(op->getResult(0));
    Expr d{&adjoints.builder(), adjoints.loc(), *adjoint};
    std::optional<Expr> term = contribution(d, primals);
    if (term && chosen && !isPassedOn(term->value, d.value))
      term = guarded(compare(ir::CmpKind::eq, d, 0), *term);
    if (term)
      adjoints.add(operand, term->value);
  }
  return success();
}

LogicalResult elementwiseJvp(Operation *op, ir::TangentBuilder &tangents, ArrayRef<Contribution> contributions) {
  auto primal = [&](Value original) { return tangents.primal(original); };
  Primals primals(op, tangents.builder(), tangents.loc(), primal);
  Value sum;
  for (auto [operand, contribution] : llvm::zip_equal(op->getOperands(), contributions)) {
    Value tangent = contribution ? tangents.tangent(operand) : Value();
    if (!tangent)
      continue;
    if (std::optional<Expr> term = contribution({&tangents.builder(), tangents.loc(), tangent}, primals))
      accumulate(tangents, sum, term->value);
  }
  if (sum)
    tangents.set(op->getResult(0), sum);
  return success();
}

} // namespace dl::ops
