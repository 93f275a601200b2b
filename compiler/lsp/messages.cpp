#include "compiler/lsp/messages.h"

#include "compiler/lsp/positions.h"
#include "compiler/lsp/signature_text.h"

#include <algorithm>

namespace dl::lsp {

namespace json = llvm::json;
namespace lsp = mlir::lsp;

std::string utf8(std::string text) { return json::isUTF8(text) ? text : json::fixUTF8(text); }

lsp::Range rangeOf(Span span, const SourceManager &sources) {
  lsp::Range range;
  if (!span.valid() || span.file > sources.size())
    return range;
  const std::string &text = sources.file(span.file).text;
  Utf16Place begin = placeOf(text, span.begin), end = placeOf(text, span.end);
  range.start = lsp::Position(begin.line, begin.character);
  range.end = lsp::Position(end.line, end.character);
  return range;
}

std::optional<lsp::Location> locationOf(Span span, const SourceManager &sources) {
  if (!span.valid() || span.file > sources.size())
    return std::nullopt;
  std::error_code error;
  std::filesystem::path path = std::filesystem::absolute(sources.file(span.file).path, error);
  llvm::Expected<lsp::URIForFile> uri = lsp::URIForFile::fromFile(path.lexically_normal().string());
  if (!uri) {
    llvm::consumeError(uri.takeError());
    return std::nullopt;
  }
  lsp::Location location;
  location.uri = *uri;
  location.range = rangeOf(span, sources);
  return location;
}

// ---------------------------------------------------------------------------------------------------- diagnostics
json::Value published(const Analysis &analysis, const lsp::URIForFile &uri, int64_t version) {
  const SourceManager &sources = analysis.sources();
  json::Array out;
  for (const Diagnostic &d : analysis.diagnostics()) {
    std::string message = d.message;
    // A fault in an imported file shows where this one imports.
    Span place = d.span;
    if (place.valid() && place.file != analysis.facts().file) {
      LineColumn at = sources.lineColumn(place.file, place.begin);
      message = sources.file(place.file).path + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) + ": " +
                message;
      place = {};
      for (const ast::Stmt *s : analysis.syntax().stmts)
        if (s->kind == ast::StmtKind::Import && !place.valid())
          place = s->span;
    }
    for (const std::string &note : d.notes)
      message += "\n" + note;
    if (!d.help.empty())
      message += "\nhelp: " + d.help;
    json::Array related;
    auto relate = [&](Span span, const std::string &text) {
      if (std::optional<lsp::Location> location = locationOf(span, sources))
        related.push_back(json::Object{
            // a json::Value of the URI itself would only refer to it
            {"location", json::Object{{"uri", location->uri.uri().str()}, {"range", lsp::toJSON(location->range)}}},
            {"message", utf8(text)}});
    };
    for (const Label &label : d.labels)
      relate(label.span, label.text);
    if (place != d.span)
      relate(d.span, d.message);
    out.push_back(json::Object{{"range", lsp::toJSON(rangeOf(place, sources))},
                               {"severity", d.severity == Severity::Error     ? 1
                                            : d.severity == Severity::Warning ? 2
                                                                              : 3},
                               {"code", std::string(codeName(d.code))},
                               {"source", "dl"},
                               {"message", utf8(message)},
                               {"relatedInformation", std::move(related)}});
  }
  return json::Object{{"uri", lsp::toJSON(uri)}, {"version", version}, {"diagnostics", std::move(out)}};
}

// ---------------------------------------------------------------------------------------------------------- hover
static std::string code(const std::string &text) { return "```dl\n" + text + "\n```"; }

std::optional<lsp::Hover> hoverAt(const Analysis &analysis, uint32_t offset) {
  const sema::Meaning *meaning = analysis.meaningAt(offset);
  std::vector<sema::TypedPlace> types = analysis.typesAt(offset);
  // An expression around the name says nothing of the name.
  if (meaning && !types.empty() && types[0].span.end - types[0].span.begin > meaning->span.end - meaning->span.begin)
    types.clear();
  if (!meaning && types.empty())
    return std::nullopt;

  const SourceManager &sources = analysis.sources();
  using Kind = sema::Symbol::Kind;
  bool isValue = !meaning || ((meaning->symbol.kind == Kind::Variable || meaning->symbol.kind == Kind::Parameter ||
                               meaning->symbol.kind == Kind::Size) &&
                              !types.empty());
  std::string text;
  if (isValue) {
    std::string name = meaning ? meaning->symbol.name : std::string(sources.text(types[0].span));
    if (name.size() > 80 || name.find('\n') != std::string::npos)
      name.clear();
    std::vector<std::string> lines;
    for (const sema::TypedPlace &type : types) {
      std::string line = (name.empty() ? "" : name + ": ") + type.type;
      if (types.size() > 1 && !type.instance.empty())
        line += "  # in " + type.instance;
      if (std::find(lines.begin(), lines.end(), line) == lines.end() && lines.size() < 8)
        lines.push_back(line);
    }
    for (const std::string &line : lines)
      text += (text.empty() ? "" : "\n") + line;
    text = code(text);
  } else {
    text = code(meaning->symbol.signature);
  }
  if (meaning && !meaning->symbol.doc.empty())
    text += "\n\n" + meaning->symbol.doc;
  lsp::Hover hover(rangeOf(meaning ? meaning->span : types[0].span, sources));
  hover.contents.value = utf8(text);
  return hover;
}

