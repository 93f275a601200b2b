#include "dl/symbols.h"

#include <string_view>
#include <unordered_map>

#include "dl/abi.h"
#include "dl/entry.h"

extern "C" {
#define DL_FUNCTION(NAME) void dl_rt_##NAME(const dl_site *, const dl_value *, int64_t, dl_value *, int64_t);
#include "dl/functions.def"
#undef DL_FUNCTION
void *_mlir_memref_to_llvm_alloc(uint64_t);
void *_mlir_memref_to_llvm_aligned_alloc(uint64_t, uint64_t);
void _mlir_memref_to_llvm_free(void *);
void memrefCopy(int64_t, void *, void *);
}

namespace {

template <class T> void *address(T *symbol) { return reinterpret_cast<void *>(reinterpret_cast<uintptr_t>(symbol)); }

const std::unordered_map<std::string_view, void *> &table() {
  static const std::unordered_map<std::string_view, void *> symbols = {
#define DL_FUNCTION(NAME) {"dl_rt_" #NAME, address(dl_rt_##NAME)},
#include "dl/functions.def"
#undef DL_FUNCTION
#define DL_SYMBOL(NAME) {#NAME, address(NAME)}
      DL_SYMBOL(_mlir_memref_to_llvm_alloc),
      DL_SYMBOL(_mlir_memref_to_llvm_aligned_alloc),
      DL_SYMBOL(_mlir_memref_to_llvm_free),
      DL_SYMBOL(memrefCopy),
      DL_SYMBOL(dl_rt_check_arguments),
      DL_SYMBOL(dl_alloc),
      DL_SYMBOL(dl_free),
      DL_SYMBOL(dl_grow),
      DL_SYMBOL(dl_heap_allocations),
      DL_SYMBOL(dl_fail),
      DL_SYMBOL(dl_invoke),
      DL_SYMBOL(dl_error_message),
      DL_SYMBOL(dl_error_text),
      DL_SYMBOL(dl_error_site),
      DL_SYMBOL(dl_error_free),
      DL_SYMBOL(dl_interrupt),
      {"dl_interrupted", const_cast<int32_t *>(&dl_interrupted)},
      DL_SYMBOL(dl_poll_interrupt),
      DL_SYMBOL(dl_rt_check_stack),
      DL_SYMBOL(dl_parallel_for),
      DL_SYMBOL(dl_set_num_threads),
      DL_SYMBOL(dl_num_threads),
      DL_SYMBOL(dl_set_arguments),
#undef DL_SYMBOL
  };
  return symbols;
}

} // namespace

void *dl_runtime_symbol(const char *name) {
  auto found = table().find(name);
  return found == table().end() ? nullptr : found->second;
}
