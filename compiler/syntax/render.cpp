// Diagnostics as text and as JSON.
#include "compiler/syntax/diagnostics.h"
#include "compiler/syntax/text.h"
#include "compiler/syntax/utf8.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <tuple>

namespace dl {
namespace {

constexpr size_t kMaxLine = 120; // columns of source shown; longer lines are cut around what is pointed at
constexpr size_t kTab = 4;

struct Paint {
  bool on;
  std::string operator()(const char *code, std::string_view text) const {
    return on && !text.empty() ? cat("\x1b[", code, "m", text, "\x1b[0m") : std::string(text);
  }
};
constexpr const char *kRed = "1;31", *kYellow = "1;33", *kBlue = "1;34", *kCyan = "1;36", *kBold = "1";

// What is drawn under one source line: columns [begin, end) on the screen.
struct Mark {
  size_t begin, end;
  bool primary;
  std::string text;
};

// A source line as it is shown, and where each byte of it stands on the screen.
struct ShownLine {
  std::string text;
  std::vector<size_t> columns; // of each byte, and of the end
};

ShownLine show(std::string_view line) {
  ShownLine shown;
  size_t column = 0;
  for (size_t i = 0; i < line.size();) {
    utf8::Decoded d = utf8::decode(line, i);
    shown.columns.insert(shown.columns.end(), d.length, column);
    if (line[i] == '\t') {
      size_t width = kTab - column % kTab;
      shown.text.append(width, ' ');
      column += width;
    } else {
      bool control = d.codePoint < 0x20 || (d.codePoint >= 0x7F && d.codePoint < 0xA0);
      bool combining = d.codePoint >= 0x300 && d.codePoint < 0x370;
      utf8::append(shown.text, control ? U'\uFFFD' : d.codePoint);
      column += combining ? 0 : 1;
    }
    i += d.length;
  }
  shown.columns.push_back(column);
  return shown;
}

// The bytes of `text` that stand in columns [from, to).
std::string cut(const ShownLine &line, size_t from, size_t to) {
  std::string out;
  size_t column = 0;
  for (size_t i = 0; i < line.text.size(); ++column) {
    size_t length = utf8::decode(line.text, i).length;
    if (column >= from && column < to)
      out.append(line.text, i, length);
    i += length;
  }
  return out;
}

class Renderer {
public:
  Renderer(const Diagnostic &d, const SourceManager &sources, bool color) : d_(d), sources_(sources), paint_{color} {}

  std::string run() {
    const char *word = d_.severity == Severity::Error ? "error" : d_.severity == Severity::Warning ? "warning" : "note";
    accent_ = d_.severity == Severity::Error ? kRed : d_.severity == Severity::Warning ? kYellow : kCyan;
    out_ = cat(paint_(accent_, word), paint_(kBold, cat(": ", d_.message)), "\n");
    collect();
    bool first = true;
    if (auto it = lines_.find(d_.span.file); it != lines_.end()) {
      file(it->first, it->second, true);
      first = false;
    }
    for (auto &[id, marks] : lines_)
      if (id != d_.span.file)
        file(id, marks, std::exchange(first, false));
    std::string indent(width_ + 1, ' ');
    for (const std::string &note : notes_)
      out_ += cat(indent, paint_(kBlue, "="), " ", note, "\n");
    if (!d_.help.empty())
      out_ += cat(paint_(kCyan, "help"), ": ", d_.help, "\n");
    return std::move(out_);
  }

private:
  using Lines = std::map<int, std::vector<Mark>>;

  bool known(Span span) const { return span.valid() && span.file <= sources_.size(); }

  void collect() {
    notes_ = d_.notes;
    if (known(d_.span))
      mark(d_.span, true, "");
    for (const Label &label : d_.labels)
      if (known(label.span))
        mark(label.span, false, label.text);
    int highest = 0;
    for (auto &[id, lines] : lines_)
      if (!lines.empty())
        highest = std::max(highest, lines.rbegin()->first);
    width_ = std::max<size_t>(2, std::to_string(highest).size());
  }

  // A span of several lines is marked to the end of its first.
  void mark(Span span, bool primary, const std::string &text) {
    LineColumn at = sources_.lineColumn(span.file, span.begin);
    std::string_view line = sources_.lineText(span.file, at.line);
    uint32_t lineBegin = sources_.file(span.file).lineStarts[static_cast<size_t>(at.line) - 1];
    ShownLine shown = show(line);
    auto column = [&](uint32_t offset) { return shown.columns[std::min<size_t>(offset - lineBegin, line.size())]; };
    size_t begin = column(span.begin);
    size_t end = std::max(column(std::max(span.end, span.begin)), begin + 1);
    lines_[span.file][at.line].push_back({begin, end, primary, text});
  }

  std::string gutter(std::string_view number = "") const {
    return paint_(kBlue, cat(std::string(width_ - number.size(), ' '), number, " |"));
  }

  void file(uint32_t id, Lines &lines, bool primary) {
    std::string place;
    if (id == d_.span.file) {
      LineColumn at = sources_.lineColumn(id, d_.span.begin);
      place = cat(sources_.file(id).path, ":", at.line, ":", at.column);
    } else {
      auto &[line, marks] = *lines.begin();
      place = cat(sources_.file(id).path, ":", line, ":", marks.front().begin + 1);
    }
    out_ += cat(std::string(width_, ' '), paint_(kBlue, primary ? "--> " : "::: "), place, "\n");
    out_ += gutter() + "\n";
    int last = lines.begin()->first;
    for (auto &[line, marks] : lines) {
      if (line > last + 2)
        out_ += paint_(kBlue, "...") + "\n";
      else if (line == last + 2)
        source(id, line - 1, nullptr);
      source(id, line, &marks);
      last = line;
    }
  }

