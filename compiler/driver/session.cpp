#include "compiler/driver/session.h"

#include "compiler/driver/files.h"
#include "compiler/driver/lowering.h"
#include "compiler/driver/native_code.h"
#include "compiler/driver/report.h"
#include "compiler/driver/signature.h"
#include "compiler/ops/registry.h"
#include "compiler/sema/session.h"
#include "compiler/syntax/parse.h"

#include "dl/abi.h"

#include <deque>
#include <map>

namespace dl::driver {
namespace {

// The run-time parts of a variable; tensors are blocks that the session owns.
using Parts = std::vector<dl_value>;

void release(Parts &parts) {
  for (dl_value &part : parts)
    if (part.rank > 0)
      dl_free(part.data);
  parts.clear();
}

sema::Options checkerOptions(ImportFinder &imports) {
  sema::Options options;
  options.builtins = ops::builtins();
  options.findImport = [&imports](const std::string &name, const std::string &importing, std::string &path,
                                  std::string &text) { return imports.find(name, importing, path, text); };
  return options;
}

} // namespace

struct Session::State {
  explicit State(const Settings &settings)
      : settings(settings), checker(sources, asts, diagnostics, checkerOptions(imports)) {}
  ~State() {
    for (auto &[name, parts] : values)
      release(parts);
  }

  bool run(const std::string &text);
  bool call(dl_function start);

  Settings settings;
  SourceManager sources;
  ast::AstContext asts;
  Diagnostics diagnostics{sources};
  ImportFinder imports;
  std::deque<ast::File> entries;
  sema::Session checker;
  std::map<std::string, Parts> values; // by variable
};

// Runs the compiled entry and takes over what it gives.
bool Session::State::call(dl_function start) {
  Parts in;
  for (const sema::Session::Slot &variable : checker.inputs()) {
    const Parts &parts = values[variable.name];
    in.insert(in.end(), parts.begin(), parts.end());
  }
  std::vector<Leaf> leaves;
  std::vector<size_t> ends;
  for (const sema::Session::Slot &variable : checker.outputs()) {
    flatten(variable.type, variable.name, leaves);
    ends.push_back(leaves.size());
  }
  Parts out;
  for (const Leaf &leaf : leaves)
    out.push_back(emptyResult(leaf.slot));
  if (dl_error *error = dl_invoke(start, in.data(), static_cast<int64_t>(in.size()), out.data(),
                                  static_cast<int64_t>(out.size()))) {
    checker.discard();
    report(error, settings);
    return false;
  }
  std::vector<sema::Session::LeafValue> settled;
  for (const dl_value &value : out)
    settled.push_back({std::vector<int64_t>(value.sizes, value.sizes + value.rank), value.rank == 0 ? value.i : 0});
  size_t begin = 0;
  for (size_t i = 0; i < ends.size(); ++i) {
    Parts &parts = values[checker.outputs()[i].name];
    release(parts);
    parts.assign(out.begin() + static_cast<ptrdiff_t>(begin), out.begin() + static_cast<ptrdiff_t>(ends[i]));
    begin = ends[i];
  }
  checker.keep(settled);
  return true;
}

bool Session::State::run(const std::string &text) {
  diagnostics.clear();
  uint32_t file = sources.add("entry " + std::to_string(entries.size() + 1), text);
  entries.push_back(parse(file, sources, asts, diagnostics));
  if (diagnostics.hasErrors() || !checker.check(entries.back()))
    return false;

  Lowering lowering(sources, diagnostics, settings);
  std::optional<std::string> object;
  if (lowering.generate(checker.program()))
    object = lowering.object(Entries::Script);
  std::string problem;
  std::unique_ptr<NativeCode> code = object ? NativeCode::load(std::move(*object), problem) : nullptr;
  dl_function start = code ? code->find(mainEntry, problem) : nullptr;
  if (!start) {
    checker.discard();
    if (!problem.empty())
      diagnostics.error(Code::InternalError, {}, problem);
    return false;
  }
  return call(start);
}

Session::Session(const Settings &settings) : state(std::make_unique<State>(settings)) {}
Session::~Session() = default;

bool Session::enter(const std::string &text) {
  bool ok = state->run(text);
  report(state->diagnostics, state->settings);
  return ok;
}

std::vector<std::string> Session::names() const { return state->checker.names(); }

} // namespace dl::driver
