#include "runtime/io/zip.h"

#include <zip.h>

#include <memory>

#include "runtime/io/file.h"

namespace dl::rt {
namespace {

struct Discarder {
  void operator()(zip_t *archive) const { zip_discard(archive); }
  void operator()(zip_file_t *file) const { zip_fclose(file); }
};
using Archive = std::unique_ptr<zip_t, Discarder>;

Result<Archive> openArchive(std::span<const uint8_t> bytes) {
  zip_error_t problem;
  zip_error_init(&problem);
  zip_source_t *source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &problem);
  zip_t *archive = source ? zip_open_from_source(source, ZIP_RDONLY, &problem) : nullptr;
  Error failure = error("no readable zip archive: ", archive ? "" : zip_error_strerror(&problem));
  zip_error_fini(&problem);
  if (archive)
    return Archive(archive);
  if (source)
    zip_source_free(source);
  return failure;
}

} // namespace

Result<std::vector<std::string>> zipNames(std::span<const uint8_t> bytes) {
  Result<Archive> archive = openArchive(bytes);
  if (!archive)
    return archive.failure();
  std::vector<std::string> names;
  for (zip_int64_t i = 0, n = zip_get_num_entries(archive->get(), 0); i < n; ++i)
    if (const char *name = zip_get_name(archive->get(), static_cast<zip_uint64_t>(i), 0))
      names.emplace_back(name);
  return names;
}

Result<std::vector<uint8_t>> zipMember(std::span<const uint8_t> bytes, const std::string &name) {
  Result<Archive> archive = openArchive(bytes);
  if (!archive)
    return archive.failure();
  std::unique_ptr<zip_file_t, Discarder> file(zip_fopen(archive->get(), name.c_str(), 0));
  if (!file)
    return error("cannot read ", name, " in the archive: ", zip_strerror(archive->get()));
  std::vector<uint8_t> out;
  std::vector<uint8_t> chunk(size_t{1} << 16);
  while (true) { // the size that the archive declares is not to be trusted
    zip_int64_t got = zip_fread(file.get(), chunk.data(), chunk.size());
    if (got < 0)
      return error(name, " in the archive is damaged: ", zip_file_strerror(file.get()));
    if (got == 0)
      return out;
    if (out.size() + static_cast<size_t>(got) > kMaxFileBytes)
      return error(name, " in the archive is larger than ", kMaxFileBytes >> 30, " GiB");
    out.insert(out.end(), chunk.begin(), chunk.begin() + got);
  }
}

Result<Done> writeZip(const std::string &path, const std::vector<ZipFile> &files) {
  std::string beside = besidePath(path);
  if (beside == path)
    return error("cannot write ", path, ": an archive is a regular file");
  int code = 0;
  Archive archive(zip_open(beside.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code));
  if (!archive) {
    zip_error_t problem;
    zip_error_init_with_code(&problem, code);
    Error failure = error("cannot write ", path, ": ", zip_error_strerror(&problem));
    zip_error_fini(&problem);
    return failure;
  }
  for (const ZipFile &file : files) {
    zip_source_t *source = zip_source_buffer(archive.get(), file.bytes.data(), file.bytes.size(), 0);
    if (!source || zip_file_add(archive.get(), file.name.c_str(), source, ZIP_FL_ENC_UTF_8 | ZIP_FL_OVERWRITE) < 0) {
      Error failure = error("cannot write ", path, ": ", zip_strerror(archive.get()));
      if (source)
        zip_source_free(source);
      return failure;
    }
  }
  if (zip_close(archive.get()) != 0)
    return error("cannot write ", path, ": ", zip_strerror(archive.get()));
  archive.release(); // closed
  return commitFile(beside, path);
}

} // namespace dl::rt
