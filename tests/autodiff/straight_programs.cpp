#include "tests/autodiff/programs.h"

#include <cmath>

namespace dl::test {

Array numbers(std::vector<int64_t> shape, double seed) {
  Array result = Array::filled(std::move(shape), 0);
  for (size_t i = 0; i < result.data.size(); ++i)
    result.data[i] = std::sin(seed * 1.7 + static_cast<double>(i) * 2.3) + 0.05 * seed;
  return result;
}

std::vector<Program> straightPrograms() {
  return {
      {"scalars",
       R"(
func.func @f(%x: f64, %y: f64) -> f64 {
  %0 = dl.mul %x, %y : f64
  %1 = dl.sin %0 : f64
  %2 = dl.div %1, %y : f64
  %3 = dl.exp %x : f64
  %4 = dl.mul %3, %2 : f64
  %5 = dl.add %4, %x : f64
  return %5 : f64
})",
       {0.7, 1.3},
       {0, 1}},
      {"used_twice",
       R"(
func.func @f(%x: tensor<4xf64>) -> f64 {
  %0 = dl.mul %x, %x : tensor<4xf64>
  %1 = dl.tanh %0 : tensor<4xf64>
  %2 = dl.mul %1, %x : tensor<4xf64>
  %3 = dl.add %2, %0 : tensor<4xf64>
  %4 = dl.reduce sum %3 dims = [0] : tensor<4xf64> -> f64
  return %4 : f64
})",
       {numbers({4})},
       {0}},
      {"dense_layer",
       R"(
func.func @f(%w: tensor<3x4xf64>, %b: tensor<4xf64>, %x: tensor<?x3xf64>) -> f64 {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x3xf64>
  %0 = dl.matmul %x, %w : tensor<?x3xf64>, tensor<3x4xf64> -> tensor<?x4xf64>
  %1 = dl.broadcast %b dims = [1] sizes(%n) : tensor<4xf64> -> tensor<?x4xf64>
  %2 = dl.add %0, %1 : tensor<?x4xf64>
  %3 = dl.tanh %2 : tensor<?x4xf64>
  %4 = dl.mul %3, %3 : tensor<?x4xf64>
  %5 = dl.reduce sum %4 dims = [0, 1] : tensor<?x4xf64> -> f64
  return %5 : f64
})",
       {numbers({3, 4}), numbers({4}, 2), numbers({2, 3}, 3)},
       {0, 1, 2}},
      {"overwritten_part",
       R"(
func.func @f(%x: tensor<5xf64>, %y: f64) -> f64 {
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %0 = dl.slice %x[%c1] steps = [1] dropped = [0] : tensor<5xf64> -> f64
  %1 = dl.mul %0, %y : f64
  %2 = dl.update_slice %1 into %x[%c3] steps = [1] dropped = [0] : f64, tensor<5xf64>
  %3 = dl.slice %2[%c1] steps = [2] dropped = [] : tensor<5xf64> -> tensor<2xf64>
  %4 = dl.exp %3 : tensor<2xf64>
  %5 = dl.reduce sum %4 dims = [0] : tensor<2xf64> -> f64
  %6 = dl.mul %2, %2 : tensor<5xf64>
  %7 = dl.reduce sum %6 dims = [0] : tensor<5xf64> -> f64
  %8 = dl.mul %5, %7 : f64
  return %8 : f64
})",
       {numbers({5}), 0.6},
       {0, 1}},
      {"gathered_rows",
       R"(
func.func @f(%x: tensor<4x2xf64>) -> f64 {
  %i = arith.constant dense<[2, 0, 2]> : tensor<3xi64>
  %0 = dl.gather %x at %i : tensor<4x2xf64>, tensor<3xi64> -> tensor<3x2xf64>
  %1 = dl.exp %0 : tensor<3x2xf64>
  %2 = dl.reduce sum %1 dims = [0, 1] : tensor<3x2xf64> -> f64
  %3 = dl.sin %x : tensor<4x2xf64>
  %4 = dl.reduce sum %3 dims = [0, 1] : tensor<4x2xf64> -> f64
  %5 = dl.add %2, %4 : f64
  return %5 : f64
})",
       {numbers({4, 2})},
       {0}},
      {"called_functions",
       R"(
func.func private @square(%x: f64) -> f64 {
  %0 = dl.mul %x, %x : f64
  return %0 : f64
}
func.func private @twice(%x: f64) -> f64 {
  %0 = func.call @square(%x) : (f64) -> f64
  %1 = dl.sin %0 : f64
  %2 = func.call @square(%1) : (f64) -> f64
  return %2 : f64
}
func.func @f(%x: f64) -> f64 {
  %0 = func.call @twice(%x) : (f64) -> f64
  %1 = dl.add %0, %x : f64
  return %1 : f64
})",
       {0.8},
       {0}},
      {"upstream_ops",
       R"(
func.func @f(%x: f64, %y: f64, %z: tensor<3xf64>) -> f64 {
  %zero = arith.constant 0.0 : f64
  %c = dl.cmp gt %x, %zero : f64 -> i1
  %0 = arith.select %c, %x, %y : f64
  %1 = arith.mulf %0, %y : f64
  %2 = arith.divf %1, %x : f64
  %3 = arith.subf %2, %x : f64
  %4 = arith.negf %3 : f64
  %5 = tensor.cast %z : tensor<3xf64> to tensor<?xf64>
  %6 = dl.mul %5, %5 : tensor<?xf64>
  %7 = dl.reduce sum %6 dims = [0] : tensor<?xf64> -> f64
  %8 = arith.addf %4, %7 : f64
  %9 = dl.exp %8 : f64
  return %9 : f64
})",
       {0.8, 0.4, numbers({3})},
       {0, 1, 2}},
      {"derivative_inside",
       R"(
func.func private @inner(%x: f64, %y: f64) -> f64 {
  %0 = dl.mul %x, %y : f64
  %1 = dl.sin %0 : f64
  %2 = dl.mul %1, %x : f64
  return %2 : f64
}
func.func @f(%x: f64, %y: f64) -> f64 {
  %one = arith.constant 1.0 : f64
  %v, %g = dl.vjp @inner(%x, %y) cotangents(%one) wrt = [0] : (f64, f64), (f64) -> f64, f64
  %w, %t = dl.jvp @inner(%g, %y) tangents(%x) wrt = [1] : (f64, f64), (f64) -> f64, f64
  %0 = dl.mul %v, %t : f64
  %1 = dl.add %0, %w : f64
  return %1 : f64
})",
       {0.8, 0.4},
       {0, 1}},
  };
}

} // namespace dl::test
