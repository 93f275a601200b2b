// A training loop takes memory in its first iteration only, be it from the runtime's pool or from the heap behind its
// back; batches of two sizes, so sizes are dynamic.
#include "tests/engine/count_allocations.h"

#include "dl/abi.h"
#include "dl/dl.h"

#include <gtest/gtest.h>

namespace {

const char *program = R"(
import nn
import optim
from data import Dataset

fn loss(model, x: f32[B, 20], y: i64[B]) -> f32 = nn.cross_entropy(model(x), y)

export fn training(epochs: int) -> f32 {
  seed(0)
  let set = Dataset(randn(100, 20), randint(0, 3, 100))
  var model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 3))
  var opt = optim.Adam(model)
  var last = 0.0
  for epoch in 0..epochs {
    for (x, y) in set.batches(16, shuffle=true) {
      let (l, g) = value_and_grad(loss)(model, x, y)
      opt.step(&model, g)
      last = l
    }
  }
  last
}
)";

} // namespace

TEST(Allocation, ATrainingLoopTakesNoMemoryAfterItsFirstIteration) {
  dl::Engine engine;
  dl::Result<dl::Module> module = engine.compile(program, "training.dl");
  ASSERT_TRUE(module) << module.error().text;
  auto training = module->get<float(int64_t)>("training");
  ASSERT_TRUE(training) << training.error().text;
  uint64_t start = dl_heap_allocations();
  dl::Result<float> first = (*training)(1);
  ASSERT_TRUE(first) << first.error().text;
  uint64_t once = dl_heap_allocations();
  EXPECT_GT(once, start) << "the count counts nothing";
  dl::Result<float> many = (*training)(50);
  ASSERT_TRUE(many) << many.error().text;
  EXPECT_EQ(dl_heap_allocations(), once) << "400 iterations asked the system for memory";
  EXPECT_LT(*many, *first) << "it does not train";
}

#if DL_COUNTS_ALLOCATIONS
// The call of a function takes a few blocks; they do not become more with the iterations.
TEST(Allocation, NoIterationOfATrainingLoopTakesMemoryFromTheHeap) {
  dl::Engine engine;
  dl::Result<dl::Module> module = engine.compile(program, "training.dl");
  ASSERT_TRUE(module) << module.error().text;
  auto training = module->get<float(int64_t)>("training");
  ASSERT_TRUE(training) << training.error().text;
  auto taken = [&](int64_t epochs) {
    uint64_t before = dl::test::allocations;
    EXPECT_TRUE((*training)(epochs));
    return dl::test::allocations - before;
  };
  EXPECT_GT(taken(1), 0) << "the count counts nothing";
  EXPECT_EQ(taken(50), taken(1)) << "343 iterations took memory from the heap";
}
#endif
