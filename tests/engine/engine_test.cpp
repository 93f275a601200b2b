#include "dl/dl.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <optional>
#include <thread>

using dl::Engine;
using dl::Function;
using dl::Module;
using dl::Result;
using dl::Tensor;

namespace {

Module compiled(const char *text) {
  Result<Module> module = Engine().compile(text, "test.dl");
  if (!module) {
    ADD_FAILURE() << module.error().text;
    std::abort();
  }
  return *module;
}

} // namespace

TEST(Engine, CallsAFunctionOnTheHostsMemory) {
  Module module = compiled("export fn scaled(x: f32[N], k: f32) -> f32[N] = k * x");
  float samples[] = {1, 2, 3};
  Result<std::vector<Tensor>> y = module.function("scaled")(Tensor::borrow(samples, {3}), 2.0f);
  ASSERT_TRUE(y) << y.error().text;
  ASSERT_EQ(y->size(), 1u);
  std::span<const float> values = y->at(0).span<float>();
  EXPECT_EQ(std::vector<float>(values.begin(), values.end()), (std::vector<float>{2, 4, 6}));
  EXPECT_EQ(samples[0], 1) << "arguments are not written to";
}

TEST(Engine, DescribesFunctions) {
  Module module = compiled("export fn f(x: f32[N, 4], n: int) -> (f32[N], str) = (sum(x, dim=1), \"{n}\")");
  EXPECT_EQ(module.functionNames(), std::vector<std::string>{"f"});
  Function f = module.function("f");
  ASSERT_EQ(f.parameters().size(), 2u);
  EXPECT_EQ(f.parameters()[0].name, "x");
  EXPECT_EQ(f.parameters()[0].type, "f32[N, 4]");
  EXPECT_EQ(f.parameters()[0].shape, (std::vector<int64_t>{-1, 4}));
  ASSERT_EQ(f.results().size(), 2u);
  EXPECT_TRUE(f.results()[1].isString);
  Result<std::vector<Tensor>> results = f(Tensor::zeros(dl::DType::f32, {2, 4}), int64_t(7));
  ASSERT_TRUE(results) << results.error().text;
  EXPECT_EQ(results->at(1).text(), "7");
}

TEST(Engine, TypedFunctions) {
  Module module = compiled("export fn area(r: f32) -> f32 = 3.0 * r * r\n"
                           "export fn both(a: f64, b: int) -> (f64, int) = (2.0 * a, b + 1)\n"
                           "export fn greet(name: str) -> str = \"hello {name}\"\n");
  auto area = module.get<float(float)>("area");
  ASSERT_TRUE(area) << area.error().text;
  EXPECT_EQ(*(*area)(2.0f), 12.0f);
  auto both = module.get<std::tuple<double, int64_t>(double, int64_t)>("both");
  ASSERT_TRUE(both) << both.error().text;
  EXPECT_EQ(*(*both)(1.5, 4), std::make_tuple(3.0, int64_t(5)));
  auto greet = module.get<std::string(std::string)>("greet");
  ASSERT_TRUE(greet) << greet.error().text;
  EXPECT_EQ(*(*greet)("you"), "hello you");

  EXPECT_FALSE((module.get<float(double)>("area")));
  EXPECT_FALSE((module.get<float(float, float)>("area")));
  EXPECT_FALSE((module.get<double(float)>("area")));
  EXPECT_FALSE((module.get<float(float)>("nobody")));
}

TEST(Engine, ErrorsHavePlaces) {
  Result<Module> module = Engine().compile("let a = 1\nprint(nobody)\n", "wrong.dl");
  ASSERT_FALSE(module);
  EXPECT_EQ(module.error().file, "wrong.dl");
  EXPECT_EQ(module.error().line, 2);
  EXPECT_EQ(module.error().column, 7);
  EXPECT_NE(module.error().text.find("print(nobody)"), std::string::npos) << module.error().text;

  Result<Module> missing = Engine().compileFile("/nowhere/at/all.dl");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("/nowhere/at/all.dl"), std::string::npos);
}

TEST(Engine, ErrorsOfRunningCodeHavePlaces) {
  Module module = compiled("export fn at(x: f32[N], i: int) -> f32 {\n  x[i]\n}\n");
  auto at = module.get<float(Tensor, int64_t)>("at");
  ASSERT_TRUE(at) << at.error().text;
  float samples[] = {1, 2, 3};
  EXPECT_EQ(*(*at)(Tensor::borrow(samples, {3}), -1), 3.0f);
  Result<float> outside = (*at)(Tensor::borrow(samples, {3}), 3);
  ASSERT_FALSE(outside);
  EXPECT_EQ(outside.error().line, 2);
  EXPECT_EQ(*(*at)(Tensor::borrow(samples, {3}), 0), 1.0f) << "the module is as good as before";
}

TEST(Engine, WrongArgumentsAreErrors) {
  Module module = compiled("export fn dot(a: f32[N], b: f32[N]) -> f32 = sum(a * b)\n"
                           "export fn twice(a: f32[N]) -> f32[2 * N] = cat([a, a])\n"
                           "export fn four(a: f32[4]) -> f32 = sum(a)\n");
  Tensor two = Tensor::zeros(dl::DType::f32, {2}), three = Tensor::zeros(dl::DType::f32, {3});
  EXPECT_TRUE(module.function("dot")(two, two));
  EXPECT_FALSE(module.function("dot")(two, three));
  EXPECT_FALSE(module.function("dot")(two));
  EXPECT_FALSE(module.function("dot")(two, Tensor::zeros(dl::DType::f64, {2})));
  EXPECT_FALSE(module.function("dot")(two, Tensor::zeros(dl::DType::f32, {2, 1})));
  EXPECT_FALSE(module.function("dot")(two, Tensor()));
  EXPECT_FALSE(module.function("dot")(two, 1.0f));
  EXPECT_FALSE(module.function("four")(three));
  EXPECT_FALSE(module.function("nobody")(two));
  Result<std::vector<Tensor>> twice = module.function("twice")(three);
  ASSERT_TRUE(twice) << twice.error().text;
  EXPECT_EQ(twice->at(0).shape(), std::vector<int64_t>{6});
}

