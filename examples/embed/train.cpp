// Fits a line with a loss that is written in dl: the compiler makes its gradient, the host does the steps.
#include <dl/dl.h>

#include <cstdio>
#include <vector>

static int fail(const dl::Error &error) {
  std::fprintf(stderr, "%s\n", error.text.c_str());
  return 1;
}

int main() {
  dl::Engine engine;
  auto module = engine.compile(R"(
    fn loss(w: f32, b: f32, x: f32[N], y: f32[N]) -> f32 {
      let error = w * x + b - y
      mean(error * error)
    }
    export fn predict(w: f32, b: f32, x: f32[N]) -> f32[N] = w * x + b
  )",
                               "line.dl");
  if (!module)
    return fail(module.error());

  // The value and the gradients with respect to the parameters 0 and 1.
  auto gradient = engine.grad(*module, "loss", {0, 1});
  if (!gradient)
    return fail(gradient.error());

  std::vector<float> x, y;
  for (int i = 0; i < 64; ++i) {
    x.push_back(static_cast<float>(i) / 32 - 1);
    y.push_back(3 * x.back() + 0.5f);
  }
  dl::Tensor xs = dl::Tensor::borrow(x.data(), {64}), ys = dl::Tensor::borrow(y.data(), {64});

  float w = 0, b = 0;
  for (int step = 0; step < 200; ++step) {
    auto results = (*gradient)(w, b, xs, ys);
    if (!results)
      return fail(results.error());
    w -= 0.2f * static_cast<float>(results->at(1).item());
    b -= 0.2f * static_cast<float>(results->at(2).item());
  }
  std::printf("w = %.3f, b = %.3f\n", w, b);

  auto predicted = module->function("predict")(w, b, xs);
  if (!predicted)
    return fail(predicted.error());
  std::printf("at %.2f: %.3f\n", x[48], predicted->at(0).span<float>()[48]);
}
