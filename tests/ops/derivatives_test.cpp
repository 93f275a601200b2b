// Every op of the registry: forward mode against differences, reverse mode against forward mode, and the second order,
// on random f64 inputs of several shapes (broadcast, of size 1 and empty ones too) and at special points. An op that
// the table lacks fails the test.
#include "compiler/ops/registry.h"
#include "tests/driver/scratch.h"
#include "tests/run_lang/process.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace dl::test {
namespace {

const char *const kInputs = R"(seed(11)
fn free(*shape: int) = randn(shape, dtype=f64)
fn positive(*shape: int) = abs(randn(shape, dtype=f64)) + 0.5
fn unit(*shape: int) = 0.8 * tanh(randn(shape, dtype=f64))
)";

// A function of x (of x and y), checked for inputs drawn by `x` (and `y`) over all shapes of its kind.
struct Unary {
  const char *name, *function = nullptr, *x = "free";
};
struct Binary {
  const char *name, *function, *x = "free", *y = "free";
};

const Unary kUnary[] = {
    {"neg", "-x"},
    {"abs"},
    {"sign"},
    {"exp"},
    {"exp2"},
    {"expm1"},
    {"log", nullptr, "positive"},
    {"log2", nullptr, "positive"},
    {"log10", nullptr, "positive"},
    {"log1p", nullptr, "positive"},
    {"sqrt", nullptr, "positive"},
    {"rsqrt", nullptr, "positive"},
    {"sin"},
    {"cos"},
    {"tan", nullptr, "unit"},
    {"asin", nullptr, "unit"},
    {"acos", nullptr, "unit"},
    {"atan"},
    {"sinh"},
    {"cosh"},
    {"tanh"},
    {"sigmoid"},
    {"erf"},
    {"erfc"},
    {"relu"},
    {"floor"},
    {"ceil"},
    {"round"},
    {"lgamma", nullptr, "positive"},
    {"digamma", nullptr, "positive"},
    {"not", "f64(not (x > 0.0))"},
    {"bitwise_not", "f64(bitwise_not(i64(x > 0.0)))"},
    {"convert", "x.to(f32).to(f64).to(f64) * 0.0 + x"},
};

const Binary kBinary[] = {
    {"add", "x + y"},
    {"sub", "x - y"},
    {"mul", "x * y"},
    {"div", "x / y", "free", "positive"},
    {"floordiv", "x // y", "free", "positive"},
    {"mod", "x % y", "free", "positive"},
    {"pow", "x ** y", "positive"},
    {"maximum", "maximum(x, y)"},
    {"minimum", "minimum(x, y)"},
    {"atan2", "atan2(x, y)"},
    {"and", "f64((x > 0.0) and (y > 0.0))"},
    {"or", "f64((x > 0.0) or (y > 0.0))"},
    {"bitwise_and", "f64(bitwise_and(i64(x > 0.0), i64(y > 0.0)))"},
    {"bitwise_or", "f64(bitwise_or(x > 0.0, y > 0.0))"},
    {"bitwise_xor", "f64(bitwise_xor(i64(x > 0.0), i64(y > 0.0)))"},
    {"bitwise_left_shift", "f64(bitwise_left_shift(i64(x > 0.0), i64(y > 0.0)))"},
    {"bitwise_right_shift", "f64(bitwise_right_shift(i64(x > 0.0), i64(y > 0.0)))"},
    {"eq", "f64(x == y)"},
    {"ne", "f64(x != y)"},
    {"lt", "f64(x < y)"},
    {"le", "f64(x <= y)"},
    {"gt", "f64(x > y)"},
    {"ge", "f64(x >= y)"},
    {"where", "where(x > y, x * x, y)"},
};

const char *const kShapes[] = {"", "5", "2, 3", "1", "0", "2, 0, 3"};
const char *const kShapePairs[][2] = {{"", ""},         {"2, 3", "2, 3"}, {"2, 3", "3"}, {"2, 3", "2, 1"},   {"", "3"},
                                      {"1, 3", "2, 1"}, {"0, 3", "1, 3"}, {"2, 1", ""},  {"4, 1, 3", "2, 1"}};