  void source(uint32_t id, int line, std::vector<Mark> *marks) {
    ShownLine shown = show(sources_.lineText(id, line));
    size_t from = 0, total = shown.columns.back();
    if (total > kMaxLine && marks) {
      const Mark *focus = &marks->front();
      for (const Mark &m : *marks)
        if (m.primary)
          focus = &m;
      from = focus->begin > kMaxLine / 2 ? focus->begin - kMaxLine / 2 : 0;
    }
    size_t to = std::min(total, from + kMaxLine);
    std::string text = cut(shown, from, to);
    while (text.ends_with(' '))
      text.pop_back();
    const char *before = from > 0 ? "…" : "", *after = to < total ? "…" : "";
    out_ += cat(gutter(std::to_string(line)), text.empty() ? "" : " ", before, text, after, "\n");
    if (marks)
      underline(std::move(*marks), from, to, from > 0 ? 1 : 0);
  }

  void underline(std::vector<Mark> marks, size_t from, size_t to, size_t shift) {
    std::vector<Mark> visible;
    for (Mark &m : marks) {
      if (m.begin < from || m.begin > to) {
        if (!m.text.empty())
          notes_.push_back(m.text); // it stands where the line is cut
        continue;
      }
      m.end = std::max(std::min(m.end, to), m.begin + 1);
      m.begin += shift - from;
      m.end += shift - from;
      visible.push_back(std::move(m));
    }
    if (visible.empty())
      return;
    std::sort(visible.begin(), visible.end(), [](const Mark &a, const Mark &b) {
      return std::tie(a.begin, a.end, a.primary) < std::tie(b.begin, b.end, b.primary);
    });

    size_t width = 0;
    for (const Mark &m : visible)
      width = std::max(width, m.end);
    std::string row(width, ' ');
    for (bool primary : {false, true})
      for (const Mark &m : visible)
        if (m.primary == primary)
          std::fill(row.begin() + static_cast<ptrdiff_t>(m.begin), row.begin() + static_cast<ptrdiff_t>(m.end),
                    primary ? '^' : '-');

    // The text of the last mark follows the row, the others hang below theirs, from right to left.
    std::vector<const Mark *> hanging;
    const Mark *inline_ = nullptr;
    for (const Mark &m : visible) {
      if (m.text.empty())
        continue;
      if (m.end == width)
        inline_ = &m;
      hanging.push_back(&m);
    }
    std::erase(hanging, inline_);
    out_ += cat(gutter(), " ", paintRow(row), inline_ ? paint_(kBlue, " " + inline_->text) : "", "\n");
    if (hanging.empty())
      return;
    out_ += cat(gutter(), " ", connectors(hanging, hanging.size()), "\n");
    for (size_t i = hanging.size(); i-- > 0;) {
      std::string line = connectors(hanging, i);
      line.resize(std::max(line.size(), hanging[i]->begin), ' ');
      out_ += cat(gutter(), " ", paint_(kBlue, line + hanging[i]->text), "\n");
    }
  }

  std::string connectors(const std::vector<const Mark *> &marks, size_t count) const {
    std::string line;
    for (size_t i = 0; i < count; ++i) {
      line.resize(std::max(line.size(), marks[i]->begin + 1), ' ');
      line[marks[i]->begin] = '|';
    }
    return count == marks.size() ? paint_(kBlue, line) : line;
  }

  std::string paintRow(const std::string &row) const {
    std::string out;
    for (size_t i = 0; i < row.size();) {
      size_t j = std::min(row.find_first_not_of(row[i], i), row.size());
      std::string_view run = std::string_view(row).substr(i, j - i);
      out += row[i] == '^' ? paint_(accent_, run) : row[i] == '-' ? paint_(kBlue, run) : std::string(run);
      i = j;
    }
    return out;
  }

  const Diagnostic &d_;
  const SourceManager &sources_;
  Paint paint_;
  const char *accent_ = kRed;
  size_t width_ = 2;
  std::map<uint32_t, Lines> lines_;
  std::vector<std::string> notes_;
  std::string out_;
};

nlohmann::json place(Span span, const SourceManager &sources) {
  if (!span.valid() || span.file > sources.size())
    return nullptr;
  LineColumn begin = sources.lineColumn(span.file, span.begin), end = sources.lineColumn(span.file, span.end);
  return {{"file", sources.file(span.file).path},
          {"line", begin.line},
          {"column", begin.column},
          {"endLine", end.line},
          {"endColumn", end.column}};
}

} // namespace

std::string render(const Diagnostic &d, const SourceManager &sources, bool color) {
  return Renderer(d, sources, color).run();
}

std::string renderJson(const Diagnostic &d, const SourceManager &sources) {
  nlohmann::json object = {{"severity", d.severity == Severity::Error     ? "error"
                                        : d.severity == Severity::Warning ? "warning"
                                                                          : "note"},
                           {"code", codeName(d.code)},
                           {"message", d.message},
                           {"place", place(d.span, sources)},
                           {"labels", nlohmann::json::array()},
                           {"notes", d.notes},
                           {"help", d.help}};
  for (const Label &label : d.labels)
    object["labels"].push_back({{"place", place(label.span, sources)}, {"text", label.text}});
  // A message may quote bytes of the user's that are no UTF-8.
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

} // namespace dl
