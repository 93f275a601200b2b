// What the calls of a recursive function gave, in the order in which they began, for its derivative (reverse mode):
// that reads it where it would otherwise call the function again. A tape is made, written and read by one derivative
// alone; compiled code holds it as a number. All of it lies in blocks of the pool, so an error leaves nothing behind.
#include <algorithm>
#include <cstring>
#include <new>

#include "runtime/core/arguments.h"
#include "runtime/core/memory.h"

namespace dl::rt {
namespace {

// A block that grows to twice its size.
template <class T> class Growing {
public:
  int64_t size() const { return used; }
  T *at(int64_t i) const { return elements + i; }

  // Room for `count` more behind the others.
  T *extend(int64_t count) {
    if (used + count > room) {
      int64_t wanted = std::max(used + count, 2 * room);
      T *larger = static_cast<T *>(allocate(wanted * static_cast<int64_t>(sizeof(T))));
      if (used)
        std::memcpy(static_cast<void *>(larger), elements, static_cast<size_t>(used) * sizeof(T));
      release(elements);
      elements = larger;
      room = wanted;
    }
    T *added = elements + used;
    used += count;
    return added;
  }
  void free() { release(elements); }

private:
  T *elements = nullptr;
  int64_t used = 0, room = 0;
};

// One call: where its results lie, and the number of the first call that began after it had ended.
struct Record {
  int64_t results, next;
};

// Results lie one behind the other, each as its sizes and its elements, or as the eight bytes of a scalar.
struct Tape {
  Growing<Record> records;
  Growing<int64_t> words;
};

Tape &tapeOf(const Call &call) { return *reinterpret_cast<Tape *>(static_cast<intptr_t>(call.integer(0))); }
int64_t wordsOf(int64_t bytes) { return (bytes + 7) / 8; }

} // namespace
} // namespace dl::rt

using namespace dl::rt;

// out: an empty tape.
DL_RUNTIME_FUNCTION(tape_new) {
  void *memory = allocate(sizeof(Tape));
  call.setInteger(0, static_cast<int64_t>(reinterpret_cast<intptr_t>(new (memory) Tape)));
}

// in: tape.
DL_RUNTIME_FUNCTION(tape_free) {
  Tape &tape = tapeOf(call);
  tape.records.free();
  tape.words.free();
  release(&tape);
}

// A call begins. in: tape.  out: the number of the call.
DL_RUNTIME_FUNCTION(tape_open) {
  Tape &tape = tapeOf(call);
  int64_t number = tape.records.size();
  tape.records.extend(1);
  call.setInteger(0, number);
}

// A call ends. in: tape, its number, its results.
DL_RUNTIME_FUNCTION(tape_close) {
  Tape &tape = tapeOf(call);
  *tape.records.at(call.integer(1)) = {tape.words.size(), tape.records.size()};
  for (int64_t i = 2; i < call.numIn; ++i) {
    const dl_value &value = call.in[i];
    if (value.rank == 0) {
      std::memcpy(tape.words.extend(1), &value.i, sizeof value.i);
      continue;
    }
    std::copy_n(value.sizes, value.rank, tape.words.extend(value.rank));
    int64_t bytes = byteSize(value);
    if (bytes)
      std::memcpy(tape.words.extend(wordsOf(bytes)), value.data, static_cast<size_t>(bytes));
  }
}

// in: tape, the number of a call.  out: the results of the call, the number of the first call after it.
DL_RUNTIME_FUNCTION(tape_get) {
  const Tape &tape = tapeOf(call);
  const Record &record = *tape.records.at(call.integer(1));
  const int64_t *at = tape.words.at(record.results);
  for (int64_t i = 0; i + 1 < call.numOut; ++i) {
    dl_value &value = call.out[i];
    if (value.rank == 0) {
      std::memcpy(&value.i, at++, sizeof value.i);
      continue;
    }
    const int64_t *sizes = at;
    at += value.rank;
    int64_t bytes = byteSize(call.tensorResult(i, value.dtype, sizes, value.rank));
    if (bytes)
      std::memcpy(value.data, at, static_cast<size_t>(bytes));
    at += wordsOf(bytes);
  }
  call.setInteger(call.numOut - 1, record.next);
}
