#include "compiler/passes/passes.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;

namespace dl::passes {
namespace {

// The translation to LLVM takes a constant of nothing but -0.0 for one of 0.0, so it is written as the bits of
// integers.
void keepNegativeZeros(ModuleOp module) {
  for (auto global : module.getOps<LLVM::GlobalOp>()) {
    auto value = dyn_cast_or_null<SplatElementsAttr>(global.getValueOrNull());
    if (!value || !isa<FloatType>(value.getElementType()))
      continue;
    APFloat number = value.getSplatValue<APFloat>();
    if (!number.isNegZero())
      continue;
    auto bits = IntegerType::get(module.getContext(), value.getElementType().getIntOrFloatBitWidth());
    Type type = bits;
    for (int64_t size : llvm::reverse(value.getType().getShape()))
      type = LLVM::LLVMArrayType::get(type, size);
    global.setGlobalType(type);
    global.setValueAttr(
        DenseElementsAttr::get(RankedTensorType::get(value.getType().getShape(), bits), number.bitcastToAPInt()));
  }
}

// What this compiler says about arguments. The translation to LLVM warns of what it does not know, and prints the whole
// function into a warning that nobody reads.
void dropOwnArgumentAttributes(ModuleOp module) {
  for (auto function : module.getOps<FunctionOpInterface>())
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      for (NamedAttribute attribute : function.getArgAttrs(i))
        if (!attribute.getName().getValue().starts_with("llvm."))
          function.removeArgAttr(i, attribute.getName());
}

// All remaining dialects at once: one walk instead of one per dialect.
struct ToLlvmPass : PassWrapper<ToLlvmPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ToLlvmPass)
  StringRef getArgument() const override { return "dl-to-llvm"; }
  void getDependentDialects(DialectRegistry &registry) const override { registry.insert<LLVM::LLVMDialect>(); }

  void runOnOperation() override {
    MLIRContext *context = &getContext();
    LowerToLLVMOptions options(context);
    options.useGenericFunctions = true; // buffers come from the runtime's pool
    LLVMTypeConverter converter(context, options);
    RewritePatternSet patterns(context);
    // Not the rest of arith's expansions: those of maximum and minimum make reductions four times slower.
    arith::populateCeilFloorDivExpandOpsPatterns(patterns);
    arith::populateExpandBFloat16Patterns(patterns);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    populateMathToLLVMConversionPatterns(converter, patterns);
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
    index::populateIndexToLLVMConversionPatterns(converter, patterns);
    populateFuncToLLVMConversionPatterns(converter, patterns);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    LLVMConversionTarget target(*context);
    target.addLegalOp<ModuleOp, UnrealizedConversionCastOp>();
    if (failed(applyPartialConversion(getOperation(), target, std::move(patterns))))
      return signalPassFailure();
    keepNegativeZeros(getOperation());
    dropOwnArgumentAttributes(getOperation());
  }
};

} // namespace

PassPtr createToLlvmPass() { return std::make_unique<ToLlvmPass>(); }

} // namespace dl::passes
