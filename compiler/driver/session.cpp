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

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>
#include <map>

extern "C" void dl_rt_rng_get(const dl_site *, const dl_value *in, int64_t numIn, dl_value *out, int64_t numOut);

namespace dl::driver {
namespace {

using Clock = std::chrono::steady_clock;

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

  // Steps of an entry. A file's id is given when it has been added to the sources.
  const ast::File *parsed(std::string name, const std::string &text);
  bool run(const ast::File *entry);
  bool call(dl_function start);
  bool finish(bool ok) {
    report(diagnostics, settings);
    return ok;
  }
  bool enter(std::string name, const std::string &text);
  std::string entryName() const { return "entry " + std::to_string(entries.size() + 1); }
  // Makes the dialect of an instance of the function; for all sizes if its signature allows that. Null after an error.
  std::unique_ptr<Lowering> lowered(const std::string &function);

  Settings settings;
  SourceManager sources;
  ast::AstContext asts;
  Diagnostics diagnostics{sources};
  ImportFinder imports;
  std::deque<ast::File> entries;
  std::vector<const ast::File *> worked;
  double compileSeconds = 0, runSeconds = 0; // of the last entry that ran
  sema::Session checker;
  std::map<std::string, Parts> values; // by their names in the checker's slots
};

// Runs the compiled entry and takes over what it gives.
bool Session::State::call(dl_function start) {
  Parts in;
  for (const sema::Session::Slot &variable : checker.inputs()) {
    const Parts &parts = values.at(variable.name);
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
  dl_value random[2] = {};
  for (dl_value &number : random)
    number.dtype = DL_I64;
  if (dl_error *error = dl_invoke(dl_rt_rng_get, nullptr, 0, random, 2))
    dl_error_free(error);
  if (dl_error *error =
          dl_invoke(start, in.data(), static_cast<int64_t>(in.size()), out.data(), static_cast<int64_t>(out.size()))) {
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
  checker.keep(settled, {random[0].i, random[1].i});
  std::set<std::string> live = checker.live();
  for (auto it = values.begin(); it != values.end();) {
    bool isLive = live.count(it->first) != 0;
    if (!isLive)
      release(it->second);
    it = isLive ? std::next(it) : values.erase(it);
  }
  return true;
}

const ast::File *Session::State::parsed(std::string name, const std::string &text) {
  diagnostics.clear();
  uint32_t file = sources.add(std::move(name), text);
  entries.push_back(parse(file, sources, asts, diagnostics));
  return diagnostics.hasErrors() ? nullptr : &entries.back();
}

bool Session::State::run(const ast::File *entry) {
  auto begin = Clock::now();
  if (!entry || !checker.check(*entry))
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
  auto compiled = Clock::now();
  bool ok = call(start);
  compileSeconds = std::chrono::duration<double>(compiled - begin).count();
  runSeconds = std::chrono::duration<double>(Clock::now() - compiled).count();
  return ok;
}

bool Session::State::enter(std::string name, const std::string &text) {
  const ast::File *entry = parsed(std::move(name), text);
  bool ok = run(entry);
  if (ok)
    worked.push_back(entry);
  return finish(ok);
}

std::unique_ptr<Lowering> Session::State::lowered(const std::string &function) {
  for (bool forAllSizes : {true, false}) {
    diagnostics.clear();
    auto lowering = std::make_unique<Lowering>(sources, diagnostics, settings);
    bool checked = checker.checkFunction(function, forAllSizes);
    bool ok = checked && lowering->generate(checker.program());
    if (checked)
      checker.discard();
    if (ok)
      return lowering;
  }
  return nullptr;
}

Session::Session(const Settings &settings) : state(std::make_unique<State>(settings)) {}
Session::~Session() = default;

bool Session::enter(const std::string &text) { return state->enter(state->entryName(), text); }

bool Session::time(const std::string &text) {
  if (!enter(text))
    return false;
  std::printf("compiled in %.1f ms, ran in %.3f ms\n", state->compileSeconds * 1e3, state->runSeconds * 1e3);
  return true;
}

bool Session::load(const std::string &path) {
  std::optional<std::string> text = readFile(path);
  if (text)
    return state->enter(path, *text);
  report(cannotRead(path), state->settings);
  return false;
}

// The function or module that is all of an entry, or an empty text.
static std::string soleDefinition(const ast::File &entry) {
  if (entry.stmts.size() != 1)
    return "";
  const ast::Stmt *stmt = entry.stmts[0];
  return stmt->kind == ast::StmtKind::Fn       ? ast::as<const ast::FnDecl>(stmt)->name
         : stmt->kind == ast::StmtKind::Module ? ast::as<const ast::ModuleDecl>(stmt)->name
                                               : "";
}

std::string Session::script() const {
  std::string text;
  const std::vector<const ast::File *> &entries = state->worked;
  for (size_t i = 0; i < entries.size(); ++i) {
    std::string name = soleDefinition(*entries[i]);
    bool replaced =
        !name.empty() && std::any_of(entries.begin() + static_cast<ptrdiff_t>(i) + 1, entries.end(),
                                     [&](const ast::File *later) { return soleDefinition(*later) == name; });
    if (!replaced)
      text += state->sources.file(entries[i]->id).text;
  }
  return text;
}

bool Session::save(const std::string &path) {
  std::string problem = writeFile(path, script());
  if (!problem.empty())
    report("cannot write " + path + ": " + problem, state->settings);
  return problem.empty();
}

bool Session::type(const std::string &text) {
  const ast::File *entry = state->parsed(state->entryName(), text);
  bool ok = entry && state->checker.check(*entry, /*printing=*/false);
  if (ok) {
    std::string type = state->checker.lastType();
    state->checker.discard();
    std::printf("%s\n", type.empty() ? "no value" : type.c_str());
  }
  return state->finish(ok);
}

bool Session::grad(const DerivativeWish &wish) {
  std::unique_ptr<Lowering> lowering = state->lowered(wish.function);
  std::optional<std::string> text = lowering ? printDerivative(*lowering, wish, state->diagnostics,
                                                               "declare the types of its parameters, or call it once")
                                             : std::nullopt;
  if (text)
    std::fwrite(text->data(), 1, text->size(), stdout);
  return state->finish(text.has_value());
}

bool Session::ir(const std::string &text, const std::string &stage) {
  std::string name = text.substr(0, text.find_last_not_of(" \t\n") + 1);
  bool isFunction = state->checker.isFunction(name);
  std::unique_ptr<Lowering> lowering;
  if (isFunction) {
    lowering = state->lowered(name);
  } else if (const ast::File *entry = state->parsed(state->entryName(), text);
             entry && state->checker.check(*entry, /*printing=*/false)) {
    lowering = std::make_unique<Lowering>(state->sources, state->diagnostics, state->settings);
    if (!lowering->generate(state->checker.program()))
      lowering.reset();
    state->checker.discard();
  }
  if (!lowering)
    return state->finish(false);
  std::optional<std::string> out;
  if (lowering->keepOnly({isFunction ? name : "main"}))
    out = lowering->emit(stage);
  else
    state->diagnostics.error(Code::UnknownName, {}, "nothing says what `" + name + "` takes")
        .withHelp("declare the types of its parameters, or call it once");
  if (out)
    std::fwrite(out->data(), 1, out->size(), stdout);
  return state->finish(out.has_value());
}

std::vector<std::string> Session::names() const { return state->checker.names(); }

} // namespace dl::driver
