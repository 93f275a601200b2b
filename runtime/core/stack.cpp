#include "runtime/core/stack.h"

#include <pthread.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "runtime/core/failure.h"
#include "runtime/core/sanitizer.h"

#if DL_ADDRESS_SANITIZER
#include <dlfcn.h>
#include <sanitizer/common_interface_defs.h>
#else
// The sanitizer wants to know of every change of the stack.
#define __sanitizer_start_switch_fiber(save, bottom, size) ((void)0)
#define __sanitizer_finish_switch_fiber(save, bottom, size) ((void)0)
#endif

namespace dl::rt {
namespace {

constexpr size_t kReserve = size_t{512} << 10;
// Address space; memory is used as far as the recursion goes. The sanitizer cleans up 64 MiB of a stack at most.
constexpr size_t kLargeStack = size_t{DL_ADDRESS_SANITIZER ? 60 : 512} << 20;
// What a program that came no deeper leaves in memory.
constexpr size_t kKept = size_t{1} << 20;

// How often a thread that goes deeper looks closely.
constexpr size_t kStep = size_t{4} << 10;

struct Seen {
  uintptr_t calm = UINTPTR_MAX; // at this address and above there is nothing to do
  uintptr_t limit = 0;
  uintptr_t deepest = UINTPTR_MAX; // to kStep
};
thread_local Seen seen;

// The lowest address that the calling thread may use in good conscience; 1 where the stack is not known.
uintptr_t findLimit() {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0)
    return 1;
  void *lowest = nullptr;
  size_t size = 0;
  bool known = pthread_attr_getstack(&attributes, &lowest, &size) == 0;
  pthread_attr_destroy(&attributes);
  return known ? reinterpret_cast<uintptr_t>(lowest) + std::min(kReserve, size / 4) : 1;
}

// The sanitizer is told what it must know; its own version of swapcontext only warns that it does not know it.
int change(ucontext_t *from, const ucontext_t *to) {
#if DL_ADDRESS_SANITIZER
  static const auto real = reinterpret_cast<decltype(&swapcontext)>(dlsym(RTLD_NEXT, "swapcontext"));
  return real(from, to);
#else
  return swapcontext(from, to);
#endif
}

class LargeStack {
public:
  LargeStack() {
    void *memory = mmap(nullptr, kLargeStack, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory != MAP_FAILED)
      lowest_ = static_cast<char *>(memory);
  }
  ~LargeStack() {
    if (lowest_)
      munmap(lowest_, kLargeStack);
  }
  LargeStack(const LargeStack &) = delete;

  bool exists() const { return lowest_; }

  void run(void (*body)(void *), void *context) {
    body_ = body;
    context_ = context;
    getcontext(&inside_);
    inside_.uc_stack.ss_sp = lowest_;
    inside_.uc_stack.ss_size = kLargeStack;
    inside_.uc_link = &outside_;
    auto self = reinterpret_cast<uintptr_t>(this);
    makecontext(&inside_, reinterpret_cast<void (*)()>(start), 2, static_cast<unsigned>(self),
                static_cast<unsigned>(self >> 32));
    uintptr_t outer = seen.limit;
    seen = {.limit = reinterpret_cast<uintptr_t>(lowest_) + kReserve};
    [[maybe_unused]] void *frames = nullptr;
    __sanitizer_start_switch_fiber(&frames, lowest_, kLargeStack);
    change(&outside_, &inside_);
    __sanitizer_finish_switch_fiber(frames, nullptr, nullptr);
    if (seen.deepest < reinterpret_cast<uintptr_t>(lowest_) + kLargeStack - kKept)
      madvise(lowest_, kLargeStack - kKept, MADV_DONTNEED);
    seen = {.limit = outer};
  }

private:
  // makecontext hands over ints.
  static void start(unsigned low, unsigned high) {
    auto *self = reinterpret_cast<LargeStack *>(uintptr_t{high} << 32 | low);
    [[maybe_unused]] const void *bottom = nullptr;
    [[maybe_unused]] size_t size = 0;
    __sanitizer_finish_switch_fiber(nullptr, &bottom, &size);
    self->body_(self->context_);
    __sanitizer_start_switch_fiber(nullptr, bottom, size);
  }

  char *lowest_ = nullptr;
  ucontext_t inside_{}, outside_{};
  void (*body_)(void *) = nullptr;
  void *context_ = nullptr;
};

inline uintptr_t here() { return reinterpret_cast<uintptr_t>(__builtin_frame_address(0)); }
inline bool isCalm(uintptr_t address) { return address >= seen.calm; }

bool lookClosely(uintptr_t address) {
  if (seen.limit == 0)
    seen.limit = findLimit();
  seen.deepest = std::min(seen.deepest, address - kStep);
  seen.calm = std::max(seen.limit, address - kStep);
  return address < seen.limit;
}

} // namespace

void failForStack(const char *function) { fail(function, ": the recursion is too deep"); }

bool stackIsNearlyFull() { return !isCalm(here()) && lookClosely(here()); }

void runOnLargeStack(void (*body)(void *), void *context) {
  static thread_local LargeStack stack;
  if (stack.exists())
    stack.run(body, context);
  else
    body(context);
}

} // namespace dl::rt

static void lookBeforeCall(const dl_site *site, const char *name) {
  using namespace dl::rt;
  if (stackIsNearlyFull())
    guarded(site, [&] { failForStack(name); });
}

// Before each recursive call. Not a packed call.
extern "C" void dl_rt_check_stack(const dl_site *site, const char *name) {
  if (dl::rt::isCalm(dl::rt::here())) [[likely]]
    return;
  lookBeforeCall(site, name);
}
