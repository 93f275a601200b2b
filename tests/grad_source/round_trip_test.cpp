// Printed derivatives, read back and compiled again, compute what the derivatives themselves compute.
#include "compiler/autodiff/print_source.h"
#include "compiler/irgen/irgen.h"
#include "compiler/ops/registry.h"
#include "compiler/sema/check.h"
#include "compiler/syntax/parse.h"
#include "tests/autodiff/module.h"
#include "tests/autodiff/programs.h"
#include "tests/autodiff/random_program.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace dl::test {
namespace {

// Types as a user would declare them, with a shape variable for each unknown size.
void declareTypes(mlir::func::FuncOp function) {
  mlir::Builder attrs(function.getContext());
  auto declared = [&](mlir::Type type, const std::string &symbol) {
    auto tensor = mlir::dyn_cast<mlir::RankedTensorType>(type);
    mlir::Type elem = tensor ? tensor.getElementType() : type;
    std::string text = elem.isF64() ? "f64" : elem.isF32() ? "f32" : elem.isInteger(1) ? "bool" : "i64", dims;
    for (int64_t d = 0; tensor && d < tensor.getRank(); ++d)
      dims += (d ? ", " : "") +
              (tensor.isDynamicDim(d) ? symbol + std::to_string(d) : std::to_string(tensor.getDimSize(d)));
    return attrs.getStringAttr(tensor ? text + "[" + dims + "]" : text);
  };
  for (auto [i, type] : llvm::enumerate(function.getArgumentTypes()))
    function.setArgAttr(i, "dl.type", declared(type, "D" + std::to_string(i)));
  for (auto [i, type] : llvm::enumerate(function.getResultTypes()))
    function.setResultAttr(i, "dl.type", declared(type, "_"));
}

// The source as a module with the exported function; what the checker says otherwise.
mlir::OwningOpRef<mlir::ModuleOp> compile(const std::string &source, mlir::MLIRContext &context,
                                          std::string &complaints) {
  std::string exported = source;
  exported.insert(exported.find("fn f_grad("), "export ");
  SourceManager sources;
  Diagnostics diagnostics(sources);
  ast::AstContext asts;
  ast::File file = dl::parse(sources.add("gradient.dl", exported), sources, asts, diagnostics);
  sema::Options options;
  options.builtins = ops::builtins();
  options.findImport = [](const std::string &name, const std::string &, std::string &path, std::string &text) {
    path = std::string(DL_STDLIB_FOLDER "/") + name + ".dl";
    std::ifstream file(path);
    text.assign(std::istreambuf_iterator<char>(file), {});
    return bool(file);
  };
  mlir::OwningOpRef<mlir::ModuleOp> module;
  if (!diagnostics.hasErrors()) {
    std::unique_ptr<sema::Program> program = sema::check(file, sources, asts, diagnostics, options);
    if (!diagnostics.hasErrors())
      module = irgen::generate(*program, sources, context, diagnostics);
  }
  for (const Diagnostic &d : diagnostics.all())
    complaints += render(d, sources, false);
  return module;
}

void roundTrip(const Program &p) {
  Module module(p.text);
  declareTypes(module.get().lookupSymbol<mlir::func::FuncOp>("f"));
  mlir::FailureOr<mlir::func::FuncOp> gradient = autodiff::makeGradient(module.get(), "f", p.wrt);
  if (mlir::failed(gradient)) { // some random programs do not use all their arguments
    ASSERT_NE(module.errors().find("does not depend on"), std::string::npos) << module.errors();
    return;
  }
  mlir::FailureOr<std::string> source = autodiff::printSource(*gradient);
  ASSERT_TRUE(mlir::succeeded(source)) << module.errors();
  SCOPED_TRACE(*source);
  std::string complaints;
  mlir::OwningOpRef<mlir::ModuleOp> again = compile(*source, *module.get().getContext(), complaints);
  ASSERT_TRUE(again) << complaints;
  std::vector<Array> expected = module.call(gradient->getName().str(), p.arguments);
  std::vector<Array> found = Interpreter(*again).call("f_grad", p.arguments);
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    ASSERT_EQ(found[i].shape, expected[i].shape);
    for (size_t k = 0; k < found[i].data.size(); ++k)
      EXPECT_NEAR(found[i].data[k], expected[i].data[k], 1e-12 * (1 + std::fabs(expected[i].data[k])))
          << i << ", " << k;
  }
}

void roundTripAll(const std::vector<Program> &programs) {
  for (const Program &program : programs) {
    if (program.name == "for_growing") // a variable keeps its shape in dl
      continue;
    SCOPED_TRACE(program.name);
    try {
      roundTrip(program);
    } catch (const InterpretError &error) {
      ADD_FAILURE() << error.what();
    }
  }
}

TEST(RoundTrip, StraightPrograms) { roundTripAll(straightPrograms()); }
TEST(RoundTrip, ControlFlowPrograms) { roundTripAll(controlFlowPrograms()); }
TEST(RoundTrip, RandomPrograms) {
  const char *wanted = std::getenv("DL_RANDOM_PROGRAMS"); // how many, for a longer run
  unsigned count = wanted ? std::atoi(wanted) : 60;
  for (unsigned seed = 0; seed < count && !testing::Test::HasFailure(); ++seed)
    roundTripAll({randomProgram(seed)});
}

} // namespace
} // namespace dl::test
