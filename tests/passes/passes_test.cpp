// What single stages make of small modules: counted in their printed form.
#include "tests/backend/modules.h"
#include "tests/backend/program.h"

using namespace dl;
using namespace dl::test;

namespace {

std::string stage(const std::string &text, const std::string &name, bool fuse = true) {
  auto context = backend::createContext();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, context.get());
  EXPECT_TRUE(module);
  backend::CompileOptions options;
  options.verify = true;
  options.fuse = fuse;
  auto result = backend::emitText(*module, name, options);
  if (result)
    return *result;
  ADD_FAILURE() << llvm::toString(result.takeError());
  return "";
}

int count(const std::string &text, const std::string &part) {
  int found = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size())
    ++found;
  return found;
}

// The text of the first scf.for and what is in it, by its indentation.
std::string loopOf(const std::string &text) {
  size_t begin = text.find("scf.for"), line = text.rfind('\n', begin) + 1;
  size_t from = text.find_first_not_of(' ', line);
  std::string end = "\n" + std::string(from - line, ' ') + "}";
  return text.substr(begin, text.find(end, begin) - begin);
}

} // namespace

TEST(FuseElementwise, AdamIsOneLoop) {
  std::string fused = stage(adam(true), "linalg");
  EXPECT_EQ(count(fused, "= linalg.generic"), 1);
  // Moments and parameter are written over the old ones: the only other tensor read is the gradient.
  EXPECT_EQ(count(fused, "ins(%arg1 : tensor<?xf32>)"), 1);
  EXPECT_GT(count(stage(adam(true), "linalg", false), "= linalg.generic"), 10);
}

TEST(FuseElementwise, SharedExponentialIsComputedOnce) {
  std::string fused = stage(kSoftmax, "linalg");
  EXPECT_EQ(count(fused, "math.exp"), 1);
  EXPECT_EQ(count(fused, "math.tanh"), 1);
  EXPECT_EQ(count(fused, "= linalg.generic"), 3); // maximum, sum, division
}

TEST(FuseElementwise, ColumnsAreReadWithoutATranspose) {
  const std::string text = R"(
func.func @columns(%w: tensor<22x?xf64>, %at: tensor<?xi64>) -> tensor<?x22xf64> attributes {dl.export} {
  %t = dl.transpose %w perm = [1, 0] : tensor<22x?xf64> -> tensor<?x22xf64>
  %c = dl.gather %t at %at : tensor<?x22xf64>, tensor<?xi64> -> tensor<?x22xf64>
  return %c : tensor<?x22xf64>
}
)";
  EXPECT_EQ(count(stage(text, "linalg"), "= linalg.generic"), 2); // the range of the indices, the columns
  EXPECT_EQ(count(stage(text, "linalg", false), "= linalg.generic"), 3);
}

TEST(LowerOps, SmallMatricesOfABatchAreLoops) {
  auto product = [](const std::string &m) {
    std::string a = "tensor<?x" + m + "x4xf64>", b = "tensor<?x4x4xf64>";
    return "func.func @f(%a: " + a + ", %b: " + b + ") -> " + a +
           " attributes {dl.export} {\n  %c = dl.matmul %a, %b : " + a + ", " + b + " -> " + a +
           "\n  return %c : " + a + "\n}\n";
  };
  EXPECT_EQ(count(stage(product("4"), "linalg"), "dl.kernel"), 0);
  EXPECT_EQ(count(stage(product("400"), "linalg"), "dl.kernel"), 1);
}

