// Makes oneDNN run on the runtime's threads.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

// To be called by the program before anything else of the runtime.
void dl_use_own_threads(void);

#ifdef __cplusplus
}
#endif
