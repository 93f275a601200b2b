// Source files and positions. A Span is three integers; text, line and column are looked up when needed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dl {

// A half-open byte range of one file. file == 0 means "no place".
struct Span {
  uint32_t file = 0;
  uint32_t begin = 0;
  uint32_t end = 0;
  bool valid() const { return file != 0; }
  bool operator==(const Span &) const = default;
};

struct LineColumn {
  int line = 0;   // from 1
  int column = 0; // from 1, in Unicode code points
};

struct SourceFile {
  uint32_t id;
  std::string path; // as the user named it
  std::string text;
  std::vector<uint32_t> lineStarts;
};

// Owns all files of one compilation.
class SourceManager {
public:
  // Adds a text that is already in memory and returns its file id (from 1).
  uint32_t add(std::string path, std::string text);
  const SourceFile &file(uint32_t id) const;
  LineColumn lineColumn(uint32_t file, uint32_t offset) const;
  // The byte at a line and column; the end of the line for a column behind it, nothing for a line that is not there.
  std::optional<uint32_t> offset(uint32_t file, LineColumn place) const;
  // The text of a line (from 1) without its newline; empty when out of range.
  std::string_view lineText(uint32_t file, int line) const;
  std::string_view text(Span span) const;
  size_t size() const { return files_.size(); }

private:
  std::vector<std::unique_ptr<SourceFile>> files_;
};

} // namespace dl
