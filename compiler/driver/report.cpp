#include "compiler/driver/report.h"

#include "dl/abi.h"

#include <cstdio>
#include <nlohmann/json.hpp>

namespace dl::driver {
namespace {

void writeLine(std::string text) {
  if (text.empty() || text.back() != '\n')
    text += '\n';
  std::fflush(stdout); // keep the order of what was printed before
  std::fwrite(text.data(), 1, text.size(), stderr);
}

std::string json(const nlohmann::json &object) {
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

} // namespace

void report(const Diagnostics &diagnostics, const Settings &settings) {
  for (const Diagnostic &diagnostic : diagnostics.all())
    writeLine(settings.json ? renderJson(diagnostic, diagnostics.sources())
                            : render(diagnostic, diagnostics.sources(), settings.color));
}

void report(const std::string &message, const Settings &settings) {
  if (settings.json)
    writeLine(json({{"code", codeName(Code::FileError)}, {"severity", "error"}, {"message", message}}));
  else
    writeLine((settings.color ? "\x1b[1;31merror\x1b[0m: " : "error: ") + message);
}

void report(dl_error *error, const Settings &settings) {
  if (settings.json) {
    nlohmann::json object = {
        {"code", codeName(Code::RuntimeError)}, {"severity", "error"}, {"message", dl_error_message(error)}};
    if (const dl_site *site = dl_error_site(error)) {
      object["file"] = site->file;
      object["line"] = site->line;
      object["column"] = site->column;
      object["length"] = site->length;
    }
    writeLine(json(object));
  } else {
    writeLine(dl_error_text(error));
  }
  dl_error_free(error);
}

} // namespace dl::driver
