// Syntax tree to typed tree: names, types, symbolic shapes, specialisation.
#pragma once

#include "compiler/sema/builtins.h"
#include "compiler/sema/facts.h"
#include "compiler/sema/typed.h"
#include "compiler/syntax/ast.h"
#include "compiler/syntax/diagnostics.h"

#include <functional>
#include <memory>
#include <string>

namespace dl::sema {

struct Options {
  Builtins builtins;
  // Finds the file behind `import name` as seen from `importingPath`: its path and text, or nothing.
  std::function<bool(const std::string &name, const std::string &importingPath, std::string &path, std::string &text)>
      findImport;
  Facts *facts = nullptr; // filled in for the file that it names
  // A function to be instantiated from its signature, whoever calls it; its instance then counts as exported. `types`,
  // when not null, is a function type whose parameters stand for the declared ones: they settle what those leave open.
  std::string asked;
  const ast::TypeExpr *types = nullptr;
  bool checkUncalled = true; // also check annotated functions that nothing calls, for all sizes
};

// Checks a whole script. The result is complete only when `diagnostics` has no errors. Export functions and tests are
// always instantiated. Never throws, never aborts.
std::unique_ptr<Program> check(const ast::File &file, SourceManager &sources, ast::AstContext &context,
                               Diagnostics &diagnostics, const Options &options);

} // namespace dl::sema
