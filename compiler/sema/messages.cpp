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

// Faults in how values are used: inside the library they come from what it was called with.
static bool isOfArguments(Code code) {
  switch (code) {
  case Code::UnknownMember:
  case Code::TypeMismatch:
  case Code::NotCallable:
  case Code::BadOperand:
  case Code::BadCondition:
  case Code::BranchTypes:
  case Code::BadPattern:
  case Code::ShapeMismatch:
  case Code::RankMismatch:
  case Code::BadBroadcast:
  case Code::BadDimension:
    return true;
  default:
    return false;
  }
}

// "`softsign` does not take i64[3]: "
static std::string notTaken(const Function &function) {
  std::string types;
  for (const Variable *p : function.params)
    if (p->type && p->type->kind != TypeKind::Module && p->type->kind != TypeKind::Function)
      types += (types.empty() ? "" : ", ") + str(p->type);
  return types.empty() ? "`" + function.name + "`: " : "`" + function.name + "` does not take " + types + ": ";
}

bool Checker::needsConstant(const Diagnostics &errors) {
  return std::any_of(errors.all().begin(), errors.all().end(),
                     [](const Diagnostic &d) { return d.code == Code::NotConstant; });
}

void Checker::report(const Diagnostics &errors) {
  for (const Diagnostic &d : errors.all())
    diagnostics_->error(d.code, d.span, d.message) = d;
}

Diagnostic &Checker::error(Code code, Span span, std::string message) {
  // A fault that shows inside the library is the caller's: the place is the user's line, the library's a note.
  const Frame *frame = frame_;
  const Function *called = nullptr;
  std::vector<std::string> notes;
  while (frame && frame->isLibrary && frame->caller) {
    std::string name = frame->function ? frame->function->name : "?";
    notes.push_back("inside " + name + ", " + placeText(span) + ": " + sourceText(span));
    called = frame->function;
    span = frame->callSpan;
    frame = frame->caller;
  }
  if (called) {
    // One mistake, one error: what else does not fit inside the same call follows from it.
    static thread_local Diagnostic repeated;
    for (const Diagnostic &d : diagnostics_->all())
      if (d.span == span && !d.notes.empty() && d.notes[0].rfind("inside ", 0) == 0)
        return repeated = {};
    if (isOfArguments(code))
      message = notTaken(*called) + message;
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

bool Checker::refuse(const Value &message, Span span) {
  if (!message.known.text)
    return false;
  Frame *frame = frame_;
  Span call = span;
  bool isLibrary = frame->isLibrary;
  do {
    if (!frame->caller || frame->depth > 0 || frame->returned || !frame->callSpan.valid())
      return false;
    call = frame->callSpan;
    frame = frame->caller;
  } while (isLibrary && frame->isLibrary);
  frame_->failed = true;
  Restore<Frame *> outer(frame_, frame);
  Diagnostic &d = error(Code::FailedAssertion, call, *message.known.text);
  if (!isLibrary)
    d.label(span, "required here");
  return true;
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
