#include "compiler/driver/certain.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace dl::driver {
namespace {

// A statement of the file with all that is indented under it, or stands in brackets that it opens.
struct Chunk {
  uint32_t begin = 0, end = 0;
  std::set<std::string, std::less<>> mentions, defines;
  bool doubtful = false;
};

bool isWordByte(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || (c & 0x80); }

// The words of the text, and those that stand where a name is given: behind `let`, `fn` and their like.
void readWords(std::string_view text, Chunk &chunk) {
  static const std::set<std::string_view> givers = {"let",   "var", "fn", "module", "for",
                                                    "param", "mut", "as", "import", "buffer"};
  static const std::set<std::string_view> ends = {"in", "let", "var", "fn"};
  bool giving = false;
  for (size_t i = 0; i < text.size();) {
    char c = text[i];
    if (c == '#') {
      i = std::min(text.find('\n', i), text.size());
      continue;
    }
    if (!isWordByte(c)) {
      giving = giving && c != '=' && c != '{' && c != '\n' && c != ':';
      ++i;
      continue;
    }
    size_t end = i;
    while (end < text.size() && isWordByte(text[end]))
      ++end;
    std::string_view word = text.substr(i, end - i);
    chunk.mentions.emplace(word);
    if (giving && !ends.count(word))
      chunk.defines.emplace(word);
    giving = givers.count(word) || (giving && !ends.count(word));
    i = end;
  }
}

std::vector<Chunk> chunksOf(const SourceFile &file) {
  std::vector<Chunk> chunks;
  for (uint32_t start : file.lineStarts) {
    char first = start < file.text.size() ? file.text[start] : '\n';
    if (chunks.empty() || std::string_view(" \t\r\n#})]").find(first) == std::string_view::npos)
      chunks.push_back({start, 0, {}, {}, false});
  }
  for (size_t i = 0; i < chunks.size(); ++i) {
    Chunk &chunk = chunks[i];
    chunk.end = i + 1 < chunks.size() ? chunks[i + 1].begin : static_cast<uint32_t>(file.text.size()) + 1;
    readWords(std::string_view(file.text).substr(chunk.begin, chunk.end - chunk.begin), chunk);
  }
  return chunks;
}

Chunk *chunkAt(std::vector<Chunk> &chunks, Span span, uint32_t file) {
  for (Chunk &chunk : chunks)
    if (span.file == file && span.begin >= chunk.begin && span.begin < chunk.end)
      return &chunk;
  return nullptr;
}

void spread(std::vector<Chunk> &chunks) {
  for (bool changed = true; changed;) {
    changed = false;
    std::set<std::string, std::less<>> names;
    for (const Chunk &chunk : chunks)
      if (chunk.doubtful)
        names.insert(chunk.defines.begin(), chunk.defines.end());
    for (Chunk &chunk : chunks) {
      auto doubted = [&](const std::string &name) { return names.count(name) != 0; };
      if (chunk.doubtful || !std::any_of(chunk.mentions.begin(), chunk.mentions.end(), doubted))
        continue;
      chunk.doubtful = changed = true;
    }
  }
}

} // namespace

void keepCertain(Diagnostics &diagnostics, size_t first, uint32_t file) {
  std::vector<Diagnostic> all = diagnostics.all();
  std::vector<Chunk> chunks = chunksOf(diagnostics.sources().file(file));
  bool everywhere = false;
  for (size_t i = 0; i < first; ++i) {
    Chunk *chunk = chunkAt(chunks, all[i].span, file);
    everywhere |= !chunk;
    if (!chunk)
      continue;
    chunk->doubtful = true;
    // What stands behind an open bracket may have been taken for a part of it.
    if (all[i].code == Code::UnclosedBracket && chunk != &chunks.back())
      chunk[1].doubtful = true;
  }
  spread(chunks);
  auto isCertain = [&](const Diagnostic &d) {
    Chunk *chunk = everywhere ? nullptr : chunkAt(chunks, d.span, file);
    auto called = [](const std::string &note) { return note.rfind("called from ", 0) == 0; };
    return chunk && !chunk->doubtful && std::none_of(d.notes.begin(), d.notes.end(), called);
  };
  diagnostics.clear();
  for (size_t i = 0; i < all.size(); ++i)
    if (i < first || isCertain(all[i])) {
      Diagnostic &kept = all[i].severity == Severity::Error
                             ? diagnostics.error(all[i].code, all[i].span, all[i].message)
                             : diagnostics.warning(all[i].code, all[i].span, all[i].message);
      kept = all[i];
    }
}

} // namespace dl::driver
