// What the reverse pass of a long loop costs: memory as documented, and code that does not grow with the trip count.
#include "tests/driver/scratch.h"
#include "tests/run_lang/process.h"

#include <gtest/gtest.h>

#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

extern char **environ;

using dl::tests::Scratch;

namespace {

// The largest resident set of `dl PROGRAM`, in bytes.
int64_t peakMemory(const std::string &program) {
  std::string command = DL_COMMAND, flag = "--no-cache", file = program;
  char *arguments[] = {command.data(), flag.data(), file.data(), nullptr};
  pid_t child = 0;
  EXPECT_EQ(posix_spawn(&child, command.c_str(), nullptr, nullptr, arguments, environ), 0);
  int status = 0;
  rusage usage{};
  EXPECT_EQ(wait4(child, &status, 0, &usage), child);
  EXPECT_EQ(status, 0);
  return int64_t(usage.ru_maxrss) * 1024;
}

std::string with(std::string program, const std::string &trip) {
  for (size_t at; (at = program.find("TRIP")) != std::string::npos;)
    program.replace(at, 4, trip);
  return program;
}

const char *const kFor = R"(
fn f(x: f64) -> f64 {
  var y = x
  for i in 0..TRIP { y = y + 0.000001 * sin(y) * x }
  y
}
print(grad(f)(0.5f64))
)";

const char *const kWhile = R"(
fn f(x: f64) -> f64 {
  var y = x
  var n = 0
  while n < TRIP {
    y = y + 0.000001 * sin(y) * x
    n += 1
  }
  y
}
print(grad(f)(0.5f64))
)";

// Nothing in the body depends on what changes but linearly: the reverse pass needs no value of it.
const char *const kLinear = R"(
fn f(x: f64) -> f64 {
  var y = x
  for i in 0..TRIP { y = y * 0.999999 + 0.000001 * f64(i) }
  y
}
print(grad(f)(0.5f64))
)";

// Kept as they are, the states would be 800 bytes a step.
const char *const kCheckpointed = R"(
fn f(x: f64[N]) -> f64 {
  var y = x
  for i in 0..TRIP { y = y + 0.000001 * sin(y) * tanh(x) }
  sum(y)
}
print(grad(checkpoint(f))(randn(100, dtype=f64)))
)";

} // namespace

TEST(Memory, ACheckpointedLoopKeepsALogarithm) {
  Scratch scratch;
  int64_t few = peakMemory(scratch.write("few.dl", with(kCheckpointed, "10")));
  int64_t many = peakMemory(scratch.write("many.dl", with(kCheckpointed, "1000000")));
  EXPECT_LT(many - few, 6'000'000);
}

TEST(Memory, AReversedLoopKeepsEightBytesAStep) {
  Scratch scratch;
  for (const char *program : {kFor, kWhile}) {
    int64_t few = peakMemory(scratch.write("few.dl", with(program, "10")));
    int64_t many = peakMemory(scratch.write("many.dl", with(program, "1000000")));
    EXPECT_LT(many - few, 8'000'000 + 6'000'000) << program;
  }
}

TEST(Memory, ALinearLoopKeepsNothing) {
  Scratch scratch;
  int64_t few = peakMemory(scratch.write("few.dl", with(kLinear, "10")));
  int64_t many = peakMemory(scratch.write("many.dl", with(kLinear, "3000000")));
  EXPECT_LT(many - few, 6'000'000);
}

// All of y in each iteration would be 800 MB.
TEST(Memory, OnlyThePartsThatAreReadAreKept) {
  const std::string program = R"(
fn f(x: f64[N]) -> f64 {
  var y = x
  for i in 1..N { y[i] = sin(y[i - 1]) * y[i] }
  y[N - 1]
}
print(grad(f)(ones(TRIP, dtype=f64))[0])
)";
  Scratch scratch;
  int64_t few = peakMemory(scratch.write("few.dl", with(program, "10")));
  int64_t many = peakMemory(scratch.write("many.dl", with(program, "10000")));
  EXPECT_LT(many - few, 6'000'000);
}

TEST(Memory, CodeDoesNotGrowWithTheTripCount) {
  Scratch scratch;
  for (const char *program : {kFor, kWhile}) {
    std::string texts[2];
    for (int i : {0, 1}) {
      scratch.write("p.dl", with(program, i ? "9000000" : "2000000"));
      texts[i] = dl::tests::runProcess({DL_COMMAND, "compile", "--emit=llvm", "p.dl"}, scratch.folder, "").out;
    }
    EXPECT_GT(texts[0].size(), 1000u);
    EXPECT_EQ(texts[0].size(), texts[1].size());
  }
}

TEST(Memory, ExplainedByPlaceAndBytes) {
  Scratch scratch;
  scratch.write("p.dl", with(kFor, "1000000"));
  std::string text = dl::tests::runProcess({DL_COMMAND, "compile", "--explain-memory", "p.dl"}, scratch.folder, "").out;
  EXPECT_EQ(text,
            "p.dl:4  f  y  tensor<1000000xf64>  8000000 bytes  for i in 0..1000000 { y = y + 0.000001 * sin(y) * x }\n"
            "1 value, 8000000 bytes of known size\n");
}

// However the place of a write is reached, the tensor is changed where it lies.
TEST(Memory, AWriteCopiesNothing) {
  Scratch scratch;
  const std::string program = R"(
module Table(n: int) {
  param weight = zeros(n, 4)
  buffer at = 0
  mut fn push(v: f32) {
    weight[at, 1] = v
    at = (at + 1) % n
  }
}
module Agent(n: int) {
  let table = Table(n)
  mut fn see(v: f32) { table.push(v) }
}
fn set(mut x: f32[N], i: int) { x[i] = 1.0 }
fn fill(mut x: f32[N]) { for i in 0..N { set(&x, i) } }
let n = int(option("n", default="100"))
var x = zeros(n)
var agent = Agent(n)
var pair = (1, (zeros(n), 2.0))
for r in 0..3 {
  fill(&x)
  var k = 0
  while k < n {
    if x[k] > 0.5 { x[k] += 1.0 } else { x[k] = x[n - 1 - k] }
    agent.see(x[k])
    agent.table.weight[k, 0] = 2.0
    k += 1
  }
  for i in 0..n {
    if i == 7 { continue }
    var (one, (values, two)) = pair
    values[i] = f32(i)
    pair = (one, (values, two))
  }
}
print(sum(x), sum(agent.table.weight), sum(pair[1][0]))
)";
  scratch.write("p.dl", program);
  std::string loops = dl::tests::runProcess({DL_COMMAND, "compile", "--emit=loops", "p.dl"}, scratch.folder, "").out;
  EXPECT_NE(loops.find("memref.store"), std::string::npos);
  EXPECT_EQ(loops.find("memref.copy"), std::string::npos) << loops;
  EXPECT_EQ(dl::tests::runProcess({DL_COMMAND, "run", "p.dl"}, scratch.folder, "").out, "200.0 400.0 4943.0\n");
}
