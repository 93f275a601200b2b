#include "compiler/lsp/analysis.h"

#include "compiler/lsp/names.h"

#include <algorithm>
#include <charconv>

namespace dl::lsp {
namespace {

bool covers(Span span, uint32_t offset) { return span.begin <= offset && offset < span.end; }
// The cursor of an editor stands between characters: behind a name it still means the name.
bool touches(Span span, uint32_t offset) { return span.begin <= offset && offset <= span.end; }

// Of the places at the offset the length of the shortest, preferring those that hold the character behind it.
template <typename Places>
std::pair<uint32_t, bool (*)(Span, uint32_t)> shortest(const Places &places, uint32_t offset) {
  for (auto at : {covers, touches}) {
    uint32_t length = UINT32_MAX;
    for (const auto &place : places)
      if (at(place.span, offset))
        length = std::min(length, place.span.end - place.span.begin);
    if (length != UINT32_MAX)
      return {length, at};
  }
  return {UINT32_MAX, covers};
}

} // namespace

Analysis::Analysis(const std::string &path, std::string text, driver::ImportFinder::Reader read,
                   std::optional<uint32_t> cursor)
    : compilation({}, std::move(read)) {
  collected.cursor = cursor;
  parsed = compilation.addText(path, std::move(text));
  checked = compilation.check(&collected) && parsed;
  found = compilation.diagnostics.all();
}

bool Analysis::hasErrors() const {
  return std::any_of(found.begin(), found.end(), [](const Diagnostic &d) { return d.severity == Severity::Error; });
}

void Analysis::finish() {
  if (!checked)
    return;
  if (compilation.generate())
    compilation.lowering.differentiate();
  found = compilation.diagnostics.all();
}

std::vector<sema::TypedPlace> Analysis::typesAt(uint32_t offset) const {
  auto [length, at] = shortest(collected.types, offset);
  std::vector<sema::TypedPlace> out;
  for (const sema::TypedPlace &place : collected.types) {
    if (!at(place.span, offset) || place.span.end - place.span.begin != length)
      continue;
    bool known = std::any_of(out.begin(), out.end(), [&](const sema::TypedPlace &other) {
      return other.type == place.type && other.instance == place.instance;
    });
    if (!known)
      out.push_back(place);
  }
  return out;
}

const sema::Meaning *Analysis::meaningAt(uint32_t offset) const {
  auto [length, at] = shortest(collected.meanings, offset);
  for (const sema::Meaning &meaning : collected.meanings)
    if (at(meaning.span, offset) && meaning.span.end - meaning.span.begin == length)
      return &meaning;
  return nullptr;
}

std::vector<sema::Symbol> Analysis::namesAt(uint32_t offset) const {
  std::vector<sema::Symbol> names = declaredAround(syntax(), offset);
  // What the checker knows of them is more than the text says.
  for (sema::Symbol &name : names)
    for (const sema::Meaning &meaning : collected.meanings)
      if (meaning.symbol.name == name.name && meaning.symbol.span == name.span) {
        name = meaning.symbol;
        break;
      }
  auto isNew = [&](const sema::Symbol &symbol) {
    return std::none_of(names.begin(), names.end(),
                        [&](const sema::Symbol &other) { return other.name == symbol.name; });
  };
  for (const sema::Symbol &symbol : collected.library)
    if (isNew(symbol))
      names.push_back(symbol);
  return names;
}

std::optional<PlaceName> parsePlace(const std::string &text) {
  size_t second = text.rfind(':');
  size_t first = second == std::string::npos || second == 0 ? std::string::npos : text.rfind(':', second - 1);
  if (first == std::string::npos || first == 0)
    return std::nullopt;
  auto number = [&](size_t begin, size_t end) {
    int value = 0;
    auto [rest, error] = std::from_chars(text.data() + begin, text.data() + end, value);
    return error == std::errc() && rest == text.data() + end ? value : 0;
  };
  PlaceName name{text.substr(0, first), {number(first + 1, second), number(second + 1, text.size())}};
  return name.place.line > 0 && name.place.column > 0 ? std::optional(name) : std::nullopt;
}

} // namespace dl::lsp
