// The host interface over the same compilation that the `dl` command uses.
#include "dl/dl.h"

#include "compiler/driver/compilation.h"
#include "compiler/driver/native_code.h"
#include "compiler/driver/signature.h"
#include "compiler/syntax/parse.h"

#include <optional>

namespace dl {

struct ModuleCode {
  std::string path, text;
  std::unique_ptr<driver::NativeCode> native;
  struct Entry {
    driver::Signature signature;
    std::vector<Slot> parameters, results;
    dl_function function = nullptr;
  };
  std::vector<Entry> entries;
};

namespace {

Error plainError(std::string message) {
  Error error;
  error.text = "error: " + message;
  error.message = std::move(message);
  return error;
}

// The first error, with the text of all.
Error errorOf(const Diagnostics &diagnostics) {
  Error error;
  for (const Diagnostic &diagnostic : diagnostics.all()) {
    if (diagnostic.severity == Severity::Error && error.message.empty()) {
      error.message = diagnostic.message;
      if (diagnostic.span.valid()) {
        LineColumn place = diagnostics.sources().lineColumn(diagnostic.span.file, diagnostic.span.begin);
        error.file = diagnostics.sources().file(diagnostic.span.file).path;
        error.line = place.line;
        error.column = place.column;
      }
    }
    error.text += render(diagnostic, diagnostics.sources(), false);
  }
  return error.message.empty() ? plainError("the compiler failed without saying why") : error;
}

Error errorOf(dl_error *failure) {
  Error error;
  error.message = dl_error_message(failure);
  error.text = dl_error_text(failure);
  if (const dl_site *site = dl_error_site(failure)) {
    error.file = site->file;
    error.line = site->line;
    error.column = site->column;
  }
  dl_error_free(failure);
  return error;
}

// `alsoExported`, if not empty, is a function that needs no `export` and no declared result.
Result<Module> compileProgram(const EngineOptions &options, std::string path, std::string text,
                              const std::string &alsoExported = "") {
  if (options.threads > 0)
    dl_set_num_threads(options.threads);
  driver::Settings settings;
  settings.cache = false;
  settings.optimise = options.optimise;
  settings.fuse = options.fuse;

  auto code = std::make_shared<ModuleCode>();
  code->path = path;
  code->text = text;
  driver::Compilation compilation(settings);
  std::optional<std::string> object;
  if (compilation.addText(path, std::move(text)) && (alsoExported.empty() || compilation.askFor(alsoExported, "")) &&
      compilation.check())
    object = compilation.object(driver::Entries::Exports);
  if (!object)
    return errorOf(compilation.diagnostics);
  if (!compilation.program())
    return plainError("a host compiles scripts, not MLIR");
  std::string problem;
  code->native = driver::NativeCode::load(std::move(*object), problem);
  if (!code->native)
    return plainError(problem);
  for (driver::Signature &signature : driver::exportsOf(*compilation.program())) {
    ModuleCode::Entry entry;
    entry.function = code->native->find(driver::exportEntry(signature.name), problem);
    if (!entry.function)
      return plainError(problem);
    for (const driver::Leaf &leaf : signature.parameters)
      entry.parameters.push_back(leaf.slot);
    for (const driver::Leaf &leaf : signature.results)
      entry.results.push_back(leaf.slot);
    entry.signature = std::move(signature);
    code->entries.push_back(std::move(entry));
  }
  return Module(std::move(code));
}

} // namespace

// ---------------------------------------------------------------------------------------------------------- Function
Function::Function(Error error) : missing(std::move(error)) {}
Function::Function(std::shared_ptr<const ModuleCode> code, size_t index) : code(std::move(code)), index(index) {}

std::string_view Function::name() const { return code ? std::string_view(code->entries[index].signature.name) : ""; }

const std::vector<Slot> &Function::parameters() const {
  static const std::vector<Slot> nothing;
  return code ? code->entries[index].parameters : nothing;
}

const std::vector<Slot> &Function::results() const {
  static const std::vector<Slot> nothing;
  return code ? code->entries[index].results : nothing;
}

Result<std::vector<Tensor>> Function::call(const Tensor *arguments, size_t count) const {
  if (!code)
    return missing;
  const ModuleCode::Entry &entry = code->entries[index];
  std::vector<dl_value> in(count), out(entry.results.size());
  for (size_t i = 0; i < count; ++i) {
    if (!arguments[i].valid())
      return plainError(entry.signature.name + ": argument " + std::to_string(i) + " is not a valid tensor");
    in[i] = arguments[i].value();
  }
  if (std::string problem = entry.signature.mismatch(in.data(), count); !problem.empty())
    return plainError(problem);
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = driver::emptyResult(entry.results[i]);
  if (dl_error *failure = dl_invoke(entry.function, in.data(), static_cast<int64_t>(count), out.data(),
                                    static_cast<int64_t>(out.size())))
    return errorOf(failure);
  std::vector<Tensor> results;
  results.reserve(out.size());
  for (const dl_value &value : out)
    results.push_back(Tensor::adopt(value));
  return results;
}

Error detail::signatureError(const Function &function) {
  std::string text;
  auto list = [&](const std::vector<Slot> &slots, bool named) {
    for (size_t i = 0; i < slots.size(); ++i)
      text += (i ? ", " : "") + (named ? slots[i].name + ": " : "") + slots[i].type;
  };
  text = std::string(function.name()) + " has another type: (";
  list(function.parameters(), true);
  text += ") -> (";
  list(function.results(), false);
  return plainError(text + ")");
}

// ------------------------------------------------------------------------------------------------------------ Module
std::vector<std::string> Module::functionNames() const {
  std::vector<std::string> names;
  for (const ModuleCode::Entry &entry : code->entries)
    names.push_back(entry.signature.name);
  return names;
}

Function Module::function(std::string_view name) const {
  for (size_t i = 0; i < code->entries.size(); ++i)
    if (code->entries[i].signature.name == name)
      return Function(code, i);
  return Function(plainError("there is no `export fn " + std::string(name) + "`"));
}

Result<std::monostate> Module::run() const {
  std::string problem;
  dl_function start = code->native->find(driver::mainEntry, problem);
  if (!start)
    return plainError(problem);
  if (dl_error *failure = dl_invoke(start, nullptr, 0, nullptr, 0))
    return errorOf(failure);
  return std::monostate{};
}

// ------------------------------------------------------------------------------------------------------------ Engine
Result<Module> Engine::compile(std::string_view text, std::string_view name) const {
  return compileProgram(options, std::string(name), std::string(text));
}

Result<Module> Engine::compileFile(const std::string &path) const {
  std::optional<std::string> text = driver::readFile(path);
  if (!text)
    return plainError("cannot read " + path);
  return compileProgram(options, path, std::move(*text));
}

Result<Function> Engine::grad(const Module &module, std::string_view function, std::vector<int> wrt) const {
  SourceManager sources;
  ast::AstContext asts;
  Diagnostics diagnostics(sources);
  ast::File file = parse(sources.add(module.code->path, module.code->text), sources, asts, diagnostics);
  const ast::FnDecl *declaration = nullptr;
  for (const ast::Stmt *stmt : file.stmts)
    if (stmt->kind == ast::StmtKind::Fn && ast::as<const ast::FnDecl>(stmt)->name == function)
      declaration = ast::as<const ast::FnDecl>(stmt);
  if (!declaration)
    return plainError("there is no function `" + std::string(function) + "`");

  // A function beside it, of the same parameters, that asks for the gradient.
  std::string name = std::string(function) + "__gradient", parameters, arguments, positions;
  auto textOf = [&](const ast::TypeExpr *type) { return std::string(sources.text(type->span)); };
  auto append = [](std::string &list, const std::string &item) { list += (list.empty() ? "" : ", ") + item; };
  for (const ast::Param &parameter : declaration->params) {
    if (!parameter.type)
      return plainError(std::string(function) + ": the parameter " + parameter.name + " has no type");
    append(parameters, parameter.name + ": " + textOf(parameter.type));
    append(arguments, parameter.name);
  }
  for (int position : wrt) {
    if (position < 0 || static_cast<size_t>(position) >= declaration->params.size())
      return plainError(std::string(function) + " has no parameter " + std::to_string(position));
    append(positions, std::to_string(position));
  }
  if (wrt.size() != 1)
    positions = "(" + positions + ")";
  std::string text = module.code->text + "\nfn " + name + "(" + parameters + ") = value_and_grad(" +
                     std::string(function) + ", wrt=" + positions + ")(" + arguments + ")\n";
  Result<Module> compiled = compileProgram(options, module.code->path, std::move(text), name);
  if (!compiled)
    return compiled.error();
  Function found = compiled->function(name);
  if (!found.valid())
    return found.missing;
  return found;
}

} // namespace dl
