// C = op(A) op(B) on row-major matrices.
#pragma once

#include <cstdint>

namespace dl::rt {

// One product: op(A) is M by K, op(B) is K by N, C is M by N without gaps.
struct GemmShape {
  int64_t m, n, k;
  bool transA, transB;
};

// f32 by oneDNN.
void gemm(const GemmShape &shape, const float *a, const float *b, float *c);

// f64 by blocks that are packed and held in registers. Each element is summed in the order of k within a block of k,
// whatever the number of threads.
void gemm(const GemmShape &shape, const double *a, const double *b, double *c);

} // namespace dl::rt
