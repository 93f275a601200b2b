// What may be written at a place, and what is being called there.
#pragma once

#include "compiler/driver/files.h"
#include "compiler/sema/facts.h"

#include <string>
#include <string_view>
#include <vector>

namespace dl::lsp {

struct Candidate {
  enum Kind { Name, Keyword, Argument, File } kind = Name;
  std::string text;    // what to write
  sema::Symbol symbol; // Name
};

// A text in an editor.
struct Buffer {
  std::string path;
  std::string_view text;
  driver::ImportFinder::Reader read; // of other files
};

// Best ones first; all that start otherwise than what is already there are left out.
std::vector<Candidate> completionsAt(const Buffer &buffer, uint32_t offset);

// The call around the place.
struct CallAt {
  sema::Symbol function; // its name is empty when there is no call, or nobody knows what is called
  uint32_t argument = 0;
  bool isMethodCall = false; // x.f(…): the first parameter of `function` is x
};
CallAt callAt(const Buffer &buffer, uint32_t offset);

} // namespace dl::lsp
