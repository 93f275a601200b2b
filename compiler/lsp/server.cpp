#include "compiler/lsp/server.h"

#include "compiler/driver/version.h"
#include "compiler/lsp/messages.h"
#include "compiler/lsp/positions.h"
#include "compiler/syntax/parse.h"

#include "mlir/Tools/lsp-server-support/Logging.h"
#include "mlir/Tools/lsp-server-support/Transport.h"

#include <map>

namespace json = llvm::json;

namespace dl::lsp {
namespace {

namespace lsp = mlir::lsp;

// What the protocol's support library does not define.
struct FormattingParams {
  lsp::TextDocumentIdentifier textDocument;
};
bool fromJSON(const json::Value &value, FormattingParams &result, json::Path path) {
  json::ObjectMapper object(value, path);
  return object && object.map("textDocument", result.textDocument);
}
struct DidSaveParams {
  lsp::TextDocumentIdentifier textDocument;
};
bool fromJSON(const json::Value &value, DidSaveParams &result, json::Path path) {
  json::ObjectMapper object(value, path);
  return object && object.map("textDocument", result.textDocument);
}

// A file that is open in the editor.
struct Document {
  lsp::URIForFile uri;
  std::string text;
  int64_t version = 0;
  std::unique_ptr<Analysis> analysis; // of the present text
};

class Server {
public:
  explicit Server(lsp::JSONTransport &transport)
      : publish(handler(transport).outgoingNotification<json::Value>("textDocument/publishDiagnostics")) {
    lsp::MessageHandler &h = *messages;
    h.method("initialize", this, &Server::initialize);
    h.notification("initialized", this, &Server::initialized);
    h.method("shutdown", this, &Server::shutdown);
    h.notification("textDocument/didOpen", this, &Server::didOpen);
    h.notification("textDocument/didChange", this, &Server::didChange);
    h.notification("textDocument/didSave", this, &Server::didSave);
    h.notification("textDocument/didClose", this, &Server::didClose);
    h.method("textDocument/hover", this, &Server::hover);
    h.method("textDocument/definition", this, &Server::definition);
    h.method("textDocument/completion", this, &Server::completion);
    h.method("textDocument/signatureHelp", this, &Server::signatureHelp);
    h.method("textDocument/documentSymbol", this, &Server::documentSymbol);
    h.method("textDocument/formatting", this, &Server::formatting);
  }

  lsp::MessageHandler &handler() { return *messages; }
  bool wasShutDown() const { return isShutDown; }

private:
  lsp::MessageHandler &handler(lsp::JSONTransport &transport) {
    messages = std::make_unique<lsp::MessageHandler>(transport);
    return *messages;
  }

  void initialize(const lsp::InitializeParams &, lsp::Callback<json::Value> reply) {
    reply(json::Object{
        {"capabilities",
         json::Object{{"positionEncoding", "utf-16"},
                      {"textDocumentSync", json::Object{{"openClose", true},
                                                        {"change", int(lsp::TextDocumentSyncKind::Incremental)},
                                                        {"save", true}}},
                      {"hoverProvider", true},
                      {"definitionProvider", true},
                      {"documentSymbolProvider", true},
                      {"documentFormattingProvider", true},
                      {"completionProvider", json::Object{{"triggerCharacters", {"."}}, {"resolveProvider", false}}},
                      {"signatureHelpProvider", json::Object{{"triggerCharacters", {"(", ","}}}}}},
        {"serverInfo", json::Object{{"name", "dl"}, {"version", driver::versionNumber()}}}});
  }
  void initialized(const lsp::InitializedParams &) {}
  void shutdown(const lsp::NoParams &, lsp::Callback<std::nullptr_t> reply) {
    isShutDown = true;
    reply(nullptr);
  }

  // ---------------------------------------------------------------------------------------------------- documents
  Document *find(const lsp::URIForFile &uri) {
    auto it = documents.find(uri.file().str());
    return it == documents.end() ? nullptr : &it->second;
  }

  driver::ImportFinder::Reader reader() const {
    return [this](const std::filesystem::path &path) {
      auto it = documents.find(path.lexically_normal().string());
      return it == documents.end() ? driver::readFile(path) : std::optional(it->second.text);
    };
  }

  const Analysis &analysis(Document &document) {
    if (!document.analysis)
      document.analysis = std::make_unique<Analysis>(document.uri.file().str(), document.text, reader());
    return *document.analysis;
  }

  void check(Document &document) {
    document.analysis.reset();
    analysis(document);
    document.analysis->finish();
    publish(published(*document.analysis, document.uri, document.version));
  }

  void didOpen(const lsp::DidOpenTextDocumentParams &params) {
    Document &document = documents[params.textDocument.uri.file().str()];
    document.uri = params.textDocument.uri;
    document.text = params.textDocument.text;
    document.version = params.textDocument.version;
    check(document);
  }

