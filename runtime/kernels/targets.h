// Function multiversioning: a hot function is compiled for several instruction sets, and the loader picks.
#pragma once

#include "runtime/core/sanitizer.h"

// The loader chooses before a sanitizer is ready for it.
#if defined(__x86_64__) && !DL_ADDRESS_SANITIZER && !defined(DL_NO_CLONES)
#define DL_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define DL_CLONES
#endif
#define DL_INLINE __attribute__((always_inline)) inline
