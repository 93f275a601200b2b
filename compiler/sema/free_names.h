// The names that a function's text mentions.
#pragma once

#include "compiler/syntax/ast.h"

#include <set>
#include <string>

namespace dl::sema {

// Adds every name that the function (one of the two is given) takes from outside, in sizes of types and defaults too;
// also the names after dots, since x.f() may be f(x).
void collectNames(const ast::FnDecl *fn, const ast::Lambda *lambda, std::set<std::string> &out);

// Adds the names that the function assigns as a whole or in part (`x = …`, `x[i] = …`, `x.y += …`, `f(&x)`).
void collectAssigned(const ast::FnDecl *fn, std::set<std::string> &out);

} // namespace dl::sema