TEST(FuseParallel, RowsOfOneBufferAreIndependent) {
  const std::string text = R"(
func.func @f(%x: tensor<?xf64>, %n: index) -> tensor<3x?xf64> attributes {dl.export} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f64
  %z = dl.broadcast %zero dims = [] sizes(%n) : f64 -> tensor<3x?xf64>
  %s = dl.slice %x[%c0] sizes(%n) steps = [1] dropped = [] : tensor<?xf64> -> tensor<?xf64>
  %a = dl.add_slice %s into %z[%c0, %c0] steps = [1, 1] dropped = [0] : tensor<?xf64>, tensor<3x?xf64>
  %b = dl.add_slice %s into %a[%c1, %c0] steps = [1, 1] dropped = [0] : tensor<?xf64>, tensor<3x?xf64>
  %c = dl.add_slice %s into %b[%c2, %c0] steps = [1, 1] dropped = [0] : tensor<?xf64>, tensor<3x?xf64>
  %d = dl.add_slice %s into %c[%c2, %c0] steps = [1, 1] dropped = [0] : tensor<?xf64>, tensor<3x?xf64>
  return %d : tensor<3x?xf64>
}
)";
  EXPECT_LT(count(stage(text, "loops"), "call @dl_parallel_for"),
            count(stage(text, "loops", false), "call @dl_parallel_for"));
}

TEST(ForwardStores, AFusedLoopKeepsItsValuesInRegisters) {
  const std::string text = R"(
func.func @f(%x: tensor<?xf64>, %z: tensor<2x?xf64>, %n: index) -> tensor<2x?xf64> attributes {dl.export} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %s = dl.slice %x[%c0] sizes(%n) steps = [1] dropped = [] : tensor<?xf64> -> tensor<?xf64>
  %a = dl.add_slice %s into %z[%c0, %c0] steps = [1, 1] dropped = [0] : tensor<?xf64>, tensor<2x?xf64>
  %t = dl.tanh %s : tensor<?xf64>
  %b = dl.add_slice %t into %a[%c1, %c0] steps = [1, 1] dropped = [0] : tensor<?xf64>, tensor<2x?xf64>
  %c = dl.add_slice %t into %b[%c1, %c0] steps = [1, 1] dropped = [0] : tensor<?xf64>, tensor<2x?xf64>
  return %c : tensor<2x?xf64>
}
)";
  std::string fused = stage(text, "loops"), unfused = stage(text, "loops", false);
  EXPECT_EQ(count(fused, "memref.alloc("), count(unfused, "memref.alloc(") - 1); // none for %t
  // The loop of %a, and one loop for the rest, which reads and writes each element once.
  EXPECT_EQ(count(fused, "memref.load"), 4);
  EXPECT_EQ(count(fused, "memref.store"), 2);
}

TEST(Bufferize, UpdatesAreInPlace) {
  for (bool dynamic : {false, true}) {
    std::string loop = loopOf(stage(adam(dynamic), "loops"));
    EXPECT_EQ(count(loop, "memref.alloc"), 0) << loop;
    EXPECT_EQ(count(loop, "memref.copy"), 0) << loop;
    EXPECT_EQ(count(loop, "iter_args"), 0) << loop;
  }
}

TEST(FuseParallel, SoftmaxRunsRowByRow) {
  std::string loops = stage(kSoftmax, "loops");
  EXPECT_EQ(count(loops, "call @dl_parallel_for"), 1);
  EXPECT_GT(count(stage(kSoftmax, "loops", false), "call @dl_parallel_for"), 3);
}

TEST(ShareLoops, EqualLoopsAreCompiledOnce) {
  auto rows = [](const std::string &name, int64_t n) {
    std::string type = "tensor<" + std::to_string(n) + "x50xf32>";
    return "func.func @" + name + "(%x: " + type + ") -> " + type +
           " attributes {dl.export} {\n  %y = dl.tanh %x : " + type + "\n  return %y : " + type + "\n}\n";
  };
  std::string small = stage(rows("a", 10) + rows("b", 10) + rows("c", 20), "loops");
  EXPECT_EQ(count(small, "call @shared_loop0("), 2);
  EXPECT_EQ(count(small, "math.tanh"), 2);
  EXPECT_EQ(count(stage(rows("a", 10) + rows("b", 10), "loops", false), "shared_loop"), 0);
  std::string large = stage(rows("a", 10000) + rows("b", 10000), "loops");
  EXPECT_EQ(count(large, "call @dl_parallel_for"), 2);
  EXPECT_EQ(count(large, "math.tanh"), 1);
}