// Everything else, written out. Also special points of the ops above.
const std::multimap<std::string, const char *> kOthers = {
    {"pow", "check_grad(fn(x) = x ** 3.0, [0.0f64, -1.5f64])\ncheck_grad(fn(x) = x ** 2.0, 0.0f64)"},
    {"pow", "check_grad(fn(x, y) = x ** y, positive(3), 0.0f64)"},
    {"zero_where", "let x = free(3)\nlet c = x > 0.0\n"
                   "assert_close(grad(fn(x) = sum(x * zero_where(c, x)))(x), where(c, x, 2.0 * x))"},
    {"stop_grad",
     "let (y, pullback) = vjp(fn(x) = x * stop_grad(x), free(3))\n"
     "assert_close(jvp(fn(x) = stop_grad(x), free(3), free(3))[1], zeros(3))\n"
     "let at = free(3)\nlet (v, back) = vjp(fn(x) = x * stop_grad(x), at)\nassert_close(back(ones(3, dtype=f64)), at)"},
    {"zeros", "check_grad(fn(x) = x + zeros(2, 3, dtype=f64), free(3))"},
    {"ones", "check_grad(fn(x) = x * ones(2, 3, dtype=f64), free(2, 1))"},
    {"full", "check_grad(fn(x) = full((2, 3), x) * x, 0.7f64)\ncheck_grad(fn(x) = full((0,), x), 0.7f64)"},
    {"arange", "check_grad(fn(x) = x * f64(arange(3)), free(3))"},
    {"expand", "check_grad(fn(x) = x.expand(2, 3), free(1, 3))\ncheck_grad(fn(x) = x.expand(4, 2, 3), free(3))\n"
               "check_grad(fn(x) = x.expand(0, 3), free(1, 3))"},
    {"take",
     "check_grad(fn(x) = take(x, [2, 0, 2]), free(3, 2))\ncheck_grad(fn(x) = take(x * x, [[0, 1], [1, 1]]), free(3))"},
    {"gather", "check_grad(fn(x) = gather(x, 1, [[0, 0], [2, 1]]), free(2, 3))\n"
               "check_grad(fn(x) = gather(x * x, 0, [[1, 0, 1]]), free(2, 3))"},
    {"scatter_add",
     "check_grad(fn(x, y) = scatter_add(x * x, 0, [[1, 0, 1], [1, 1, 0]], y * y), free(2, 3), free(2, 3))"},
    {"index_add", "check_grad(fn(x, y) = index_add(x * x, [1, 1], y * y), free(3, 2), free(2, 2))"},
    {"cat", "check_grad(fn(x, y) = cat((x, y * y)), free(2, 3), free(1, 3))\n"
            "check_grad(fn(x, y) = cat((x * x, y), dim=1), free(2, 3), free(2, 0))"},
    {"stack", "check_grad(fn(x, y) = stack((x, y * y), dim=-1), free(2, 3), free(2, 3))"},
    {"matmul",
     "check_grad(fn(x, y) = x @ y, free(2, 3), free(3, 4))\ncheck_grad(fn(x, y) = x @ y, free(3), free(3))\n"
     "check_grad(fn(x, y) = x @ y, free(2, 3), free(3))\ncheck_grad(fn(x, y) = x @ y, free(3), free(3, 2))\n"
     "check_grad(fn(x, y) = x @ y, free(5, 2, 3), free(3, 4))\ncheck_grad(fn(x, y) = x @ y, free(5, 2, 3), free(5, 3, "
     "1))\n"
     "check_grad(fn(x, y) = x @ y, free(2, 0), free(0, 3))\ncheck_grad(fn(x, y) = x @ y, free(0, 3), free(3, 2))"},
    {"conv2d", "check_grad(fn(x, w) = conv2d(x, w, stride=2, padding=1), free(2, 2, 5, 4), free(3, 2, 3, 2))\n"
               "check_grad(fn(x, w) = conv2d(x, w, groups=2, dilation=2), free(1, 2, 5, 5), free(4, 1, 2, 2))"},
    {"conv2d_grad_input",
     "check_grad(fn(y, w) = conv2d_grad_input(y, w, (1, 2, 4, 4)), free(1, 3, 3, 3), free(3, 2, 2, 2))"},
    {"conv2d_grad_weight",
     "check_grad(fn(y, x) = conv2d_grad_weight(y, x, (3, 2, 2, 2)), free(1, 3, 3, 3), free(1, 2, 4, 4))"},
    {"max_pool2d", "check_grad(fn(x) = max_pool2d(x * x, 2), free(1, 2, 4, 4))\n"
                   "check_grad(fn(x) = max_pool2d(x, 3, stride=1, padding=1), free(1, 1, 4, 5))"},
    {"max_pool2d_indices", "check_grad(fn(x) = f64(max_pool2d_indices(x, 2)), free(1, 1, 4, 4))"},
    {"avg_pool2d", "check_grad(fn(x) = avg_pool2d(x * x, 2, padding=1), free(1, 2, 4, 4))\n"
                   "check_grad(fn(x) = avg_pool2d(x, 2, padding=1, count_include_pad=false), free(1, 1, 4, 4))"},
    {"avg_pool2d_grad", "check_grad(fn(y) = avg_pool2d_grad(y * y, (1, 1, 4, 4), 2), free(1, 1, 2, 2))"},
    {"pool_scatter", "let index = max_pool2d_indices(free(1, 1, 4, 4), 2)\n"
                     "check_grad(fn(y) = pool_scatter(y * y, index, (1, 1, 4, 4)), free(1, 1, 2, 2))"},
    {"pool_gather", "let index = max_pool2d_indices(free(1, 1, 4, 4), 2)\n"
                    "check_grad(fn(x) = pool_gather(x * x, index), free(1, 1, 4, 4))"},
    {"reshape", "check_grad(fn(x) = (x * x).reshape(3, 2), free(2, 3))\ncheck_grad(fn(x) = x.reshape(-1), free(2, 0))"},
    {"transpose", "check_grad(fn(x) = (x * x).transpose(0, 2), free(2, 3, 1))"},
    {"permute", "check_grad(fn(x) = (x * x).permute(2, 0, 1), free(2, 3, 4))"},
    {"squeeze", "check_grad(fn(x) = (x * x).squeeze(1), free(2, 1, 3))"},
    {"unsqueeze", "check_grad(fn(x) = (x * x).unsqueeze(-1), free(2, 3))"},
    {"flatten", "check_grad(fn(x) = (x * x).flatten(start_dim=1), free(2, 3, 2))"},
    {"flip", "check_grad(fn(x) = (x * x).flip((0, 1)), free(2, 3))"},
    {"cumsum",
     "check_grad(fn(x) = cumsum(x * x, dim=1), free(2, 3))\ncheck_grad(fn(x) = cumsum(x * x, dim=0), free(4))"},
    {"argsort", "check_grad(fn(x) = f64(argsort(x)) * x, free(4))"},
    {"searchsorted", "check_grad(fn(x) = f64(searchsorted([-1.0f64, 0.0f64, 1.0f64], x)) * x, free(4))"},
    {"zeta", "check_grad(fn(x) = zeta(3.0f64, x), positive(4))"},
    {"sum", "check_grad(fn(x) = sum(x * x), free(2, 3))\ncheck_grad(fn(x) = sum(x * x, dim=(0, 2), keepdim=true), "
            "free(2, 3, 4))\n"
            "check_grad(fn(x) = sum(x * x, dim=0), free(0, 3))"},
    {"prod",
     "check_grad(fn(x) = prod(x), free(4))\ncheck_grad(fn(x) = prod(x, dim=0, keepdim=true), free(3, 2))\n"
     "check_grad(fn(x) = prod(x, dim=(0, 2)), free(2, 2, 2))\ncheck_grad(fn(x) = prod(x), [0.0f64, 2.0f64, 3.0f64])\n"
     "check_grad(fn(x) = prod(x), [0.0f64, 2.0f64, 0.0f64])\ncheck_grad(fn(x) = prod(x, dim=1), free(2, 0))"},
    {"max", "check_grad(fn(x) = max(x * x), free(2, 3))\ncheck_grad(fn(x) = max(x, dim=1, keepdim=true), free(2, 3))\n"
            "check_grad(fn(x) = max(x, dim=0), free(4))"},
    {"min", "check_grad(fn(x) = min(x * x), free(2, 3))\ncheck_grad(fn(x) = min(x, dim=(0, 1)), free(2, 3, 2))"},
    {"any", "check_grad(fn(x) = f64(any(x > 0.0)) * x, free(3))"},
    {"all", "check_grad(fn(x) = f64(all(x > 0.0, dim=1)), free(2, 3))"},
    {"greatest", "check_grad(fn(x) = greatest(x * x, dim=1), free(2, 3))\ncheck_grad(fn(x) = greatest(x), free(2, 3))"},
    {"argmax", "check_grad(fn(x) = f64(argmax(x, dim=1)), free(2, 3))"},
    {"argmin", "check_grad(fn(x) = f64(argmin(x)) * sum(x), free(3))"},
};

