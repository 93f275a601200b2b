/* The start of a native program that `dl build` links: runs the statements of the script. */
#include "dl/abi.h"
#include "runtime/core/openmp.h"

#include <stdio.h>

void dl_script_main(const dl_site *site, const dl_value *in, int64_t num_in, dl_value *out, int64_t num_out)
    __asm__("dl_fn_$main");

int main(int argc, char **argv) {
  dl_use_own_threads();
  dl_set_arguments(argc, (const char *const *)argv);
  dl_error *error = dl_invoke(dl_script_main, NULL, 0, NULL, 0);
  if (!error)
    return 0;
  fflush(stdout);
  fputs(dl_error_text(error), stderr);
  dl_error_free(error);
  return 1;
}
