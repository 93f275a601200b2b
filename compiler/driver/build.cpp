#include "compiler/driver/commands.h"
#include "compiler/driver/compilation.h"
#include "compiler/driver/link.h"
#include "compiler/driver/native_code.h"
#include "compiler/driver/report.h"
#include "compiler/driver/signature.h"

#include <cctype>
#include <filesystem>

namespace fs = std::filesystem;

namespace dl::driver {
namespace {

void listSlots(const char *head, const std::vector<Leaf> &leaves, std::string &text) {
  text += std::string(" * ") + head + ":";
  for (size_t i = 0; i < leaves.size(); ++i) {
    const Slot &slot = leaves[i].slot;
    text += (i ? ", " : " ") + (slot.name.empty() ? "" : slot.name + ": ") + slot.type;
  }
  text += leaves.empty() ? " none\n" : "\n";
}

// The C declarations of the exported functions.
std::string headerText(const std::string &name, const std::vector<Signature> &signatures) {
  std::string guard = "DL_GENERATED_";
  for (char c : name)
    guard += std::isalnum(static_cast<unsigned char>(c))
                 ? static_cast<char>(std::toupper(static_cast<unsigned char>(c)))
                 : '_';
  std::string text =
      "/* Made by `dl build --lib`. Call each function through dl_invoke() with its inputs as `in` and room for its\n"
      " * outputs as `out`: dtype and rank set, data NULL, sizes -1. Free the data of tensor outputs with dl_free(). "
      "*/\n"
      "#ifndef " +
      guard + "_H\n#define " + guard +
      "_H\n\n#include <dl/abi.h>\n\n"
      "#ifdef __cplusplus\nextern \"C\" {\n#endif\n";
  for (const Signature &signature : signatures) {
    text += "\n/* " + signature.name + "\n";
    listSlots("in", signature.parameters, text);
    listSlots("out", signature.results, text);
    text += " */\nvoid " + exportEntry(signature.name) +
            "(const dl_site *site, const dl_value *in, int64_t num_in, dl_value *out, int64_t num_out);\n";
  }
  return text + "\n#ifdef __cplusplus\n}\n#endif\n#endif\n";
}

// `libmodel.a` -> `model`.
std::string baseName(const fs::path &library) {
  std::string name = library.stem().string();
  return name.starts_with("lib") && name.size() > 3 ? name.substr(3) : name;
}

std::string writeOutputs(const BuildCommand &command, const fs::path &output, Compilation &compilation,
                         const std::string &object) {
  if (!command.library)
    return writeProgram(object, output.string());
  if (std::string problem = writeLibrary(object, output.string()); !problem.empty())
    return "cannot write " + output.string() + ": " + problem;
  std::string name = baseName(output);
  fs::path header = output.parent_path() / (name + ".h");
  std::string problem = writeFile(header, headerText(name, exportsOf(*compilation.program())));
  return problem.empty() ? "" : "cannot write " + header.string() + ": " + problem;
}

} // namespace

int build(const BuildCommand &command, const Settings &settings) {
  fs::path script = command.file;
  fs::path output = command.output;
  if (output.empty())
    output = command.library ? "lib" + script.stem().string() + ".a" : script.stem().string();

  Compilation compilation(settings);
  std::optional<std::string> object;
  if (compilation.addFile(command.file) && compilation.check()) {
    if (command.library && !compilation.program()) {
      report("a library is built from a script, not from MLIR", settings);
      return 1;
    }
    if (command.library && exportsOf(*compilation.program()).empty()) {
      report(command.file + " has no `export fn`: the library would be empty", settings);
      return 1;
    }
    object = compilation.object(command.library ? Entries::Exports : Entries::Script);
  }
  report(compilation.diagnostics, settings);
  if (!object)
    return 1;
  std::string problem = writeOutputs(command, output, compilation, *object);
  if (!problem.empty())
    report(problem, settings);
  return problem.empty() ? 0 : 1;
}

} // namespace dl::driver