TEST(ShareLoops, FillsAreNotCopied) {
  const std::string text = R"(
func.func @f(%n: index) -> (tensor<64xf32>, tensor<64xf32>) attributes {dl.export} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %z = dl.broadcast %zero dims = [] : f32 -> tensor<64xf32>
  %r:2 = scf.for %i = %c0 to %n step %c1 iter_args(%a = %z, %b = %z) -> (tensor<64xf32>, tensor<64xf32>) {
    %c = dl.cos %a : tensor<64xf32>
    %d = dl.exp %b : tensor<64xf32>
    scf.yield %c, %d : tensor<64xf32>, tensor<64xf32>
  }
  return %r#0, %r#1 : tensor<64xf32>, tensor<64xf32>
}
)";
  EXPECT_EQ(count(stage(text, "loops"), "memref.copy"), 0);
}

TEST(Parallel, LittleWorkStaysSequential) {
  EXPECT_EQ(count(stage(adam(false), "loops"), "call @dl_parallel_for"), 0);
  EXPECT_GT(count(stage(adam(true), "loops"), "call @dl_parallel_for"), 0);
}

TEST(EarlyDealloc, BuffersAreFreedAfterTheirLastUse) {
  const std::string text = R"(
func.func @chain(%x: tensor<5000x50xf32>, %w: tensor<50x50xf32>) -> tensor<5000x50xf32> attributes {dl.export} {
  %a = dl.matmul %x, %w : tensor<5000x50xf32>, tensor<50x50xf32> -> tensor<5000x50xf32>
  %b = dl.matmul %a, %w : tensor<5000x50xf32>, tensor<50x50xf32> -> tensor<5000x50xf32>
  %c = dl.matmul %b, %w : tensor<5000x50xf32>, tensor<50x50xf32> -> tensor<5000x50xf32>
  return %c : tensor<5000x50xf32>
}
)";
  std::string loops = stage(text, "loops");
  EXPECT_EQ(count(loops, "memref.dealloc"), 2);
  EXPECT_LT(loops.find("memref.dealloc"), loops.rfind("dl.kernel"));
}

// Rows i of f(x) d[i], for a carried value without and one with d.
static const std::string kRows = R"(
func.func @rows(%a: tensor<4x4xf64>, %d: tensor<16x4xf64>, %n: index) -> tensor<16x4xf64> attributes {dl.export} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %zero = arith.constant 0.0 : f64
  %x0 = dl.slice %a[%c0, %c0] steps = [1, 1] dropped = [0] : tensor<4x4xf64> -> tensor<4xf64>
  %z = dl.broadcast %zero dims = [] : f64 -> tensor<16x4xf64>
  %r = scf.for %i = %c0 to %c16 step %c1 iter_args(%rows = %z) -> tensor<16x4xf64> {
    %row = dl.slice %d[%i, %c0] steps = [1, 1] dropped = [0] : tensor<16x4xf64> -> tensor<4xf64>
    %s:2 = scf.for %k = %c0 to %n step %c1 iter_args(%x = %x0, %t = %row) -> (tensor<4xf64>, tensor<4xf64>) {
      %y = dl.sin %x : tensor<4xf64>
      %c = dl.cos %x : tensor<4xf64>
      %m = dl.mul %c, %t : tensor<4xf64>
      scf.yield %y, %m : tensor<4xf64>, tensor<4xf64>
    }
    %next = dl.update_slice %s#1 into %rows[%i, %c0] steps = [1, 1] dropped = [0] : tensor<4xf64>, tensor<16x4xf64>
    scf.yield %next : tensor<16x4xf64>
  }
  return %r : tensor<16x4xf64>
}
)";

