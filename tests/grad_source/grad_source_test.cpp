// Derivatives printed as dl source: the text, and that it is a program again.
#include "compiler/autodiff/print_source.h"
#include "compiler/dialect/Dl.h"
#include "compiler/ops/registry.h"
#include "compiler/sema/check.h"
#include "compiler/syntax/parse.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

namespace dl::autodiff {
namespace {

class GradSource : public testing::Test {
protected:
  GradSource() {
    context.loadDialect<ir::DlDialect, mlir::func::FuncDialect, mlir::arith::ArithDialect, mlir::scf::SCFDialect,
                        mlir::tensor::TensorDialect>();
  }

  void parse(const char *text) {
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    ASSERT_TRUE(module);
  }
  std::string gradient(const char *text, llvm::ArrayRef<int64_t> wrt) {
    parse(text);
    mlir::FailureOr<mlir::func::FuncOp> function = makeGradient(*module, "f", wrt);
    EXPECT_TRUE(mlir::succeeded(function));
    return mlir::succeeded(function) ? source(*function) : "";
  }
  std::string print(const char *text) {
    parse(text);
    return source(module->lookupSymbol<mlir::func::FuncOp>("f"));
  }
  // The printed function, after checking that dl accepts it.
  std::string source(mlir::func::FuncOp function) {
    mlir::FailureOr<std::string> text = printSource(function);
    EXPECT_TRUE(mlir::succeeded(text));
    if (mlir::failed(text))
      return "";
    EXPECT_EQ(complaints(*text), "") << *text;
    return *text;
  }
  static std::string complaints(const std::string &text) {
    SourceManager sources;
    Diagnostics diagnostics(sources);
    ast::AstContext asts;
    ast::File file = dl::parse(sources.add("gradient.dl", text), sources, asts, diagnostics);
    sema::Options options;
    options.builtins = ops::builtins();
    if (!diagnostics.hasErrors())
      sema::check(file, sources, asts, diagnostics, options);
    std::string all;
    for (const Diagnostic &d : diagnostics.all())
      all += render(d, sources, false);
    return all;
  }

  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

TEST_F(GradSource, UsesTheNamesOfParameters) {
  EXPECT_EQ(gradient(R"(
    func.func @f(%x: f32 {dl.name = "x", dl.type = "f32"}, %w: f32 {dl.name = "w", dl.type = "f32"}) -> (f32 {dl.type = "f32"}) {
      %p = dl.mul %x, %w : f32
      %s = dl.sin %p {dl.var = "s"} : f32
      return %s : f32
    })",
                     {0, 1}),
            "fn f_grad(x: f32, w: f32) -> (f32, f32, f32) {\n"
            "  let t = x * w\n"
            "  let t1 = cos(t)\n"
            "  (sin(t), t1 * w, t1 * x)\n"
            "}\n");
}

TEST_F(GradSource, KeepsShapeVariables) {
  std::string text = gradient(R"(
    func.func @f(%x: tensor<?x3xf32> {dl.name = "x", dl.type = "f32[N, 3]"}, %w: tensor<3xf32> {dl.name = "w", dl.type = "f32[3]"}) -> (f32 {dl.type = "f32"}) {
      %c0 = arith.constant 0 : index
      %n = tensor.dim %x, %c0 : tensor<?x3xf32>
      %b = dl.broadcast %w dims = [1] sizes(%n) : tensor<3xf32> -> tensor<?x3xf32>
      %p = dl.mul %x, %b : tensor<?x3xf32>
      %s = dl.reduce sum %p dims = [0, 1] : tensor<?x3xf32> -> f32
      return %s : f32
    })",
                              {0, 1});
  EXPECT_NE(text.find("fn f_grad(x: f32[N, 3], w: f32[3]) -> (f32, f32[N, 3], f32[3]) {"), std::string::npos) << text;
  EXPECT_NE(text.find("sum(x * w)"), std::string::npos) << text;
  EXPECT_NE(text.find("expand(w, (N, 3))"), std::string::npos) << text;
  EXPECT_NE(text.find("sum(x, dim=0)"), std::string::npos) << text;
}

TEST_F(GradSource, ATensorResultTakesACotangent) {
  EXPECT_EQ(gradient(R"(
    func.func @f(%x: tensor<4xf32> {dl.name = "x", dl.type = "f32[4]"}) -> (tensor<4xf32> {dl.type = "f32[4]"}) {
      %y = dl.exp %x : tensor<4xf32>
      return %y : tensor<4xf32>
    })",
                     {0}),
            "fn f_grad(x: f32[4], dy: f32[4]) -> (f32[4], f32[4]) {\n"
            "  let t = exp(x)\n"
            "  (t, dy * t)\n"
            "}\n");
}

