// oneDNN brings an OpenMP runtime with it. Two thread pools in one process get in each other's way: either oneDNN runs
// on the threads of this runtime (core/openmp.h), or this runtime on those of OpenMP.
#include "runtime/core/threads.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>

#include "runtime/core/failure.h"
#include "runtime/core/frame.h"
#include "runtime/core/pool.h"

extern "C" {
void GOMP_parallel(void (*fn)(void *), void *data, unsigned numThreads, unsigned flags);
int omp_get_max_threads(void);
int omp_in_parallel(void);
void omp_set_num_threads(int n);
}

namespace dl::rt {
namespace {

constexpr int64_t kChunksPerThread = 4;

std::atomic<int32_t> wantedThreads{0}; // 0: not decided yet
std::atomic<bool> ownThreads{false};
thread_local int32_t wantedByOneDnn = 0; // 0: all

struct Loop {
  int64_t begin, end, chunks;
  dl_range_fn fn;
  void *context;
  bool mayFail;
  std::atomic<int64_t> next{0};
  std::atomic_flag errorLock{};
  int64_t failedChunk = INT64_MAX; // the lowest, so that the error reported does not depend on timing
  char *message = nullptr;
  dl_site site{};
  bool hasSite = false;
  std::atomic<bool> failed{false};

  int64_t border(int64_t chunk) const {
    int64_t n = end - begin, size = n / chunks, rest = n % chunks;
    return begin + chunk * size + std::min(chunk, rest);
  }
};

struct Chunk {
  Loop *loop;
  int64_t index;
};

void runChunk(void *context) {
  auto *chunk = static_cast<Chunk *>(context);
  Loop *loop = chunk->loop;
  loop->fn(loop->border(chunk->index), loop->border(chunk->index + 1), loop->context);
}

void keepError(Loop *loop, int64_t chunk, Frame &frame) {
  while (loop->errorLock.test_and_set(std::memory_order_acquire)) {
  }
  if (chunk < loop->failedChunk) {
    loop->failedChunk = chunk;
    std::swap(loop->message, frame.message);
    loop->hasSite = frame.hasSite;
    loop->site = frame.site;
  }
  loop->errorLock.clear(std::memory_order_release);
  std::free(frame.message);
  loop->failed.store(true, std::memory_order_relaxed);
}

void worker(void *context) {
  auto *loop = static_cast<Loop *>(context);
  while (!loop->failed.load(std::memory_order_relaxed)) {
    int64_t index = loop->next.fetch_add(1, std::memory_order_relaxed);
    if (index >= loop->chunks)
      return;
    Chunk chunk{loop, index};
    if (!loop->mayFail) {
      runChunk(&chunk);
      continue;
    }
    Frame frame;
    if (!runInFrame(frame, runChunk, &chunk))
      keepError(loop, index, frame);
  }
}

// Most loops are short: found out before anything is made ready for threads.
bool isShort(int64_t begin, int64_t end, int64_t grain) { return (end - begin) / 2 < grain; }

// Whether the loop was run in parallel; if not, the caller runs it.
bool runParallel(Loop &loop, int64_t grain) {
  int64_t most = (loop.end - loop.begin) / std::max<int64_t>(grain, 1);
  int64_t threads = std::min<int64_t>(dl_num_threads(), most);
  if (threads <= 1 || omp_in_parallel())
    return false;
  loop.chunks = std::min(most, threads * kChunksPerThread);
  if (ownThreads)
    runSharing(static_cast<int>(threads), worker, &loop);
  else
    GOMP_parallel(worker, &loop, static_cast<unsigned>(threads), 0);
  return true;
}

} // namespace

void parallelForRaw(int64_t begin, int64_t end, int64_t grain, dl_range_fn fn, void *context) {
  if (end <= begin)
    return;
  if (isShort(begin, end, grain)) {
    fn(begin, end, context);
    return;
  }
  Loop loop{begin, end, 1, fn, context, false};
  if (!runParallel(loop, grain))
    fn(begin, end, context);
}

// Apart from dl_parallel_for, so that a short loop pays nothing for it.
[[gnu::noinline]] static void runLoop(int64_t begin, int64_t end, int64_t grain, dl_range_fn fn, void *context) {
  Loop loop{begin, end, 1, fn, context, true};
  if (!runParallel(loop, grain)) {
    fn(begin, end, context);
    return;
  }
  if (loop.failed.load(std::memory_order_relaxed)) {
    static thread_local dl_site site; // outlives this frame
    site = loop.site;
    failOwned(loop.hasSite ? &site : nullptr, loop.message);
  }
}

int32_t useThreadsForOneDnn(int32_t threads) {
  dl_num_threads(); // takes the number from OpenMP while it is still the user's
  int32_t used = omp_in_parallel() ? 1 : threads;
  if (ownThreads)
    wantedByOneDnn = used;
  else
    omp_set_num_threads(
        used); // belongs to the current parallel region, not to the thread: there is nothing to remember
  return used;
}

int32_t oneDnnThreads() { return wantedByOneDnn ? wantedByOneDnn : dl_num_threads(); }

void useOwnThreads() { ownThreads = true; }

} // namespace dl::rt

using namespace dl::rt;

void dl_parallel_for(int64_t begin, int64_t end, int64_t grain, dl_range_fn fn, void *context) {
  if (end <= begin)
    return;
  if (isShort(begin, end, grain))
    fn(begin, end, context);
  else
    runLoop(begin, end, grain, fn, context);
}

void dl_set_num_threads(int32_t n) { wantedThreads.store(std::max(n, 1), std::memory_order_relaxed); }

int32_t dl_num_threads(void) {
  int32_t n = wantedThreads.load(std::memory_order_relaxed);
  if (n == 0) {
    n = ownThreads ? defaultThreads() : std::max(omp_get_max_threads(), 1);
    wantedThreads.store(n, std::memory_order_relaxed);
  }
  return n;
}
