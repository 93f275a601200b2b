// Kernel and extern calls, assertions and polls to calls of the runtime, after control flow has become branches.
#include "compiler/dialect/Dl.h"
#include "compiler/dialect/location.h"
#include "compiler/passes/descriptor.h"
#include "compiler/passes/packed_value.h"
#include "compiler/passes/passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"

#include <map>
#include <vector>

using namespace mlir;

namespace dl::passes {
namespace {

// Kernel calls with equal types and constants, from so many on, go through one function that packs their values: the
// dozens of stores in front of each call would otherwise be most of a large network's code.
constexpr int kSharedCalls = 3;

bool isConstant(Value value) {
  Operation *def = value.getDefiningOp();
  return def && def->hasTrait<OpTrait::ConstantLike>();
}

struct RuntimeCallsPass : PassWrapper<RuntimeCallsPass, OperationPass<ModuleOp>> {
  RuntimeCallsPass(LineText lineText, IsLibrary isLibrary)
      : lineText(std::move(lineText)), isLibrary(std::move(isLibrary)) {}
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(RuntimeCallsPass)
  StringRef getArgument() const override { return "dl-runtime-calls"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<LLVM::LLVMDialect, cf::ControlFlowDialect, memref::MemRefDialect, arith::ArithDialect>();
  }

  LineText lineText;
  IsLibrary isLibrary;
  llvm::StringMap<std::string> strings; // text to the name of its global
  llvm::StringMap<std::string> sites;
  int nextGlobal = 0;

  using CallKey = std::vector<const void *>;
  struct SharedCall {
    int uses = 0;
    func::FuncOp function;
  };
  std::map<CallKey, SharedCall> sharedCalls;
  llvm::StringMap<func::FuncOp> entries; // functions by the names of their entry points

  ModuleOp module() { return getOperation(); }
  Type pointerType() { return LLVM::LLVMPointerType::get(&getContext()); }

  void runOnOperation() override {
    for (auto func : module().getOps<func::FuncOp>())
      if (auto entry = func->getAttrOfType<StringAttr>(kEntryName); entry && !func.isExternal())
        entries[entry.getValue()] = func;
    module().walk([&](func::CallOp call) { lowerGrow(call); });
    module().walk([&](ir::KernelOp kernel) { ++sharedCalls[keyOf(kernel)].uses; });
    for (auto func : llvm::to_vector(module().getOps<func::FuncOp>()))
      if (!func.isExternal())
        lower(func);
  }

  void lower(func::FuncOp func) {
    SmallVector<Operation *> ops;
    int64_t most = 0;
    func.walk([&](Operation *op) {
      if (!isa<ir::ExternOp, ir::KernelOp, ir::AssertOp, ir::PollOp>(op))
        return;
      ops.push_back(op);
      int64_t values = op->getNumOperands() + op->getNumResults();
      if (isa<ir::AssertOp>(op))
        values = op->getNumOperands();
      if (auto call = dyn_cast<ir::ExternOp>(op); call && directCallee(call))
        values = 0;
      most = std::max(most, values);
    });
    if (ops.empty())
      return;
    // One array serves all calls of the function.
    Value array;
    if (most) {
      OpBuilder entry = OpBuilder::atBlockBegin(&func.getBody().front());
      Value count = entry.create<LLVM::ConstantOp>(func.getLoc(), entry.getI64Type(), entry.getI64IntegerAttr(most));
      array = entry.create<LLVM::AllocaOp>(func.getLoc(), pointerType(), PackedValues::type(&getContext()), count);
    }
    for (Operation *op : ops) {
      OpBuilder b(op);
      if (auto call = dyn_cast<ir::ExternOp>(op))
        lowerExtern(b, call, array);
      else if (auto kernel = dyn_cast<ir::KernelOp>(op))
        lowerKernel(b, kernel, array);
      else if (auto check = dyn_cast<ir::AssertOp>(op))
        lowerAssert(check, array);
      else
        lowerPoll(op);
    }
  }

