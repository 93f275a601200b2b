// A language server: the Language Server Protocol over a pair of streams.
#pragma once

#include <cstdio>

namespace dl::lsp {

// Answers until the editor ends the session. Returns the exit status that the protocol asks for: 0 when the editor had
// said `shutdown` before, else 1.
int serve(std::FILE *in);

} // namespace dl::lsp
