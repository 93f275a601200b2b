#include "tests/backend/modules.h"
#include "tests/backend/program.h"

#include <thread>

using namespace dl;
using namespace dl::test;

TEST(Backend, FusedSoftmaxEqualsUnfused) {
  expectFusedEqualsUnfused(kSoftmax, "softmax", {random({7, 33}), random({33}, 2)});
  expectFusedEqualsUnfused(kSoftmax, "softmax", {random({1, 1}), random({1}, 2)});
}

TEST(Backend, SoftmaxRowsSumToOne) {
  Program program(kSoftmax);
  Outcome outcome = program.call("softmax", {random({5, 100}), random({100}, 2)});
  ASSERT_EQ(outcome.error, "");
  for (int row = 0; row < 5; ++row) {
    double sum = 0;
    for (int i = 0; i < 100; ++i)
      sum += outcome.results[0].data<float>()[row * 100 + i];
    EXPECT_NEAR(sum, 1, 1e-5);
  }
}

TEST(Backend, ArgumentsStayAsTheyWere) {
  Program program(adam(true));
  Tensor w = random({50}), before = w.clone(), g = random({50}, 3);
  Outcome outcome = program.call("adam", {w, g, Tensor(int64_t{5})});
  ASSERT_EQ(outcome.error, "");
  EXPECT_EQ(largestDifference(w, before), 0);
  EXPECT_GT(largestDifference(w, outcome.results[0]), 0.01);
}

TEST(Backend, AdamEqualsUnfused) {
  for (bool dynamic : {false, true})
    expectFusedEqualsUnfused(adam(dynamic), "adam", {random({1000}), random({1000}, 3), Tensor(int64_t{20})});
}

TEST(Backend, SteadyLoopsDoNotAllocate) {
  for (bool dynamic : {false, true}) {
    Program program(adam(dynamic));
    std::vector<Tensor> arguments{random({1000}), random({1000}, 3), Tensor(int64_t{1})};
    program.call("adam", arguments);
    uint64_t before = dl_heap_allocations();
    arguments[2] = Tensor(int64_t{200});
    Outcome outcome = program.call("adam", arguments);
    ASSERT_EQ(outcome.error, "");
    // The results of the first call have gone back to the pool.
    EXPECT_EQ(dl_heap_allocations(), before);
  }
}

TEST(Backend, ThreadsDoNotChangeBits) {
  backend::CompileOptions sequential;
  sequential.threads = false;
  Program parallel(kSoftmax), serial(kSoftmax, sequential);
  std::vector<Tensor> arguments{random({700, 900}), random({900}, 2)};
  Outcome expected = serial.call("softmax", arguments);
  ASSERT_EQ(expected.error, "");
  for (int threads : {1, 2, 4}) {
    dl_set_num_threads(threads);
    Outcome outcome = parallel.call("softmax", arguments);
    ASSERT_EQ(outcome.error, "");
    EXPECT_EQ(largestDifference(outcome.results[0], expected.results[0]), 0) << threads << " threads";
  }
}

TEST(Backend, Recursion) {
  Program program(kRecursion);
  Tensor x = Tensor::from({1.0f, -3.0f}, {2});
  Outcome outcome = program.call("power", {x, Tensor(int64_t{10})});
  ASSERT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.results[0].data<float>()[0], 1024);
  EXPECT_EQ(outcome.results[0].data<float>()[1], -3072);
  // The base case gives its argument back: as a tensor of its own.
  outcome = program.call("power", {x, Tensor(int64_t{0})});
  ASSERT_EQ(outcome.error, "");
  EXPECT_NE(outcome.results[0].raw(), x.raw());
  EXPECT_EQ(outcome.results[0].data<float>()[1], -3);
}

TEST(Backend, ResultThatIsAnArgumentIsCopied) {
  Program program(
      "func.func @same(%x: tensor<?xf32>) -> tensor<?xf32> attributes {dl.export} { return %x : tensor<?xf32> }");
  Tensor x = random({4});
  Outcome outcome = program.call("same", {x});
  ASSERT_EQ(outcome.error, "");
  EXPECT_NE(outcome.results[0].raw(), x.raw());
  EXPECT_EQ(largestDifference(outcome.results[0], x), 0);
}

TEST(Backend, WrongArgumentsAreErrors) {
  Program program(adam(false));
  Tensor w = random({1000}), g = random({999});
  auto expect = [&](const std::vector<Tensor> &arguments, const std::string &part) {
    std::string error = program.call("adam", arguments).error;
    EXPECT_NE(error.find(part), std::string::npos) << error;
  };
  expect({w, g, Tensor(int64_t{1})}, "argument 2 is f32[999], f32[1000] is expected");
  expect({w, w, Tensor(1.0f)}, "argument 3 is f32, i64 is expected");
  expect({w, w}, "takes 3 arguments, 2 are given");
}

TEST(Backend, AssertionsTellThePlace) {
  Program program(R"(
func.func @check(%n: i64) -> i64 attributes {dl.export} {
  %c3 = arith.constant 3 : i64
  %ok = arith.cmpi slt, %n, %c3 : i64
  dl.assert %ok, "index {0} is out of range" (%n : i64) loc(fused<4 : i64>["script.dl":7:5])
  return %n : i64
}
)");
  EXPECT_EQ(program.call("check", {Tensor(int64_t{2})}).error, "");
  std::string error = program.call("check", {Tensor(int64_t{12})}).error;
  EXPECT_NE(error.find("index 12 is out of range"), std::string::npos) << error;
  EXPECT_NE(error.find("script.dl:7:5"), std::string::npos) << error;
}