  // ------------------------------------------------------------------------------------------------------ calls
  void lowerGrow(func::CallOp call) {
    auto callee = module().lookupSymbol<func::FuncOp>(call.getCallee());
    if (!callee || !callee->hasAttr(kGrow))
      return;
    Operation *first = growSizesOf(call);
    Location loc = call.getLoc();
    OpBuilder b(call);
    auto type = cast<MemRefType>(call.getResult(0).getType());
    auto bytesOf = [&](ValueRange dynamic) {
      int64_t fixed = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
      for (int64_t size : type.getShape())
        fixed *= ShapedType::isDynamic(size) ? 1 : size;
      Value bytes = number(b, loc, fixed);
      for (Value size : dynamic)
        bytes = b.create<LLVM::MulOp>(loc, bytes, toI64(b, loc, size));
      return bytes;
    };
    Value source = call.getOperand(0);
    Value mayTake = b.create<LLVM::ZExtOp>(loc, b.getI64Type(), first->getOperand(0));
    ValueRange sizes = first->getOperands().drop_front();
    SmallVector<Value> before(sizes);
    before[0] = b.create<memref::DimOp>(loc, source, 0);
    Type ptr = pointerType(), i64 = b.getI64Type();
    declare("dl_grow", b.getFunctionType({ptr, i64, i64, i64}, ptr));
    Value block =
        b.create<func::CallOp>(loc, "dl_grow", ptr,
                               ValueRange{pointerOf(b, loc, source), mayTake, bytesOf(before), bytesOf(sizes)})
            .getResult(0);
    call.getResult(0).replaceAllUsesWith(memrefAt(b, loc, block, type, sizes));
    call.erase();
    first->erase();
  }

  void declare(StringRef name, FunctionType type) {
    if (module().lookupSymbol(name))
      return;
    OpBuilder b = OpBuilder::atBlockBegin(module().getBody());
    b.create<func::FuncOp>(module().getLoc(), name, type).setPrivate();
  }

  Value number(OpBuilder &b, Location loc, int64_t value) {
    return b.create<LLVM::ConstantOp>(loc, b.getI64Type(), b.getI64IntegerAttr(value));
  }

  Value at(OpBuilder &b, Location loc, Value array, int64_t index) {
    if (!array || index == 0)
      return array ? array : b.create<LLVM::ZeroOp>(loc, pointerType()).getResult();
    return b.create<LLVM::GEPOp>(loc, pointerType(), PackedValues::type(&getContext()), array,
                                 ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(index)});
  }

  void callPacked(OpBuilder &b, Location loc, Value site, StringRef callee, Value array, int64_t inputs,
                  int64_t outputs) {
    Type i64 = b.getI64Type(), ptr = pointerType();
    declare(callee, b.getFunctionType({ptr, ptr, i64, ptr, i64}, {}));
    b.create<func::CallOp>(loc, callee, TypeRange(),
                           ValueRange{site, array ? array : at(b, loc, array, 0), number(b, loc, inputs),
                                      at(b, loc, array, inputs), number(b, loc, outputs)});
  }

  // A runtime function of that name; entry points of this module keep theirs.
  static std::string symbolOf(StringRef callee) {
    return callee.starts_with("dl_") ? callee.str() : ("dl_rt_" + callee).str();
  }

  void lowerExtern(OpBuilder &b, ir::ExternOp call, Value array) {
    if (func::FuncOp callee = directCallee(call))
      return callDirectly(b, call, callee);
    Location loc = call.getLoc();
    PackedValues values(b, loc, array);
    int64_t inputs = call.getInputs().size(), outputs = call.getNumResults();
    for (auto [i, input] : llvm::enumerate(call.getInputs()))
      values.store(i, input);
    for (auto [i, type] : llvm::enumerate(call.getResultTypes()))
      values.storeRequest(inputs + i, type);
    callPacked(b, loc, siteOf(b, loc), symbolOf(call.getCallee()), array, inputs, outputs);
    for (auto [i, result] : llvm::enumerate(call.getResults()))
      result.replaceAllUsesWith(values.load(inputs + i, result.getType()));
    call.erase();
  }

  // A recursive call needs no packing where the function takes and gives values of just these types.
  func::FuncOp directCallee(ir::ExternOp call) {
    func::FuncOp callee = entries.lookup(call.getCallee());
    bool fits = callee && TypeRange(callee.getArgumentTypes()) == call.getInputs().getTypes() &&
                TypeRange(callee.getResultTypes()) == call.getResultTypes();
    return fits ? callee : func::FuncOp();
  }

  void callDirectly(OpBuilder &b, ir::ExternOp call, func::FuncOp callee) {
    Location loc = call.getLoc();
    Type ptr = pointerType();
    declare("dl_rt_check_stack", b.getFunctionType({ptr, ptr}, {}));
    Value title = b.create<LLVM::AddressOfOp>(loc, ptr, titleGlobal(callee.getName()));
    b.create<func::CallOp>(loc, "dl_rt_check_stack", TypeRange(), ValueRange{siteOf(b, loc), title});
    auto direct = b.create<func::CallOp>(loc, callee, call.getInputs());
    call.replaceAllUsesWith(direct.getResults());
    call.erase();
  }

