#include "tests/autodiff/programs.h"

namespace dl::test {

std::vector<Program> controlFlowPrograms() {
  std::string branches = R"(
func.func @f(%x: f64, %y: f64) -> f64 {
  %zero = arith.constant 0.0 : f64
  %c = dl.cmp gt %x, %zero : f64 -> i1
  %s = dl.sin %y : f64
  %r, %q = scf.if %c -> (f64, f64) {
    %0 = dl.mul %x, %s : f64
    %1 = dl.exp %0 : f64
    scf.yield %1, %x : f64, f64
  } else {
    %0 = dl.mul %x, %x : f64
    %d = dl.cmp gt %0, %y : f64 -> i1
    %1 = scf.if %d -> (f64) {
      %2 = dl.mul %0, %y : f64
      scf.yield %2 : f64
    } else {
      scf.yield %y : f64
    }
    scf.yield %1, %0 : f64, f64
  }
  %t = dl.mul %r, %q : f64
  %u = dl.mul %t, %s : f64
  return %u : f64
})";
  std::string power = R"(
func.func @f(%x: f64, %n: index) -> f64 {
  %one = arith.constant 1.0 : f64
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%p = %one) -> (f64) {
    %0 = dl.mul %p, %x : f64
    %1 = dl.sin %x : f64
    %2 = dl.add %0, %1 : f64
    scf.yield %2 : f64
  }
  %s = dl.mul %r, %x : f64
  return %s : f64
})";
  std::string newton = R"(
func.func @f(%a: f64) -> f64 {
  %half = arith.constant 0.5 : f64
  %eps = arith.constant 1.0e-9 : f64
  %r = scf.while (%x = %a) : (f64) -> f64 {
    %0 = dl.mul %x, %x : f64
    %1 = dl.sub %0, %a : f64
    %2 = dl.abs %1 : f64
    %c = dl.cmp gt %2, %eps : f64 -> i1
    scf.condition(%c) %x : f64
  } do {
  ^bb0(%x: f64):
    %0 = dl.div %a, %x : f64
    %1 = dl.add %x, %0 : f64
    %2 = dl.mul %half, %1 : f64
    scf.yield %2 : f64
  }
  return %r : f64
})";
  // A while loop inside a for loop; both hand on more than they are asked for.
  std::string whileInFor = R"(
func.func @f(%x: tensor<3xf64>, %limit: f64) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %start = arith.constant 1.0 : f64
  %r = scf.for %i = %c0 to %c3 step %c1 iter_args(%acc = %start) -> (f64) {
    %v = dl.slice %x[%i] steps = [1] dropped = [0] : tensor<3xf64> -> f64
    %w = dl.mul %v, %v : f64
    %s:2 = scf.while (%a = %acc, %b = %v) : (f64, f64) -> (f64, f64) {
      %c = dl.cmp lt %a, %limit : f64 -> i1
      %m = dl.mul %b, %w : f64
      scf.condition(%c) %a, %m : f64, f64
    } do {
    ^bb0(%a: f64, %m: f64):
      %0 = dl.add %a, %w : f64
      %1 = dl.mul %0, %start : f64
      %2 = dl.sin %m : f64
      scf.yield %1, %2 : f64, f64
    }
    %t = dl.mul %s#0, %s#1 : f64
    %u = dl.tanh %t : f64
    scf.yield %u : f64
  }
  return %r : f64
})";
  std::string scan = R"(
func.func @f(%x: tensor<?xf64>) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f64
  %n = tensor.dim %x, %c0 : tensor<?xf64>
  %last = arith.subi %n, %c1 : index
  %y0 = dl.broadcast %zero dims = [] sizes(%n) : f64 -> tensor<?xf64>
  %y, %acc = scf.for %i = %c0 to %n step %c1 iter_args(%y = %y0, %a = %zero) -> (tensor<?xf64>, f64) {
    %0 = dl.slice %x[%i] steps = [1] dropped = [0] : tensor<?xf64> -> f64
    %1 = dl.add %a, %0 : f64
    %2 = dl.tanh %1 : f64
    %j = arith.subi %last, %i : index
    %3 = dl.slice %x[%j] steps = [1] dropped = [0] : tensor<?xf64> -> f64
    %4 = dl.mul %2, %3 : f64
    %5 = dl.update_slice %4 into %y[%i] steps = [1] dropped = [0] : f64, tensor<?xf64>
    scf.yield %5, %2 : tensor<?xf64>, f64
  }
  %s = dl.mul %y, %y : tensor<?xf64>
  %r = dl.reduce sum %s dims = [0] : tensor<?xf64> -> f64
  return %r : f64
})";
  // Each iteration reads what earlier ones wrote.
  std::string recurrence = R"(
