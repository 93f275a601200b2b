// What `dl grad` prints, compiled beside the program it comes from, gives the same numbers in both modes for each
// construct of the language (tests/grad_source has the functions of the library); names, comments, and what it says
// about mistakes.
#include "tests/driver/scratch.h"
#include "tests/run_lang/process.h"

#include <gtest/gtest.h>

using dl::tests::ProcessResult;
using dl::tests::Scratch;

namespace {

// Bodies of f(x: f64[N, M]) -> f64.
const char *const kBodies[] = {
    "sum(softmax(x) * x)",
    "sum(log_softmax(x, dim=0) * x)",
    "sum(logsumexp(x) ** 2.0)",
    "sum(gelu(x) * silu(x))",
    "sum(gelu(x, approximate=\"tanh\") + softplus(x) + leaky_relu(x, negative_slope=0.1))",
    "norm(x) + std(x) + mean(x) * sum(variance(x, dim=1))",
    "sum(clamp(x, min=-0.5, max=0.5) * x)",
    "prod(x) + sum(prod(x, dim=0)) + max(x) * min(x) + sum(max(x, dim=1))",
    "nn.mse_loss(x, x * x) + nn.l1_loss(x, 0.5 * x) + nn.binary_cross_entropy_with_logits(x, sigmoid(x))",
    "nn.cross_entropy(x, zeros(x.shape[0], dtype=i64))",
    "sum(x @ x.T) + sum(where(x > 0.0, log(abs(x)), x)) + x[0, 1] * x[1, 0]",
    "sum(x.reshape(-1)[1:4] * x.T.flatten()[0:3]) + sum(cat((x, x * x), dim=1))",
    "{\n  var s = 0.0f64\n  for i in 0..x.shape[0] {\n    for j in 0..x.shape[1] {\n      if x[i, j] > 0.0 {\n        "
    "s += "
    "sin(x[i, j]) * s\n      } else {\n        s -= x[i, j]\n      }\n    }\n  }\n  s\n}",
    "{\n  var y = x\n  var n = 0\n  while sum(y * y) > 0.1 and n < 20 {\n    y = y * 0.5 + 0.01 * sin(y)\n    n += 1\n "
    " }\n"
    "  sum(y * x)\n}",
    "{\n  var y: f64[_] = x[0]\n  for i in 0..3 {\n    y = tanh(cat((y, y * 0.5)))\n  }\n  sum(y * y)\n}",
    "{\n  var y = x\n  y[0] = y[1] * 2.0\n  y[:, 1] *= 3.0\n  sum(y * y)\n}",
    "{\n  var xs: list[f64] = []\n  for i in 0..x.shape[1] { xs.append(sin(x[0, i])) }\n  sum(xs) * xs[0]\n}",
    "{\n  var xs: list[f64] = [1.0, x[0, 0]]\n  if sum(x) > 0.0 { xs.append(x[0, 1]) }\n  sum(xs) * xs[-1]\n}",
    "{\n  var b: list[f64[3]] = []\n  for i in 0..2 { b.append(tanh(x[0])) }\n  "
    "b.append(cos(b[0]))\n"
    "  let ends: list[f64[3]] = [x[0], sin(x[1])]\n  checkpoint(fn(z: f64) = z * sum(ends[-1]) * sum(b[-1] * "
    "b[0]))(x[0, 1])\n}",
    "checkpoint(fn(z: f64) = leaky_relu(z - 2.0, negative_slope=0.25f64))(x[0, 1])",
    "checkpoint(fn(z: f64) = sum(for i in 0..x.shape[0]: z * x[i, 0]))(x[0, 1])",
    "if \"b{x.shape[0]}\" in [\"b0\", \"b{x.shape[1] - 1}\"] { sum(x * x) } else { sum(x) }",
    "{\n  var names = [\"s\", \"b{x.shape[0]}\"]\n  if x[0, 0] > 0.0 { names.append(\"s\") }\n  var y = x\n"
    "  for name in names { y = match name { \"s\": sin(y), \"b2\": y * y, _: y } }\n  sum(y) * f64(len(names))\n}",
    "{\n  let pair = (\"k{x.shape[0]}\", [120u8, 200u8, 0u8])\n  var s = \"\"\n  for i in 0..3 { s += "
    "\"{i}{pair[0].upper()}\" }\n"
    "  sum(x * f64(s.count(\"K\"))) + sum(x[0] * f64(pair[1]) * x[0]) * f64(s[1:3] == \"K2\")\n}",
    "{\n  let k = x[0, 0]\n  let g = fn(z: f64) = z * z * k\n  checkpoint(g)(x[0, 1])\n}",
};

const char *const kCheck = R"(
let along = [[1.0f64, 0.5f64, -1.0f64], [0.25f64, -0.75f64, 2.0f64]]
seed(1)
let (y, dx) = f_grad(at)
seed(1)
assert_close(y, f(at))
seed(1)
assert_close(dx, grad(f)(at))
seed(1)
let (z, dz) = f_jvp(at, along)
seed(1)
assert_close(z, f(at))
assert_close(dz, sum(dx * along))
)";