  void lowerKernel(OpBuilder &b, ir::KernelOp kernel, Value array) {
    Location loc = kernel.getLoc();
    if (auto shared = sharedCalls.find(keyOf(kernel)); shared->second.uses >= kSharedCalls)
      callShared(b, kernel, shared->second);
    else
      callKernel(b, kernel, siteOf(b, loc), kernel->getOperands(), array);
    kernel.erase();
  }

  void callKernel(OpBuilder &b, ir::KernelOp kernel, Value site, ValueRange operands, Value array) {
    PackedValues values(b, kernel.getLoc(), array);
    for (auto [i, operand] : llvm::enumerate(operands))
      values.store(i, operand);
    callPacked(b, kernel.getLoc(), site, symbolOf(kernel.getCallee()), array, kernel.getInputs().size(),
               kernel.getDests().size());
  }

  static CallKey keyOf(ir::KernelOp kernel) {
    CallKey key{kernel.getCalleeAttr().getAsOpaquePointer(), reinterpret_cast<void *>(kernel.getInputs().size())};
    for (Value operand : kernel->getOperands()) {
      key.push_back(operand.getType().getAsOpaquePointer());
      key.push_back(isConstant(operand) ? operand.getDefiningOp()->getAttrDictionary().getAsOpaquePointer() : nullptr);
    }
    return key;
  }

  void callShared(OpBuilder &b, ir::KernelOp kernel, SharedCall &shared) {
    Location loc = kernel.getLoc();
    SmallVector<Value> arguments{siteOf(b, loc)};
    SmallVector<unsigned> counts; // parts of each operand
    for (Value operand : kernel->getOperands()) {
      SmallVector<Value> parts;
      if (!isConstant(operand))
        parts = partsOf(b, loc, operand);
      counts.push_back(parts.size());
      arguments.append(parts);
    }
    if (!shared.function)
      shared.function = makeShared(kernel, ValueRange(arguments).getTypes(), counts);
    b.create<func::CallOp>(loc, shared.function, arguments);
  }

  func::FuncOp makeShared(ir::KernelOp kernel, TypeRange arguments, ArrayRef<unsigned> counts) {
    Location loc = module().getLoc();
    OpBuilder b = OpBuilder::atBlockEnd(module().getBody());
    auto function = b.create<func::FuncOp>(loc, freshName("call"), b.getFunctionType(arguments, {}));
    function.setPrivate();
    function->setAttr("passthrough", b.getStrArrayAttr({"noinline"}));
    Block *entry = function.addEntryBlock();
    b.setInsertionPointToStart(entry);
    SmallVector<Value> rest(entry->getArguments().drop_front()), operands;
    ArrayRef<Value> parts = rest;
    for (auto [operand, count] : llvm::zip(kernel->getOperands(), counts)) {
      if (isConstant(operand))
        operands.push_back(b.clone(*operand.getDefiningOp())->getResult(0));
      else
        operands.push_back(valueOf(b, loc, operand.getType(), parts.take_front(count)));
      parts = parts.drop_front(count);
    }
    Value size = number(b, loc, kernel->getNumOperands());
    Value array = b.create<LLVM::AllocaOp>(loc, pointerType(), PackedValues::type(&getContext()), size);
    callKernel(b, kernel, entry->getArgument(0), operands, array);
    b.create<func::ReturnOp>(loc);
    return function;
  }

  // -------------------------------------------------------------------------------------- assertions and polls
  // Splits the block at `op` and fills a block that is entered when `condition` is false and then goes on behind `op`.
  void unless(Operation *op, Value condition, llvm::function_ref<void(OpBuilder &)> fill) {
    Block *before = op->getBlock();
    Block *after = before->splitBlock(op);
    auto *cold = new Block;
    before->getParent()->getBlocks().push_back(cold);
    OpBuilder b = OpBuilder::atBlockEnd(cold);
    fill(b);
    b.create<cf::BranchOp>(op->getLoc(), after);
    b.setInsertionPointToEnd(before);
    b.create<cf::CondBranchOp>(op->getLoc(), condition, after, cold);
    op->erase();
  }

  void lowerAssert(ir::AssertOp check, Value array) {
    Location loc = check.getLoc();
    unless(check, check.getCondition(), [&](OpBuilder &b) {
      std::string text = check.getMessage().str();
      PackedValues values(b, loc, array);
      values.storeText(0, stringAt(b, loc, text), static_cast<int64_t>(text.size()));
      for (auto [i, value] : llvm::enumerate(check.getValues()))
        values.store(1 + i, value);
      callPacked(b, loc, siteOf(b, loc), "dl_rt_assert_failed", array, 1 + check.getValues().size(), 0);
    });
  }