TEST(Backend, LoopsCanBeInterrupted) {
  Program program(R"(
func.func @forever() -> i64 attributes {dl.export} {
  %c0 = arith.constant 0 : i64
  %c1 = arith.constant 1 : i64
  %r = scf.while (%i = %c0) : (i64) -> i64 {
    %go = arith.cmpi sge, %i, %c0 : i64
    scf.condition(%go) %i : i64
  } do {
  ^bb0(%i: i64):
    dl.poll
    scf.yield %i : i64
  }
  return %r : i64
}
)");
  std::thread stopper([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    dl_interrupt();
  });
  std::string error = program.call("forever", {}).error;
  stopper.join();
  EXPECT_NE(error.find("interrupted"), std::string::npos) << error;
}

TEST(Backend, CarriedSizesMayChange) {
  const std::string text = R"(
func.func @grow(%x: tensor<?xf32>, %n: i64) -> tensor<?xf32> attributes {dl.export} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %count = arith.index_cast %n : i64 to index
  %r = scf.for %i = %c0 to %count step %c1 iter_args(%t = %x) -> (tensor<?xf32>) {
    %j = dl.concat %t, %t dim = 0 : tensor<?xf32>, tensor<?xf32> -> tensor<?xf32>
    scf.yield %j : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}
)";
  Program program(text);
  Outcome outcome = program.call("grow", {random({3}), Tensor(int64_t{4})});
  ASSERT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.results[0].numel(), 48);
  expectFusedEqualsUnfused(text, "grow", {random({3}), Tensor(int64_t{4})}, 0);
}

TEST(Backend, ColumnSumsEqualRowSumsOfTheTranspose) {
  const std::string text = R"(
func.func @columns(%x: tensor<?x?xf32>) -> (tensor<?xf32>, tensor<?xf32>) attributes {dl.export} {
  %a = dl.reduce sum %x dims = [0] : tensor<?x?xf32> -> tensor<?xf32>
  %t = dl.transpose %x perm = [1, 0] : tensor<?x?xf32> -> tensor<?x?xf32>
  %b = dl.reduce sum %t dims = [1] : tensor<?x?xf32> -> tensor<?xf32>
  return %a, %b : tensor<?xf32>, tensor<?xf32>
}
)";
  for (int64_t columns : {1, 3, 70, 1300}) {
    Program program(text);
    Outcome outcome = program.call("columns", {random({37, columns})});
    ASSERT_EQ(outcome.error, "");
    EXPECT_LE(largestDifference(outcome.results[0], outcome.results[1]), 1e-4);
    expectFusedEqualsUnfused(text, "columns", {random({37, columns})}, 1e-4);
  }
}

TEST(Backend, LinearWithBiasAndRelu) {
  const std::string text = R"(
func.func @linear(%x: tensor<?x100xf32>, %w: tensor<50x100xf32>, %b: tensor<50xf32>) -> tensor<?x50xf32> attributes {dl.export} {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x100xf32>
  %y = dl.matmul %x, %w {transB = true} : tensor<?x100xf32>, tensor<50x100xf32> -> tensor<?x50xf32>
  %bb = dl.broadcast %b dims = [1] sizes(%m) : tensor<50xf32> -> tensor<?x50xf32>
  %z = dl.add %y, %bb : tensor<?x50xf32>
  %r = dl.relu %z : tensor<?x50xf32>
  return %r : tensor<?x50xf32>
}
)";
  expectFusedEqualsUnfused(text, "linear", {random({64, 100}), random({50, 100}, 2), random({50}, 3)}, 1e-4);
}

TEST(Backend, SeveralProgramsInSeveralThreads) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([i] {
      Program program(adam(i % 2));
      Outcome outcome = program.call("adam", {random({1000}), random({1000}, 3), Tensor(int64_t{3})});
      EXPECT_EQ(outcome.error, "");
    });
  for (std::thread &thread : threads)
    thread.join();
}

// One by one, they would take several times as long as bytes in vectors.
TEST(Backend, BoolsAreBytesInMemory) {
  const char *text = R"(
    func.func @invert(%x: memref<?xi1>) {
      %zero = arith.constant 0 : index
      %one = arith.constant 1 : index
      %true = arith.constant true
      %n = memref.dim %x, %zero : memref<?xi1>
      scf.for %i = %zero to %n step %one {
        %value = memref.load %x[%i] : memref<?xi1>
        %other = arith.xori %value, %true : i1
        memref.store %other, %x[%i] : memref<?xi1>
      }
      return
    })";
  auto context = backend::createContext();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, context.get());
  module->lookupSymbol<mlir::func::FuncOp>("invert")->setAttr("dl.export", mlir::UnitAttr::get(context.get()));
  auto llvm = backend::emitText(*module, "llvm", {});
  ASSERT_TRUE(bool(llvm)) << llvm::toString(llvm.takeError());
  EXPECT_EQ(llvm->find("load i1,"), std::string::npos) << *llvm;
  EXPECT_EQ(llvm->find("store i1 "), std::string::npos) << *llvm;
  EXPECT_NE(llvm->find(" x i8>"), std::string::npos) << *llvm; // vectors of them
}

TEST(Backend, UnknownStageIsAnError) {
  auto context = backend::createContext();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(kSoftmax, context.get());
  auto text = backend::emitText(*module, "nonsense", {});
  ASSERT_FALSE(bool(text));
  EXPECT_NE(llvm::toString(text.takeError()).find("nonsense"), std::string::npos);
}
