// A pretty printer after Wadler, "A prettier printer" (2003): groups are laid out flat when they fit and broken at
// their lines when they do not.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace dl::syntax {

struct DocNode;
using Doc = std::shared_ptr<const DocNode>;

struct DocNode {
  enum Kind { Text, Line, HardLine, Concat, Nest, Group, Trailing, Raw } kind;
  std::string text;       // Text; Line: what stands in its place when flat; Trailing; Raw
  std::vector<Doc> parts; // Concat; Nest and Group: one
  bool breaks = false;    // holds a HardLine or a Raw of several lines
};

Doc text(std::string s);
Doc line();     // a space or a new line
Doc softLine(); // nothing or a new line
Doc hardLine(); // always a new line
Doc concat(std::vector<Doc> parts);
Doc nest(Doc doc);           // two columns further to the right after each new line in `doc`
Doc group(Doc doc);          // flat or broken as a whole
Doc trailing(std::string s); // a comment at the end of a line: takes no room
Doc raw(std::string s);      // text of several lines, written as it is
Doc join(const std::vector<Doc> &items, const Doc &separator);

// The document within `width` columns where it can be, without spaces at the ends of lines.
std::string layOut(const Doc &doc, size_t width);

} // namespace dl::syntax
