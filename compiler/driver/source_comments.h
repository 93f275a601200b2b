// The comments of scripts, found by the line that they belong to.
#pragma once

#include "compiler/autodiff/print_source.h"
#include "compiler/syntax/source.h"

#include <map>

namespace dl::driver {

class SourceComments {
public:
  explicit SourceComments(const SourceManager &sources) : sources(sources) {}

  // Those of the line where the user's code is at this place.
  autodiff::Comments at(Span place);

private:
  struct Line {
    std::string text; // with the `#`
    bool isAlone;     // nothing but white space before it
  };
  const std::map<int, Line> &ofFile(uint32_t file);

  const SourceManager &sources;
  std::map<uint32_t, std::map<int, Line>> files;
};

} // namespace dl::driver
