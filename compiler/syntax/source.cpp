#include "compiler/syntax/source.h"

#include "compiler/syntax/utf8.h"

#include <algorithm>
#include <cassert>

namespace dl {

uint32_t SourceManager::add(std::string path, std::string text) {
  auto file = std::make_unique<SourceFile>();
  file->id = static_cast<uint32_t>(files_.size()) + 1;
  file->path = std::move(path);
  file->text = std::move(text);
  file->lineStarts.push_back(0);
  for (size_t i = 0; i < file->text.size(); ++i)
    if (file->text[i] == '\n')
      file->lineStarts.push_back(static_cast<uint32_t>(i) + 1);
  files_.push_back(std::move(file));
  return files_.back()->id;
}

const SourceFile &SourceManager::file(uint32_t id) const {
  assert(id >= 1 && id <= files_.size());
  return *files_[id - 1];
}

LineColumn SourceManager::lineColumn(uint32_t id, uint32_t offset) const {
  if (id == 0 || id > files_.size())
    return {};
  const SourceFile &f = file(id);
  offset = std::min(offset, static_cast<uint32_t>(f.text.size()));
  auto next = std::upper_bound(f.lineStarts.begin(), f.lineStarts.end(), offset);
  uint32_t begin = *std::prev(next);
  auto column =
      std::count_if(f.text.begin() + begin, f.text.begin() + offset, [](char c) { return !utf8::isContinuation(c); });
  return {static_cast<int>(next - f.lineStarts.begin()), static_cast<int>(column) + 1};
}

std::optional<uint32_t> SourceManager::offset(uint32_t id, LineColumn place) const {
  const SourceFile &f = file(id);
  if (place.line < 1 || static_cast<size_t>(place.line) > f.lineStarts.size() || place.column < 1)
    return std::nullopt;
  std::string_view line = lineText(id, place.line);
  size_t i = 0;
  for (int column = 1; column < place.column && i < line.size(); ++column)
    i += utf8::decode(line, i).length;
  return f.lineStarts[static_cast<size_t>(place.line) - 1] + static_cast<uint32_t>(i);
}

std::string_view SourceManager::lineText(uint32_t id, int line) const {
  if (id == 0 || id > files_.size())
    return {};
  const SourceFile &f = file(id);
  if (line < 1 || static_cast<size_t>(line) > f.lineStarts.size())
    return {};
  uint32_t begin = f.lineStarts[static_cast<size_t>(line) - 1];
  std::string_view rest = std::string_view(f.text).substr(begin);
  rest = rest.substr(0, rest.find('\n'));
  if (rest.ends_with('\r'))
    rest.remove_suffix(1);
  return rest;
}

std::string_view SourceManager::text(Span span) const {
  if (span.file == 0 || span.file > files_.size())
    return {};
  std::string_view all = file(span.file).text;
  if (span.begin >= all.size() || span.end <= span.begin)
    return {};
  return all.substr(span.begin, span.end - span.begin);
}

} // namespace dl