void expectAgreement(const std::string &body, const std::string &point) {
  Scratch scratch;
  std::string program = "import nn\nimport distributions\nimport tensors\nimport implicit\nfn f(x: f64[N, 3]) -> f64 " +
                        (body.starts_with("{") ? body : "= " + body) + "\n";
  scratch.write("f.dl", program);
  std::string derivatives;
  for (const std::vector<std::string> &flags : std::vector<std::vector<std::string>>{{}, {"--forward"}}) {
    std::vector<std::string> command{DL_COMMAND, "grad", "f.dl", "f"};
    command.insert(command.end(), flags.begin(), flags.end());
    ProcessResult printed = dl::tests::runProcess(command, scratch.folder, "");
    ASSERT_EQ(printed.status, 0) << program << printed.err;
    derivatives += printed.out;
  }
  scratch.write("both.dl", program + derivatives + "let at = " + point + kCheck);
  ProcessResult result = dl::tests::runProcess({DL_COMMAND, "--no-cache", "both.dl"}, scratch.folder, "");
  EXPECT_EQ(result.status, 0) << program << derivatives << result.err;
}

} // namespace

TEST(PrintedDerivatives, CompileAndAgree) {
  for (const char *body : kBodies)
    expectAgreement(body, "[[0.3f64, -0.7f64, 1.1f64], [0.9f64, 0.2f64, -0.4f64]]");
}

TEST(PrintedDerivatives, KeepTheCommentsOfTheirLines) {
  Scratch scratch;
  scratch.write("f.dl",
                "fn f(x: f64[N, 3]) -> f64 {\n  # the squares\n  let y = x * x\n  sum(sin(y))  # all of them\n}\n");
  ProcessResult printed = dl::tests::runProcess({DL_COMMAND, "grad", "f.dl", "f"}, scratch.folder, "");
  EXPECT_EQ(printed.status, 0) << printed.err;
  EXPECT_EQ(printed.out.find("## `f` and its derivative with respect to `x`.\nfn f_grad("), 0u) << printed.out;
  EXPECT_NE(printed.out.find("  # the squares\n  let y = x * x\n"), std::string::npos) << printed.out;
  EXPECT_NE(printed.out.find("  # all of them\n"), std::string::npos) << printed.out;
}

// A recursive function that is called at several sizes has several instances, each with a derivative that calls itself.
TEST(PrintedDerivatives, OfSeveralInstancesOfARecursiveFunction) {
  Scratch scratch;
  std::string program = R"(
fn half(n: int, a: f64[K]) -> f64[K] {
  if n < 1 { return a * 0.5 }
  sin(half(n - 1, a * 1.1))
}
fn f(x: f64[N, M]) -> f64 = sum(half(3, x[:, 0])) + sum(half(2, [x[0, 1], 1.0, 2.0])) + sum(half(1, x[1]))
)";
  scratch.write("f.dl", program);
  std::string derivatives;
  for (const std::vector<std::string> &command : std::vector<std::vector<std::string>>{
           {DL_COMMAND, "grad", "f.dl", "f"}, {DL_COMMAND, "grad", "f.dl", "f", "--forward"}}) {
    ProcessResult printed = dl::tests::runProcess(command, scratch.folder, "");
    ASSERT_EQ(printed.status, 0) << printed.err;
    derivatives += printed.out;
  }
  scratch.write("both.dl",
                program + derivatives + "let at = [[0.3f64, 0.7f64, 1.1f64], [0.9f64, 0.2f64, 0.4f64]]" + kCheck);
  ProcessResult result = dl::tests::runProcess({DL_COMMAND, "--no-cache", "both.dl"}, scratch.folder, "");
  EXPECT_EQ(result.status, 0) << derivatives << result.err;
}

