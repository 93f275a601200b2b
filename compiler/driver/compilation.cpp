#include "compiler/driver/compilation.h"

#include "compiler/driver/timing.h"
#include "compiler/ops/registry.h"
#include "compiler/sema/check.h"
#include "compiler/syntax/parse.h"

#include <algorithm>

namespace dl::driver {

Compilation::Compilation(const Settings &settings, ImportFinder::Reader read)
    : lowering(sources, diagnostics, settings), settings(settings), imports(std::move(read)) {}

bool Compilation::addFile(const std::string &path) {
  std::optional<std::string> text = readFile(path);
  if (!text) {
    diagnostics.error(Code::FileError, {}, "cannot read " + path);
    return false;
  }
  return addText(path, std::move(*text));
}

bool Compilation::addText(const std::string &path, std::string text) {
  Timer timer(settings.timePasses, "parse");
  uint32_t file = sources.add(path, std::move(text));
  isMlir = std::filesystem::path(path).extension() == ".mlir";
  if (isMlir)
    return generated = lowering.parse(file);
  tree = parse(file, sources, asts, diagnostics);
  return !diagnostics.hasErrors();
}

bool Compilation::exportFunction(const std::string &name) {
  for (ast::Stmt *stmt : tree.stmts) {
    if (stmt->kind != ast::StmtKind::Fn)
      continue;
    auto *function = ast::as<ast::FnDecl>(stmt);
    if (function->name != name || !function->result)
      continue;
    function->isExport = std::all_of(function->params.begin(), function->params.end(),
                                     [](const ast::Param &parameter) { return parameter.type != nullptr; });
    return function->isExport;
  }
  return false;
}

bool Compilation::check(sema::Facts *facts) {
  if (isMlir)
    return true;
  Timer timer(settings.timePasses, "check");
  if (stdlibFolder().empty() || !std::filesystem::exists(stdlibFolder() / "prelude.dl")) {
    diagnostics.error(Code::FileError, {}, "the standard library is not beside the program")
        .withHelp("set DL_STDLIB to the folder that holds prelude.dl");
    return false;
  }
  sema::Options options;
  options.facts = facts;
  options.builtins = ops::builtins();
  options.findImport = [this](const std::string &name, const std::string &importing, std::string &path,
                              std::string &text) { return imports.find(name, importing, path, text); };
  typed = sema::check(tree, sources, asts, diagnostics, options);
  return typed && !diagnostics.hasErrors();
}

bool Compilation::generate() {
  if (!generated)
    generated = lowering.generate(*typed);
  return generated;
}

std::optional<std::string> Compilation::object(Entries entries) {
  if (!generate())
    return std::nullopt;
  return lowering.object(entries);
}

std::optional<std::string> Compilation::emit(const std::string &stage) {
  if (isMlir && (stage == "ast" || stage == "types")) {
    diagnostics.error(Code::FileError, {}, "MLIR has no form `" + stage + "`");
    return std::nullopt;
  }
  if (stage == "ast")
    return ast::print(tree);
  if (!check())
    return std::nullopt;
  if (stage == "types")
    return sema::print(*typed);
  if (!generate())
    return std::nullopt;
  return lowering.emit(stage);
}

} // namespace dl::driver