TEST(Engine, ResultsAreBuffersOfTheirOwn) {
  Module module = compiled("export fn twice(x: f64[N]) -> (f64[N], f64[N]) {\n  let y = sin(x)\n  (y, y)\n}\n");
  Tensor ones = Tensor::from<double>({1, 1, 1}, {3});
  for (int i = 0; i < 3; ++i) {
    Result<std::vector<Tensor>> results = module.function("twice")(ones);
    ASSERT_TRUE(results) << results.error().text;
    EXPECT_NE(results->at(0).data<double>(), results->at(1).data<double>());
    EXPECT_EQ(results->at(1).span<double>()[2], results->at(0).span<double>()[2]);
  }
}

TEST(Engine, TakesAShortFloat) {
  Module module = compiled("export fn given() -> bf16 = 1.5\nexport fn twice(x: bf16) -> bf16 = x + x\n");
  Result<std::vector<Tensor>> x = module.function("given")();
  ASSERT_TRUE(x) << x.error().text;
  Result<std::vector<Tensor>> y = module.function("twice")(x->at(0));
  ASSERT_TRUE(y) << y.error().text;
  EXPECT_EQ(y->at(0).value().f, 3.0);
}

TEST(Engine, Gradients) {
  Engine engine;
  Result<Module> module = engine.compile("fn loss(w: f32[N], x: f32[N]) -> f32 = sum(w * w * x)", "loss.dl");
  ASSERT_TRUE(module) << module.error().text;
  Result<Function> gradient = engine.grad(*module, "loss", {0, 1});
  ASSERT_TRUE(gradient) << gradient.error().text;
  float w[] = {1, 2}, x[] = {3, 4};
  Result<std::vector<Tensor>> results = (*gradient)(Tensor::borrow(w, {2}), Tensor::borrow(x, {2}));
  ASSERT_TRUE(results) << results.error().text;
  ASSERT_EQ(results->size(), 3u);
  EXPECT_EQ(results->at(0).item(), 19);
  EXPECT_EQ(results->at(1).span<float>()[1], 16);
  EXPECT_EQ(results->at(2).span<float>()[1], 4);
  EXPECT_FALSE(engine.grad(*module, "nobody"));
  EXPECT_FALSE(engine.grad(*module, "loss", {}));
  EXPECT_FALSE(engine.grad(*module, "loss", {5}));
}

TEST(Engine, GradientsByTuplesOfAnUndeclaredResult) {
  Engine engine;
  Result<Module> module = engine.compile("fn loss(s: (f64, f64[N]), x: f64[N]) {\n  let (a, v) = s\n"
                                         "  a * square(sum(x)) + sum(v * x)\n}\nfn untyped(x) = x * x\n",
                                         "loss.dl");
  ASSERT_TRUE(module) << module.error().text;
  Result<Function> gradient = engine.grad(*module, "loss", {1, 0});
  ASSERT_TRUE(gradient) << gradient.error().text;
  double a = 0.5, v[] = {4, 5}, x[] = {6, 7};
  ASSERT_EQ(gradient->parameters().size(), 3u);
  Result<std::vector<Tensor>> results = (*gradient)(a, Tensor::borrow(v, {2}), Tensor::borrow(x, {2}));
  ASSERT_TRUE(results) << results.error().text;
  ASSERT_EQ(results->size(), 4u); // the value; by x; by s: a and v
  EXPECT_EQ(results->at(0).item(), 0.5 * 13 * 13 + 59);
  EXPECT_EQ(results->at(1).span<double>()[1], 13 + 5);
  EXPECT_EQ(results->at(2).item(), 13 * 13);
  EXPECT_EQ(results->at(3).span<double>()[1], 7);
  EXPECT_FALSE(engine.grad(*module, "untyped"));
}

TEST(Engine, FunctionsOutliveTheirEngine) {
  std::optional<dl::TypedFunction<float(float)>> f;
  {
    Engine engine;
    Result<Module> module = engine.compile("export fn next(x: f32) -> f32 = x + 1.0");
    ASSERT_TRUE(module) << module.error().text;
    auto found = module->get<float(float)>("next");
    ASSERT_TRUE(found);
    f = *found;
  }
  EXPECT_EQ(*(*f)(1.0f), 2.0f);
}

TEST(Engine, SeveralInSeveralThreads) {
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t, &good] {
      Engine engine;
      std::string text = "export fn f(x: f32[N]) -> f32 = sum(x) * " + std::to_string(t + 1) + ".0";
      Result<Module> module = engine.compile(text);
      if (!module)
        return;
      std::vector<float> x(1000, 1.0f);
      for (int i = 0; i < 50; ++i) {
        auto y = module->function("f")(Tensor::borrow(x.data(), {1000}));
        if (!y || y->at(0).item() != 1000.0 * (t + 1))
          return;
        // A wrong program in between must not disturb the others.
        if (i % 25 == 0 && engine.compile("export fn g() = nobody"))
          return;
      }
      ++good;
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(good, 4);
}