// The program of each op.
std::map<std::string, std::string> programs() {
  std::map<std::string, std::string> all;
  for (const Unary &op : kUnary)
    for (const char *shape : kShapes)
      all[op.name] += std::string("check_grad(fn(x) = ") + (op.function ? op.function : op.name) +
                      (op.function ? "" : "(x)") + ", " + op.x + "(" + shape + "))\n";
  for (const Binary &op : kBinary)
    for (const auto &[x, y] : kShapePairs)
      all[op.name] +=
          std::string("check_grad(fn(x, y) = ") + op.function + ", " + op.x + "(" + x + "), " + op.y + "(" + y + "))\n";
  for (const auto &[name, text] : kOthers)
    all[name] += std::string(text) + "\n";
  return all;
}

TEST(Derivatives, OfEveryOp) {
  std::map<std::string, std::string> table = programs();
  std::set<std::string> registered;
  for (const ops::Row &row : ops::table()) {
    std::string name(row.builtin.signature.substr(0, row.builtin.signature.find('(')));
    registered.insert(name);
    EXPECT_TRUE(table.contains(name)) << "the table of derivatives lacks " << name;
  }
  tests::Scratch scratch;
  for (const auto &[name, text] : table) {
    EXPECT_TRUE(registered.contains(name)) << name << " is no op";
    std::string file = name + "_op.dl";
    scratch.write(file, kInputs + text);
    tests::ProcessResult result = tests::runProcess({DL_COMMAND, "--no-cache", file}, scratch.folder, "");
    EXPECT_EQ(result.status, 0) << name << "\n" << result.err;
  }
}

} // namespace
} // namespace dl::test
