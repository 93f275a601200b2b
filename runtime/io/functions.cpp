// Files, as compiled code reads and writes them. A path is a str; every error names the file.
#include "runtime/core/arguments.h"
#include "runtime/io/array.h"
#include "runtime/io/file.h"
#include "runtime/io/idx.h"

using namespace dl::rt;

// in: path (str).  out: a tensor of the file's element type and rank; the file may be packed with gzip.
DL_RUNTIME_FUNCTION(read_idx) {
  call.expect(1, 1);
  std::string path(call.string(0));
  deliver(call, 0, readIdx(path).orFail(), path);
}