func.func @f(%x: tensor<6xf64>, %k: f64) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c6 = arith.constant 6 : index
  %y = scf.for %i = %c1 to %c6 step %c2 iter_args(%y = %x) -> (tensor<6xf64>) {
    %p = arith.subi %i, %c1 : index
    %0 = dl.slice %y[%p] steps = [1] dropped = [0] : tensor<6xf64> -> f64
    %1 = dl.slice %y[%i] steps = [1] dropped = [0] : tensor<6xf64> -> f64
    %2 = dl.mul %0, %1 : f64
    %3 = dl.mul %2, %k : f64
    %4 = dl.update_slice %3 into %y[%i] steps = [1] dropped = [0] : f64, tensor<6xf64>
    %5 = dl.sin %4 : tensor<6xf64>
    scf.yield %5 : tensor<6xf64>
  }
  %s = dl.mul %y, %y : tensor<6xf64>
  %r = dl.reduce sum %s dims = [0] : tensor<6xf64> -> f64
  return %r : f64
})";
  std::string nested = R"(
func.func @f(%w: tensor<2x2xf64>, %x: tensor<2x2xf64>) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %zero = arith.constant 0.0 : f64
  %h = scf.for %i = %c0 to %c3 step %c1 iter_args(%h = %x) -> (tensor<2x2xf64>) {
    %k = scf.for %j = %c0 to %c2 step %c1 iter_args(%g = %h) -> (tensor<2x2xf64>) {
      %0 = dl.matmul %g, %w : tensor<2x2xf64>, tensor<2x2xf64> -> tensor<2x2xf64>
      %1 = dl.tanh %0 : tensor<2x2xf64>
      %v = dl.slice %1[%c0, %c1] steps = [1, 1] dropped = [0, 1] : tensor<2x2xf64> -> f64
      %c = dl.cmp gt %v, %zero : f64 -> i1
      %2 = scf.if %c -> (tensor<2x2xf64>) {
        %3 = dl.matmul %1, %1 : tensor<2x2xf64>, tensor<2x2xf64> -> tensor<2x2xf64>
        %4 = dl.sin %3 : tensor<2x2xf64>
        scf.yield %4 : tensor<2x2xf64>
      } else {
        %3 = dl.mul %1, %h : tensor<2x2xf64>
        scf.yield %3 : tensor<2x2xf64>
      }
      scf.yield %2 : tensor<2x2xf64>
    }
    %5 = dl.mul %k, %h : tensor<2x2xf64>
    %6 = dl.add %5, %w : tensor<2x2xf64>
    scf.yield %6 : tensor<2x2xf64>
  }
  %r = dl.reduce sum %h dims = [0, 1] : tensor<2x2xf64> -> f64
  return %r : f64
})";
  // Elementwise work only, in three loops deep, scalars carried and captured at every level.
  std::string deep = R"(
func.func @f(%x: f64, %y: f64) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %a = scf.for %i = %c0 to %c2 step %c1 iter_args(%a = %x) -> (f64) {
    %0 = dl.mul %a, %y : f64
    %b = scf.for %j = %c0 to %c2 step %c1 iter_args(%b = %0) -> (f64) {
      %1 = dl.sin %b : f64
      %c = scf.for %k = %j to %c2 step %c1 iter_args(%c = %1) -> (f64) {
        %2 = dl.mul %c, %b : f64
        %3 = dl.add %2, %a : f64
        scf.yield %3 : f64
      }
      %4 = dl.mul %c, %1 : f64
      scf.yield %4 : f64
    }
    %5 = dl.tanh %b : f64
    scf.yield %5 : f64
  }
  return %a : f64
})";
  // Dropout: random numbers drawn in a loop, in a loop of its own and in a branch.
  std::string dropout = R"(
