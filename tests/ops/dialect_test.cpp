// The dialect on its own: what its verifiers refuse and what its simplifications leave.
#include "compiler/dialect/Dl.h"
#include "compiler/dialect/canonicalizer.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

namespace dl::test {
namespace {

using namespace mlir;

// Parses and canonicalises; `ops` receives the names of the ops that are left, `errors` what was said.
void simplify(const std::string &text, std::string &ops, std::string &errors) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<ir::DlDialect, arith::ArithDialect, tensor::TensorDialect, func::FuncDialect>();
  context.getDiagEngine().registerHandler([&](Diagnostic &diagnostic) {
    llvm::raw_string_ostream(errors) << diagnostic << "\n";
    return success();
  });
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  if (!module)
    return;
  PassManager passes(&context);
  passes.addPass(ir::createCanonicalizer());
  if (failed(passes.run(*module)))
    return;
  llvm::raw_string_ostream stream(ops);
  module->walk([&](Operation *op) {
    if (!isa<ModuleOp, func::FuncOp, arith::ConstantOp>(op))
      stream << op->getName().getStringRef() << " ";
  });
}

struct Example {
  const char *name, *text, *expected;
};
void PrintTo(const Example &example, std::ostream *os) { *os << example.name; }

std::string nameOf(const testing::TestParamInfo<Example> &info) { return info.param.name; }

class Simplified : public testing::TestWithParam<Example> {};

TEST_P(Simplified, LeavesTheseOps) {
  std::string ops, errors;
  simplify(GetParam().text, ops, errors);
  EXPECT_EQ(errors, "");
  EXPECT_EQ(ops, GetParam().expected);
}

const Example kSimplified[] = {
    {"APartOfAPart", R"(func.func @f(%x: tensor<8x9xf32>, %i: index, %j: index) -> f32 {
       %0 = dl.slice %x[%i, %j] steps = [1, 2] dropped = [0] : tensor<8x9xf32> -> tensor<3xf32>
       %1 = dl.slice %0[%i] steps = [1] dropped = [0] : tensor<3xf32> -> f32
       return %1 : f32 })",
     "arith.muli arith.addi dl.slice func.return "},
    {"APartBesideAChange", R"(func.func @f(%x: tensor<2x?xf32>, %v: tensor<?xf32>, %n: index) -> tensor<?xf32> {
       %a = arith.constant 0 : index
       %b = arith.constant 1 : index
       %0 = dl.update_slice %v into %x[%a, %a] steps = [1, 1] dropped = [0] : tensor<?xf32>, tensor<2x?xf32>
       %1 = dl.slice %0[%b, %a] sizes(%n) steps = [1, 1] dropped = [0] : tensor<2x?xf32> -> tensor<?xf32>
       return %1 : tensor<?xf32> })",
     "dl.slice func.return "},
    {"APartThatWasPutThere", R"(func.func @f(%x: tensor<2x3xf32>, %v: tensor<3xf32>, %i: index) -> tensor<3xf32> {
       %a = arith.constant 0 : index
       %0 = dl.update_slice %v into %x[%i, %a] steps = [1, 1] dropped = [0] : tensor<3xf32>, tensor<2x3xf32>
       %1 = dl.slice %0[%i, %a] steps = [1, 1] dropped = [0] : tensor<2x3xf32> -> tensor<3xf32>
       return %1 : tensor<3xf32> })",
     "func.return "},
    {"APartThatMayHaveChangedStays", R"(func.func @f(%x: tensor<9xf32>, %v: f32, %i: index, %j: index) -> f32 {
       %0 = dl.update_slice %v into %x[%i] steps = [1] dropped = [0] : f32, tensor<9xf32>
       %1 = dl.slice %0[%j] steps = [1] dropped = [0] : tensor<9xf32> -> f32
       return %1 : f32 })",
     "dl.update_slice dl.slice func.return "},
    {"SumsOfPartsAreNotCollected",
     R"(func.func @f(%x: tensor<7x2x3xf32>, %v: tensor<3xf32>, %w: f32, %i: index) -> tensor<7x2x3xf32> {
       %c = arith.constant 0.0 : f32
       %a = arith.constant 0 : index
       %b = arith.constant 1 : index
       %z = dl.broadcast %c dims = [] : f32 -> tensor<2x3xf32>
       %0 = dl.add_slice %v into %z[%a, %a] steps = [1, 1] dropped = [0] : tensor<3xf32>, tensor<2x3xf32>
       %1 = dl.add_slice %w into %0[%b, %i] steps = [1, 1] dropped = [0, 1] : f32, tensor<2x3xf32>
       %2 = dl.add_slice %w into %1[%i, %i] steps = [1, 1] dropped = [0, 1] : f32, tensor<2x3xf32>
       %3 = dl.add_slice %2 into %x[%i, %a, %a] steps = [1, 1, 1] dropped = [0] : tensor<2x3xf32>, tensor<7x2x3xf32>
       return %3 : tensor<7x2x3xf32> })",
     "dl.add_slice dl.add_slice dl.add_slice func.return "},
    {"ViewsOfOneUnknownSize", R"(func.func @f(%x: tensor<?x2x6xf32>, %n: index) -> tensor<?x4x3xf32> {
       %0 = tensor.collapse_shape %x [[0], [1, 2]] : tensor<?x2x6xf32> into tensor<?x12xf32>
       %1 = tensor.expand_shape %0 [[0], [1, 2]] output_shape [%n, 12, 1] : tensor<?x12xf32> into tensor<?x12x1xf32>
       %2 = tensor.collapse_shape %1 [[0], [1, 2]] : tensor<?x12x1xf32> into tensor<?x12xf32>
       %3 = tensor.expand_shape %2 [[0], [1, 2]] output_shape [%n, 4, 3] : tensor<?x12xf32> into tensor<?x4x3xf32>
       return %3 : tensor<?x4x3xf32> })",
     "tensor.collapse_shape tensor.expand_shape func.return "},
    {"AViewOfAnother", R"(func.func @f(%x: tensor<?x1x3xf32>) -> tensor<?x3xf32> {
       %0 = tensor.collapse_shape %x [[0, 1, 2]] : tensor<?x1x3xf32> into tensor<?xf32>
       %c = arith.constant 3 : index
       %d = arith.constant 0 : index
       %s = tensor.dim %x, %d : tensor<?x1x3xf32>
       %1 = tensor.expand_shape %0 [[0, 1]] output_shape [%s, 3] : tensor<?xf32> into tensor<?x3xf32>
       return %1 : tensor<?x3xf32> })",
     "tensor.collapse_shape func.return "},
    {"ViewsOfSeveralUnknownSizesStay", R"(func.func @f(%x: tensor<?x1x?xf32>, %n: index) -> tensor<?x1xf32> {
       %0 = tensor.collapse_shape %x [[0, 1, 2]] : tensor<?x1x?xf32> into tensor<?xf32>
       %1 = tensor.expand_shape %0 [[0, 1]] output_shape [%n, 1] : tensor<?xf32> into tensor<?x1xf32>
       return %1 : tensor<?x1xf32> })",
     "tensor.collapse_shape tensor.expand_shape func.return "},
    {"AddingToZeroIsPutting", R"(func.func @f(%x: tensor<2x3xf32>, %v: tensor<3xf32>) -> tensor<2x3xf32> {
       %c = arith.constant 0.0 : f32
       %a = arith.constant 0 : index
       %b = arith.constant 1 : index
       %z = dl.broadcast %c dims = [] : f32 -> tensor<3xf32>
       %0 = dl.update_slice %z into %x[%a, %a] steps = [1, 1] dropped = [0] : tensor<3xf32>, tensor<2x3xf32>
       %1 = dl.add_slice %v into %0[%b, %a] steps = [1, 1] dropped = [0] : tensor<3xf32>, tensor<2x3xf32>
       %2 = dl.add_slice %v into %1[%a, %a] steps = [1, 1] dropped = [0] : tensor<3xf32>, tensor<2x3xf32>
       return %2 : tensor<2x3xf32> })",
     "dl.add_slice dl.update_slice func.return "},
    {"ZerosThatSomebodyReadsStay", R"(func.func @f(%x: tensor<2xf32>, %v: f32) -> (tensor<2xf32>, tensor<2xf32>) {
       %c = arith.constant 0.0 : f32
       %a = arith.constant 0 : index
       %0 = dl.update_slice %c into %x[%a] steps = [1] dropped = [0] : f32, tensor<2xf32>
       %1 = dl.add_slice %v into %0[%a] steps = [1] dropped = [0] : f32, tensor<2xf32>
       return %0, %1 : tensor<2xf32>, tensor<2xf32> })",
     "dl.update_slice dl.add_slice func.return "},
    {"ZerosAreNotAdded", R"(func.func @f(%x: tensor<?xf32>, %n: index) -> tensor<?xf32> {
       %c = arith.constant 0.0 : f32
       %z = dl.broadcast %c dims = [] sizes(%n) : f32 -> tensor<?xf32>
       %0 = dl.add %z, %x : tensor<?xf32>
       %1 = dl.sub %0, %z : tensor<?xf32>
       return %1 : tensor<?xf32> })",
     "func.return "},
    {"OnesAreNotMultiplied", R"(func.func @f(%x: f64) -> f64 {
       %c = arith.constant 1.0 : f64
       %0 = dl.mul %c, %x : f64
       %1 = dl.div %0, %c : f64
       %2 = dl.pow %1, %c : f64
       return %2 : f64 })",
     "func.return "},
    {"ZeroTimesFloatStays", R"(func.func @f(%x: f64) -> f64 {
       %c = arith.constant 0.0 : f64
       %0 = dl.mul %c, %x : f64
       return %0 : f64 })",
     "dl.mul func.return "},
    {"ZeroTimesIntegerIsZero", R"(func.func @f(%x: i64) -> i64 {
       %c = arith.constant 0 : i64
       %0 = dl.mul %c, %x : i64
       return %0 : i64 })",
     "func.return "},
    {"SquareIsAProduct", R"(func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
       %c = arith.constant 2.0 : f32
       %e = dl.broadcast %c dims = [] : f32 -> tensor<4xf32>
       %0 = dl.pow %x, %e : tensor<4xf32>
       return %0 : tensor<4xf32> })",
     "dl.mul func.return "},
    {"BroadcastsCompose", R"(func.func @f(%x: tensor<3xf32>) -> tensor<2x3x4xf32> {
       %0 = dl.broadcast %x dims = [0] : tensor<3xf32> -> tensor<3x4xf32>
       %1 = dl.broadcast %0 dims = [1, 2] : tensor<3x4xf32> -> tensor<2x3x4xf32>
       return %1 : tensor<2x3x4xf32> })",
     "dl.broadcast func.return "},
    {"KeptUnitDimensionBroadcastsAtOnce", R"(func.func @f(%x: tensor<?xf32>, %n: index) -> tensor<?x4xf32> {
       %0 = dl.reshape %x sizes(%n) : tensor<?xf32> -> tensor<?x1xf32>
       %1 = dl.broadcast %0 dims = [0, 1] sizes(%n) : tensor<?x1xf32> -> tensor<?x4xf32>
       return %1 : tensor<?x4xf32> })",
     "dl.broadcast func.return "},
    {"RepeatedScalarsAreComputedOnce", R"(func.func @f(%x: f32, %y: f32) -> tensor<8xf32> {
       %0 = dl.broadcast %x dims = [] : f32 -> tensor<8xf32>
       %1 = dl.broadcast %y dims = [] : f32 -> tensor<8xf32>
       %2 = dl.mul %0, %1 : tensor<8xf32>
       return %2 : tensor<8xf32> })",
     "dl.mul dl.broadcast func.return "},
    {"TransposesBecomeFlags", R"(func.func @f(%x: tensor<4x3xf32>, %y: tensor<5x4xf32>) -> tensor<3x5xf32> {
       %0 = dl.transpose %x perm = [1, 0] : tensor<4x3xf32> -> tensor<3x4xf32>
       %1 = dl.transpose %y perm = [1, 0] : tensor<5x4xf32> -> tensor<4x5xf32>
       %2 = dl.matmul %0, %1 : tensor<3x4xf32>, tensor<4x5xf32> -> tensor<3x5xf32>
       return %2 : tensor<3x5xf32> })",
     "dl.matmul func.return "},
    {"TransposeOfProductIsAProduct", R"(func.func @f(%x: tensor<3x4xf32>, %y: tensor<4x5xf32>) -> tensor<5x3xf32> {
       %0 = dl.matmul %x, %y : tensor<3x4xf32>, tensor<4x5xf32> -> tensor<3x5xf32>
       %1 = dl.transpose %0 perm = [1, 0] : tensor<3x5xf32> -> tensor<5x3xf32>
       return %1 : tensor<5x3xf32> })",
     "dl.matmul func.return "},
    {"TransposesCancel", R"(func.func @f(%x: tensor<3x4xf32>) -> tensor<3x4xf32> {
       %0 = dl.transpose %x perm = [1, 0] : tensor<3x4xf32> -> tensor<4x3xf32>
       %1 = dl.transpose %0 perm = [1, 0] : tensor<4x3xf32> -> tensor<3x4xf32>
       return %1 : tensor<3x4xf32> })",
     "func.return "},
    {"SizesComeFromTheSource", R"(func.func @f(%x: tensor<?x3xf32>) -> index {
       %c1 = arith.constant 1 : index
       %0 = dl.exp %x : tensor<?x3xf32>
       %1 = dl.transpose %0 perm = [1, 0] : tensor<?x3xf32> -> tensor<3x?xf32>
       %2 = tensor.dim %1, %c1 : tensor<3x?xf32>
       return %2 : index })",
     "tensor.dim func.return "},
    {"TwoUnknownSizesMayBeSwapped", R"(func.func @f(%x: tensor<?x?xf32>, %m: index, %n: index) -> tensor<?x?xf32> {
       %0 = dl.reshape %x sizes(%m, %n) : tensor<?x?xf32> -> tensor<?x?xf32>
       return %0 : tensor<?x?xf32> })",
     "dl.reshape func.return "},
    {"KnownSelectIsItsSide", R"(func.func @f(%x: f32, %y: f32) -> f32 {
       %c = arith.constant true
       %0 = dl.select %c, %x, %y : i1, f32
       return %0 : f32 })",
     "func.return "},
    {"FailingDivisionIsNotMoved", R"(func.func @f(%x: i64, %y: i64) -> i64 {
       %0 = dl.floordiv %x, %y : i64
       return %0 : i64 })",
     "dl.floordiv func.return "},
};
INSTANTIATE_TEST_SUITE_P(Dialect, Simplified, testing::ValuesIn(kSimplified), nameOf);

