#include "compiler/lsp/completion.h"

#include "compiler/lsp/analysis.h"
#include "compiler/lsp/signature_text.h"
#include "compiler/syntax/parse.h"

#include <algorithm>
#include <set>

namespace fs = std::filesystem;

namespace dl::lsp {
namespace {

// Stands where a name is still missing, so that the text around it parses.
constexpr std::string_view kPlaceholder = "dl_cursor";

std::string_view lineBefore(std::string_view text, uint32_t offset) {
  size_t begin = offset == 0 ? std::string_view::npos : text.rfind('\n', offset - 1);
  begin = begin == std::string_view::npos ? 0 : begin + 1;
  return text.substr(begin, offset - begin);
}

std::vector<std::string_view> wordsOf(std::string_view line) {
  std::vector<std::string_view> words;
  for (size_t i = 0; i < line.size();) {
    size_t begin = line.find_first_not_of(" \t,", i);
    if (begin == std::string_view::npos)
      break;
    i = std::min(line.find_first_of(" \t,", begin), line.size());
    words.push_back(line.substr(begin, i - begin));
  }
  return words;
}

// Files that `import` finds from here, by their names.
std::vector<Candidate> importable(const std::string &path, std::string_view prefix) {
  std::set<std::string> names;
  std::string folderPrefix(prefix.substr(0, prefix.rfind('.') + 1)), slashed = folderPrefix;
  std::replace(slashed.begin(), slashed.end(), '.', '/');
  for (const fs::path &root : {driver::stdlibFolder(), fs::path(path).parent_path()}) {
    std::error_code error;
    for (const fs::directory_entry &entry : fs::directory_iterator(root / slashed, error)) {
      std::string stem = entry.path().stem().string();
      bool isScript = entry.path().extension() == ".dl" && stem != "prelude" && entry.path() != path;
      bool isFolder = entry.is_directory(error) && fs::exists(entry.path() / (stem + ".dl"), error);
      if (isScript || isFolder)
        names.insert(stem);
    }
  }
  std::vector<Candidate> out;
  for (const std::string &name : names)
    out.push_back({Candidate::File, name, {}});
  return out;
}

// Names of the file behind an import.
std::vector<Candidate> namesIn(const Buffer &buffer, const std::string &module) {
  Analysis analysis(buffer.path, "import " + module + " as " + std::string(kPlaceholder) + "\n", buffer.read);
  std::vector<Candidate> out;
  auto space = analysis.facts().spaces.find(std::string(kPlaceholder));
  if (space != analysis.facts().spaces.end())
    for (const sema::Symbol &symbol : space->second)
      if (symbol.kind != sema::Symbol::File)
        out.push_back({Candidate::Name, symbol.name, symbol});
  return out;
}

bool isCallable(const sema::Symbol &symbol) {
  return symbol.kind == sema::Symbol::Function || symbol.kind == sema::Symbol::Builtin;
}

std::vector<Candidate> members(const Analysis &analysis, std::string_view text, Range32 name) {
  std::vector<Candidate> out;
  std::vector<sema::Symbol> found = analysis.facts().members;
  bool functions = analysis.facts().membersAreFunctions;
  if (!analysis.facts().foundMembers) {
    // Nothing has checked this place: an import is known all the same, and most else has methods.
    Range32 base = nameBefore(text, name.begin - 1);
    auto space = analysis.facts().spaces.find(std::string(text.substr(base.begin, base.end - base.begin)));
    functions = space == analysis.facts().spaces.end();
    if (!functions)
      found = space->second;
  }
  for (const sema::Symbol &symbol : found)
    out.push_back({Candidate::Name, symbol.name, symbol});
  if (functions)
    for (const sema::Symbol &symbol : analysis.namesAt(name.begin))
      if (isCallable(symbol) && !parametersOf(symbol.signature).empty())
        out.push_back({Candidate::Name, symbol.name, symbol});
  return out;
}

std::vector<Candidate> allAt(const Buffer &buffer, uint32_t offset, Range32 name) {
  std::string_view text = buffer.text;
  std::vector<std::string_view> words = wordsOf(lineBefore(text, name.begin));
  std::string_view whole = lineBefore(text, offset);
  if (!words.empty() && words[0] == "import" && words.size() <= 2)
    return importable(buffer.path, whole.substr(whole.find_last_of(" \t") + 1));
  if (!words.empty() && words[0] == "from") {
    if (words.size() <= (name.begin > 0 && text[name.begin - 1] == '.' ? 2 : 1))
      return importable(buffer.path, whole.substr(whole.find_last_of(" \t") + 1));
    if (words.size() == 2)
      return {{Candidate::Keyword, "import", {}}};
    return namesIn(buffer, std::string(words[1]));
  }

  std::string patched(text);
  if (name.begin == name.end)
    patched.insert(name.begin, kPlaceholder);
  Analysis analysis(buffer.path, patched, buffer.read, name.begin);
  bool afterDot = name.begin > 0 && text[name.begin - 1] == '.' && !(name.begin > 1 && text[name.begin - 2] == '.');
  if (afterDot)
    return members(analysis, text, name);

  std::vector<Candidate> out;
  CallAt call = callAt(buffer, offset);
  std::vector<ParameterText> parameters = parametersOf(call.function.signature);
  for (size_t i = call.isMethodCall ? 1 : 0; i < parameters.size(); ++i)
    if (!parameters[i].name.empty())
      out.push_back({Candidate::Argument, parameters[i].name + "=", {}});
  for (const sema::Symbol &symbol : analysis.namesAt(name.begin))
    if (symbol.name != kPlaceholder)
      out.push_back({Candidate::Name, symbol.name, symbol});
  for (const std::string &word : keywords())
    out.push_back({Candidate::Keyword, word, {}});
  return out;
}

} // namespace

std::vector<Candidate> completionsAt(const Buffer &buffer, uint32_t offset) {
  if (isInText(buffer.text, offset))
    return {};
  Range32 name = nameBefore(buffer.text, offset);
  std::string_view prefix = buffer.text.substr(name.begin, name.end - name.begin);
  std::vector<Candidate> all = allAt(buffer, offset, name);
  std::set<std::string> seen;
  std::erase_if(all, [&](const Candidate &c) { return !c.text.starts_with(prefix) || !seen.insert(c.text).second; });
  return all;
}

CallAt callAt(const Buffer &buffer, uint32_t offset) {
  std::optional<OpenCall> open = openCallAt(buffer.text, offset);
  if (!open)
    return {};
  // The statement with the name alone: the call may be half written, the name is there.
  std::string text(buffer.text);
  size_t lineEnd = std::min(text.find('\n', offset), text.size());
  text.erase(open->name.end, lineEnd - open->name.end);
  Analysis analysis(buffer.path, std::move(text), buffer.read);
  CallAt call;
  call.argument = open->argument;
  std::string name(buffer.text.substr(open->name.begin, open->name.end - open->name.begin));
  bool isMember = open->name.begin > 0 && buffer.text[open->name.begin - 1] == '.';
  if (const sema::Meaning *meaning = analysis.meaningAt(open->name.begin);
      meaning && meaning->span.end == open->name.end && meaning->span.begin == open->name.begin)
    call.function = meaning->symbol;
  else
    for (const sema::Symbol &symbol : analysis.namesAt(open->name.begin))
      if (symbol.name == name) {
        call.function = symbol;
        break;
      }
  if (parametersOf(call.function.signature).empty())
    call.function = {};
  if (isMember && isCallable(call.function)) {
    Range32 base = nameBefore(buffer.text, open->name.begin - 1);
    std::string baseName(buffer.text.substr(base.begin, base.end - base.begin));
    call.isMethodCall = !analysis.facts().spaces.count(baseName);
  }
  return call;
}

} // namespace dl::lsp
