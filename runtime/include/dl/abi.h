// The one calling convention between compiled code, the runtime and a C or C++ host.
//
// A value crosses the boundary as a dl_value. Tensors are dense, row-major and at least of rank 1;
// a scalar is a dl_value of rank 0 that carries its number in `i` or `f`. A `str` is a u8 tensor of
// rank 1 holding UTF-8 without a terminator. Tuples, records and modules are flattened in member order.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DL_MAX_RANK 8

typedef enum dl_dtype {
  DL_F32 = 0,
  DL_F64 = 1,
  DL_BF16 = 2,
  DL_I32 = 3,
  DL_I64 = 4,
  DL_U8 = 5,
  DL_BOOL = 6, // one byte, 0 or 1
} dl_dtype;

typedef struct dl_value {
  void *data;                 // tensor elements; unused for a scalar
  int64_t sizes[DL_MAX_RANK]; // sizes[0..rank)
  int32_t dtype;              // dl_dtype
  int32_t rank;               // 0 for a scalar
  union {
    int64_t i; // i32, i64, u8, bool scalars
    double f;  // f32, f64, bf16 scalars
  };
} dl_value;

// A place in a script. Every string is UTF-8, null-terminated and lives as long as the code that refers to it.
typedef struct dl_site {
  const char *file;
  const char *line_text; // the source line, for the caret
  int32_t line, column, length;
  int32_t reserved;
} dl_site;

// A function of the runtime that compiled code calls, and an exported function as the host calls it.
//
// Results that are tensors come in two kinds. A *kernel* gets its result tensors allocated by the caller (data and
// sizes are set; the kernel writes the elements). An *extern* gets them with data == NULL, dtype and rank set, and a
// size of -1 where any size will do: it allocates with dl_alloc, fills in data and sizes, and the caller owns the
// block.
typedef void (*dl_function)(const dl_site *site, const dl_value *in, int64_t num_in, dl_value *out, int64_t num_out);

// --- memory: 64-byte aligned blocks from a caching pool --------------------------------------------------------
void *dl_alloc(size_t bytes); // never returns NULL: fails with "out of memory"
void dl_free(void *block);
// A block of `bytes` that begins with the `used` bytes of another one. Where it `may_take` that one, it is gone: it is
// the result if it is large enough, else it is freed.
void *dl_grow(void *block, int64_t may_take, int64_t used, int64_t bytes);
uint64_t dl_heap_allocations(void); // how often the pool had to ask the operating system, for tests

// --- errors ----------------------------------------------------------------------------------------------------
// Ends the innermost dl_invoke with an error. Must not be called with live C++ destructors on the stack.
#ifdef __cplusplus
[[noreturn]]
#else
_Noreturn
#endif
void dl_fail(const dl_site *site, const char *message);

typedef struct dl_error dl_error;
const char *dl_error_message(const dl_error *);
const char *dl_error_text(const dl_error *);    // the whole rendered diagnostic, with place and caret where known
const dl_site *dl_error_site(const dl_error *); // NULL where the place is not known
void dl_error_free(dl_error *);

// Calls `function`. Returns NULL on success; otherwise the error (caller frees), all blocks that the call had
// allocated are released, and the contents of `out` are unspecified.
dl_error *dl_invoke(dl_function function, const dl_value *in, int64_t num_in, dl_value *out, int64_t num_out);

// Makes running code stop with "interrupted" at its next poll; safe in a signal handler.
void dl_interrupt(void);
extern volatile int32_t dl_interrupted;      // read by compiled loops
void dl_poll_interrupt(const dl_site *site); // called by compiled loops when dl_interrupted is set

// --- threads ---------------------------------------------------------------------------------------------------
typedef void (*dl_range_fn)(int64_t begin, int64_t end, void *context);
// Runs fn over [begin, end) in chunks of at least `grain` on the threads that oneDNN uses too. Chunk borders may depend
// on the number of threads, so fn must not let results depend on them.
void dl_parallel_for(int64_t begin, int64_t end, int64_t grain, dl_range_fn fn, void *context);
void dl_set_num_threads(int32_t n);
int32_t dl_num_threads(void);

// --- program ---------------------------------------------------------------------------------------------------
void dl_set_arguments(int argc, const char *const *argv); // what args() and option() see

#ifdef __cplusplus
}
#endif
