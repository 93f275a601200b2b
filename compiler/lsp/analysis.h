// One script as an editor asks about it: what stands at a place, and what may be written there.
#pragma once

#include "compiler/driver/compilation.h"
#include "compiler/sema/facts.h"

#include <optional>
#include <string>
#include <vector>

namespace dl::lsp {

class Analysis {
public:
  // Parses and checks the text; offsets below are bytes of it. `read` gives imported files. With a `cursor` the members
  // of the value before the name at that offset are collected too.
  Analysis(const std::string &path, std::string text, driver::ImportFinder::Reader read = driver::readFile,
           std::optional<uint32_t> cursor = std::nullopt);

  // Also looks for what only differentiating finds.
  void finish();
  // What a user is to see. While the text does not parse, that is why; the rest would be consequences.
  const std::vector<Diagnostic> &diagnostics() const { return found; }
  bool hasErrors() const;

  // The innermost expression or declared name at the place, once per instance of a generic function; empty where
  // nothing is, or where no instance was checked.
  std::vector<sema::TypedPlace> typesAt(uint32_t offset) const;
  // What the name at the place means.
  const sema::Meaning *meaningAt(uint32_t offset) const;
  // Names that may be used at the place, inner ones first; those that every file has come last.
  std::vector<sema::Symbol> namesAt(uint32_t offset) const;

  const sema::Facts &facts() const { return collected; }
  const ast::File &syntax() const { return compilation.syntax(); }
  const SourceManager &sources() const { return compilation.sources; }

private:
  driver::Compilation compilation;
  sema::Facts collected;
  std::vector<Diagnostic> found;
  bool parsed = false, checked = false;
};

// `FILE:LINE:COLUMN` as messages write it; columns count characters.
struct PlaceName {
  std::string file;
  LineColumn place;
};
std::optional<PlaceName> parsePlace(const std::string &text);

} // namespace dl::lsp
