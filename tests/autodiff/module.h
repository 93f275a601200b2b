// A module under test: parsed, given functions that call derivatives, expanded, interpreted.
#pragma once

#include "compiler/autodiff/autodiff.h"
#include "compiler/dialect/builder.h"
#include "tests/tools/interpret.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

namespace dl::test {

class Module {
public:
  explicit Module(const std::string &text) : context_(mlir::MLIRContext::Threading::DISABLED) {
    context_.loadDialect<ir::DlDialect, mlir::arith::ArithDialect, mlir::scf::SCFDialect, mlir::tensor::TensorDialect,
                         mlir::func::FuncDialect>();
    context_.getDiagEngine().registerHandler([this](mlir::Diagnostic &diagnostic) {
      llvm::raw_string_ostream(errors_) << diagnostic << "\n";
      return mlir::success();
    });
    module_ = mlir::parseSourceString<mlir::ModuleOp>(text, &context_);
    if (!module_)
      throw InterpretError("cannot parse: " + errors_);
  }

  // name(arguments) -> gradients by wrt of the scalar function.
  void addGradient(const std::string &function, const std::string &name, mlir::ArrayRef<int64_t> wrt,
                   bool unusedOk = false) {
    auto callee = module_->lookupSymbol<mlir::func::FuncOp>(function);
    std::vector<mlir::Type> types;
    for (int64_t i : wrt)
      types.push_back(callee.getArgumentTypes()[i]);
    mlir::OpBuilder b = begin(callee, name, callee.getArgumentTypes(), types);
    mlir::ValueRange args = b.getBlock()->getArguments();
    mlir::Value one = ir::scalarConstant(b, callee.getLoc(), callee.getResultTypes()[0], 1);
    std::vector<mlir::Type> results{callee.getResultTypes()[0]};
    results.insert(results.end(), types.begin(), types.end());
    auto op = b.create<ir::VjpOp>(callee.getLoc(), results, mlir::FlatSymbolRefAttr::get(&context_, function), args,
                                  one, b.getDenseI64ArrayAttr(wrt), unusedOk ? b.getUnitAttr() : mlir::UnitAttr());
    b.create<mlir::func::ReturnOp>(callee.getLoc(), op.getResults().drop_front());
  }

  // name(arguments, tangents) -> the tangent of the scalar function.
  void addTangent(const std::string &function, const std::string &name, mlir::ArrayRef<int64_t> wrt) {
    auto callee = module_->lookupSymbol<mlir::func::FuncOp>(function);
    std::vector<mlir::Type> inputs(callee.getArgumentTypes().begin(), callee.getArgumentTypes().end());
    for (int64_t i : wrt)
      inputs.push_back(callee.getArgumentTypes()[i]);
    mlir::Type result = callee.getResultTypes()[0];
    mlir::OpBuilder b = begin(callee, name, inputs, result);
    mlir::ValueRange args = b.getBlock()->getArguments();
    size_t count = callee.getNumArguments();
    auto op = b.create<ir::JvpOp>(callee.getLoc(), mlir::TypeRange{result, result},
                                  mlir::FlatSymbolRefAttr::get(&context_, function), args.take_front(count),
                                  args.drop_front(count), b.getDenseI64ArrayAttr(wrt));
    b.create<mlir::func::ReturnOp>(callee.getLoc(), op.getResult(1));
  }

  // name(arguments) -> the sum of the squares of the function's results: a scalar that can be differentiated again.
  void addSquares(const std::string &function, const std::string &name) {
    auto callee = module_->lookupSymbol<mlir::func::FuncOp>(function);
    mlir::Location loc = callee.getLoc();
    mlir::OpBuilder b = begin(callee, name, callee.getArgumentTypes(), scalarOf(callee));
    auto call = b.create<mlir::func::CallOp>(loc, callee, b.getBlock()->getArguments());
    mlir::Value total;
    for (mlir::Value value : call.getResults()) {
      mlir::Value square = b.create<ir::MulOp>(loc, value.getType(), value, value);
      mlir::SmallVector<int64_t> dims = llvm::to_vector(llvm::seq<int64_t>(0, ir::rankOf(value.getType())));
      square = ir::summed(b, loc, square, dims);
      total = total ? mlir::Value(b.create<ir::AddOp>(loc, square.getType(), total, square)) : square;
    }
    b.create<mlir::func::ReturnOp>(loc, total);
  }

  bool differentiate(std::vector<autodiff::KeptValue> *kept = nullptr) {
    mlir::PassManager passes(&context_);
    passes.addPass(autodiff::createAutodiffPass(kept));
    return mlir::succeeded(passes.run(*module_)) && mlir::succeeded(mlir::verify(*module_));
  }

  // How many ops of the name the function holds.
  int count(const std::string &function, llvm::StringRef op) {
    int found = 0;
    module_->lookupSymbol(function)->walk(
        [&](mlir::Operation *nested) { found += nested->getName().getStringRef() == op; });
    return found;
  }
  mlir::ModuleOp get() { return *module_; }
  const std::string &errors() const { return errors_; }
  std::string text() {
    std::string text;
    llvm::raw_string_ostream out(text);
    module_->print(out);
    return text;
  }
  std::string text(const std::string &function) {
    std::string text;
    llvm::raw_string_ostream out(text);
    module_->lookupSymbol(function)->print(out);
    return text;
  }
  std::vector<Array> call(const std::string &function, const std::vector<Array> &arguments) {
    return Interpreter(*module_).call(function, arguments);
  }

private:
  static mlir::Type scalarOf(mlir::func::FuncOp callee) { return ir::elementOf(callee.getResultTypes()[0]); }
  mlir::OpBuilder begin(mlir::func::FuncOp after, const std::string &name, mlir::TypeRange inputs,
                        mlir::TypeRange results) {
    mlir::OpBuilder b(&context_);
    b.setInsertionPointAfter(after);
    auto function = b.create<mlir::func::FuncOp>(after.getLoc(), name, b.getFunctionType(inputs, results));
    b.setInsertionPointToStart(function.addEntryBlock());
    return b;
  }

  std::string errors_;
  mlir::MLIRContext context_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
};

} // namespace dl::test
