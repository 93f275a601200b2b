// Modules that several tests use.
#pragma once

#include <string>

namespace dl::test {

// softmax(tanh(a + b)) by rows, any size.
inline const std::string kSoftmax = R"(
func.func @softmax(%a: tensor<?x?xf32>, %b: tensor<?xf32>) -> tensor<?x?xf32> attributes {dl.export} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %m = tensor.dim %a, %c0 : tensor<?x?xf32>
  %n = tensor.dim %a, %c1 : tensor<?x?xf32>
  %bb = dl.broadcast %b dims = [1] sizes(%m, %n) : tensor<?xf32> -> tensor<?x?xf32>
  %s = dl.add %a, %bb : tensor<?x?xf32>
  %t = dl.tanh %s : tensor<?x?xf32>
  %mx = dl.reduce max %t dims = [1] : tensor<?x?xf32> -> tensor<?xf32>
  %mb = dl.broadcast %mx dims = [0] sizes(%m, %n) : tensor<?xf32> -> tensor<?x?xf32>
  %d = dl.sub %t, %mb : tensor<?x?xf32>
  %e = dl.exp %d : tensor<?x?xf32>
  %sum = dl.reduce sum %e dims = [1] : tensor<?x?xf32> -> tensor<?xf32>
  %sb = dl.broadcast %sum dims = [0] sizes(%m, %n) : tensor<?xf32> -> tensor<?x?xf32>
  %r = dl.div %e, %sb : tensor<?x?xf32>
  return %r : tensor<?x?xf32>
}
)";

// Adam's update of one parameter, n times in a loop. Moments and parameter are carried.
inline const std::string kAdam = R"(
func.func @adam(%w0: tensor<SIZExf32>, %g: tensor<SIZExf32>, %n: i64) -> (tensor<SIZExf32>, tensor<SIZExf32>, tensor<SIZExf32>) attributes {dl.export} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %count = arith.index_cast %n : i64 to index
  DIM
  %zero = arith.constant 0.0 : f32
  %b1 = arith.constant 0.9 : f32
  %b1c = arith.constant 0.1 : f32
  %b2 = arith.constant 0.999 : f32
  %b2c = arith.constant 0.001 : f32
  %lr = arith.constant 0.01 : f32
  %eps = arith.constant 1.0e-8 : f32
  %m0 = dl.broadcast %zero dims = [] SIZES : f32 -> tensor<SIZExf32>
  %v0 = dl.broadcast %zero dims = [] SIZES : f32 -> tensor<SIZExf32>
  %r:3 = scf.for %i = %c0 to %count step %c1 iter_args(%w = %w0, %m = %m0, %v = %v0) -> (tensor<SIZExf32>, tensor<SIZExf32>, tensor<SIZExf32>) {
    %tb1 = dl.broadcast %b1 dims = [] SIZES : f32 -> tensor<SIZExf32>
    %tb1c = dl.broadcast %b1c dims = [] SIZES : f32 -> tensor<SIZExf32>
    %tb2 = dl.broadcast %b2 dims = [] SIZES : f32 -> tensor<SIZExf32>
    %tb2c = dl.broadcast %b2c dims = [] SIZES : f32 -> tensor<SIZExf32>
    %tlr = dl.broadcast %lr dims = [] SIZES : f32 -> tensor<SIZExf32>
    %teps = dl.broadcast %eps dims = [] SIZES : f32 -> tensor<SIZExf32>
    %wg = dl.add %w, %g : tensor<SIZExf32>
    %m1 = dl.mul %m, %tb1 : tensor<SIZExf32>
    %m2 = dl.mul %wg, %tb1c : tensor<SIZExf32>
    %mn = dl.add %m1, %m2 : tensor<SIZExf32>
    %g2 = dl.mul %wg, %wg : tensor<SIZExf32>
    %v1 = dl.mul %v, %tb2 : tensor<SIZExf32>
    %v2 = dl.mul %g2, %tb2c : tensor<SIZExf32>
    %vn = dl.add %v1, %v2 : tensor<SIZExf32>
    %sq = dl.sqrt %vn : tensor<SIZExf32>
    %den = dl.add %sq, %teps : tensor<SIZExf32>
    %up = dl.div %mn, %den : tensor<SIZExf32>
    %step = dl.mul %up, %tlr : tensor<SIZExf32>
    %wn = dl.sub %w, %step : tensor<SIZExf32>
    scf.yield %wn, %mn, %vn : tensor<SIZExf32>, tensor<SIZExf32>, tensor<SIZExf32>
  }
  return %r#0, %r#1, %r#2 : tensor<SIZExf32>, tensor<SIZExf32>, tensor<SIZExf32>
}
)";

inline std::string replaced(std::string text, const std::string &from, const std::string &to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

inline std::string adam(bool dynamic) {
  std::string text = replaced(kAdam, "SIZES", dynamic ? "sizes(%d)" : "");
  text = replaced(text, "DIM", dynamic ? "%d = tensor.dim %w0, %c0 : tensor<?xf32>" : "");
  return replaced(text, "SIZE", dynamic ? "?" : "1000");
}

// 2 ** n by recursion, each level a tensor.
inline const std::string kRecursion = R"(
func.func private @double(%x: tensor<?xf32>, %n: i64) -> tensor<?xf32> {
  %c0 = arith.constant 0 : i64
  %c1 = arith.constant 1 : i64
  %done = arith.cmpi sle, %n, %c0 : i64
  %r = scf.if %done -> (tensor<?xf32>) {
    scf.yield %x : tensor<?xf32>
  } else {
    %y = dl.add %x, %x : tensor<?xf32>
    %m = arith.subi %n, %c1 : i64
    %z = func.call @double(%y, %m) : (tensor<?xf32>, i64) -> tensor<?xf32>
    scf.yield %z : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}
func.func @power(%x: tensor<?xf32>, %n: i64) -> tensor<?xf32> attributes {dl.export} {
  %r = func.call @double(%x, %n) : (tensor<?xf32>, i64) -> tensor<?xf32>
  return %r : tensor<?xf32>
}
)";

} // namespace dl::test
