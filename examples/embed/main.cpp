// Compiles a dl function inside a C++ program and calls it on the program's own memory.
#include <dl/dl.h>

#include <cstdio>

int main() {
  dl::Engine engine;
  auto module = engine.compile("export fn scaled(x: f32[N], k: f32) -> f32[N] = k * x");
  if (!module) {
    std::fputs(module.error().text.c_str(), stderr);
    return 1;
  }
  float samples[] = {1, 2, 3};
  auto y = module->function("scaled")(dl::Tensor::borrow(samples, {3}), 2.0f);
  if (!y) {
    std::fputs(y.error().text.c_str(), stderr);
    return 1;
  }
  for (float value : y->at(0).span<float>())
    std::printf("%g\n", value);
}
