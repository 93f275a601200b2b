// What `dl grad` prints compiles beside the program it comes from and gives the same numbers, in both modes: for the
// library's functions and for each construct of the language.
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
    "{\n  let k = x[0, 0]\n  let g = fn(z: f64) = z * z * k\n  checkpoint(g)(x[0, 1])\n}",
};

// The same for the modules of the library.
const char *const kLibrary[] = {
    "sum(nn.linear(x, ones(4, 3, dtype=f64)) ** 2.0)",
    "nn.nll_loss(log(x), [0, 2])",
    "sum(distributions.Normal(x, 1.0f64 + x * x).log_prob(0.5f64))",
    "sum(distributions.Normal(x, 1.0f64 + x * x).rsample() * x)",
    "sum(distributions.LogNormal(x, x).log_prob(0.7f64) + distributions.LogNormal(x, x).entropy())",
    "sum(distributions.Laplace(x, x).log_prob(0.1f64) + distributions.Laplace(x, x).rsample())",
    "sum(distributions.Cauchy(x, x).log_prob(0.1f64) + distributions.Cauchy(x, x).rsample())",
    "sum(distributions.Gumbel(x, x).log_prob(0.1f64) + distributions.Gumbel(x, x).rsample())",
    "sum(distributions.StudentT(x + 3.0, x, x).log_prob(0.1f64))",
    "sum(distributions.Uniform(-x, x + 1.0).log_prob(0.1f64) + distributions.Uniform(-x, x).rsample())",
    "sum(distributions.Exponential(x).log_prob(0.1f64) + distributions.Exponential(x).rsample())",
    "sum(distributions.Gamma(x + 0.5, x).log_prob(0.1f64))",
    "sum(distributions.Gamma(x + 1.5, x).rsample())",
    "sum(distributions.Beta(x, x + 1.0).log_prob(0.1f64))",
    "sum(distributions.Beta(x, x + 1.0).rsample() * x)",
    "sum(distributions.Dirichlet(x + 1.0).log_prob([0.2f64, 0.3f64, 0.5f64]))",
    "sum(distributions.Bernoulli(probs=sigmoid(x)).log_prob(1.0f64))",
    "sum(distributions.Binomial(x.dtype(5), probs=sigmoid(x)).log_prob(2.0f64))",
    "sum(distributions.Geometric(sigmoid(x)).log_prob(2.0f64) + distributions.Geometric(sigmoid(x)).entropy())",
    "sum(distributions.Poisson(x).log_prob(2.0f64))",
    "sum(distributions.Categorical(probs=x).log_prob([0, 2]) + distributions.Categorical(logits=x).entropy())",
    "sum(distributions.kl_divergence(distributions.Normal(x, x), distributions.Normal(0.5f64, 2.0f64)))",
    "sum(tensors.lerp(x, x * x, 0.3f64) + tensors.reciprocal(x) + tensors.log2(x) + tensors.log10(x) + tensors.exp2(x) "
    "+ tensors.erfc(x))",
    "sum(tensors.deg2rad(x) * tensors.rad2deg(x) + tensors.frac(x) * tensors.fmod(x, 0.4f64) + tensors.hypot(x, "
    "0.4f64) + tensors.logaddexp(x, x * x) + tensors.xlogy(x, x))",
    "sum(tensors.polygamma(1, x + 1.0) * x)",
    "sum(tensors.relu6(x) * tensors.hardtanh(x) + tensors.hardsigmoid(x) * tensors.hardswish(x) + tensors.elu(x) + "
    "tensors.celu(x) + tensors.selu(x) + tensors.mish(x))",
    "sum(tensors.softsign(x) * tensors.logsigmoid(x) + tensors.tanhshrink(x) * tensors.softshrink(x) + "
    "tensors.hardshrink(x) * x)",
    "sum(tensors.sort(x)[0] * x) + sum(tensors.topk(x, 2)[0] ** 2.0)",
    "tensors.median(x.flatten()) ** 2.0 + tensors.quantile(x.flatten(), 0.3f64) ** 2.0",
    "sum(tensors.cumprod(x, 1) * x) + sum(tensors.logcumsumexp(x, 1) * x)",
    "sum(tensors.cummax(x, 1) * x) + sum(tensors.cummin(x, 0) * x) + sum(tensors.diff(x) ** 2.0)",
    "sum(tensors.outer(x[0], x[1]) ** 2.0) + sum(tensors.tril(x) * x) + sum(tensors.triu(x) * x) + tensors.trace(x @ "
    "x.T) ** 2.0",
    "sum(tensors.kron(x, x)) + sum(tensors.cdist(x, x * x + 1.0)) + sum(tensors.normalize(x)) + "
    "sum(tensors.cosine_similarity(x, x * x + 1.0))",
    "sum(tensors.cross(x[0], x[1]) ** 2.0)",
    "sum(tensors.index_select(x, 0, [1, 0]) * x) + sum(tensors.narrow(x, 1, 1, 2) ** 2.0) + sum(tensors.roll(x, 1) * "
    "x) + sum(tensors.tile(x, 2, 1) ** 2.0) + sum(tensors.repeat_interleave(x, 2) ** 2.0)",
    "sum(tensors.hstack((x, x * x)) ** 2.0) + sum(tensors.vstack((x, x)) ** 2.0)",
    "sum(implicit.solve(x[:, 0:2] @ x[:, 0:2].T + tensors.diag([1.0f64, 1.0f64]), x[0, 0:2]) ** 2.0)",
    "sum(implicit.fixed_point(fn(z) = 0.5f64 * cos(z) + 0.1f64 * sum(x), 0.0f64) * x)",
    "sum(vmap(fn(r) = tanh(sum(r * x[0])))(x))",
    "sum(checkpoint(fn(a) = tanh(a * x))(x))",
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

TEST(PrintedDerivatives, OfTheLibraryAgree) {
  for (const char *body : kLibrary)
    expectAgreement(body, "[[0.3f64, 0.7f64, 1.1f64], [0.9f64, 0.2f64, 0.4f64]]");
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
