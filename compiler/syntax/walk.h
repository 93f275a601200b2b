// Going through a syntax tree without caring which nodes it is made of.
#pragma once

#include "compiler/syntax/ast.h"

#include <functional>

namespace dl::ast {

// What a node directly consists of. Any of the functions may be empty.
struct Visit {
  std::function<void(const Expr *)> expr;
  std::function<void(const Block *)> block;
};

void forEachPart(const Expr *expr, const Visit &visit);
void forEachPart(const Stmt *stmt, const Visit &visit);

} // namespace dl::ast