TEST(BatchLoops, SharedValuesAreComputedOnce) {
  std::string batched = stage(kRows, "linalg");
  EXPECT_EQ(count(batched, "scf.for"), 1) << batched;
  EXPECT_EQ(count(loopOf(batched), "math.sin"), 1);
  EXPECT_EQ(count(loopOf(batched), "-> (tensor<4xf64>, tensor<4x16xf64>)"), 1) << batched;
  EXPECT_EQ(count(stage(kRows, "linalg", false), "scf.for"), 2);
}

TEST(BatchLoops, LoopsWithoutSharedWorkStay) {
  std::string text = kRows; // now the other value follows from the row, too
  text.replace(text.find("(%x = %x0"), 9, "(%x = %row");
  EXPECT_EQ(count(stage(text, "linalg"), "scf.for"), 2);
}

TEST(FuseLinear, TransposesBecomeFlags) {
  const std::string text = R"(
func.func @linear(%x: tensor<64x100xf32>, %w: tensor<50x100xf32>, %b: tensor<50xf32>) -> tensor<64x50xf32> attributes {dl.export} {
  %t = dl.transpose %w perm = [1, 0] : tensor<50x100xf32> -> tensor<100x50xf32>
  %y = dl.matmul %x, %t : tensor<64x100xf32>, tensor<100x50xf32> -> tensor<64x50xf32>
  %bb = dl.broadcast %b dims = [1] : tensor<50xf32> -> tensor<64x50xf32>
  %z = dl.add %y, %bb : tensor<64x50xf32>
  %r = dl.relu %z : tensor<64x50xf32>
  return %r : tensor<64x50xf32>
}
)";
  std::string fused = stage(text, "linalg");
  EXPECT_EQ(count(fused, "dl_rt_linear"), 1);
  EXPECT_EQ(count(fused, "linalg."), 0) << fused;
  expectFusedEqualsUnfused(text, "linear", {random({64, 100}), random({50, 100}, 2), random({50}, 3)}, 1e-4);
}

TEST(FuseLinear, TransposedProduct) {
  const std::string text = R"(
func.func @t(%x: tensor<64x100xf32>, %w: tensor<70x100xf32>) -> tensor<70x64xf32> attributes {dl.export} {
  %u = dl.transpose %w perm = [1, 0] : tensor<70x100xf32> -> tensor<100x70xf32>
  %y = dl.matmul %x, %u : tensor<64x100xf32>, tensor<100x70xf32> -> tensor<64x70xf32>
  %r = dl.transpose %y perm = [1, 0] : tensor<64x70xf32> -> tensor<70x64xf32>
  return %r : tensor<70x64xf32>
}
)";
  EXPECT_EQ(count(stage(text, "linalg"), "linalg."), 0);
  expectFusedEqualsUnfused(text, "t", {random({64, 100}), random({70, 100}, 2)}, 1e-4);
}

TEST(Inline, CallsOfSmallFunctionsDisappear) {
  const std::string text = R"(
func.func private @twice(%x: tensor<?xf32>) -> tensor<?xf32> {
  %y = dl.add %x, %x : tensor<?xf32>
  return %y : tensor<?xf32>
}
func.func @f(%x: tensor<?xf32>) -> tensor<?xf32> attributes {dl.export} {
  %a = func.call @twice(%x) : (tensor<?xf32>) -> tensor<?xf32>
  %b = func.call @twice(%a) : (tensor<?xf32>) -> tensor<?xf32>
  return %b : tensor<?xf32>
}
)";
  std::string fused = stage(text, "linalg");
  EXPECT_EQ(count(fused, "call @twice"), 0);
  EXPECT_EQ(count(fused, "func.func"), 1);
  EXPECT_EQ(count(fused, "= linalg.generic"), 1);
}

TEST(BreakRecursion, CyclesGoThroughEntryPoints) {
  std::string lowered = stage(kRecursion, "linalg");
  EXPECT_EQ(count(lowered, "call @double"), 1); // from outside the cycle
  EXPECT_EQ(count(lowered, "dl.extern \"dl_fn_double\""), 1);
}
