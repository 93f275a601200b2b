// What the entry points and the recursive calls of compiled code call.
#pragma once

#include "dl/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

// Fails, at the site of the call, unless the call fits and the stack has room for it. `expected`: for each argument its
// dl_dtype, its rank and DL_MAX_RANK sizes, -1 for any.
void dl_rt_check_arguments(const dl_site *site, const char *function, const int64_t *expected, int64_t numExpected,
                           int64_t numResults, const dl_value *in, int64_t numIn, int64_t numOut);

// Fails, at the site of a recursive call, unless the stack has room for it.
void dl_rt_check_stack(const dl_site *site, const char *function);

#ifdef __cplusplus
}
#endif