// ----------------------------------------------------------------------------------------------------- completion
static lsp::CompletionItemKind kindOf(const Candidate &candidate) {
  using Kind = lsp::CompletionItemKind;
  switch (candidate.kind) {
  case Candidate::Keyword:
    return Kind::Keyword;
  case Candidate::Argument:
    return Kind::Property;
  case Candidate::File:
    return Kind::Module;
  case Candidate::Name:
    break;
  }
  switch (candidate.symbol.kind) {
  case sema::Symbol::Function:
  case sema::Symbol::Builtin:
    return Kind::Function;
  case sema::Symbol::Method:
    return Kind::Method;
  case sema::Symbol::Module:
    return Kind::Class;
  case sema::Symbol::Field:
    return Kind::Field;
  case sema::Symbol::ElementType:
    return Kind::TypeParameter;
  case sema::Symbol::Size:
    return Kind::Constant;
  case sema::Symbol::File:
    return Kind::Module;
  default:
    return Kind::Variable;
  }
}

lsp::CompletionItem itemOf(const Candidate &candidate, size_t rank) {
  char sortText[16];
  std::snprintf(sortText, sizeof sortText, "%06zu", rank);
  lsp::CompletionItem item(candidate.text, kindOf(candidate), sortText);
  item.detail = utf8(candidate.symbol.signature);
  if (!candidate.symbol.doc.empty())
    item.documentation = lsp::MarkupContent{lsp::MarkupKind::Markdown, utf8(candidate.symbol.doc)};
  return item;
}

lsp::SignatureHelp helpOf(const CallAt &call) {
  lsp::SignatureHelp help;
  std::vector<ParameterText> parameters = parametersOf(call.function.signature);
  if (parameters.empty())
    return help;
  lsp::SignatureInformation signature;
  signature.label = utf8(call.function.signature);
  signature.documentation = utf8(call.function.doc);
  for (const ParameterText &parameter : parameters) {
    lsp::ParameterInformation information;
    auto unitsBefore = [&](uint32_t offset) {
      return static_cast<unsigned>(placeOf(call.function.signature, offset).character);
    };
    information.labelOffsets = std::pair(unitsBefore(parameter.place.begin), unitsBefore(parameter.place.end));
    signature.parameters.push_back(information);
  }
  help.signatures.push_back(signature);
  uint32_t active = call.argument + (call.isMethodCall ? 1 : 0);
  help.activeParameter = static_cast<int>(std::min<size_t>(active, parameters.size() - 1));
  return help;
}

// -------------------------------------------------------------------------------------------------------- outline
std::vector<lsp::DocumentSymbol> outlineOf(const Analysis &analysis) {
  const SourceManager &sources = analysis.sources();
  std::vector<lsp::DocumentSymbol> out;
  auto add = [&](std::vector<lsp::DocumentSymbol> &to, const std::string &name, lsp::SymbolKind kind, Span whole,
                 Span selection) {
    if (name.empty())
      return;
    if (selection.begin < whole.begin || selection.end > whole.end)
      selection = whole;
    to.emplace_back(utf8(name), kind, rangeOf(whole, sources), rangeOf(selection, sources));
  };
  for (const ast::Stmt *s : analysis.syntax().stmts) {
    switch (s->kind) {
    case ast::StmtKind::Fn: {
      auto *fn = ast::as<const ast::FnDecl>(s);
      add(out, fn->name, lsp::SymbolKind::Function, fn->span, fn->nameSpan);
      break;
    }
    case ast::StmtKind::Module: {
      auto *module = ast::as<const ast::ModuleDecl>(s);
      if (module->name.empty())
        break;
      add(out, module->name, lsp::SymbolKind::Class, module->span, module->nameSpan);
      for (const ast::MemberDecl &m : module->members)
        add(out.back().children, m.fn ? m.fn->name : m.name, m.fn ? lsp::SymbolKind::Method : lsp::SymbolKind::Field,
            m.span, m.fn ? m.fn->nameSpan : m.span);
      break;
    }
    case ast::StmtKind::Let: {
      auto *let = ast::as<const ast::Let>(s);
      if (!let->pattern.isTuple)
        add(out, let->pattern.name, lsp::SymbolKind::Variable, let->span, let->pattern.span);
      break;
    }
    case ast::StmtKind::Test: {
      auto *test = ast::as<const ast::Test>(s);
      add(out, "test \"" + test->name + "\"", lsp::SymbolKind::Event, test->span, test->span);
      break;
    }
    default:
      break;
    }
  }
  return out;
}

} // namespace dl::lsp
