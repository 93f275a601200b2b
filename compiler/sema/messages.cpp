// Errors with their place, where values come from, and the chain of calls.
#include "compiler/sema/checker.h"

namespace dl::sema {

std::string Checker::placeText(Span span) const {
  if (!span.valid())
    return "?";
  LineColumn at = sources_.lineColumn(span.file, span.begin);
  return sources_.file(span.file).path + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
}

std::string Checker::sourceText(Span span, size_t limit) const {
  if (!span.valid())
    return "";
  std::string text;
  for (char c : sources_.text(span)) {
    bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (space && (text.empty() || text.back() == ' '))
      continue;
    text += space ? ' ' : c;
  }
  if (text.size() > limit) {
    size_t cut = limit - 3;
    while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80)
      --cut; // not inside a character
    text = text.substr(0, cut) + "…";
  }
  return text;
}

Diagnostic &Checker::error(Code code, Span span, std::string message) {
  // A fault that shows inside the library is the caller's: the place is the user's line, the library's a note.
  const Frame *frame = frame_;
  std::vector<std::string> notes;
  while (frame && frame->isLibrary && frame->caller) {
    std::string name = frame->function ? frame->function->name : "?";
    notes.push_back("inside " + name + ", " + placeText(span) + ": " + sourceText(span));
    span = frame->callSpan;
    frame = frame->caller;
  }
  Diagnostic &d = diagnostics_->error(code, span, std::move(message));
  for (std::string &note : notes)
    d.note(std::move(note));
  int shown = 0;
  for (; frame && frame->caller && shown < 8; frame = frame->caller, ++shown)
    if (frame->callSpan.valid())
      d.note("called from " + placeText(frame->callSpan) + ", " + sourceText(frame->callSpan));
  if (frame && frame->caller)
    d.note("…");
  return d;
}

std::string Checker::describe(const Value &value) const {
  std::string text = str(value.type);
  const Binding *b = value.binding;
  if (b && b->origin.valid() && sources_.text(b->origin) != sources_.text(value.span))
    text += ", from `" + sourceText(b->origin, 40) + "` at " + placeText(b->origin);
  return text;
}

// The parser bounds the nesting of one expression, but calls of generic functions nest checks inside checks.
bool Checker::enter(Span span) {
  constexpr int kMaxNesting = 1500;
  if (nesting_ < kMaxNesting)
    return true;
  if (!stopped_)
    error(Code::NestedTooDeep, span, "expressions and calls nest deeper than the compiler accepts");
  stopped_ = true;
  return false;
}

} // namespace dl::sema
