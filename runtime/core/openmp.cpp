// The part of an OpenMP runtime that oneDNN calls, on this runtime's own threads. It is linked into programs that are
// all this project's own, the command and what it builds; the loader then gives these functions to oneDNN in place of
// libgomp's. A host with OpenMP code of its own keeps its runtime for everything.
#include "runtime/core/openmp.h"
#include "runtime/core/pool.h"
#include "runtime/core/threads.h"

#define EXPORTED __attribute__((visibility("default")))

extern "C" {
EXPORTED void GOMP_parallel(void (*body)(void *), void *context, unsigned threads, unsigned) {
  dl::rt::runTeam(threads ? static_cast<int>(threads) : dl::rt::oneDnnThreads(), body, context);
}
EXPORTED void GOMP_barrier(void) { dl::rt::teamBarrier(); }
EXPORTED int omp_get_max_threads(void) { return dl::rt::oneDnnThreads(); }
EXPORTED int omp_get_num_threads(void) { return dl::rt::teamSize(); }
EXPORTED int omp_get_thread_num(void) { return dl::rt::teamNumber(); }
EXPORTED int omp_in_parallel(void) { return dl::rt::teamSize() > 1; }

void dl_use_own_threads(void) { dl::rt::useOwnThreads(); }
}
