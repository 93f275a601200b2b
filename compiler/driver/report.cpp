#include "compiler/driver/report.h"

#include "dl/abi.h"

#include <algorithm>
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

} // namespace

void report(const Diagnostics &diagnostics, const Settings &settings) {
  for (const Diagnostic &diagnostic : diagnostics.all())
    report(diagnostic, diagnostics.sources(), settings);
}

void report(const Diagnostic &diagnostic, const SourceManager &sources, const Settings &settings) {
  writeLine(settings.json ? renderJson(diagnostic, sources) : render(diagnostic, sources, settings.color));
}

void report(const std::string &message, const Settings &settings) {
  SourceManager nowhere;
  Diagnostics diagnostics(nowhere);
  diagnostics.error(Code::FileError, {}, message);
  report(diagnostics, settings);
}

void report(dl_error *error, const Settings &settings, std::vector<std::string> notes) {
  if (settings.json) {
    nlohmann::json object = {{"code", codeName(Code::RuntimeError)},
                             {"severity", "error"},
                             {"message", dl_error_message(error)},
                             {"place", nullptr},
                             {"labels", nlohmann::json::array()},
                             {"notes", std::move(notes)},
                             {"help", ""}};
    if (const dl_site *site = dl_error_site(error))
      object["place"] = {{"file", site->file},
                         {"line", site->line},
                         {"column", site->column},
                         {"endLine", site->line},
                         {"endColumn", site->column + std::max(site->length, 1)}};
    // A message may quote bytes of the user's that are no UTF-8.
    writeLine(object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    writeLine(dl_error_text(error));
  }
  dl_error_free(error);
}

} // namespace dl::driver
