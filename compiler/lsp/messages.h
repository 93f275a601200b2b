// What the server says, in the protocol's terms.
#pragma once

#include "compiler/lsp/analysis.h"
#include "compiler/lsp/completion.h"

#include "mlir/Tools/lsp-server-support/Protocol.h"

#include <optional>

namespace dl::lsp {

// JSON takes UTF-8 only; what the user has on disk may be anything.
std::string utf8(std::string text);

mlir::lsp::Range rangeOf(Span span, const SourceManager &sources);
std::optional<mlir::lsp::Location> locationOf(Span span, const SourceManager &sources);

// `params` of textDocument/publishDiagnostics.
llvm::json::Value published(const Analysis &analysis, const mlir::lsp::URIForFile &uri, int64_t version);
std::optional<mlir::lsp::Hover> hoverAt(const Analysis &analysis, uint32_t offset);
mlir::lsp::CompletionItem itemOf(const Candidate &candidate, size_t rank);
mlir::lsp::SignatureHelp helpOf(const CallAt &call);
std::vector<mlir::lsp::DocumentSymbol> outlineOf(const Analysis &analysis);

} // namespace dl::lsp
