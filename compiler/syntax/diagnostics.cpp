#include "compiler/syntax/diagnostics.h"
#include "compiler/syntax/text.h"

#include <algorithm>
#include <cctype>
#include <numeric>
#include <tuple>

namespace dl {
namespace {

struct Row {
  std::string_view code, summary;
};
constexpr Row kTable[] = {
#define DL_DIAGNOSTIC(id, code, summary) {code, summary},
#include "compiler/syntax/diagnostics.def"
#undef DL_DIAGNOSTIC
};

// The number of insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> before, previous(b.size() + 1), current(b.size() + 1);
  std::iota(previous.begin(), previous.end(), size_t(0));
  for (size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        current[j] = std::min(current[j], before[j - 2] + 1);
    }
    before = previous;
    previous = current;
  }
  return previous[b.size()];
}

} // namespace

std::string_view codeName(Code code) { return kTable[static_cast<size_t>(code)].code; }
std::string_view codeSummary(Code code) { return kTable[static_cast<size_t>(code)].summary; }

Diagnostic &Diagnostics::add(Code code, Severity severity, Span span, std::string message) {
  Diagnostic d{code, severity, std::move(message), span, {}, {}, {}};
  bool isNew =
      seen_.insert(cat(static_cast<int>(code), " ", span.file, " ", span.begin, " ", span.end, " ", d.message)).second;
  if (!isNew) {
    repeated_ = std::move(d); // the caller may go on to add labels, which then belong to nothing
    return repeated_;
  }
  errors_ += severity == Severity::Error;
  all_.push_back(std::move(d));
  return all_.back();
}

void Diagnostics::sortFrom(size_t first) {
  std::sort(all_.begin() + static_cast<ptrdiff_t>(first), all_.end(), [](const Diagnostic &a, const Diagnostic &b) {
    return std::tie(a.span.file, a.span.begin, a.message) < std::tie(b.span.file, b.span.begin, b.message);
  });
}

Diagnostic &Diagnostics::error(Code code, Span span, std::string message) {
  return add(code, Severity::Error, span, std::move(message));
}

Diagnostic &Diagnostics::warning(Code code, Span span, std::string message) {
  return add(code, Severity::Warning, span, std::move(message));
}

std::string didYouMean(std::string_view name, const std::vector<std::string> &candidates) {
  // A third of the letters may be wrong; in a name of one or two letters any change makes another name.
  size_t best = name.size() < 3 ? 0 : std::max<size_t>(1, name.size() / 3);
  std::string found;
  auto equalButForCase = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  };
  for (const std::string &candidate : candidates) {
    if (candidate != name && name.size() > 1 &&
        std::equal(name.begin(), name.end(), candidate.begin(), candidate.end(), equalButForCase))
      return candidate;
    size_t difference =
        candidate.size() > name.size() ? candidate.size() - name.size() : name.size() - candidate.size();
    if (difference > best || candidate == name)
      continue;
    size_t distance = editDistance(name, candidate);
    if (distance < best || (distance == best && best > 0 && found.empty())) {
      best = distance;
      found = candidate;
    }
  }
  // A name that breaks off: `Conv` for Conv2d.
  for (const std::string &candidate : candidates)
    if (best > 0 && found.empty() && candidate.size() > name.size() && candidate.starts_with(name))
      found = candidate;
  return found;
}

} // namespace dl
