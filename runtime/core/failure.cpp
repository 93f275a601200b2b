#include "runtime/core/failure.h"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>

#include "runtime/core/dtype.h"
#include "runtime/core/frame.h"
#include "runtime/core/memory.h"
#include "runtime/core/stack.h"

struct dl_error {
  std::string message, text, file, line;
  dl_site site{};
  bool hasSite = false;
};

volatile int32_t dl_interrupted = 0;

namespace dl::rt {
namespace {

thread_local Frame *innermost = nullptr;

constexpr const char *kInterrupted = "interrupted";

// The number of bytes that hold the first `count` code points of a text.
size_t bytesOfCodePoints(std::string_view text, int64_t count) {
  size_t at = 0;
  for (; count > 0 && at < text.size(); --count) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80)
      ++at;
  }
  return at;
}

int64_t codePoints(std::string_view text) {
  int64_t count = 0;
  for (char c : text)
    count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

std::string render(std::string_view message, const dl_site *site) {
  std::string out = concat("error: ", message, '\n');
  if (!site || !site->file)
    return out;
  out += concat("  --> ", site->file, ':', site->line, ':', site->column, '\n');
  if (!site->line_text || !*site->line_text || site->line <= 0)
    return out;
  std::string_view line = site->line_text;
  if (size_t end = line.find('\n'); end != line.npos)
    line = line.substr(0, end);
  std::string number = std::to_string(site->line);
  std::string margin(number.size(), ' ');
  out += concat(margin, " |\n", number, " | ", line, '\n', margin, " | ");
  size_t before = bytesOfCodePoints(line, site->column - 1);
  for (char c : line.substr(0, before))
    if (c == '\t')
      out += '\t';
    else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80)
      out += ' ';
  int64_t room = codePoints(line.substr(before));
  int64_t carets = site->length < 1 ? 1 : site->length;
  out.append(static_cast<size_t>(carets < room ? carets : (room < 1 ? 1 : room)), '^');
  out += '\n';
  return out;
}

dl_error *makeError(const char *message, const dl_site *site) {
  auto *error = new dl_error;
  error->message = message;
  error->text = render(message, site);
  if (site) {
    error->hasSite = true;
    error->site = *site;
    error->file = site->file ? site->file : "";
    error->line = site->line_text ? site->line_text : "";
    error->site.file = error->file.c_str();
    error->site.line_text = error->line.c_str();
  }
  return error;
}

char *duplicate(const char *text) noexcept {
  char *copy = strdup(text);
  return copy ? copy : nullptr;
}

} // namespace

bool runInFrame(Frame &frame, void (*body)(void *), void *context) {
  frame.outer = innermost;
  frame.message = nullptr;
  frame.hasSite = false;
  pushMark(&frame.mark);
  innermost = &frame;
  if (setjmp(frame.environment) == 0) {
    body(context);
    innermost = frame.outer;
    popMark(&frame.mark);
    return true;
  }
  innermost = frame.outer;
  releaseToMark(&frame.mark);
  return false;
}

const char *messageOf(const Frame &frame) { return frame.message ? frame.message : "out of memory"; }

bool isOutermost() { return innermost == nullptr; }

void failOwned(const dl_site *site, char *message) noexcept(false) {
  Frame *frame = innermost;
  if (!frame) {
    std::string text = render(message ? message : "out of memory", site);
    std::fputs(text.c_str(), stderr);
    std::exit(1);
  }
  frame->message = message;
  frame->hasSite = site != nullptr;
  if (site)
    frame->site = *site;
  longjmp(frame->environment, 1);
}

char *currentExceptionMessage() noexcept {
  try {
    throw;
  } catch (const Failure &failure) {
    return duplicate(failure.message.c_str());
  } catch (const std::bad_alloc &) {
    return duplicate("out of memory");
  } catch (const std::exception &error) {
    return duplicate(error.what());
  } catch (...) {
    return duplicate("unknown error");
  }
}

void *allocate(int64_t bytes) {
  void *block = bytes < 0 ? nullptr : tryAllocate(static_cast<size_t>(bytes));
  if (!block)
    fail("out of memory: ", bytes, " bytes");
  return block;
}

std::string sizesText(const int64_t *sizes, int rank) {
  std::string out = "[";
  for (int d = 0; d < rank; ++d)
    out += concat(d ? ", " : "", sizes[d]);
  return out + "]";
}

std::string shapeText(const dl_value &value) {
  std::string out(dtypeName(value.dtype));
  return value.rank ? out + sizesText(value.sizes, value.rank) : out;
}

} // namespace dl::rt

using namespace dl::rt;

void *dl_alloc(size_t bytes) {
  void *block = tryAllocate(bytes);
  if (!block) [[unlikely]] {
    char message[64];
    std::snprintf(message, sizeof message, "out of memory: %lld bytes", static_cast<long long>(bytes));
    dl_fail(nullptr, message);
  }
  return block;
}

void dl_free(void *block) { release(block); }

void *dl_grow(void *block, int64_t mayTake, int64_t used, int64_t bytes) {
  size_t wanted = static_cast<size_t>(bytes);
  if (mayTake && wanted <= capacityOf(block))
    return block;
  // What grew once will grow again.
  void *larger = mayTake ? tryAllocate(2 * wanted) : nullptr;
  if (!larger)
    larger = dl_alloc(wanted);
  std::memcpy(larger, block, static_cast<size_t>(used));
  if (mayTake)
    release(block);
  return larger;
}

void dl_fail(const dl_site *site, const char *message) { failOwned(site, duplicate(message ? message : "")); }

namespace {

struct Call {
  dl_function function;
  const dl_value *in;
  int64_t numIn;
  dl_value *out;
  int64_t numOut;
  Frame frame;
  bool succeeded;
};

void runCall(void *context) {
  auto *call = static_cast<Call *>(context);
  call->function(nullptr, call->in, call->numIn, call->out, call->numOut);
}

void runFramed(void *context) {
  auto *call = static_cast<Call *>(context);
  call->succeeded = runInFrame(call->frame, runCall, call);
}

} // namespace

dl_error *dl_invoke(dl_function function, const dl_value *in, int64_t numIn, dl_value *out, int64_t numOut) {
  Call call{function, in, numIn, out, numOut, {}, false};
  if (isOutermost())
    runOnLargeStack(runFramed, &call);
  else
    runFramed(&call);
  if (call.succeeded)
    return nullptr;
  Frame &frame = call.frame;
  if (isOutermost() && frame.message && std::strcmp(frame.message, kInterrupted) == 0)
    dl_interrupted = 0;
  dl_error *error = makeError(messageOf(frame), frame.hasSite ? &frame.site : nullptr);
  std::free(frame.message);
  return error;
}

const char *dl_error_message(const dl_error *error) { return error->message.c_str(); }
const char *dl_error_text(const dl_error *error) { return error->text.c_str(); }
const dl_site *dl_error_site(const dl_error *error) { return error->hasSite ? &error->site : nullptr; }
void dl_error_free(dl_error *error) { delete error; }

void dl_interrupt(void) { dl_interrupted = 1; }

void dl_poll_interrupt(const dl_site *site) {
  if (dl_interrupted)
    dl_fail(site, kInterrupted);
}