func.func @f(%x: tensor<3xf64>) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %half = arith.constant 0.5 : f64
  %seed = arith.constant 5 : i64
  dl.extern "dl_rt_rng_set"(%seed, %seed) : (i64, i64) -> ()
  %h = scf.for %i = %c0 to %c2 step %c1 iter_args(%h = %x) -> (tensor<3xf64>) {
    %e = tensor.empty() : tensor<3xf64>
    %m = dl.kernel "dl_rt_rand" ins(%half) outs(%e) {effect} : (f64) outs(tensor<3xf64>) -> tensor<3xf64>
    %0 = dl.mul %h, %m : tensor<3xf64>
    %1 = dl.sin %0 : tensor<3xf64>
    %k = scf.for %j = %c0 to %c2 step %c1 iter_args(%g = %1) -> (tensor<3xf64>) {
      %u = dl.extern "dl_rt_rand"() : () -> f64
      %c = dl.cmp gt %u, %half : f64 -> i1
      %2 = scf.if %c -> (tensor<3xf64>) {
        %n = dl.kernel "dl_rt_rand" ins(%half) outs(%e) {effect} : (f64) outs(tensor<3xf64>) -> tensor<3xf64>
        %3 = dl.mul %g, %n : tensor<3xf64>
        scf.yield %3 : tensor<3xf64>
      } else {
        %3 = dl.mul %g, %g : tensor<3xf64>
        scf.yield %3 : tensor<3xf64>
      }
      scf.yield %2 : tensor<3xf64>
    }
    scf.yield %k : tensor<3xf64>
  }
  %r = dl.reduce sum %h dims = [0] : tensor<3xf64> -> f64
  return %r : f64
})";
  std::string randomWhile = R"(
func.func @f(%x: f64) -> f64 {
  %c0 = arith.constant 0 : i64
  %c1 = arith.constant 1 : i64
  %bound = arith.constant 0.9 : f64
  dl.extern "dl_rt_rng_set"(%c1, %c0) : (i64, i64) -> ()
  %r:2 = scf.while (%a = %x, %n = %c0) : (f64, i64) -> (f64, i64) {
    %u = dl.extern "dl_rt_rand"() : () -> f64
    %c = dl.cmp lt %u, %bound : f64 -> i1
    %b = dl.mul %a, %u : f64
    scf.condition(%c) %b, %n : f64, i64
  } do {
  ^bb0(%a: f64, %n: i64):
    %0 = dl.sin %a : f64
    %v = dl.extern "dl_rt_rand"() : () -> f64
    %1 = dl.add %0, %v : f64
    %m = arith.addi %n, %c1 : i64
    scf.yield %1, %m : f64, i64
  }
  %s = dl.exp %r#0 : f64
  return %s : f64
})";
  std::string growing = R"(
func.func @f(%x: f64) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %first = dl.reshape %x : f64 -> tensor<1xf64>
  %start = tensor.cast %first : tensor<1xf64> to tensor<?xf64>
  %y = scf.for %i = %c0 to %c4 step %c1 iter_args(%y = %start) -> (tensor<?xf64>) {
    %s = dl.sin %y : tensor<?xf64>
    %t = dl.reduce sum %s dims = [0] : tensor<?xf64> -> f64
    %u = dl.mul %t, %x : f64
    %v = dl.reshape %u : f64 -> tensor<1xf64>
    %z = dl.concat %y, %v dim = 0 : tensor<?xf64>, tensor<1xf64> -> tensor<?xf64>
    scf.yield %z : tensor<?xf64>
  }
  %q = dl.mul %y, %y : tensor<?xf64>
  %r = dl.reduce sum %q dims = [0] : tensor<?xf64> -> f64
  return %r : f64
})";
  std::string recursion = R"(
