// What a piece of the typed tree may do to the variables and to the flow of control around it.
#pragma once

#include "compiler/sema/typed.h"

#include "llvm/ADT/SetVector.h"

namespace dl::irgen {

// Ways of leaving a piece of code other than through its end. Breaks and continues of loops inside do not count.
struct Exits {
  bool breaks = false, continues = false, returns = false;
  bool any() const { return breaks || continues || returns; }
  Exits &operator|=(const Exits &other) {
    breaks |= other.breaks;
    continues |= other.continues;
    returns |= other.returns;
    return *this;
  }
};
Exits exitsOf(const sema::Body *body);
Exits exitsOf(const sema::Stmt &stmt);
Exits exitsOf(const sema::Expr *expr);

// Whether control never reaches the end of the body.
bool alwaysExits(const sema::Body *body);

using VariableSet = llvm::SetVector<const sema::Variable *>;
// Adds the variables that are assigned, in order of first assignment; those declared inside are among them.
void collectAssigned(const sema::Body *body, VariableSet &out);
void collectAssigned(const sema::Stmt &stmt, VariableSet &out);
void collectAssigned(const sema::Expr *expr, VariableSet &out);

} // namespace dl::irgen
