#include "compiler/autodiff/value_name.h"

#include "compiler/autodiff/info.h"
#include "compiler/dialect/builder.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace dl::autodiff {

// The place of an inlined operation is that in the function, seen from the call.
static Location named(Location location, StringAttr name) {
  if (auto call = dyn_cast<CallSiteLoc>(location))
    return CallSiteLoc::get(named(call.getCallee(), name), call.getCaller());
  return NameLoc::get(name, location);
}

static std::string nameIn(Location location) {
  if (auto call = dyn_cast<CallSiteLoc>(location))
    return nameIn(call.getCallee());
  auto name = dyn_cast<NameLoc>(location);
  return name ? name.getName().str() : "";
}

// The variable that a loop carries at a position, where the user wrote one.
static std::string carried(Operation *loop, unsigned i) {
  auto names = loop->getAttrOfType<ArrayAttr>("dl.vars");
  return names && i < names.size() ? cast<StringAttr>(names[i]).str() : "";
}

std::string givenName(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    Operation *parent = argument.getOwner()->getParentOp();
    if (auto function = dyn_cast<func::FuncOp>(parent)) {
      auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), kNameAttr);
      return name ? name.str() : "";
    }
    if (auto loop = dyn_cast<scf::ForOp>(parent)) {
      auto index = loop->getAttrOfType<StringAttr>("dl.index");
      return argument != loop.getInductionVar() ? carried(loop, argument.getArgNumber() - 1) : index ? index.str() : "";
    }
    return carried(parent, argument.getArgNumber());
  }
  Operation *op = value.getDefiningOp();
  if (isa<LoopLikeOpInterface>(op))
    return carried(op, cast<OpResult>(value).getResultNumber());
  if (op->getNumResults() != 1)
    return "";
  auto name = op->getAttrOfType<StringAttr>("dl.var");
  return name ? name.str() : nameIn(op->getLoc());
}

void giveName(Value value, const std::string &name) {
  Operation *op = value.getDefiningOp();
  if (op && op->getNumResults() == 1 && op->getNumRegions() == 0 && givenName(value).empty())
    op->setLoc(named(op->getLoc(), StringAttr::get(op->getContext(), name)));
}

std::string nameOf(Value value) {
  std::string name = givenName(value);
  Operation *op = value.getDefiningOp();
  if (!name.empty() || !op)
    return name.empty() ? "…" : name;
  if (op->hasTrait<OpTrait::ConstantLike>())
    return "constant";
  for (Value operand : op->getOperands()) {
    std::string each = givenName(operand);
    name += (name.empty() ? "" : ", ") + (each.empty() ? "…" : each);
  }
  return op->getName().stripDialect().str() + "(" + name + ")";
}

} // namespace dl::autodiff
