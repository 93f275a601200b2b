/* Included once by a program that contains the runtime. libgomp's idle threads spin for milliseconds by default; on a
 * machine that others use too, a short parallel loop then waits for a thread that has no processor, tens of times longer
 * than it runs. The variable must be set before libgomp starts, hence the array that the loader runs first. What the user
 * has set is left alone. */
#pragma once

#include <stdlib.h>

static void dl_calm_threads(void) {
  if (!getenv("OMP_WAIT_POLICY"))
    setenv("GOMP_SPINCOUNT", "1000", 0);
}
__attribute__((section(".preinit_array"), used)) static void (*const dl_calm_threads_entry)(void) = dl_calm_threads;
