#include "compiler/passes/descriptor.h"
#include "compiler/passes/packed_value.h"
#include "compiler/passes/passes.h"
#include "runtime/include/dl/abi.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace dl::passes {
namespace {

struct EntryPointsPass : PassWrapper<EntryPointsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(EntryPointsPass)
  StringRef getArgument() const override { return "dl-entry-points"; }
  void getDependentDialects(DialectRegistry &registry) const override { registry.insert<LLVM::LLVMDialect>(); }

  Type pointerType() { return LLVM::LLVMPointerType::get(&getContext()); }

  void runOnOperation() override {
    for (auto func : llvm::to_vector(getOperation().getOps<func::FuncOp>()))
      if (auto name = func->getAttrOfType<StringAttr>(kEntryName))
        makeEntry(func, name.getValue());
  }

  void makeEntry(func::FuncOp func, StringRef name) {
    Location loc = func.getLoc();
    OpBuilder b = OpBuilder::atBlockEnd(getOperation().getBody());
    Type ptr = pointerType(), i64 = b.getI64Type();
    auto entry = b.create<func::FuncOp>(loc, name, b.getFunctionType({ptr, ptr, i64, ptr, i64}, {}));
    b.setInsertionPointToStart(entry.addEntryBlock());
    check(b, func, entry);
    PackedValues in(b, loc, entry.getArgument(1)), out(b, loc, entry.getArgument(3));
    SmallVector<Value> arguments;
    for (auto [i, type] : llvm::enumerate(func.getArgumentTypes()))
      arguments.push_back(in.load(i, type));
    auto call = b.create<func::CallOp>(loc, func, arguments);
    for (auto [i, result] : llvm::enumerate(call.getResults()))
      out.store(i, result);
    b.create<func::ReturnOp>(loc);
    func.setPrivate();
  }

  // The runtime compares the arguments with a table: dtype, rank and sizes of each, -1 for a size that may be anything.
  void check(OpBuilder &b, func::FuncOp func, func::FuncOp entry) {
    Location loc = func.getLoc();
    constexpr StringLiteral checker = "dl_rt_check_arguments";
    Type ptr = pointerType(), i64 = b.getI64Type();
    SmallVector<int64_t> table;
    for (Type type : func.getArgumentTypes()) {
      auto memref = dyn_cast<MemRefType>(type);
      table.push_back(dtypeCode(memref ? memref.getElementType() : type));
      table.push_back(memref ? memref.getRank() : 0);
      for (int64_t d = 0; d < DL_MAX_RANK; ++d) {
        bool known = memref && d < memref.getRank() && !memref.isDynamicDim(d);
        table.push_back(known ? memref.getDimSize(d) : -1);
      }
    }
    OpBuilder top = OpBuilder::atBlockBegin(getOperation().getBody());
    if (!getOperation().lookupSymbol(checker))
      top.create<func::FuncOp>(loc, checker, b.getFunctionType({ptr, ptr, ptr, i64, i64, ptr, i64, i64}, {}))
          .setPrivate();
    std::string titleName = titleGlobal(func.getName());
    // What the user calls it: a derivative goes by the name of its function.
    auto title = func->getAttrOfType<StringAttr>("dl.title");
    std::string text = ((title ? title.getValue() : func.getName().split('$').first) + StringRef("\0", 1)).str();
    top.create<LLVM::GlobalOp>(loc, LLVM::LLVMArrayType::get(b.getI8Type(), text.size()), true, LLVM::Linkage::Internal,
                               titleName, b.getStringAttr(text));
    Value tableAt;
    if (table.empty()) {
      tableAt = b.create<LLVM::ZeroOp>(loc, ptr);
    } else {
      auto type = RankedTensorType::get({static_cast<int64_t>(table.size())}, i64);
      std::string tableName = ("dl.entry." + func.getName() + ".arguments").str();
      top.create<LLVM::GlobalOp>(loc, LLVM::LLVMArrayType::get(i64, table.size()), true, LLVM::Linkage::Internal,
                                 tableName, DenseElementsAttr::get(type, ArrayRef(table)));
      tableAt = b.create<LLVM::AddressOfOp>(loc, ptr, tableName);
    }
    auto number = [&](int64_t value) -> Value {
      return b.create<LLVM::ConstantOp>(loc, i64, b.getI64IntegerAttr(value));
    };
    Value nameAt = b.create<LLVM::AddressOfOp>(loc, ptr, titleName);
    b.create<func::CallOp>(loc, checker, TypeRange(),
                           ValueRange{entry.getArgument(0), nameAt, tableAt, number(func.getNumArguments()),
                                      number(func.getNumResults()), entry.getArgument(1), entry.getArgument(2),
                                      entry.getArgument(4)});
  }
};

} // namespace

PassPtr createEntryPointsPass() { return std::make_unique<EntryPointsPass>(); }

} // namespace dl::passes
