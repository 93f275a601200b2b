#include "compiler/driver/source_comments.h"

#include "compiler/syntax/parse.h"

namespace dl::driver {

const std::map<int, SourceComments::Line> &SourceComments::ofFile(uint32_t file) {
  auto [it, isNew] = files.try_emplace(file);
  if (isNew) {
    ast::AstContext asts;
    Diagnostics diagnostics(sources);
    for (const ast::Comment &comment : parse(file, sources, asts, diagnostics).comments) {
      int line = sources.lineColumn(file, comment.span.begin).line;
      std::string_view before = sources.lineText(file, line);
      before = before.substr(0, comment.span.begin - sources.file(file).lineStarts[line - 1]);
      it->second[line] = {comment.text, before.find_first_not_of(" \t") == std::string_view::npos};
    }
  }
  return it->second;
}

autodiff::Comments SourceComments::at(Span place) {
  if (!place.valid())
    return {};
  const std::map<int, Line> &lines = ofFile(place.file);
  int line = sources.lineColumn(place.file, place.begin).line;
  autodiff::Comments found{std::to_string(place.file) + ":" + std::to_string(line), {}, ""};
  if (auto it = lines.find(line); it != lines.end())
    found.trailing = it->second.text;
  for (auto it = lines.find(line - 1); it != lines.end() && it->second.isAlone; it = lines.find(--line - 1))
    if (!it->second.text.starts_with("##")) // describes a whole declaration
      found.above.insert(found.above.begin(), it->second.text);
  return found;
}

} // namespace dl::driver
