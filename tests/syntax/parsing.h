// What the tests of the syntax library share.
#pragma once

#include "compiler/syntax/parse.h"

#include <gtest/gtest.h>

#include <string>

namespace dl::testing {

// A text with its tree and its diagnostics.
struct Parsed {
  explicit Parsed(std::string text)
      : diagnostics(sources), file(parse(sources.add("t.dl", std::move(text)), sources, context, diagnostics)) {}
  Parsed(const Parsed &) = delete;

  std::string ast() const { return ast::print(file); }
  std::string text(Span span) const { return std::string(sources.text(span)); }
  // All diagnostics as a person reads them.
  std::string report() const {
    std::string out;
    for (const Diagnostic &d : diagnostics.all())
      out += render(d, sources, false);
    return out;
  }

  SourceManager sources;
  ast::AstContext context;
  Diagnostics diagnostics;
  ast::File file;
};

// The tree of a text that must be right, without the last newline.
inline std::string tree(const std::string &text) {
  Parsed p(text);
  EXPECT_EQ(p.report(), "") << text;
  std::string out = p.ast();
  if (out.ends_with('\n'))
    out.pop_back();
  return out;
}

// The messages of a text's errors, one a line: "line:column message".
inline std::string errors(const std::string &text) {
  Parsed p(text);
  std::string out;
  for (const Diagnostic &d : p.diagnostics.all()) {
    LineColumn at = p.sources.lineColumn(d.span.file, d.span.begin);
    out += std::to_string(at.line) + ":" + std::to_string(at.column) + " " + d.message + "\n";
  }
  return out;
}

} // namespace dl::testing
