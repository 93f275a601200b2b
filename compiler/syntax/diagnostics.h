// Diagnostics are data: a code from the table, a message, spans with labels, notes. The text is made in one place.
#pragma once

#include "compiler/syntax/source.h"

#include <string>
#include <unordered_set>
#include <vector>

namespace dl {

enum class Severity { Error, Warning, Note };

// One row per diagnostic in diagnostics.def: DL_DIAGNOSTIC(Identifier, "E0101", "summary for docs/errors.md")
enum class Code : uint16_t {
#define DL_DIAGNOSTIC(id, code, summary) id,
#include "compiler/syntax/diagnostics.def"
#undef DL_DIAGNOSTIC
};
std::string_view codeName(Code code); // "E0101"
std::string_view codeSummary(Code code);

struct Label {
  Span span;
  std::string text;
};

struct Diagnostic {
  Code code;
  Severity severity = Severity::Error;
  std::string message;
  Span span;                      // where the caret goes
  std::vector<Label> labels;      // further places, on the same or other lines
  std::vector<std::string> notes; // "= …" lines: the chain of calls, where a size came from
  std::string help;               // "help: …", or empty

  Diagnostic &label(Span s, std::string text) {
    labels.push_back({s, std::move(text)});
    return *this;
  }
  Diagnostic &note(std::string text) {
    notes.push_back(std::move(text));
    return *this;
  }
  Diagnostic &withHelp(std::string text) {
    help = std::move(text);
    return *this;
  }
};

// Collects what a compilation has to say. Identical (code, span, message) are reported once.
class Diagnostics {
public:
  explicit Diagnostics(const SourceManager &sources) : sources_(&sources) {}
  // The reference stays valid until the next call of error() or warning().
  Diagnostic &error(Code code, Span span, std::string message);
  Diagnostic &warning(Code code, Span span, std::string message);
  bool hasErrors() const { return errors_ != 0; }
  size_t errorCount() const { return errors_; }
  const std::vector<Diagnostic> &all() const { return all_; }
  const SourceManager &sources() const { return *sources_; }
  // Puts the diagnostics from the first-th on into the order of their places in the text.
  void sortFrom(size_t first);
  void clear() {
    all_.clear();
    seen_.clear();
    errors_ = 0;
  }

private:
  Diagnostic &add(Code code, Severity severity, Span span, std::string message);

  const SourceManager *sources_;
  std::vector<Diagnostic> all_;
  std::unordered_set<std::string> seen_; // code, span and message of all_
  Diagnostic repeated_{};
  size_t errors_ = 0;
};

// The diagnostic as a person reads it, with source lines and carets; `color` adds ANSI escapes.
std::string render(const Diagnostic &d, const SourceManager &sources, bool color);
// The same as one line of JSON.
std::string renderJson(const Diagnostic &d, const SourceManager &sources);

// The candidate closest to `name` (edit distance small enough to be a slip), or empty.
std::string didYouMean(std::string_view name, const std::vector<std::string> &candidates);

} // namespace dl
