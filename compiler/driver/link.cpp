#include "compiler/driver/link.h"

#include "compiler/driver/files.h"

#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"

#include <sstream>
#include <vector>

namespace fs = std::filesystem;

namespace dl::driver {
namespace {

// The folder with the runtime's library: beside the program's folder, installed or in a build tree.
std::optional<fs::path> libraryFolder() {
  fs::path bin = ownPath().parent_path();
  for (const char *relative : {"../lib", "../" DL_INSTALL_LIBDIR, "."}) {
    fs::path folder = (bin / relative).lexically_normal();
    std::error_code error;
    if (fs::exists(folder / "libdl_runtime.a", error))
      return folder;
  }
  return std::nullopt;
}

// A file that goes away.
class Temporary {
public:
  explicit Temporary(const char *ending) {
    llvm::SmallString<128> name;
    if (!llvm::sys::fs::createTemporaryFile("dl", ending, name))
      path = name.str().str();
  }
  ~Temporary() { llvm::sys::fs::remove(path); }
  Temporary(const Temporary &) = delete;
  std::string path;
};

} // namespace

std::string writeProgram(const std::string &object, const std::string &output) {
  std::optional<fs::path> folder = libraryFolder();
  if (!folder)
    return "the runtime's library libdl_runtime.a is missing beside " + ownPath().string();
  std::optional<std::string> link = readFile(*folder / "dl_runtime.link");
  if (!link)
    return "cannot read " + (*folder / "dl_runtime.link").string();

  std::string linker;
  for (const char *name : {DL_NATIVE_LINKER, "clang++", "clang++-19", "g++"})
    if (llvm::ErrorOr<std::string> found = llvm::sys::findProgramByName(name)) {
      linker = *found;
      break;
    }
  if (linker.empty())
    return "linking needs a C++ compiler (c++, clang++ or g++), and there is none in $PATH";

  Temporary input("o"), messages("txt"), program("out");
  if (input.path.empty() || messages.path.empty() || program.path.empty())
    return "cannot write temporary files";
  if (std::string problem = writeFile(input.path, object); !problem.empty())
    return "cannot write " + input.path + ": " + problem;

  std::vector<std::string> words{linker, input.path, (*folder / "libdl_native_main.a").string(),
                                 (*folder / "libdl_runtime.a").string()};
  std::istringstream lines(*link);
  for (std::string word; std::getline(lines, word);)
    if (!word.empty())
      words.push_back(word);
  for (const char *word : {"-lmvec", "-lm", "-Wl,--gc-sections", "-Wl,--as-needed", DL_NATIVE_LINK_FLAGS})
    if (*word)
      words.push_back(word);
  words.insert(words.end(), {"-o", program.path});

  std::vector<llvm::StringRef> arguments(words.begin(), words.end());
  std::optional<llvm::StringRef> redirects[] = {llvm::StringRef(""), llvm::StringRef(messages.path),
                                                llvm::StringRef(messages.path)};
  std::string failure;
  int status = llvm::sys::ExecuteAndWait(linker, arguments, std::nullopt, redirects, 0, 0, &failure);
  if (status != 0)
    return "linking failed: " + (failure.empty() ? readFile(messages.path).value_or("") : failure);
  // Written beside and renamed, so that a program that cannot be written leaves the older one whole.
  std::optional<std::string> linked = readFile(program.path);
  if (!linked)
    return "cannot read " + program.path;
  if (std::string problem = writeFile(output, *linked); !problem.empty())
    return "cannot write " + output + ": " + problem;
  std::error_code refused;
  if (!fs::is_regular_file(output, refused))
    return "";
  fs::permissions(output, fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec, fs::perm_options::add,
                  refused);
  return refused ? "cannot make " + output + " executable: " + refused.message() : "";
}

std::string writeLibrary(const std::string &object, const std::string &output) {
  std::vector<llvm::NewArchiveMember> members;
  members.emplace_back(llvm::MemoryBufferRef(object, "program.o"));
  members.back().Perms = 0644;
  llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> archive = llvm::writeArchiveToBuffer(
      members, llvm::SymtabWritingMode::NormalSymtab, llvm::object::Archive::K_GNU, /*Deterministic=*/true,
      /*Thin=*/false);
  return archive ? writeFile(output, (*archive)->getBuffer()) : llvm::toString(archive.takeError());
}

} // namespace dl::driver