class Refused : public testing::TestWithParam<Example> {};

TEST_P(Refused, SaysWhy) {
  std::string ops, errors;
  simplify(GetParam().text, ops, errors);
  EXPECT_NE(errors.find(GetParam().expected), std::string::npos) << errors;
}

const Example kRefused[] = {
    {"BroadcastStretches",
     R"(func.func @f(%x: tensor<3xf32>) { %0 = dl.broadcast %x dims = [0] : tensor<3xf32> -> tensor<4xf32> return })",
     "C1: cannot stretch size 3 to 4"},
    {"BroadcastOrder", R"(func.func @f(%x: tensor<3x3xf32>) {
       %0 = dl.broadcast %x dims = [1, 0] : tensor<3x3xf32> -> tensor<3x3xf32> return })",
     "dims must increase"},
    {"BroadcastSizes", R"(func.func @f(%x: f32) { %0 = dl.broadcast %x dims = [] : f32 -> tensor<?xf32> return })",
     "needs 1 sizes for the dynamic dimensions"},
    {"ReshapeCount",
     R"(func.func @f(%x: tensor<6xf32>) { %0 = dl.reshape %x : tensor<6xf32> -> tensor<4xf32> return })",
     "cannot make 4 elements of 6"},
    {"TransposePermutation", R"(func.func @f(%x: tensor<3x4xf32>) {
       %0 = dl.transpose %x perm = [0, 0] : tensor<3x4xf32> -> tensor<3x3xf32> return })",
     "perm must be a permutation"},
    {"MatMulInner", R"(func.func @f(%x: tensor<3x4xf32>, %y: tensor<5x6xf32>) {
       %0 = dl.matmul %x, %y : tensor<3x4xf32>, tensor<5x6xf32> -> tensor<3x6xf32> return })",
     "inner sizes 4 and 5 differ"},
    {"ReduceType",
     R"(func.func @f(%x: tensor<3x4xf32>) { %0 = dl.reduce sum %x dims = [1] : tensor<3x4xf32> -> tensor<4xf32> return })",
     "cannot reduce"},
    {"ReduceBools",
     R"(func.func @f(%x: tensor<3xi1>) { %0 = dl.reduce sum %x dims = [0] : tensor<3xi1> -> i1 return })",
     "any and all reduce bools"},
    {"SliceStep", R"(func.func @f(%x: tensor<3xf32>, %i: index) {
       %0 = dl.slice %x[%i] steps = [0] dropped = [] : tensor<3xf32> -> tensor<3xf32> return })",
     "steps must be at least 1"},
    {"ConcatRank", R"(func.func @f(%x: tensor<3xf32>, %y: tensor<3x3xf32>) {
       %0 = dl.concat %x, %y dim = 0 : tensor<3xf32>, tensor<3x3xf32> -> tensor<6xf32> return })",
     "one rank and one element type"},
};
INSTANTIATE_TEST_SUITE_P(Dialect, Refused, testing::ValuesIn(kRefused), nameOf);

} // namespace
} // namespace dl::test
