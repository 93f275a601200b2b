#include "compiler/driver/compilation.h"

#include "compiler/driver/certain.h"
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
    diagnostics.error(Code::FileError, {}, cannotRead(path));
    return false;
  }
  if (addText(path, std::move(*text)))
    return true;
  check(); // what else is wrong
  return false;
}

bool Compilation::addText(const std::string &path, std::string text) {
  Timer timer(settings.timePasses, "parse");
  uint32_t file = sources.add(path, std::move(text));
  isMlir = std::filesystem::path(path).extension() == ".mlir";
  if (isMlir)
    return generated = lowering.parse(file);
  tree = parse(file, sources, asts, diagnostics);
  script = file;
  return !diagnostics.hasErrors();
}

bool Compilation::askFor(const std::string &name, const std::string &types) {
  std::vector<std::string> functions;
  for (const ast::Stmt *stmt : tree.stmts)
    if (stmt->kind == ast::StmtKind::Fn)
      functions.push_back(ast::as<const ast::FnDecl>(stmt)->name);
  if (std::find(functions.begin(), functions.end(), name) == functions.end()) {
    Diagnostic &error = diagnostics.error(Code::UnknownName, {}, "there is no function `" + name + "`");
    if (std::string near = didYouMean(name, functions); !near.empty())
      error.withHelp("did you mean `" + near + "`?");
    return false;
  }
  asked = name;
  if (types.empty())
    return true;
  typesTree = parse(sources.add("types", "fn types(given: fn(" + types + ")) {}\n"), sources, asts, diagnostics);
  if (diagnostics.hasErrors() || typesTree.stmts.size() != 1 || typesTree.stmts[0]->kind != ast::StmtKind::Fn) {
    if (!diagnostics.hasErrors())
      diagnostics.error(Code::SyntaxError, {}, "`" + types + "` is no list of types");
    return false;
  }
  askedTypes = ast::as<ast::FnDecl>(typesTree.stmts[0])->params[0].type;
  return true;
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
  options.asked = asked;
  options.types = askedTypes;
  options.builtins = ops::builtins();
  options.findImport = [this](const std::string &name, const std::string &importing, std::string &path,
                              std::string &text) { return imports.find(name, importing, path, text); };
  bool isBroken = diagnostics.hasErrors();
  size_t fromParsing = diagnostics.all().size();
  typed = sema::check(tree, sources, asts, diagnostics, options);
  if (isBroken)
    keepCertain(diagnostics, fromParsing, script);
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
