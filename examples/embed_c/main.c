/* Calls functions of a dl script that was compiled ahead of time: no compiler is needed to build or run this. */
#include "model.h"

#include <stdio.h>

static dl_value tensor(void *data, dl_dtype dtype, int32_t rank, const int64_t *sizes) {
  dl_value value = {.data = data, .dtype = dtype, .rank = rank};
  for (int32_t i = 0; i < rank; ++i)
    value.sizes[i] = sizes[i];
  return value;
}

static int fail(dl_error *error) {
  fprintf(stderr, "%s\n", dl_error_text(error));
  dl_error_free(error);
  return 1;
}

int main(void) {
  float x[] = {1, 0, 0, 1, -1, 3}, w[] = {1, 0, 0, 1}, b[] = {0, 0.5f};
  dl_value in[] = {tensor(x, DL_F32, 2, (int64_t[]){3, 2}), tensor(w, DL_F32, 2, (int64_t[]){2, 2}),
                   tensor(b, DL_F32, 1, (int64_t[]){2})};
  dl_value out = {.dtype = DL_I64, .rank = 1, .sizes = {-1}};
  dl_error *error = dl_invoke(dl_fn_predict, in, 3, &out, 1);
  if (error)
    return fail(error);
  for (int64_t i = 0; i < out.sizes[0]; ++i)
    printf("class %lld\n", (long long)((int64_t *)out.data)[i]);
  dl_free(out.data);

  dl_value six = tensor(x, DL_F32, 1, (int64_t[]){6}), length = {.dtype = DL_F32};
  error = dl_invoke(dl_fn_norm, &six, 1, &length, 1);
  if (error)
    return fail(error);
  printf("norm %.4f\n", length.f);
  return 0;
}
