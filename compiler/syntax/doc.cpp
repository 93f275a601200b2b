#include "compiler/syntax/doc.h"

#include "compiler/syntax/utf8.h"

#include <algorithm>

namespace dl::syntax {
namespace {

Doc make(DocNode::Kind kind, std::string s, std::vector<Doc> parts) {
  auto node = std::make_shared<DocNode>();
  node->kind = kind;
  node->text = std::move(s);
  node->parts = std::move(parts);
  node->breaks = kind == DocNode::HardLine || (kind == DocNode::Raw && node->text.find('\n') != std::string::npos) ||
                 std::any_of(node->parts.begin(), node->parts.end(), [](const Doc &d) { return d->breaks; });
  return node;
}

size_t widthOf(std::string_view s) {
  return static_cast<size_t>(std::count_if(s.begin(), s.end(), [](char c) { return !utf8::isContinuation(c); }));
}

struct Command {
  size_t indent;
  bool flat;
  const DocNode *doc;
};

// Whether `first`, laid out flat, and what follows it up to the next possible line end fit into `room` columns.
bool fits(Command first, const std::vector<Command> &rest, size_t room) {
  std::vector<Command> stack = {first};
  size_t next = rest.size();
  while (true) {
    if (stack.empty()) {
      if (next == 0)
        return true;
      stack.push_back(rest[--next]);
    }
    Command c = stack.back();
    stack.pop_back();
    bool behind = next < rest.size();
    switch (c.doc->kind) {
    case DocNode::Text:
    case DocNode::Raw: {
      size_t width = widthOf(c.doc->text);
      if (width > room)
        return false;
      room -= width;
      break;
    }
    case DocNode::Trailing:
      break;
    case DocNode::HardLine:
      return true;
    case DocNode::Line:
      if (!c.flat || (behind && !rest[next].flat))
        return true;
      if (c.doc->text.size() > room)
        return false;
      room -= c.doc->text.size();
      break;
    case DocNode::Concat:
    case DocNode::Nest:
    case DocNode::Group:
      for (auto it = c.doc->parts.rbegin(); it != c.doc->parts.rend(); ++it)
        stack.push_back({c.indent, c.flat, it->get()});
      break;
    }
  }
}

} // namespace

Doc text(std::string s) { return make(DocNode::Text, std::move(s), {}); }
Doc line() { return make(DocNode::Line, " ", {}); }
Doc softLine() { return make(DocNode::Line, "", {}); }
Doc hardLine() { return make(DocNode::HardLine, "", {}); }
Doc concat(std::vector<Doc> parts) { return make(DocNode::Concat, "", std::move(parts)); }
Doc nest(Doc doc) { return make(DocNode::Nest, "", {std::move(doc)}); }
Doc group(Doc doc) { return make(DocNode::Group, "", {std::move(doc)}); }
Doc trailing(std::string s) { return make(DocNode::Trailing, std::move(s), {}); }
Doc raw(std::string s) { return make(DocNode::Raw, std::move(s), {}); }

Doc join(const std::vector<Doc> &items, const Doc &separator) {
  std::vector<Doc> parts;
  for (const Doc &item : items) {
    if (!parts.empty())
      parts.push_back(separator);
    parts.push_back(item);
  }
  return concat(std::move(parts));
}

std::string layOut(const Doc &doc, size_t width) {
  std::string out;
  size_t column = 0;
  auto newLine = [&](size_t indent) {
    while (out.ends_with(' '))
      out.pop_back();
    out += '\n';
    out.append(indent, ' ');
    column = indent;
  };
  std::vector<Command> stack = {{0, false, doc.get()}};
  while (!stack.empty()) {
    Command c = stack.back();
    stack.pop_back();
    switch (c.doc->kind) {
    case DocNode::Text:
    case DocNode::Trailing:
      out += c.doc->text;
      column += widthOf(c.doc->text);
      break;
    case DocNode::Raw:
      out += c.doc->text;
      column = widthOf(std::string_view(out).substr(out.rfind('\n') + 1));
      break;
    case DocNode::HardLine:
      newLine(c.indent);
      break;
    case DocNode::Line:
      if (c.flat) {
        out += c.doc->text;
        column += c.doc->text.size();
      } else {
        newLine(c.indent);
      }
      break;
    case DocNode::Nest:
      stack.push_back({c.indent + 2, c.flat, c.doc->parts[0].get()});
      break;
    case DocNode::Group: {
      Command flat{c.indent, true, c.doc->parts[0].get()};
      bool fitting = !c.doc->breaks && (c.flat || fits(flat, stack, width > column ? width - column : 0));
      stack.push_back({c.indent, fitting, c.doc->parts[0].get()});
      break;
    }
    case DocNode::Concat:
      for (auto it = c.doc->parts.rbegin(); it != c.doc->parts.rend(); ++it)
        stack.push_back({c.indent, c.flat, it->get()});
      break;
    }
  }
  while (out.ends_with(' '))
    out.pop_back();
  return out;
}

} // namespace dl::syntax
