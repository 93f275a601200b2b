// Runs irgen on a typed tree made by hand and looks at what came out.
#pragma once

#include "compiler/dialect/Dl.h"
#include "compiler/irgen/irgen.h"
#include "tests/irgen/build.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

namespace dl::irgen {

struct Generated {
  SourceManager sources;
  Diagnostics diagnostics{sources};
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  mlir::OwningOpRef<mlir::ModuleOp> module;

  explicit Generated(const sema::Program &program) {
    sources.add("test.dl", "let x = 1\nlet yy = 2\n");
    module = generate(program, sources, context, diagnostics);
  }
  std::string errors() const {
    std::string text;
    for (const Diagnostic &d : diagnostics.all())
      text += d.message + "\n";
    return text;
  }
  static std::string print(mlir::ModuleOp module) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    module->print(stream, mlir::OpPrintingFlags().enableDebugInfo());
    return text;
  }
  // The printed module, after checking that it reads back to the same text.
  std::string text() {
    if (!module)
      return "";
    std::string first = print(*module);
    mlir::OwningOpRef<mlir::ModuleOp> again = mlir::parseSourceString<mlir::ModuleOp>(first, &context);
    EXPECT_TRUE(again) << first;
    if (again)
      EXPECT_EQ(print(*again), first);
    return first;
  }
  template <typename Op> int count(llvm::StringRef function) {
    int n = 0;
    auto op = module->lookupSymbol<mlir::func::FuncOp>(function);
    EXPECT_TRUE(op) << function.str();
    if (op)
      op.walk([&](Op) { ++n; });
    return n;
  }
};

} // namespace dl::irgen
