// The addresses of everything that compiled code refers to, for linking it in memory.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

// The runtime's function or variable of that name (without any platform prefix), or NULL. Knows the dl_rt_ functions,
// the ABI's own and what lowered memrefs call. Referring to this function keeps the whole runtime in a program.
void *dl_runtime_symbol(const char *name);

#ifdef __cplusplus
}
#endif
