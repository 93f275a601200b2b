#include "compiler/irgen/spans.h"

#include "compiler/dialect/location.h"

#include <algorithm>

namespace dl::irgen {

mlir::Location makeLocation(mlir::MLIRContext *context, Span span, const SourceManager &sources) {
  if (!span.valid() || span.file > sources.size())
    return mlir::UnknownLoc::get(context);
  LineColumn start = sources.lineColumn(span.file, span.begin);
  int32_t length = span.end > span.begin ? int32_t(span.end - span.begin) : 0;
  return ir::makeLocation(context, sources.file(span.file).path, start.line, start.column, length);
}

static bool startsCodePoint(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

Span spanOf(mlir::Location location, const SourceManager &sources) {
  std::optional<ir::SourcePlace> place = ir::decodeLocation(location);
  if (!place)
    return {};
  for (uint32_t id = 1; id <= sources.size(); ++id) {
    const SourceFile &file = sources.file(id);
    if (file.path != place->file || place->line < 1 || size_t(place->line) > file.lineStarts.size())
      continue;
    uint32_t begin = file.lineStarts[place->line - 1];
    for (int column = 1; column < place->column && begin < file.text.size(); ++column) {
      ++begin;
      while (begin < file.text.size() && !startsCodePoint(file.text[begin]))
        ++begin;
    }
    return {id, begin, std::min<uint32_t>(begin + place->length, uint32_t(file.text.size()))};
  }
  return {};
}

} // namespace dl::irgen
