// The pool that every tensor lives in.
//
// A heap belongs to one thread: allocating and freeing there takes no lock. Blocks freed by another thread are handed
// back through a lock-free stack. All live blocks of a heap form a list, newest first, in which a call puts a mark when
// it begins: when the call fails, everything in front of the mark is released.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dl::rt {

// A place in the list of live blocks: a block's header or a mark.
struct LiveNode {
  LiveNode *previous;
  LiveNode *next;
};

// Puts a mark in front of the calling thread's live blocks.
void pushMark(LiveNode *mark);
// Takes the mark out again; the blocks stay.
void popMark(LiveNode *mark);
// Frees the calling thread's blocks that are newer than the mark, then takes the mark out.
void releaseToMark(LiveNode *mark);

// A 64-byte aligned block, or nullptr when there is no memory.
void *tryAllocate(size_t bytes) noexcept;
void release(void *block) noexcept;
// How many bytes fit into a block.
size_t capacityOf(const void *block) noexcept;

// How many blocks of the calling thread's heap are live, for tests.
int64_t liveBlocks();

} // namespace dl::rt
