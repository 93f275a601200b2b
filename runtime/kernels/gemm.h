// C = op(A) op(B) on row-major matrices.
#pragma once

#include <cstdint>

namespace dl::rt {

// One product: op(A) is M by K, op(B) is K by N, C is M by N without gaps.
struct GemmShape {
  int64_t m, n, k;
  bool transA, transB;
};

// By blocks that are packed and held in registers. Each element is summed in an order that depends on the sizes alone,
// not on the number of threads, and nothing is allocated but from the pool. Not oneDNN's sgemm: it is no faster, and
// takes memory of the system in every call.
void gemm(const GemmShape &shape, const float *a, const float *b, float *c);
void gemm(const GemmShape &shape, const double *a, const double *b, double *c);

} // namespace dl::rt
