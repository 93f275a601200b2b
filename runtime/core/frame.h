// The place that an error jumps to.
#pragma once

#include <csetjmp>

#include "dl/abi.h"
#include "runtime/core/memory.h"

namespace dl::rt {

struct Frame {
  std::jmp_buf environment;
  Frame *outer;
  LiveNode mark;
  char *message; // from malloc; owned by whoever ran the frame
  dl_site site;
  bool hasSite;
};

// Runs body(context). Returns false when it failed: `frame` then holds the error, and the blocks it allocated are
// released.
bool runInFrame(Frame &frame, void (*body)(void *), void *context);

const char *messageOf(const Frame &frame);

// Whether the calling thread is in no frame at all.
bool isOutermost();

} // namespace dl::rt
