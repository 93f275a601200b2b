// Derivatives by the autodiff pass against central differences, to the second order, and against each other; the shape
// of the generated code; the errors.
#include "compiler/autodiff/autodiff.h"
#include "compiler/dialect/builder.h"
#include "tests/autodiff/programs.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace mlir;

namespace dl::test {

namespace {

class Module {
public:
  explicit Module(const std::string &text) : context_(MLIRContext::Threading::DISABLED) {
    context_.loadDialect<ir::DlDialect, arith::ArithDialect, scf::SCFDialect, tensor::TensorDialect,
                         func::FuncDialect>();
    context_.getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
      llvm::raw_string_ostream(errors_) << diagnostic << "\n";
      return success();
    });
    module_ = parseSourceString<ModuleOp>(text, &context_);
    if (!module_)
      throw InterpretError("cannot parse: " + errors_);
  }

  // name(arguments) -> gradients by wrt of the scalar function.
  void addGradient(const std::string &function, const std::string &name, ArrayRef<int64_t> wrt) {
    auto callee = module_->lookupSymbol<func::FuncOp>(function);
    std::vector<Type> types;
    for (int64_t i : wrt)
      types.push_back(callee.getArgumentTypes()[i]);
    OpBuilder b = begin(callee, name, callee.getArgumentTypes(), types);
    ValueRange args = b.getBlock()->getArguments();
    Value one = ir::scalarConstant(b, callee.getLoc(), callee.getResultTypes()[0], 1);
    std::vector<Type> results{callee.getResultTypes()[0]};
    results.insert(results.end(), types.begin(), types.end());
    auto op = b.create<ir::VjpOp>(callee.getLoc(), results,
                                  FlatSymbolRefAttr::get(&context_, function), args, one,
                                  b.getDenseI64ArrayAttr(wrt), UnitAttr());
    b.create<func::ReturnOp>(callee.getLoc(), op.getResults().drop_front());
  }

  // name(arguments, tangents) -> the tangent of the scalar function.
  void addTangent(const std::string &function, const std::string &name, ArrayRef<int64_t> wrt) {
    auto callee = module_->lookupSymbol<func::FuncOp>(function);
    std::vector<Type> inputs(callee.getArgumentTypes().begin(), callee.getArgumentTypes().end());
    for (int64_t i : wrt)
      inputs.push_back(callee.getArgumentTypes()[i]);
    Type result = callee.getResultTypes()[0];
    OpBuilder b = begin(callee, name, inputs, result);
    ValueRange args = b.getBlock()->getArguments();
    size_t count = callee.getNumArguments();
    auto op = b.create<ir::JvpOp>(callee.getLoc(), TypeRange{result, result},
                                  FlatSymbolRefAttr::get(&context_, function), args.take_front(count),
                                  args.drop_front(count), b.getDenseI64ArrayAttr(wrt));
    b.create<func::ReturnOp>(callee.getLoc(), op.getResult(1));
  }

  // name(arguments) -> the sum of the squares of the function's results: a scalar that can be differentiated again.
  void addSquares(const std::string &function, const std::string &name) {
    auto callee = module_->lookupSymbol<func::FuncOp>(function);
    Location loc = callee.getLoc();
    OpBuilder b = begin(callee, name, callee.getArgumentTypes(), b64(callee));
    auto call = b.create<func::CallOp>(loc, callee, b.getBlock()->getArguments());
    Value total;
    for (Value value : call.getResults()) {
      Value square = b.create<ir::MulOp>(loc, value.getType(), value, value);
      SmallVector<int64_t> dims = llvm::to_vector(llvm::seq<int64_t>(0, ir::rankOf(value.getType())));
      square = ir::summed(b, loc, square, dims);
      total = total ? Value(b.create<ir::AddOp>(loc, square.getType(), total, square)) : square;
    }
    b.create<func::ReturnOp>(loc, total);
  }

  bool differentiate(std::vector<autodiff::KeptValue> *kept = nullptr) {
    PassManager passes(&context_);
    passes.addPass(autodiff::createAutodiffPass(kept));
    return succeeded(passes.run(*module_)) && succeeded(verify(*module_));
  }