const char *const kNamed = R"(
import nn
module Net {
  let fc1 = nn.Linear(3, 2)
  let norm = nn.BatchNorm1d(2)
  fn forward(x: f32[N, 3]) = fc1(x)
}
fn f(net, pair: (f64, f64[N]), n: int) -> f64 = scale * pair[0] * sum(pair[1]) + f64(sum(net(ones(n, 3))))
var scale = 1.0f64
scale = 2.0
print(f(Net(), (1.0f64, [2.0f64]), 2))
)";

TEST(PrintedDerivatives, ByTheFirstParameterThatHoldsFloats) {
  Scratch scratch;
  scratch.write("f.dl", "fn f(n: int, x: f64) -> f64 = if n > 1 { x * -inf } else { x * nan }\n"
                        "fn g(n: int) -> f64 = f64(n)\n"
                        "print(f(2, 1.0), g(1))\n");
  auto derivative = [&](const char *function) {
    return dl::tests::runProcess({DL_COMMAND, "grad", "f.dl", function}, scratch.folder, "");
  };
  ProcessResult f = derivative("f"), g = derivative("g");
  EXPECT_EQ(f.out.find("## `f` and its derivative with respect to `x`.\n"), 0u) << f.out << f.err;
  EXPECT_NE(f.out.find("x * -inf"), std::string::npos) << f.out;
  EXPECT_NE(f.out.find("x * nan"), std::string::npos) << f.out;
  EXPECT_EQ(g.status, 1);
  EXPECT_NE(g.err.find("error: `g` has no parameter that can be differentiated by\n"), std::string::npos) << g.err;
}

TEST(PrintedDerivatives, ByNamedParameters) {
  Scratch scratch;
  scratch.write("f.dl", kNamed);
  auto derivative = [&](const std::string &wrt) {
    return dl::tests::runProcess({DL_COMMAND, "grad", "f.dl", "f", "--wrt", wrt}, scratch.folder, "");
  };
  EXPECT_EQ(derivative("net.fc1.weight,pair").status, 0);
  EXPECT_EQ(derivative("1").out.find("## `f` and its derivative with respect to `pair`.\n"), 0u) << derivative("1").out;
  // Of a module the params that are trained, also those that the function does not use.
  EXPECT_EQ(derivative("net").status, 0) << derivative("net").err;
  EXPECT_EQ(derivative("net").out.find("dnet_norm_running_mean"), std::string::npos);
  auto fault = [&](const std::string &wrt, const std::string &message, const std::string &help) {
    ProcessResult result = derivative(wrt);
    EXPECT_EQ(result.status, 1) << result.out;
    EXPECT_NE(result.err.find("error: " + message + "\n"), std::string::npos) << result.err;
    EXPECT_NE(result.err.find("\nhelp: " + help), std::string::npos) << result.err;
    EXPECT_NE(result.err.find("--> f.dl:8:4\n"), std::string::npos) << result.err;
  };
  fault("nett", "`f` has no parameter `nett`", "did you mean `net`?");
  fault("7", "`f` has no parameter `7`",
        "there are `net`, `pair`, `n`, which may also be called by their numbers from 0");
  fault("net.fc2", "`net` has no part `fc2`", "did you mean `fc1`?");
  fault("net.fc1.weigth", "`net.fc1` has no part `weigth`", "did you mean `weight`?");
  fault("pair.2", "`pair` has no part `2`", "there are `0`, `1`");
  fault("n", "`n` holds nothing that can be differentiated by", "floating-point numbers and tensors can");
  fault("net.norm.running_mean", "`net.norm.running_mean` holds nothing that can be differentiated by",
        "floating-point numbers and tensors can");
}
