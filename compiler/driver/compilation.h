// The way of a program, in one place: text -> syntax tree -> typed tree -> dl dialect -> derivatives -> object code.
// Every command and the host interface go this way; each step needs the one before it and says what is wrong in
// `diagnostics`.
#pragma once

#include "compiler/driver/files.h"
#include "compiler/driver/lowering.h"
#include "compiler/driver/settings.h"
#include "compiler/sema/facts.h"
#include "compiler/sema/typed.h"
#include "compiler/syntax/ast.h"
#include "compiler/syntax/diagnostics.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dl::driver {

class Compilation {
public:
  // `read` gives the text of imported files.
  explicit Compilation(const Settings &settings, ImportFinder::Reader read = readFile);

  // Reads and parses the script. `.mlir` files enter as the dl dialect instead, and then check() has nothing to do. One
  // that does not parse is checked too, for what else is wrong.
  bool addFile(const std::string &path);
  // Parses a text in memory; `path` is what messages call it and where imports are looked for.
  bool addText(const std::string &path, std::string text);
  // Before check(): the function will be checked for all sizes at once, whatever it is called with, and counts as
  // exported. `types`, if not empty, are its parameters' types, "f32[3, 4], f32[N]", for what its signature leaves
  // open. False, with an error, when there is no such function or the types cannot be read.
  bool askFor(const std::string &name, const std::string &types);
  // `facts` receives what editors want to know.
  bool check(sema::Facts *facts = nullptr);
  // To the dl dialect; after it `lowering` may be asked for what comes next.
  bool generate();

  // All the rest of the way after check().
  std::optional<std::string> object(Entries entries);
  // The program in one of the forms of `dl compile --emit`, after addFile().
  std::optional<std::string> emit(const std::string &stage);

  // The script as it was written; what could not be parsed is missing.
  const ast::File &syntax() const { return tree; }
  bool isMlirText() const { return isMlir; }
  // Null for a program that entered as MLIR.
  const sema::Program *program() const { return typed.get(); }
  // Files that were looked at for imports.
  const std::vector<Dependency> &dependencies() const { return imports.dependencies(); }

  SourceManager sources;
  ast::AstContext asts;
  Diagnostics diagnostics{sources};
  Lowering lowering;

private:
  Settings settings;
  ImportFinder imports;
  ast::File tree, typesTree;
  uint32_t script = 0;
  std::string asked;
  const ast::TypeExpr *askedTypes = nullptr;
  std::unique_ptr<sema::Program> typed;
  bool isMlir = false, generated = false;
};

} // namespace dl::driver
