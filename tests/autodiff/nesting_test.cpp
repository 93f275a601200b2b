// Transformations of transformations, in every order: all pairs and many triples of a table, against closed forms.
#include "tests/driver/scratch.h"
#include "tests/run_lang/process.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <sstream>

namespace {

// The functions are sums of w exp(k (a x)), by k. A transformation makes another one of such a sum, so the closed form
// of any nesting follows from those of its parts. `a` times the direction c is kSlope.
using Sum = std::map<double, double>;
constexpr double kSlope = 0.7;

Sum scaled(const Sum &f, int power) {
  Sum out;
  for (auto [k, w] : f)
    out[k] = w * std::pow(k * kSlope, power);
  return out;
}

struct Transformation {
  const char *name, *text; // of a function g, at x
  Sum (*apply)(const Sum &);
};

const Transformation kTable[] = {
    {"grad", "sum(grad(g)(x) * c)", [](const Sum &f) { return scaled(f, 1); }},
    {"vjp", "sum(vjp(g, x)[1](1.0f64) * c)", [](const Sum &f) { return scaled(f, 1); }},
    {"jvp", "jvp(g, x, c)[1]", [](const Sum &f) { return scaled(f, 1); }},
    {"jacobian", "sum(jacobian(g)(x) * c)", [](const Sum &f) { return scaled(f, 1); }},
    {"hessian", "sum(c @ hessian(g)(x) * c)", [](const Sum &f) { return scaled(f, 2); }},
    {"hvp", "sum(hvp(g, x, c) * c)", [](const Sum &f) { return scaled(f, 2); }},
    {"vmap", "sum(vmap(g)(stack((x, 0.5 * x))))",
     [](const Sum &f) {
       Sum out;
       for (auto [k, w] : f) {
         out[k] += w;
         out[k / 2] += w;
       }
       return out;
     }},
    {"checkpoint", "checkpoint(g)(x)", [](const Sum &f) { return f; }},
    {"linearize", "linearize(g, x)[1](c)", [](const Sum &f) { return scaled(f, 1); }},
};
constexpr size_t kCount = std::size(kTable);

// exp(a x), with a loop, a branch and a call.
const char *const kFunction = R"(let a = [0.5f64, -1.0f64, 0.25f64]
let c = [1.0f64, 0.0f64, 0.8f64]
let at = [0.3f64, 0.1f64, -0.4f64]
fn product(x: f64[N]) -> f64 {
  var s = 0.0f64
  for i in 0..N {
    s += a[i] * x[i]
  }
  s
}
fn f(x: f64[N]) -> f64 {
  let s = product(x)
  if s > 50.0 { s } else { exp(s) }
}
)";
const double kProduct = 0.5 * 0.3 - 0.1 - 0.25 * 0.4;

// The outermost transformation last.
void check(const std::vector<std::vector<size_t>> &nestings) {
  std::string program = kFunction;
  std::vector<double> expected;
  for (size_t n = 0; n < nestings.size(); ++n) {
    Sum sum{{1, 1}};
    std::string inner = "f";
    for (size_t depth = 0; depth < nestings[n].size(); ++depth) {
      const Transformation &t = kTable[nestings[n][depth]];
      sum = t.apply(sum);
      std::string name = "t" + std::to_string(n) + "_" + std::to_string(depth);
      std::string text = t.text;
      text.replace(text.find_first_of(",)", text.find("g,") < text.find("g)") ? text.find("g,") : text.find("g)")) - 1,
                   1, inner);
      program += "fn " + name + "(x: f64[N]) -> f64 = " + text + "\n";
      inner = name;
    }
    program += "print(" + inner + "(at))\n";
    double value = 0;
    for (auto [k, w] : sum)
      value += w * std::exp(k * kProduct);
    expected.push_back(value);
  }
  dl::tests::Scratch scratch;
  scratch.write("nesting.dl", program);
  dl::tests::ProcessResult result = dl::tests::runProcess({DL_COMMAND, "--no-cache", "nesting.dl"}, scratch.folder, "");
  ASSERT_EQ(result.status, 0) << result.err << program;
  std::istringstream out(result.out);
  for (size_t n = 0; n < nestings.size(); ++n) {
    double value = NAN;
    out >> value;
    std::string names;
    for (size_t t : nestings[n])
      names = std::string(kTable[t].name) + " " + names;
    EXPECT_NEAR(value, expected[n], 1e-9 * (1 + std::abs(expected[n]))) << names;
  }
}

class Nesting : public testing::TestWithParam<size_t> {};

TEST_P(Nesting, OfTwo) {
  std::vector<std::vector<size_t>> all;
  for (size_t inner = 0; inner < kCount; ++inner)
    all.push_back({inner, GetParam()});
  check(all);
}

// A ninth of all, in which each pair of the table occurs in each pair of places.
TEST_P(Nesting, OfThree) {
  std::vector<std::vector<size_t>> some;
  for (size_t inner = 0; inner < kCount; ++inner)
    some.push_back({inner, (inner + GetParam()) % kCount, GetParam()});
  check(some);
}

INSTANTIATE_TEST_SUITE_P(Outermost, Nesting, testing::Range(size_t(0), kCount),
                         [](const auto &info) { return std::string(kTable[info.param].name); });

} // namespace