  void didChange(const lsp::DidChangeTextDocumentParams &params) {
    Document *document = find(params.textDocument.uri);
    if (!document)
      return;
    for (const lsp::TextDocumentContentChangeEvent &change : params.contentChanges) {
      if (!change.range) {
        document->text = change.text;
        continue;
      }
      uint32_t begin = offsetAt(*document, change.range->start), end = offsetAt(*document, change.range->end);
      if (end < begin)
        std::swap(begin, end);
      document->text.replace(begin, end - begin, change.text);
    }
    document->version = params.textDocument.version;
    check(*document);
  }

  // Other open files may import this one.
  void didSave(const DidSaveParams &) {
    for (auto &[path, document] : documents)
      check(document);
  }

  void didClose(const lsp::DidCloseTextDocumentParams &params) {
    if (!find(params.textDocument.uri))
      return;
    documents.erase(params.textDocument.uri.file().str());
    publish(json::Object{{"uri", lsp::toJSON(params.textDocument.uri)}, {"diagnostics", json::Array{}}});
  }

  static uint32_t offsetAt(const Document &document, const lsp::Position &position) {
    return offsetOf(document.text, {position.line, position.character});
  }

  // ----------------------------------------------------------------------------------------------------- requests
  void hover(const lsp::TextDocumentPositionParams &params, lsp::Callback<std::optional<lsp::Hover>> reply) {
    Document *document = find(params.textDocument.uri);
    if (!document)
      return reply(std::nullopt);
    reply(hoverAt(analysis(*document), offsetAt(*document, params.position)));
  }

  void definition(const lsp::TextDocumentPositionParams &params, lsp::Callback<std::vector<lsp::Location>> reply) {
    std::vector<lsp::Location> places;
    if (Document *document = find(params.textDocument.uri)) {
      const Analysis &found = analysis(*document);
      if (const sema::Meaning *meaning = found.meaningAt(offsetAt(*document, params.position)))
        if (std::optional<lsp::Location> place = locationOf(meaning->symbol.span, found.sources()))
          places.push_back(*place);
    }
    reply(std::move(places));
  }

  Buffer bufferOf(const Document &document) const { return {document.uri.file().str(), document.text, reader()}; }

  void completion(const lsp::CompletionParams &params, lsp::Callback<lsp::CompletionList> reply) {
    lsp::CompletionList list;
    if (Document *document = find(params.textDocument.uri))
      for (const Candidate &candidate : completionsAt(bufferOf(*document), offsetAt(*document, params.position)))
        list.items.push_back(itemOf(candidate, list.items.size()));
    reply(std::move(list));
  }

  void signatureHelp(const lsp::TextDocumentPositionParams &params, lsp::Callback<lsp::SignatureHelp> reply) {
    Document *document = find(params.textDocument.uri);
    reply(document ? helpOf(callAt(bufferOf(*document), offsetAt(*document, params.position))) : lsp::SignatureHelp());
  }

  void documentSymbol(const lsp::DocumentSymbolParams &params, lsp::Callback<std::vector<lsp::DocumentSymbol>> reply) {
    Document *document = find(params.textDocument.uri);
    reply(document ? outlineOf(analysis(*document)) : std::vector<lsp::DocumentSymbol>());
  }

  void formatting(const FormattingParams &params, lsp::Callback<std::vector<lsp::TextEdit>> reply) {
    std::vector<lsp::TextEdit> edits;
    Document *document = find(params.textDocument.uri);
    if (document) {
      SourceManager sources;
      ast::AstContext context;
      Diagnostics diagnostics(sources);
      ast::File file = parse(sources.add(document->uri.file().str(), document->text), sources, context, diagnostics);
      // What does not parse stays as it is; the diagnostics say why.
      std::string text = diagnostics.hasErrors() ? document->text : format(file, sources);
      if (text != document->text)
        edits.push_back({rangeOf({file.id, 0, static_cast<uint32_t>(document->text.size())}, sources), utf8(text)});
    }
    reply(std::move(edits));
  }

  std::unique_ptr<lsp::MessageHandler> messages;
  lsp::OutgoingNotification<json::Value> publish;
  std::map<std::string, Document> documents; // by path
  bool isShutDown = false;
};

} // namespace

int serve(std::FILE *in) {
  lsp::Logger::setLogLevel(lsp::Logger::Level::Error);
  // Texts that have no file yet.
  lsp::URIForFile::registerSupportedScheme("untitled");
  lsp::JSONTransport transport(in, llvm::outs());
  Server server(transport);
  if (llvm::Error error = transport.run(server.handler())) {
    llvm::consumeError(std::move(error)); // the editor is gone
    return 1;
  }
  return server.wasShutDown() ? 0 : 1;
}

} // namespace dl::lsp
