#include "runtime/kernels/onednn.h"

#include <cstdlib>
#include <memory>

#include "runtime/core/failure.h"
#include "runtime/core/threads.h"

namespace dl::rt {
namespace {

constexpr size_t kMaxPrimitives = 256;

dnnl::stream &threadStream() {
  thread_local dnnl::stream stream(cpuEngine());
  return stream;
}

struct Freer {
  void operator()(void *block) const { std::free(block); }
};

// Buffer i of the calling thread, of at least that size. It only grows, and serves all primitives in turn.
void *threadBuffer(size_t i, size_t bytes) {
  struct Buffer {
    std::unique_ptr<void, Freer> block;
    size_t bytes = 0;
  };
  thread_local std::vector<Buffer> buffers;
  if (buffers.size() <= i)
    buffers.resize(i + 1);
  Buffer &buffer = buffers[i];
  if (buffer.bytes < bytes) {
    size_t rounded = (bytes + 4095) / 4096 * 4096;
    buffer.block.reset();
    buffer.bytes = 0;
    buffer.block.reset(std::aligned_alloc(4096, rounded));
    if (!buffer.block)
      fail("out of memory: ", rounded, " bytes");
    buffer.bytes = rounded;
  }
  return buffer.block.get();
}

void point(dnnl::memory &memory, void *data) {
  if (memory.get_data_handle() != data)
    memory.set_data_handle(data);
}

struct KeyHash {
  size_t operator()(const PrimitiveKey &key) const {
    uint64_t hash = 0;
    for (int64_t part : key)
      hash = (hash ^ static_cast<uint64_t>(part)) * 0x9E3779B97F4A7C15 + (hash >> 29);
    return hash;
  }
};

} // namespace

const dnnl::engine &cpuEngine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

PlainPrimitive::PlainPrimitive(dnnl::primitive made, const std::vector<Operand> &operands)
    : primitive(std::move(made)) {
  for (const Operand &operand : operands) {
    Slot slot{operand, dnnl::memory(operand.plain, cpuEngine(), nullptr), {}, {}, operand.plain != operand.wanted};
    if (slot.reordered) {
      slot.wanted = dnnl::memory(operand.wanted, cpuEngine(), nullptr);
      slot.reorder = operand.output ? dnnl::reorder(slot.wanted, slot.plain) : dnnl::reorder(slot.plain, slot.wanted);
    }
    arguments.emplace(operand.argument, slot.reordered ? slot.wanted : slot.plain);
    slots.push_back(std::move(slot));
  }
}

void PlainPrimitive::run(std::initializer_list<void *> pointers) {
  dnnl::stream &stream = threadStream();
  for (size_t i = 0; i < slots.size(); ++i) {
    Slot &slot = slots[i];
    point(slot.plain, pointers.begin()[i]);
    if (!slot.reordered)
      continue;
    point(slot.wanted, threadBuffer(i, slot.operand.wanted.get_size()));
    if (!slot.operand.output)
      slot.reorder.execute(stream, slot.plain, slot.wanted);
  }
  primitive.execute(stream, arguments);
  for (Slot &slot : slots)
    if (slot.reordered && slot.operand.output)
      slot.reorder.execute(stream, slot.wanted, slot.plain);
  stream.wait();
}

PlainPrimitive &cachedPrimitive(PrimitiveKey key, int32_t threads, const std::function<PlainPrimitive()> &make) {
  thread_local std::unordered_map<PrimitiveKey, PlainPrimitive, KeyHash> primitives;
  key.back() = useThreadsForOneDnn(threads);
  auto found = primitives.find(key);
  if (found != primitives.end())
    return found->second;
  if (primitives.size() >= kMaxPrimitives)
    primitives.clear();
  return primitives.emplace(key, make()).first->second;
}

} // namespace dl::rt
