// Running oneDNN primitives on row-major tensors.
//
// oneDNN chooses the memory layouts that its primitive likes best; the operands are reordered to and from them in
// buffers that a thread keeps. Primitives are kept per shape, so that a steady loop creates and allocates nothing.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>

namespace dl::rt {

const dnnl::engine &cpuEngine();

// One operand of a primitive: which argument it is, how the tensor lies in memory and how the primitive wants it.
struct Operand {
  int argument;
  dnnl::memory::desc plain, wanted;
  bool output = false;
};

// A primitive with the reorders around it.
class PlainPrimitive {
public:
  PlainPrimitive(dnnl::primitive primitive, const std::vector<Operand> &operands);

  // `pointers` are the tensors, in the order of the operands.
  void run(std::initializer_list<void *> pointers);

private:
  struct Slot {
    Operand operand;
    dnnl::memory plain, wanted;
    dnnl::reorder reorder; // empty when the layouts agree
    bool reordered = false;
  };

  dnnl::primitive primitive;
  std::vector<Slot> slots;
  std::unordered_map<int, dnnl::memory> arguments;
};

// What tells one primitive from another: kind, shapes and parameters.
using PrimitiveKey = std::array<int64_t, 24>;

// The calling thread's primitive for a key, made by `make` when there is none yet. It divides its work among so many
// threads.
PlainPrimitive &cachedPrimitive(PrimitiveKey key, int32_t threads, const std::function<PlainPrimitive()> &make);

} // namespace dl::rt
