#include "runtime/core/memory.h"

#include <sys/mman.h>

#include <atomic>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <new>

#include "dl/abi.h"
#include "runtime/core/sanitizer.h"

#if DL_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

namespace dl::rt {
namespace {

constexpr size_t kAlign = 64;
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kHugeFrom = size_t{4} << 20;     // blocks from here on ask for huge pages
constexpr size_t kTrimmable = size_t{1} << 20;    // smaller blocks are never given back
constexpr size_t kCacheFloor = size_t{256} << 20; // what may lie unused in any case
constexpr uint64_t kMaxBytes = uint64_t{1} << 46;
constexpr int kClasses = 16 + 4 * 40;

struct Heap;

// Lies directly in front of the elements.
struct alignas(kAlign) Block : LiveNode {
  Heap *heap;
  Block *nextFree;
  uint32_t sizeClass;
};
static_assert(sizeof(Block) == kAlign);

struct SizeClass {
  int index;
  size_t bytes;
};

// Multiples of 64 up to 1 KiB, then four steps in each doubling.
SizeClass classOf(size_t bytes) {
  uint64_t units = bytes <= kAlign ? 1 : (bytes + kAlign - 1) / kAlign;
  if (units <= 16)
    return {static_cast<int>(units) - 1, units * kAlign};
  int shift = std::bit_width(units - 1) - 3;
  uint64_t quarter = ((units - 1) >> shift) + 1;
  return {16 + (shift - 2) * 4 + static_cast<int>(quarter) - 5, (quarter << shift) * kAlign};
}

size_t classBytes(int index) {
  if (index < 16)
    return static_cast<size_t>(index + 1) * kAlign;
  int shift = (index - 16) / 4 + 2;
  return (static_cast<size_t>((index - 16) % 4 + 5) << shift) * kAlign;
}

std::atomic<uint64_t> systemAllocations{0};

// What lies unused is poisoned, all of it.
void refuseSecondRelease([[maybe_unused]] void *memory, [[maybe_unused]] size_t bytes) {
#if DL_ADDRESS_SANITIZER
  if (__asan_region_is_poisoned(memory, bytes) != memory)
    return;
  std::fputs("a block of the runtime is released twice\n", stderr);
  std::abort();
#endif
}

struct Heap {
  LiveNode live{&live, &live};
  Block *free[kClasses] = {};
  std::atomic<Block *> remote{nullptr}; // freed by other threads
  size_t liveBytes = 0, peakBytes = 0, cachedBytes = 0;
  Heap *nextAbandoned = nullptr;

  void unlink(LiveNode *node) {
    node->previous->next = node->next;
    node->next->previous = node->previous;
  }

  void link(LiveNode *node) {
    node->next = live.next;
    node->previous = &live;
    live.next->previous = node;
    live.next = node;
  }

  void putBack(Block *block) {
    size_t bytes = classBytes(static_cast<int>(block->sizeClass));
    refuseSecondRelease(block + 1, bytes);
    unlink(block);
    liveBytes -= bytes;
    cachedBytes += bytes;
    block->nextFree = free[block->sizeClass];
    free[block->sizeClass] = block;
    ASAN_POISON_MEMORY_REGION(block + 1, bytes);
  }

  void drainRemote() {
    Block *block = remote.exchange(nullptr, std::memory_order_acquire);
    while (block) {
      Block *next = block->nextFree;
      putBack(block);
      block = next;
    }
  }

  void trim(size_t smallest) {
    for (int c = classOf(smallest).index; c < kClasses; ++c) {
      while (Block *block = free[c]) {
        free[c] = block->nextFree;
        cachedBytes -= classBytes(c);
        ASAN_UNPOISON_MEMORY_REGION(block + 1, classBytes(c));
        std::free(block);
      }
    }
  }

  Block *fromSystem(size_t bytes) {
    systemAllocations.fetch_add(1, std::memory_order_relaxed);
    size_t total = bytes + sizeof(Block);
    if (total < kHugeFrom)
      return static_cast<Block *>(std::aligned_alloc(kAlign, total));
    total = (total + kHugePage - 1) / kHugePage * kHugePage;
    void *memory = std::aligned_alloc(kHugePage, total);
    if (memory)
      madvise(memory, total, MADV_HUGEPAGE);
    return static_cast<Block *>(memory);
  }

