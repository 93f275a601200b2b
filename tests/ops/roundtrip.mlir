func.func @making(%n: index, %s: f32) -> tensor<?x10xf32> {
  %0 = dl.broadcast %s dims = [] : f32 -> tensor<10xf32>
  %1 = dl.broadcast %0 dims = [1] sizes(%n) : tensor<10xf32> -> tensor<?x10xf32>
  %2 = dl.iota sizes(%n) : tensor<?xi64>
  %3 = dl.iota : tensor<4xf64>
  return %1 : tensor<?x10xf32>
}

func.func @elementwise(%x: tensor<?x10xf32>, %y: tensor<?x10xf32>, %i: i8) -> tensor<?x10xf32> {
  %0 = dl.neg %x : tensor<?x10xf32>
  %1 = dl.add %0, %y : tensor<?x10xf32>
  %2 = dl.cmp lt %1, %y : tensor<?x10xf32> -> tensor<?x10xi1>
  %3 = dl.select %2, %1, %y : tensor<?x10xi1>, tensor<?x10xf32>
  %4 = dl.convert %3 : tensor<?x10xf32> -> tensor<?x10xf64>
  %5 = dl.floordiv %i, %i : i8
  %6 = dl.stop_grad %3 : tensor<?x10xf32>
  return %3 : tensor<?x10xf32>
}

func.func @rearranging(%x: tensor<?x10xf32>, %n: index, %i: index) -> f32 {
  %0 = dl.reshape %x sizes(%n) : tensor<?x10xf32> -> tensor<?x2x5xf32>
  %1 = dl.transpose %x perm = [1, 0] : tensor<?x10xf32> -> tensor<10x?xf32>
  %2 = dl.reverse %x dims = [0, 1] : tensor<?x10xf32> -> tensor<?x10xf32>
  %3 = dl.concat %x, %x dim = 1 : tensor<?x10xf32>, tensor<?x10xf32> -> tensor<?x20xf32>
  %4 = dl.slice %x[%i, %i] sizes(%n) steps = [1, 2] dropped = [1] : tensor<?x10xf32> -> tensor<?xf32>
  %5 = dl.update_slice %4 into %x[%i, %i] steps = [1, 2] dropped = [1] : tensor<?xf32>, tensor<?x10xf32>
  %6 = dl.add_slice %4 into %5[%i, %i] steps = [1, 2] dropped = [1] : tensor<?xf32>, tensor<?x10xf32>
  %7 = dl.slice %6[%i, %i] steps = [1, 1] dropped = [0, 1] : tensor<?x10xf32> -> f32
  return %7 : f32
}

func.func @indexing(%x: tensor<?x10xf32>, %at: tensor<3xi64>, %v: tensor<3x10xf32>, %along: tensor<3x4xi64>, %u: tensor<3x4xf32>) {
  %0 = dl.gather %x at %at : tensor<?x10xf32>, tensor<3xi64> -> tensor<3x10xf32>
  %1 = dl.scatter_add %v into %x at %at : tensor<3x10xf32>, tensor<?x10xf32>, tensor<3xi64>
  %2 = dl.take_along %x at %along dim = 1 : tensor<?x10xf32>, tensor<3x4xi64> -> tensor<3x4xf32>
  %3 = dl.put_along_add %u into %x at %along dim = 1 : tensor<3x4xf32>, tensor<?x10xf32>, tensor<3x4xi64>
  return
}

func.func @reducing(%x: tensor<?x10xf32>) -> f32 {
  %0 = dl.reduce sum %x dims = [1] : tensor<?x10xf32> -> tensor<?xf32>
  %1 = dl.reduce max %x dims = [0, 1] : tensor<?x10xf32> -> f32
  %2 = dl.arg_reduce min %x dim = 0 : tensor<?x10xf32> -> tensor<10xi64>
  return %1 : f32
}

func.func @products(%a: tensor<?x10xf32>, %b: tensor<5x10xf32>, %x: tensor<2x3x8x8xf32>, %w: tensor<4x3x3x3xf32>) {
  %0 = dl.matmul %a, %b {transB = true} : tensor<?x10xf32>, tensor<5x10xf32> -> tensor<?x5xf32>
  %1 = dl.conv2d %x, %w {dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 0, 0>, stride = array<i64: 1, 1>} : tensor<2x3x8x8xf32>, tensor<4x3x3x3xf32> -> tensor<2x4x6x6xf32>
  %2, %3 = dl.max_pool2d %1 {dilation = array<i64: 1, 1>, kernel = array<i64: 2, 2>, padding = array<i64: 0, 0>, stride = array<i64: 2, 2>} : tensor<2x4x6x6xf32> -> tensor<2x4x3x3xf32>, tensor<2x4x3x3xi64>
  return
}

func.func @calls(%a: tensor<?xf32>, %n: i64, %ok: i1, %d: tensor<4xf32>) -> tensor<?xf32> {
  %0 = dl.extern "dl_rt_rand"(%n) : (i64) -> tensor<?xf32>
  %1 = dl.extern "dl_rt_norm"(%a, %n) {pure} : (tensor<?xf32>, i64) -> f64
  %2 = dl.kernel "dl_rt_fill" ins(%a, %n) outs(%d) {effect} : (tensor<?xf32>, i64) outs(tensor<4xf32>) -> tensor<4xf32>
  dl.assert %ok, "index {0} is out of range"(%n : i64)
  dl.poll
  return %0 : tensor<?xf32>
}

func.func private @f(tensor<3xf32>) -> f32
func.func @derivatives(%x: tensor<3xf32>, %one: f32) {
  %0:2 = dl.vjp @f(%x) cotangents(%one) wrt = [0] : (tensor<3xf32>), (f32) -> f32, tensor<3xf32>
  %1:2 = dl.jvp @f(%x) tangents(%x) wrt = [0] : (tensor<3xf32>), (tensor<3xf32>) -> f32, f32
  return
}
