// Names that the text itself declares around a place. They are there for functions too that nothing has checked.
#pragma once

#include "compiler/sema/facts.h"
#include "compiler/syntax/ast.h"

#include <vector>

namespace dl::lsp {

// Inner declarations first; each name once. Their spans are those of the declarations in the syntax tree.
std::vector<sema::Symbol> declaredAround(const ast::File &file, uint32_t offset);

} // namespace dl::lsp
