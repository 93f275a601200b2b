// What MLIR's lowering to LLVM calls: its allocation functions and the copy between memrefs of any layout.
#include <cstring>

#include "dl/abi.h"
#include "runtime/core/failure.h"

namespace {

// Rank and descriptor of a memref whose rank is known only at run time. The descriptor is
// {allocated, aligned, offset, sizes[rank], strides[rank]}.
struct UnrankedMemref {
  int64_t rank;
  char *descriptor;
};

struct Memref {
  char *data;
  const int64_t *sizes, *strides;

  Memref(const UnrankedMemref &unranked, int64_t elementSize) {
    char *aligned;
    int64_t offset;
    std::memcpy(&aligned, unranked.descriptor + sizeof(void *), sizeof aligned);
    std::memcpy(&offset, unranked.descriptor + 2 * sizeof(void *), sizeof offset);
    data = aligned + offset * elementSize;
    sizes = reinterpret_cast<const int64_t *>(unranked.descriptor + 2 * sizeof(void *) + sizeof(int64_t));
    strides = sizes + unranked.rank;
  }
};

void copyDimension(const Memref &from, const Memref &to, const char *source, char *target, int64_t dimension,
                   int64_t rank, int64_t elementSize) {
  if (dimension == rank) {
    std::memcpy(target, source, static_cast<size_t>(elementSize));
    return;
  }
  int64_t size = from.sizes[dimension];
  if (dimension + 1 == rank && from.strides[dimension] == 1 && to.strides[dimension] == 1) {
    std::memmove(target, source, static_cast<size_t>(size * elementSize));
    return;
  }
  for (int64_t i = 0; i < size; ++i)
    copyDimension(from, to, source + i * from.strides[dimension] * elementSize,
                  target + i * to.strides[dimension] * elementSize, dimension + 1, rank, elementSize);
}

} // namespace

extern "C" {

void *_mlir_memref_to_llvm_alloc(uint64_t bytes) { return dl_alloc(bytes); }

// The pool's blocks are aligned to 64 bytes, which is all that compiled code asks for.
void *_mlir_memref_to_llvm_aligned_alloc(uint64_t alignment, uint64_t bytes) {
  if (alignment > 64)
    dl_fail(nullptr, "alignment beyond 64 bytes is not supported");
  return dl_alloc(bytes);
}

void _mlir_memref_to_llvm_free(void *block) { dl_free(block); }

void memrefCopy(int64_t elementSize, UnrankedMemref *from, UnrankedMemref *to) {
  Memref source(*from, elementSize), target(*to, elementSize);
  for (int64_t d = 0; d < from->rank; ++d)
    if (source.sizes[d] == 0)
      return;
  copyDimension(source, target, source.data, target.data, 0, from->rank, elementSize);
}
}
