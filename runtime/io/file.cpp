#include "runtime/io/file.h"

#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace dl::rt {
namespace {

struct Closer {
  void operator()(FILE *file) const { std::fclose(file); }
};
using File = std::unique_ptr<FILE, Closer>;

Error systemError(std::string_view what, const std::string &path) {
  return error("cannot ", what, " ", path, ": ", std::strerror(errno));
}

} // namespace

Result<std::vector<uint8_t>> readFile(const std::string &path) {
  File file(std::fopen(path.c_str(), "rb"));
  if (!file)
    return systemError("read", path);
  struct stat info;
  if (fstat(fileno(file.get()), &info) != 0)
    return systemError("read", path);
  if (S_ISDIR(info.st_mode))
    return error("cannot read ", path, ": is a directory");
  if (static_cast<uint64_t>(info.st_size) > kMaxFileBytes)
    return error("cannot read ", path, ": larger than ", kMaxFileBytes >> 30, " GiB");
  std::vector<uint8_t> bytes(static_cast<size_t>(info.st_size));
  size_t got = bytes.empty() ? 0 : std::fread(bytes.data(), 1, bytes.size(), file.get());
  bytes.resize(got);
  uint8_t more[4096]; // a pipe or a growing file has more than stat says
  while (size_t n = std::fread(more, 1, sizeof more, file.get())) {
    if (bytes.size() + n > kMaxFileBytes)
      return error("cannot read ", path, ": larger than ", kMaxFileBytes >> 30, " GiB");
    bytes.insert(bytes.end(), more, more + n);
  }
  if (std::ferror(file.get()))
    return systemError("read", path);
  return bytes;
}

Result<std::vector<uint8_t>> inflateIfPacked(std::vector<uint8_t> data, uint64_t limit) {
  if (data.size() < 2 || data[0] != 0x1F || data[1] != 0x8B)
    return data;
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 32) != Z_OK)
    return error("out of memory");
  std::unique_ptr<z_stream, int (*)(z_stream *)> guard(&stream, inflateEnd);
  std::vector<uint8_t> out;
  std::vector<uint8_t> chunk(size_t{1} << 18);
  size_t consumed = 0;
  while (true) {
    if (stream.avail_in == 0) {
      size_t n = std::min<size_t>(data.size() - consumed, size_t{1} << 30);
      stream.next_in = data.data() + consumed;
      stream.avail_in = static_cast<uInt>(n);
      consumed += n;
    }
    stream.next_out = chunk.data();
    stream.avail_out = static_cast<uInt>(chunk.size());
    int status = inflate(&stream, Z_NO_FLUSH);
    size_t made = chunk.size() - stream.avail_out;
    if (out.size() + made > limit)
      return error("the unpacked data is larger than ", limit, " bytes");
    out.insert(out.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(made));
    if (status == Z_STREAM_END) {
      if (stream.avail_in == 0 && consumed == data.size())
        return out;
      if (inflateReset(&stream) != Z_OK) // the next member of the file
        return error("the gzip data is damaged");
    } else if (status == Z_BUF_ERROR && stream.avail_in == 0 && consumed == data.size()) {
      return error("the gzip data is truncated");
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      return error("the gzip data is damaged");
    } else if (made == 0 && stream.avail_in == 0 && consumed == data.size()) {
      return error("the gzip data is truncated");
    }
  }
}

std::string besidePath(const std::string &path) {
  static std::atomic<int> number{0};
  struct stat there;
  if (stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode) && !S_ISDIR(there.st_mode))
    return path;
  return concat(path, ".part", getpid(), '-', number.fetch_add(1));
}

Result<Done> commitFile(const std::string &beside, const std::string &path) {
  if (beside == path || std::rename(beside.c_str(), path.c_str()) == 0)
    return Done{};
  Error failure = systemError("write", path);
  std::remove(beside.c_str());
  return failure;
}

Result<Done> writeFile(const std::string &path, std::span<const std::string_view> parts) {
  std::string beside = besidePath(path);
  File file(std::fopen(beside.c_str(), "wb"));
  if (!file)
    return systemError("write", path);
  bool good = true;
  for (std::string_view part : parts)
    good = good && std::fwrite(part.data(), 1, part.size(), file.get()) == part.size();
  good = std::fflush(file.get()) == 0 && good;
  if (!good) {
    Error failure = systemError("write", path);
    file.reset();
    if (beside != path)
      std::remove(beside.c_str());
    return failure;
  }
  file.reset();
  return commitFile(beside, path);
}

Result<Done> appendFile(const std::string &path, std::string_view text) {
  File file(std::fopen(path.c_str(), "ab"));
  struct stat before;
  if (!file || fstat(fileno(file.get()), &before) != 0)
    return systemError("write", path);
  bool good = std::fwrite(text.data(), 1, text.size(), file.get()) == text.size();
  good = std::fflush(file.get()) == 0 && good;
  if (good)
    return Done{};
  Error failure = systemError("write", path);
  if (S_ISREG(before.st_mode) && ftruncate(fileno(file.get()), before.st_size) != 0)
    return error(failure.message, "; a part of the text was written");
  return failure;
}

bool fileExists(const std::string &path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0;
}

} // namespace dl::rt
