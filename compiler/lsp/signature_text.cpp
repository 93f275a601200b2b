#include "compiler/lsp/signature_text.h"

#include <algorithm>
#include <cctype>

namespace dl::lsp {
namespace {

bool isNamePart(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || (c & 0x80); }
bool isOpen(char c) { return c == '(' || c == '[' || c == '{'; }
bool isClose(char c) { return c == ')' || c == ']' || c == '}'; }

// What the lexer would be doing at a place: brackets that are open, and whether it is in a string or a comment.
struct Scan {
  struct Bracket {
    char kind;
    uint32_t at;
    uint32_t commas = 0;
    bool isString = false; // a `"`; its text is no code
  };
  std::vector<Bracket> open;
  bool comment = false;
};

Scan scan(std::string_view text, uint32_t offset) {
  Scan s;
  for (uint32_t i = 0; i < offset && i < text.size(); ++i) {
    char c = text[i];
    bool inString = !s.open.empty() && s.open.back().isString;
    if (s.comment) {
      s.comment = c != '\n';
    } else if (inString) {
      if (c == '\\')
        ++i;
      else if (c == '"' || c == '\n')
        s.open.pop_back();
      else if (c == '{' && i + 1 < text.size() && text[i + 1] == '{')
        ++i;
      else if (c == '{')
        s.open.push_back({c, i});
    } else if (c == '#') {
      s.comment = true;
    } else if (c == '"') {
      s.open.push_back({c, i, 0, true});
    } else if (isOpen(c)) {
      s.open.push_back({c, i});
    } else if (isClose(c)) {
      if (!s.open.empty())
        s.open.pop_back();
    } else if (c == ',' && !s.open.empty()) {
      ++s.open.back().commas;
    }
  }
  return s;
}

} // namespace

Range32 nameBefore(std::string_view text, uint32_t offset) {
  uint32_t begin = offset = std::min<uint32_t>(offset, static_cast<uint32_t>(text.size()));
  while (begin > 0 && isNamePart(text[begin - 1]))
    --begin;
  return {begin, offset};
}

bool isInText(std::string_view text, uint32_t offset) {
  Scan s = scan(text, offset);
  return s.comment || (!s.open.empty() && s.open.back().isString);
}

std::optional<OpenCall> openCallAt(std::string_view text, uint32_t offset) {
  Scan s = scan(text, offset);
  for (auto bracket = s.open.rbegin(); bracket != s.open.rend(); ++bracket) {
    if (bracket->kind == '{')
      return std::nullopt; // a block: what is around it is another statement
    if (bracket->kind != '(')
      continue;
    Range32 name = nameBefore(text, bracket->at);
    if (name.begin < name.end && !std::isdigit(static_cast<unsigned char>(text[name.begin])))
      return OpenCall{name, bracket->commas};
  }
  return std::nullopt;
}

std::vector<ParameterText> parametersOf(std::string_view signature) {
  std::vector<ParameterText> out;
  size_t open = signature.find('(');
  if (open == std::string_view::npos)
    return out;
  int depth = 0;
  size_t begin = open + 1;
  auto add = [&](size_t end) {
    size_t from = begin;
    while (from < end && signature[from] == ' ')
      ++from;
    if (from == end)
      return;
    std::string_view text = signature.substr(from, end - from), name = text;
    for (std::string_view mark : {"mut ", "*", "&"})
      if (name.starts_with(mark))
        name.remove_prefix(mark.size());
    size_t length = 0;
    while (length < name.size() && isNamePart(name[length]))
      ++length;
    out.push_back({{static_cast<uint32_t>(from), static_cast<uint32_t>(end)}, std::string(name.substr(0, length))});
  };
  for (size_t i = open; i < signature.size(); ++i) {
    if (isOpen(signature[i]))
      ++depth;
    bool last = isClose(signature[i]) && --depth == 0;
    if (last || (signature[i] == ',' && depth == 1)) {
      add(i);
      begin = i + 1;
    }
    if (last)
      break;
  }
  return out;
}

} // namespace dl::lsp