TEST_F(GradSource, LoopsStayLoops) {
  std::string text = gradient(R"(
    func.func @f(%x: tensor<?xf32> {dl.name = "x", dl.type = "f32[N]"}) -> (f32 {dl.type = "f32"}) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %one = arith.constant 1.0 : f32
      %n = tensor.dim %x, %c0 : tensor<?xf32>
      %p = scf.for %i = %c0 to %n step %c1 iter_args(%s = %one) -> (f32) {
        %e = dl.slice %x[%i] steps = [1] dropped = [0] : tensor<?xf32> -> f32
        %t = dl.mul %s, %e {dl.var = "p"} : f32
        %u = dl.sin %t {dl.var = "p"} : f32
        scf.yield %u : f32
      } {dl.index = "k"}
      return %p : f32
    })",
                              {0});
  EXPECT_NE(text.find("for k in 0..N {"), std::string::npos) << text;
  EXPECT_NE(text.find("var p = 1.0"), std::string::npos) << text;
  EXPECT_NE(text.find("dx["), std::string::npos) << text;
  EXPECT_NE(text.find("  (p, dx)\n"), std::string::npos) << text;
}

TEST_F(GradSource, BranchesAreExpressions) {
  std::string text = gradient(R"(
    func.func @f(%x: f32 {dl.name = "x", dl.type = "f32"}) -> (f32 {dl.type = "f32"}) {
      %zero = arith.constant 0.0 : f32
      %c = dl.cmp gt %x, %zero : f32 -> i1
      %y = scf.if %c -> (f32) {
        %a = dl.mul %x, %x : f32
        scf.yield %a : f32
      } else {
        %b = dl.exp %x : f32
        scf.yield %b : f32
      }
      return %y : f32
    })",
                              {0});
  EXPECT_NE(text.find("if x > 0.0 {"), std::string::npos) << text;
  EXPECT_NE(text.find("} else {"), std::string::npos) << text;
}

TEST_F(GradSource, WhileLoopsPrint) {
  EXPECT_EQ(print(R"(
    func.func @f(%x: f32 {dl.name = "x", dl.type = "f32"}) -> (f32 {dl.type = "f32"}) {
      %limit = arith.constant 100.0 : f32
      %r = scf.while (%y = %x) : (f32) -> f32 {
        %c = dl.cmp lt %y, %limit : f32 -> i1
        scf.condition(%c) %y : f32
      } do {
      ^bb0(%y: f32):
        %z = dl.add %y, %y {dl.var = "y"} : f32
        scf.yield %z : f32
      }
      return %r : f32
    })"),
            "fn f(x: f32) -> f32 {\n"
            "  var y = x\n"
            "  while y < 100.0 {\n"
            "    y += y\n"
            "  }\n"
            "  y\n"
            "}\n");
}

TEST_F(GradSource, SwappedCarriedValuesAreAssignedAtOnce) {
  std::string text = print(R"(
    func.func @f(%a: f32 {dl.name = "a", dl.type = "f32"}, %b: f32 {dl.name = "b", dl.type = "f32"}, %n: i64 {dl.name = "n", dl.type = "i64"}) -> (f32 {dl.type = "f32"}) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %m = arith.index_cast %n : i64 to index
      %r:2 = scf.for %i = %c0 to %m step %c1 iter_args(%p = %a, %q = %b) -> (f32, f32) {
        %s = dl.add %p, %q : f32
        scf.yield %q, %s : f32, f32
      }
      return %r#1 : f32
    })");
  EXPECT_NE(text.find("(t, t1) = (t1, t + t1)"), std::string::npos) << text;
}

TEST_F(GradSource, ParenthesesOnlyWhereNeeded) {
  EXPECT_EQ(print(R"(
    func.func @f(%a: f32 {dl.name = "a", dl.type = "f32"}, %b: f32 {dl.name = "b", dl.type = "f32"}) -> (f32 {dl.type = "f32"}) {
      %s = dl.sub %a, %b : f32
      %t = dl.sub %a, %s : f32
      %n = dl.neg %t : f32
      %p = dl.pow %n, %b : f32
      %h = arith.constant -0.5 : f32
      %q = dl.mul %h, %p : f32
      %r = dl.div %q, %s : f32
      return %r : f32
    })"),
            "fn f(a: f32, b: f32) -> f32 {\n"
            "  let t = a - b\n"
            "  -0.5 * (-(a - t)) ** b / t\n"
            "}\n");
}

TEST_F(GradSource, NamesOfBuiltinsAreNotReused) {
  std::string text = print(R"(
    func.func @f(%sum: f32 {dl.name = "sum", dl.type = "f32"}) -> (f32 {dl.type = "f32"}) {
      %e = dl.exp %sum : f32
      return %e : f32
    })");
  EXPECT_NE(text.find("exp(sum1)"), std::string::npos) << text;
}

TEST_F(GradSource, WhatHasNoSpellingIsAnErrorAtItsPlace) {
  parse(R"(
    func.func @f(%x: f32) -> f32 {
      %y = arith.remf %x, %x : f32
      return %y : f32
    })");
  std::string message;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &d) {
    message = d.str();
    return mlir::success();
  });
  EXPECT_TRUE(mlir::failed(printSource(module->lookupSymbol<mlir::func::FuncOp>("f"))));
  EXPECT_EQ(message, "`arith.remf` cannot be written in dl");
}

} // namespace
} // namespace dl::autodiff
