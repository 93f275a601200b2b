// Text to syntax tree.
#pragma once

#include "compiler/syntax/ast.h"
#include "compiler/syntax/diagnostics.h"

namespace dl {

// Parses file `id` of `sources`. Always returns a tree; statements that could not be parsed are left out and reported,
// so one missing bracket does not hide the rest of the file. Never throws.
ast::File parse(uint32_t id, const SourceManager &sources, ast::AstContext &context, Diagnostics &diagnostics);

// Whether `text` is the beginning of something longer (an open bracket, an operator at the end), for the REPL.
bool isIncomplete(std::string_view text);

// The words of the grammar, sorted: those that are never names, and with `all` those too that mean something in one
// place only.
std::vector<std::string> keywords(bool all = true);

// The file with canonical layout: idempotent, keeps comments. Precondition: the file parsed without errors.
std::string format(const ast::File &file, const SourceManager &sources);

} // namespace dl
