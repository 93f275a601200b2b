// What a body of the typed tree mentions, found by walking it.
#pragma once

#include "compiler/sema/typed.h"

#include <set>
#include <vector>

namespace dl::sema {

struct Uses {
  explicit Uses(const Body *body) { visit(body); }

  std::set<const Variable *> read, assigned;
  std::vector<const Function *> functions; // called or differentiated; one may be there several times

private:
  void visit(const Body *body);
  void visit(const Stmt *stmt);
  void visit(const Expr *expr);
};

// The functions that `function` needs, itself last, callees before callers where there is no recursion.
std::vector<Function *> reachableFrom(Function *function);

} // namespace dl::sema