  Block *allocate(SizeClass size) {
    Block *block = free[size.index];
    if (!block && remote.load(std::memory_order_relaxed)) {
      drainRemote();
      block = free[size.index];
    }
    if (block) {
      free[size.index] = block->nextFree;
      cachedBytes -= size.bytes;
      ASAN_UNPOISON_MEMORY_REGION(block + 1, size.bytes);
    } else {
      if (size.bytes >= kTrimmable && cachedBytes > kCacheFloor + 2 * peakBytes)
        trim(kTrimmable);
      void *memory = fromSystem(size.bytes);
      if (!memory) {
        trim(kAlign);
        memory = fromSystem(size.bytes);
      }
      if (!memory)
        return nullptr;
      block = new (memory) Block;
      block->heap = this;
      block->sizeClass = static_cast<uint32_t>(size.index);
    }
    liveBytes += size.bytes;
    if (liveBytes > peakBytes)
      peakBytes = liveBytes;
    link(block);
    return block;
  }
};

thread_local Heap *threadHeap = nullptr;

std::mutex abandonedMutex;
Heap *abandonedHeaps = nullptr;

// Hands the heap of a thread that ends to the next one that starts; blocks in it may still be live.
struct HeapOwner {
  ~HeapOwner() {
    if (!threadHeap)
      return;
    std::lock_guard lock(abandonedMutex);
    threadHeap->nextAbandoned = abandonedHeaps;
    abandonedHeaps = threadHeap;
    threadHeap = nullptr;
  }
};

[[gnu::noinline]] Heap *adoptHeap() {
  {
    std::lock_guard lock(abandonedMutex);
    if (abandonedHeaps) {
      threadHeap = abandonedHeaps;
      abandonedHeaps = threadHeap->nextAbandoned;
    }
  }
  if (!threadHeap)
    threadHeap = new (std::nothrow) Heap;
  thread_local HeapOwner owner;
  (void)owner;
  return threadHeap;
}

Heap *heapOfThread() { return threadHeap ? threadHeap : adoptHeap(); }

} // namespace

void *tryAllocate(size_t bytes) noexcept {
  if (bytes > kMaxBytes)
    return nullptr;
  Heap *heap = heapOfThread();
  Block *block = heap ? heap->allocate(classOf(bytes)) : nullptr;
  return block ? block + 1 : nullptr;
}

void release(void *pointer) noexcept {
  if (!pointer)
    return;
  Block *block = static_cast<Block *>(pointer) - 1;
  Heap *heap = block->heap;
  if (heap == threadHeap) {
    heap->putBack(block);
    return;
  }
  Block *head = heap->remote.load(std::memory_order_relaxed);
  do {
    block->nextFree = head;
  } while (!heap->remote.compare_exchange_weak(head, block, std::memory_order_release, std::memory_order_relaxed));
}

size_t capacityOf(const void *block) noexcept {
  return classBytes(static_cast<int>((static_cast<const Block *>(block) - 1)->sizeClass));
}

void pushMark(LiveNode *mark) {
  if (Heap *heap = heapOfThread())
    heap->link(mark);
  else
    mark->previous = mark->next = mark;
}

void popMark(LiveNode *mark) {
  mark->previous->next = mark->next;
  mark->next->previous = mark->previous;
}

void releaseToMark(LiveNode *mark) {
  if (Heap *heap = threadHeap; heap && mark->next != mark) {
    heap->drainRemote();
    while (heap->live.next != mark)
      heap->putBack(static_cast<Block *>(heap->live.next));
  }
  popMark(mark);
}

int64_t liveBlocks() {
  Heap *heap = heapOfThread();
  heap->drainRemote();
  int64_t count = 0;
  for (LiveNode *node = heap->live.next; node != &heap->live; node = node->next)
    ++count;
  return count;
}

} // namespace dl::rt

uint64_t dl_heap_allocations(void) { return dl::rt::systemAllocations.load(std::memory_order_relaxed); }
