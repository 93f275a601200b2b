#include "compiler/sema/large_stack.h"

#include <pthread.h>

namespace dl::sema {

static void *work(void *function) {
  (*static_cast<const std::function<void()> *>(function))();
  return nullptr;
}

bool onLargeStack(const std::function<void()> &function) {
  // Generic functions nest checks inside checks far deeper than a usual stack allows; the limits in the checker are
  // chosen for this size. Memory that is not touched costs nothing.
  constexpr size_t kStackBytes = size_t(1) << 30;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_t thread;
  bool own = pthread_attr_setstacksize(&attributes, kStackBytes) == 0 &&
             pthread_create(&thread, &attributes, work, const_cast<std::function<void()> *>(&function)) == 0;
  pthread_attr_destroy(&attributes);
  if (own)
    pthread_join(thread, nullptr);
  return own;
}

} // namespace dl::sema
