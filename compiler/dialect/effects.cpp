// Memory effects of runtime calls. On tensors only effects of their own count (files, random numbers); on memrefs,
// after bufferisation, also what is read and written.
#include "compiler/dialect/Dl.h"

using namespace mlir;

namespace dl::ir {

namespace {

using Effects = SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>;

void addReads(Effects &effects, MutableOperandRange operands) {
  for (OpOperand &operand : operands)
    if (isa<BaseMemRefType>(operand.get().getType()))
      effects.emplace_back(MemoryEffects::Read::get(), &operand);
}

void addOutsideEffects(Effects &effects) {
  effects.emplace_back(MemoryEffects::Read::get());
  effects.emplace_back(MemoryEffects::Write::get());
}

} // namespace

void ExternOp::getEffects(Effects &effects) {
  addReads(effects, getInputsMutable());
  for (OpResult result : getOperation()->getResults())
    if (isa<BaseMemRefType>(result.getType())) {
      effects.emplace_back(MemoryEffects::Allocate::get(), result);
      // An op that only allocates is erased with the deallocation of one unused result, whatever its other results are
      // for.
      effects.emplace_back(MemoryEffects::Write::get(), result);
    }
  if (!getPure())
    addOutsideEffects(effects);
}

void KernelOp::getEffects(Effects &effects) {
  addReads(effects, getInputsMutable());
  for (OpOperand &dest : getDestsMutable()) {
    if (!isa<BaseMemRefType>(dest.get().getType()))
      continue;
    effects.emplace_back(MemoryEffects::Write::get(), &dest);
    if (getAccumulates())
      effects.emplace_back(MemoryEffects::Read::get(), &dest);
  }
  if (getEffect())
    addOutsideEffects(effects);
}

} // namespace dl::ir