func.func private @tree(%x: tensor<2xf64>, %w: f64, %n: i64) -> (tensor<2xf64>, f64) {
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  %more = arith.cmpi sgt, %n, %zero : i64
  %r:2 = scf.if %more -> (tensor<2xf64>, f64) {
    %m = arith.subi %n, %one : i64
    %s = dl.sin %x : tensor<2xf64>
    %a:2 = func.call @tree(%s, %w, %m) : (tensor<2xf64>, f64, i64) -> (tensor<2xf64>, f64)
    %b:2 = func.call @other(%a#0, %a#1, %m) : (tensor<2xf64>, f64, i64) -> (tensor<2xf64>, f64)
    %p = dl.mul %a#0, %b#0 : tensor<2xf64>
    %q = dl.mul %b#1, %w : f64
    scf.yield %p, %q : tensor<2xf64>, f64
  } else {
    scf.yield %x, %w : tensor<2xf64>, f64
  }
  return %r#0, %r#1 : tensor<2xf64>, f64
}
func.func private @other(%x: tensor<2xf64>, %w: f64, %n: i64) -> (tensor<2xf64>, f64) {
  %u = dl.exp %w : f64
  %r:2 = func.call @tree(%x, %u, %n) : (tensor<2xf64>, f64, i64) -> (tensor<2xf64>, f64)
  return %r#0, %r#1 : tensor<2xf64>, f64
}
func.func @f(%x: tensor<2xf64>, %w: f64) -> f64 {
  %n = arith.constant 2 : i64
  %r:2 = func.call @tree(%x, %w, %n) : (tensor<2xf64>, f64, i64) -> (tensor<2xf64>, f64)
  %s = dl.reduce sum %r#0 dims = [0] : tensor<2xf64> -> f64
  %t = dl.mul %s, %r#1 : f64
  return %t : f64
})";
  // What a branch or a loop does not touch, or hands through.
  std::string passedThrough = R"(
func.func @f(%x: f64, %y: f64) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %zero = arith.constant 0.0 : f64
  %r:3 = scf.for %i = %c0 to %c3 step %c1 iter_args(%a = %x, %b = %y, %c = %zero) -> (f64, f64, f64) {
    %k = arith.cmpi eq, %i, %c1 : index
    %0 = scf.if %k -> (f64) {
      %1 = dl.mul %a, %y : f64
      scf.yield %1 : f64
    } else {
      scf.yield %b : f64
    }
    scf.yield %b, %0, %a : f64, f64, f64
  }
  %0 = dl.mul %r#0, %r#1 : f64
  %1 = dl.mul %0, %x : f64
  %2 = dl.add %1, %r#2 : f64
  return %2 : f64
})";
  auto index = [](double n) { return Array(n); };
  return {
      {"if_taken", branches, {0.7, 0.3}, {0, 1}},
      {"if_else_nested", branches, {-0.9, 0.3}, {0, 1}},
      {"if_else_else", branches, {-0.4, 0.3}, {0, 1}},
      {"for_power", power, {1.1, index(5)}, {0}},
      {"for_no_trip", power, {1.1, index(0)}, {0}},
      {"for_negative_trip", power, {1.1, index(-3)}, {0}},
      {"while_newton", newton, {2.0}, {0}},
      {"while_no_trip", whileInFor, {numbers({3}), -2.0}, {0}},
      {"while_in_for", whileInFor, {numbers({3}), 1.7}, {0}},
      {"for_scan", scan, {numbers({5})}, {0}},
      {"for_scan_empty", scan, {numbers({0})}, {0}},
      {"for_recurrence", recurrence, {numbers({6}), 1.2}, {0, 1}},
      {"for_nested_products", nested, {numbers({2, 2}), numbers({2, 2}, 2)}, {0, 1}},
      {"for_three_deep", deep, {0.8, 0.6}, {0, 1}},
      {"random_dropout", dropout, {numbers({3})}, {0}},
      {"random_while", randomWhile, {0.8}, {0}},
      {"for_growing", growing, {0.8}, {0}},
      {"recursion", recursion, {numbers({2}), 0.4}, {0, 1}},
      {"passed_through", passedThrough, {0.8, 0.6}, {0, 1}},
  };
}

} // namespace dl::test