  ModuleOp get() { return *module_; }
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
  Type b64(func::FuncOp callee) { return ir::elementOf(callee.getResultTypes()[0]); }
  OpBuilder begin(func::FuncOp after, const std::string &name, TypeRange inputs, TypeRange results) {
    OpBuilder b(&context_);
    b.setInsertionPointAfter(after);
    auto function = b.create<func::FuncOp>(after.getLoc(), name, b.getFunctionType(inputs, results));
    b.setInsertionPointToStart(function.addEntryBlock());
    return b;
  }

  MLIRContext context_;
  std::string errors_;
  OwningOpRef<ModuleOp> module_;
};

// Gradients of `function` by central differences.
std::vector<Array> differences(Module &module, const std::string &function, std::vector<Array> arguments,
                               ArrayRef<int64_t> wrt) {
  std::vector<Array> gradients;
  for (int64_t i : wrt) {
    Array gradient = arguments[i];
    for (size_t k = 0; k < gradient.data.size(); ++k) {
      double x = arguments[i].data[k], h = 1e-5;
      arguments[i].data[k] = x + h;
      double above = module.call(function, arguments)[0].scalar();
      arguments[i].data[k] = x - h;
      double below = module.call(function, arguments)[0].scalar();
      arguments[i].data[k] = x;
      gradient.data[k] = (above - below) / (2 * h);
    }
    gradients.push_back(gradient);
  }
  return gradients;
}

void expectClose(const std::vector<Array> &found, const std::vector<Array> &wanted, const std::string &what) {
  ASSERT_EQ(found.size(), wanted.size()) << what;
  for (size_t i = 0; i < found.size(); ++i) {
    ASSERT_EQ(found[i].shape, wanted[i].shape) << what;
    for (size_t k = 0; k < found[i].data.size(); ++k)
      EXPECT_NEAR(found[i].data[k], wanted[i].data[k], 1e-6 * (1 + std::fabs(wanted[i].data[k])))
          << what << ", argument " << i << ", element " << k;
  }
}

class Derivatives : public testing::TestWithParam<Program> {};

TEST_P(Derivatives, ToTheSecondOrder) {
  const Program &p = GetParam();
  try {
    Module module(p.text);
    module.addGradient("f", "first", p.wrt);
    module.addSquares("first", "squares");
    module.addGradient("squares", "second", p.wrt);
    module.addTangent("f", "tangent", p.wrt);
    module.addTangent("squares", "second_tangent", p.wrt);
    ASSERT_TRUE(module.differentiate()) << module.errors() << module.text();
    std::vector<Array> first = module.call("first", p.arguments), second = module.call("second", p.arguments);
    expectClose(first, differences(module, "f", p.arguments, p.wrt), "first order");
    expectClose(second, differences(module, "squares", p.arguments, p.wrt), "second order");

    // Forward mode: the tangent is the product of gradient and direction.
    std::vector<Array> arguments = p.arguments;
    double along = 0, alongSecond = 0;
    for (size_t i = 0; i < p.wrt.size(); ++i) {
      Array direction = numbers(p.arguments[p.wrt[i]].shape, 7 + static_cast<double>(i));
      for (size_t k = 0; k < direction.data.size(); ++k) {
        along += direction.data[k] * first[i].data[k];
        alongSecond += direction.data[k] * second[i].data[k];
      }
      arguments.push_back(direction);
    }
    EXPECT_NEAR(module.call("tangent", arguments)[0].scalar(), along, 1e-9 * (1 + std::fabs(along)));
    EXPECT_NEAR(module.call("second_tangent", arguments)[0].scalar(), alongSecond,
                1e-9 * (1 + std::fabs(alongSecond)));
    if (HasFailure())
      std::cerr << module.text();
  } catch (const InterpretError &error) {
    FAIL() << error.what();
  }
}

std::string nameOf(const testing::TestParamInfo<Program> &info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Straight, Derivatives, testing::ValuesIn(straightPrograms()), nameOf);
INSTANTIATE_TEST_SUITE_P(ControlFlow, Derivatives, testing::ValuesIn(controlFlowPrograms()), nameOf);

} // namespace
} // namespace dl::test
