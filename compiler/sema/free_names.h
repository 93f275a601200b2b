// The names that a function's text mentions.
#pragma once

#include "compiler/syntax/ast.h"

#include <set>
#include <string>

namespace dl::sema {

// Adds every name in the function (one of the two is given), in sizes of types and defaults too; names that the function itself
// defines are among them.
void collectNames(const ast::FnDecl *fn, const ast::Lambda *lambda, std::set<std::string> &out);

// Adds the names that the function assigns as a whole or in part (`x = …`, `x[i] = …`, `x.y += …`, `f(&x)`).
void collectAssigned(const ast::FnDecl *fn, std::set<std::string> &out);

} // namespace dl::sema
