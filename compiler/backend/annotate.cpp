#include "compiler/backend/annotate.h"

#include "compiler/passes/passes.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/IR/Dominators.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/Transforms/Utils/ModuleUtils.h"

using namespace llvm;

namespace dl::backend {
namespace {

// Functions that glibc's libmvec has for vectors, by their f64 name, with their number of arguments.
constexpr std::pair<StringLiteral, int> kVectorFunctions[] = {
    {"acos", 1},  {"acosh", 1}, {"asin", 1}, {"asinh", 1}, {"atan", 1}, {"atan2", 2}, {"atanh", 1}, {"cbrt", 1},
    {"cos", 1},   {"cosh", 1},  {"erf", 1},  {"exp", 1},   {"exp2", 1}, {"expm1", 1}, {"log", 1},   {"log10", 1},
    {"log1p", 1}, {"log2", 1},  {"pow", 2},  {"sin", 1},   {"sinh", 1}, {"tan", 1},   {"tanh", 1},
};

// The letter of an instruction set in the vector function ABI, and its width in bits.
struct VectorSet {
  char letter;
  int bits;
};

// libm without errno or flags: a function of its arguments.
void annotateMath(Function &function) {
  function.setMemoryEffects(MemoryEffects::none());
  function.addFnAttr(Attribute::NoUnwind);
  function.addFnAttr(Attribute::WillReturn);
  function.addFnAttr(Attribute::NoCallback);
}

// The vector form `_ZGVeN16v_expf`, declared and named in the attribute by which the vectoriser finds it.
void addVectorForms(Module &module, Function &function, int arguments, const TargetDescription &target,
                    SmallVectorImpl<GlobalValue *> &used) {
  Type *scalar = function.getReturnType();
  int scalarBits = static_cast<int>(scalar->getPrimitiveSizeInBits());
  std::string mappings;
  for (VectorSet set : {VectorSet{'b', 128}, VectorSet{'d', 256}, VectorSet{'e', 512}}) {
    if (set.bits > target.vectorBits)
      continue;
    int lanes = set.bits / scalarBits;
    std::string shape = ("N" + Twine(lanes) + (arguments == 2 ? "vv" : "v") + "_" + function.getName()).str();
    std::string name = (Twine("_ZGV") + Twine(set.letter) + shape).str();
    auto *vector = FixedVectorType::get(scalar, static_cast<unsigned>(lanes));
    SmallVector<Type *> parameters(static_cast<size_t>(arguments), vector);
    auto callee = module.getOrInsertFunction(name, FunctionType::get(vector, parameters, false));
    auto *declared = cast<Function>(callee.getCallee());
    annotateMath(*declared);
    used.push_back(declared);
    mappings += (mappings.empty() ? "" : ",") + ("_ZGV_LLVM_" + shape) + "(" + name + ")";
  }
  function.addFnAttr("vector-function-abi-variant", mappings);
}

// Stack memory becomes registers only when it stands in the entry block, which checks have split before it.
void moveAllocasToEntry(Function &function) {
  BasicBlock &entry = function.getEntryBlock();
  for (BasicBlock &block : drop_begin(function))
    for (Instruction &instruction : make_early_inc_range(block)) {
      auto *alloca = dyn_cast<AllocaInst>(&instruction);
      auto *size = alloca ? dyn_cast<ConstantInt>(alloca->getArraySize()) : nullptr;
      if (size)
        alloca->moveBefore(entry, entry.getFirstInsertionPt());
    }
}

// Bools lie in memory as bytes: the vectoriser takes those together, but loads and stores of single bits one by one.
void storeBoolsAsBytes(Function &function) {
  IRBuilder<> builder(function.getContext());
  for (Instruction &instruction : make_early_inc_range(instructions(function))) {
    builder.SetInsertPoint(&instruction);
    if (auto *load = dyn_cast<LoadInst>(&instruction); load && load->getType()->isIntegerTy(1)) {
      LoadInst *byte = builder.CreateAlignedLoad(builder.getInt8Ty(), load->getPointerOperand(), load->getAlign());
      byte->copyMetadata(*load);
      load->replaceAllUsesWith(builder.CreateTrunc(byte, builder.getInt1Ty()));
      load->eraseFromParent();
    } else if (auto *store = dyn_cast<StoreInst>(&instruction);
               store && store->getValueOperand()->getType()->isIntegerTy(1)) {
      Value *byte = builder.CreateZExt(store->getValueOperand(), builder.getInt8Ty());
      builder.CreateAlignedStore(byte, store->getPointerOperand(), store->getAlign())->copyMetadata(*store);
      store->eraseFromParent();
    }
  }
}

} // namespace

void annotateFunctions(Module &module, const TargetDescription &target) {
  StringMap<int> vectorised;
  for (auto [name, arguments] : kVectorFunctions) {
    vectorised[name] = arguments;
    vectorised[(name + "f").str()] = arguments;
  }
  SmallVector<GlobalValue *> used;
  for (Function &function : make_early_inc_range(module)) {
    StringRef name = function.getName();
    if (!function.isDeclaration()) {
      if (!name.starts_with(passes::kEntryPrefix))
        function.setLinkage(GlobalValue::InternalLinkage);
      moveAllocasToEntry(function);
      storeBoolsAsBytes(function);
      function.addFnAttr(Attribute::NoUnwind);
      function.addFnAttr("target-cpu", target.cpu);
      function.addFnAttr("target-features", target.features);
      function.addFnAttr("prefer-vector-width", std::to_string(target.vectorBits));
      continue;
    }
    if (auto it = vectorised.find(name); it != vectorised.end()) {
      annotateMath(function);
      addVectorForms(module, function, it->second, target, used);
    } else if (name == "_mlir_memref_to_llvm_alloc") {
      function.addRetAttr(Attribute::NoAlias);
      function.addRetAttr(Attribute::getWithAlignment(module.getContext(), Align(64)));
      function.addFnAttr(Attribute::NoUnwind);
    } else if (!name.starts_with("llvm.")) {
      function.addFnAttr(Attribute::NoUnwind);
    }
  }
  // The declarations are needed only once the vectoriser has run.
  if (!used.empty())
    appendToCompilerUsed(module, used);
}

namespace {

// A property of a loop beside those that it has.
void addProperty(Loop &loop, MDNode *property) {
  LLVMContext &context = property->getContext();
  SmallVector<Metadata *> properties{nullptr};
  if (MDNode *id = loop.getLoopID())
    properties.append(id->op_begin() + 1, id->op_end());
  properties.push_back(property);
  MDNode *id = MDNode::getDistinct(context, properties);
  id->replaceOperandWith(0, id);
  loop.setLoopID(id);
}

void markIndependent(Loop &loop, LLVMContext &context) {
  MDNode *group = MDNode::getDistinct(context, {});
  for (BasicBlock *block : loop.blocks())
    for (Instruction &instruction : *block)
      if (instruction.mayReadOrWriteMemory() && !isa<CallBase>(instruction))
        instruction.setMetadata(LLVMContext::MD_access_group, group);
  addProperty(loop, MDNode::get(context, {MDString::get(context, "llvm.loop.parallel_accesses"), group}));
}

bool callsMath(const Loop &loop) {
  return any_of(loop.blocks(), [](const BasicBlock *block) {
    return any_of(*block, [](const Instruction &instruction) {
      auto *call = dyn_cast<CallBase>(&instruction);
      Function *callee = call ? call->getCalledFunction() : nullptr;
      return callee && callee->hasFnAttribute("vector-function-abi-variant");
    });
  });
}

// So many accesses in an iteration are worth a mask for the last few elements: to take them one by one costs more.
constexpr int kManyAccesses = 12;

int accesses(const Loop &loop) {
  int count = 0;
  for (const BasicBlock *block : loop.blocks())
    count += count_if(*block, [](const Instruction &instruction) { return isa<LoadInst, StoreInst>(instruction); });
  return count;
}

} // namespace

void annotateLoops(Module &module) {
  LLVMContext &context = module.getContext();
  Function *marker = module.getFunction(passes::kIndependentMarker);
  MDNode *masked = MDNode::get(context, {MDString::get(context, "llvm.loop.vectorize.predicate.enable"),
                                         ConstantAsMetadata::get(ConstantInt::getTrue(context))});
  for (Function &function : module) {
    if (function.isDeclaration())
      continue;
    DominatorTree dominators(function);
    LoopInfo loops(dominators);
    for (Loop *loop : loops.getLoopsInPreorder()) {
      if (!loop->isInnermost() || !loop->getLoopLatch())
        continue;
      bool independent = marker && any_of(loop->blocks(), [&](BasicBlock *block) {
                           return any_of(*block, [&](Instruction &instruction) {
                             auto *call = dyn_cast<CallInst>(&instruction);
                             return call && call->getCalledFunction() == marker;
                           });
                         });
      if (independent)
        markIndependent(*loop, context);
      // The last few elements one by one would take longer than many vectors: they are a vector with a mask.
      if (callsMath(*loop) || (independent && accesses(*loop) >= kManyAccesses))
        addProperty(*loop, masked);
    }
  }
  if (!marker)
    return;
  for (User *user : make_early_inc_range(marker->users()))
    cast<CallInst>(user)->eraseFromParent();
  marker->eraseFromParent();
}

} // namespace dl::backend