  void lowerPoll(Operation *poll) {
    Location loc = poll->getLoc();
    OpBuilder b(poll);
    constexpr StringLiteral flag = "dl_interrupted";
    if (!module().lookupSymbol(flag)) {
      OpBuilder top = OpBuilder::atBlockBegin(module().getBody());
      top.create<LLVM::GlobalOp>(loc, b.getI32Type(), /*isConstant=*/false, LLVM::Linkage::External, flag, Attribute());
    }
    Value address = b.create<LLVM::AddressOfOp>(loc, pointerType(), flag);
    Value value = b.create<LLVM::LoadOp>(loc, b.getI32Type(), address, /*alignment=*/4, /*isVolatile=*/true);
    Value zero = b.create<LLVM::ConstantOp>(loc, b.getI32Type(), b.getI32IntegerAttr(0));
    Value quiet = b.create<LLVM::ICmpOp>(loc, LLVM::ICmpPredicate::eq, value, zero);
    unless(poll, quiet, [&](OpBuilder &inside) {
      declare("dl_poll_interrupt", inside.getFunctionType({pointerType()}, {}));
      inside.create<func::CallOp>(loc, "dl_poll_interrupt", TypeRange(), ValueRange{siteOf(inside, loc)});
    });
  }

  // ------------------------------------------------------------------------------------------ constants and sites
  std::string freshName(StringRef kind) { return ("dl." + kind + "." + Twine(nextGlobal++)).str(); }

  std::string stringGlobal(StringRef text) {
    std::string &name = strings[text];
    if (name.empty()) {
      name = freshName("text");
      OpBuilder b = OpBuilder::atBlockBegin(module().getBody());
      std::string bytes = (text + StringRef("\0", 1)).str();
      auto type = LLVM::LLVMArrayType::get(b.getI8Type(), bytes.size());
      b.create<LLVM::GlobalOp>(module().getLoc(), type, /*isConstant=*/true, LLVM::Linkage::Internal, name,
                               b.getStringAttr(bytes));
    }
    return name;
  }
  Value stringAt(OpBuilder &b, Location loc, StringRef text) {
    return b.create<LLVM::AddressOfOp>(loc, pointerType(), stringGlobal(text));
  }

  // The dl_site constant of the place; null where the code belongs to no source line.
  Value siteOf(OpBuilder &b, Location loc) {
    std::optional<ir::SourcePlace> place = ir::decodeLocation(
        ir::userLocation(loc, [&](const std::string &file) { return isLibrary && isLibrary(file); }));
    if (!place)
      return b.create<LLVM::ZeroOp>(loc, pointerType());
    std::string key =
        (place->file + ":" + Twine(place->line) + ":" + Twine(place->column) + ":" + Twine(place->length)).str();
    std::string &name = sites[key];
    if (name.empty()) {
      name = freshName("site");
      std::string file = stringGlobal(place->file);
      std::string line = stringGlobal(lineText ? lineText(place->file, place->line) : std::string());
      makeSite(name, file, line, *place);
    }
    return b.create<LLVM::AddressOfOp>(loc, pointerType(), name);
  }

  void makeSite(StringRef name, StringRef file, StringRef line, const ir::SourcePlace &place) {
    Location loc = module().getLoc();
    OpBuilder b = OpBuilder::atBlockEnd(module().getBody());
    Type i32 = b.getI32Type(), ptr = pointerType();
    auto type = LLVM::LLVMStructType::getLiteral(&getContext(), {ptr, ptr, i32, i32, i32, i32});
    auto global = b.create<LLVM::GlobalOp>(loc, type, /*isConstant=*/true, LLVM::Linkage::Internal, name, Attribute());
    Block *block = b.createBlock(&global.getInitializerRegion());
    b.setInsertionPointToStart(block);
    Value site = b.create<LLVM::UndefOp>(loc, type);
    int64_t position = 0;
    auto add = [&](Value value) { site = b.create<LLVM::InsertValueOp>(loc, site, value, position++); };
    add(b.create<LLVM::AddressOfOp>(loc, ptr, file));
    add(b.create<LLVM::AddressOfOp>(loc, ptr, line));
    for (int32_t value : {place.line, place.column, place.length, 0})
      add(b.create<LLVM::ConstantOp>(loc, i32, b.getI32IntegerAttr(value)));
    b.create<LLVM::ReturnOp>(loc, site);
  }
};

} // namespace

PassPtr createRuntimeCallsPass(LineText lineText, IsLibrary isLibrary) {
  return std::make_unique<RuntimeCallsPass>(std::move(lineText), std::move(isLibrary));
}

} // namespace dl::passes
