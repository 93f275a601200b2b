// Checks small scripts and shows what came of them.
#pragma once

#include "compiler/ops/registry.h"
#include "compiler/sema/check.h"
#include "compiler/syntax/parse.h"

#include <gtest/gtest.h>

#include <map>

namespace dl {

struct Checked {
  std::string tree;   // the typed tree; empty after errors
  std::string errors; // "E0401 3:12 message" a line
  std::string full;   // the errors as a person reads them
};

// `files` are what `import` finds, by name; none is imported by itself unless it is called "prelude".
inline Checked check(const std::string &text, const std::map<std::string, std::string> &files = {}) {
  SourceManager sources;
  Diagnostics diagnostics(sources);
  ast::AstContext context;
  ast::File file = parse(sources.add("test.dl", text), sources, context, diagnostics);
  sema::Options options;
  options.builtins = ops::builtins();
  options.findImport = [&](const std::string &name, const std::string &, std::string &path, std::string &found) {
    auto it = files.find(name);
    if (it == files.end())
      return false;
    path = "lib/" + name + ".dl";
    found = it->second;
    return true;
  };
  std::unique_ptr<sema::Program> program = sema::check(file, sources, context, diagnostics, options);
  Checked out;
  for (const Diagnostic &d : diagnostics.all()) {
    LineColumn at = d.span.valid() ? sources.lineColumn(d.span.file, d.span.begin) : LineColumn{};
    out.errors += std::string(codeName(d.code)) + " " + std::to_string(at.line) + ":" + std::to_string(at.column) +
                  " " + d.message + "\n";
    out.full += render(d, sources, false);
  }
  if (!diagnostics.hasErrors())
    out.tree = sema::print(*program);
  return out;
}

// The lines of the tree's function `symbol`, without the heading.
inline std::string bodyOf(const Checked &checked, const std::string &symbol) {
  std::string out;
  bool inside = false;
  size_t at = 0;
  while (at < checked.tree.size()) {
    size_t end = checked.tree.find('\n', at);
    std::string line = checked.tree.substr(at, end - at);
    at = end + 1;
    if (line.compare(0, 2, "  ") != 0)
      inside = line.find("fn " + symbol + "(") != std::string::npos && line.find("fn ") < 8;
    else if (inside)
      out += line.substr(2) + "\n";
  }
  return out;
}

inline bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

} // namespace dl

#define EXPECT_CONTAINS(text, part) EXPECT_TRUE(dl::contains(text, part)) << (text)
