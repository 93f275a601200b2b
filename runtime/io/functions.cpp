// Files, as compiled code reads and writes them. A path is a str; every error names the file. A tensor that is read
// must fit the result's rank and given sizes; its elements are converted where deliver() says so.
#include <dirent.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <optional>

#include "runtime/core/arguments.h"
#include "runtime/io/array.h"
#include "runtime/io/csv.h"
#include "runtime/io/file.h"
#include "runtime/io/idx.h"
#include "runtime/io/image.h"
#include "runtime/io/npy.h"
#include "runtime/io/safetensors.h"
#include "runtime/io/zip.h"
#include "runtime/text/pack.h"

using namespace dl::rt;

namespace {

std::string path(const Call &call) { return std::string(call.string(0)); }

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> out;
  while (!text.empty()) {
    size_t end = text.find(separator);
    out.emplace_back(text.substr(0, end));
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
  }
  return out;
}

std::vector<std::string> lines(std::string_view text) { return split(text, '\n'); }

std::string joined(const std::vector<std::string> &list, std::string_view separator) {
  std::string out;
  for (const std::string &item : list)
    out += concat(out.empty() ? std::string_view() : separator, item);
  return out;
}

// The named tensors of a call: names in argument 1, tensors from argument 2 on.
// "layers.*.weight" names the rows of a tensor: layers.0.weight, layers.1.weight, ….
std::string rowName(const std::string &pattern, int64_t row) {
  size_t star = pattern.find('*');
  return pattern.substr(0, star) + std::to_string(row) + pattern.substr(star + 1);
}

bool namesRows(const std::string &name) { return name.find('*') != std::string::npos; }

ArrayView rowOf(const ArrayView &whole, int64_t row) {
  ArrayView view{whole.dtype, {whole.sizes.begin() + 1, whole.sizes.end()}, nullptr};
  view.data = static_cast<const uint8_t *>(whole.data) + static_cast<size_t>(row) * view.bytes();
  return view;
}

struct NamedTensors {
  std::vector<std::string> names;
  std::vector<uint64_t> storage;
  std::vector<ArrayView> arrays;

  explicit NamedTensors(const Call &call) {
    const std::vector<std::string> given = lines(call.string(1));
    storage.resize(given.size());
    if (call.numIn != static_cast<int64_t>(given.size()) + 2)
      call.failHere(given.size(), " names for ", call.numIn - 2, " tensors");
    for (size_t i = 0; i < given.size(); ++i) {
      ArrayView view = viewOf(call.in[i + 2], storage[i]);
      for (int64_t row = 0; namesRows(given[i]) && row < view.sizes[0]; ++row) {
        names.push_back(rowName(given[i], row));
        arrays.push_back(rowOf(view, row));
      }
      if (!namesRows(given[i])) {
        names.push_back(given[i]);
        arrays.push_back(view);
      }
    }
  }
};

} // namespace

// in: path.  out: a tensor of the file's element type and rank; the file may be packed with gzip.
DL_RUNTIME_FUNCTION(read_idx) {
  call.expect(1, 1);
  deliver(call, 0, readIdx(path(call)).orFail(), path(call));
}

// in: path.  out: the tensor of a .npy file.
DL_RUNTIME_FUNCTION(read_npy) {
  call.expect(1, 1);
  deliver(call, 0, readNpy(path(call)).orFail(), path(call));
}

// in: path, name.  out: one tensor of a .npz file.
DL_RUNTIME_FUNCTION(read_npz) {
  call.expect(2, 1);
  std::string name(call.string(1));
  deliver(call, 0, readNpz(path(call), name).orFail(), concat(path(call), ": ", name));
}

// in: path, skip_rows (i64).  out: f64 or f32 [rows, columns], the numbers of a table.
DL_RUNTIME_FUNCTION(read_csv) {
  call.expect(2, 1);
  deliver(call, 0, readCsv(path(call), call.integer(1)).orFail(), path(call));
}

// in: path.  out: u8[height, width, channels], a PNG or JPEG picture.
DL_RUNTIME_FUNCTION(read_image) {
  call.expect(1, 1);
  deliver(call, 0, readImage(path(call)).orFail(), path(call));
}

// in: bytes (u8[n]).  out: u8[height, width, channels], the PNG or JPEG picture that they hold.
DL_RUNTIME_FUNCTION(decode_image) {
  call.expect(1, 1);
  std::string_view bytes = call.string(0);
  deliver(call, 0, decodeImage({reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()}).orFail(),
          "decode_image");
}

// in: path.  out: str, the names in a zip archive (and so in a .npz), separated by newlines.
DL_RUNTIME_FUNCTION(zip_names) {
  call.expect(1, 1);
  std::vector<uint8_t> bytes = readFile(path(call)).orFail();
  Result<std::vector<std::string>> names = zipNames(bytes);
  if (!names)
    fail(path(call), ": ", names.message());
  call.setString(0, joined(*names, "\n"));
}

// in: path, name.  out: u8[n], the bytes of one file in a zip archive.
DL_RUNTIME_FUNCTION(read_zip) {
  call.expect(2, 1);
  std::vector<uint8_t> bytes = readFile(path(call)).orFail();
  Result<std::vector<uint8_t>> member = zipMember(bytes, std::string(call.string(1)));
  if (!member)
    fail(path(call), ": ", member.message());
  call.setString(0, asText(*member));
}

// in: path.  out: str.
DL_RUNTIME_FUNCTION(read_text) {
  call.expect(1, 1);
  call.setString(0, asText(readFile(path(call)).orFail()));
}

// in: path.  out: bool.
DL_RUNTIME_FUNCTION(file_exists) {
  call.expect(1, 1);
  call.setInteger(0, fileExists(path(call)));
}

// in: path of a folder.  out: texts, the names in it, sorted.
DL_RUNTIME_FUNCTION(list_files) {
  call.expect(1, 2);
  DIR *folder = opendir(path(call).c_str());
  if (!folder)
    fail("cannot read the folder ", path(call), ": ", std::strerror(errno));
  std::vector<std::string> names;
  while (dirent *entry = readdir(folder))
    if (std::string_view name = entry->d_name; name != "." && name != "..")
      names.emplace_back(name);
  closedir(folder);
  std::sort(names.begin(), names.end());
  deliverTexts(call, names);
}

// in: path, text.
DL_RUNTIME_FUNCTION(write_text) {
  call.expect(2, 0);
  std::string_view parts[] = {call.string(1)};
  (void)writeFile(path(call), parts).orFail();
}

// in: path, text.
DL_RUNTIME_FUNCTION(append_text) {
  call.expect(2, 0);
  (void)appendFile(path(call), call.string(1)).orFail();
}

// in: path.  Makes the folder and those around it; one that is there is well.
DL_RUNTIME_FUNCTION(make_folder) {
  call.expect(1, 0);
  std::error_code code;
  std::filesystem::create_directories(path(call), code);
  if (code)
    fail("cannot make the folder ", path(call), ": ", code.message());
}

// in: path.  Removes a file or an empty folder.
DL_RUNTIME_FUNCTION(remove_path) {
  call.expect(1, 0);
  std::error_code code;
  bool removed = std::filesystem::remove(path(call), code);
  if (code || !removed)
    fail("cannot remove ", path(call), ": ", code ? code.message() : "there is no such file");
}

// in: path.  out: bool.
DL_RUNTIME_FUNCTION(is_folder) {
  call.expect(1, 1);
  std::error_code code;
  call.setInteger(0, std::filesystem::is_directory(path(call), code));
}

// in: path, a tensor.  Writes a .npy file.
DL_RUNTIME_FUNCTION(write_npy) {
  call.expect(2, 0);
  uint64_t storage;
  (void)writeNpy(path(call), viewOf(call.argument(1), storage)).orFail();
}

// in: path, names (separated by newlines), the tensors.  Writes a .npz file.
DL_RUNTIME_FUNCTION(write_npz) {
  NamedTensors tensors(call);
  (void)writeNpz(path(call), tensors.names, tensors.arrays).orFail();
}

// in: path, a tensor of rank 1 or 2.  Writes a table.
DL_RUNTIME_FUNCTION(write_csv) {
  call.expect(2, 0);
  uint64_t storage;
  (void)writeCsv(path(call), viewOf(call.argument(1), storage)).orFail();
}

// in: path, u8[height, width, channels] or u8[height, width].  Writes a PNG or JPEG file, by the extension.
DL_RUNTIME_FUNCTION(write_image) {
  call.expect(2, 0);
  uint64_t storage;
  (void)writeImage(path(call), viewOf(call.argument(1), storage)).orFail();
}

// in: path, names (separated by newlines), the tensors and scalars.  Writes a .npz archive or a .npy array where the
// path ends so, a safetensors file otherwise.
DL_RUNTIME_FUNCTION(save) {
  NamedTensors tensors(call);
  std::string to = path(call);
  if (to.ends_with(".npz"))
    return (void)writeNpz(to, tensors.names, tensors.arrays).orFail();
  if (!to.ends_with(".npy"))
    return (void)writeSafeTensors(to, tensors.names, tensors.arrays).orFail();
  if (tensors.arrays.size() != 1)
    fail(to, ": a .npy file holds one tensor, not ", tensors.arrays.size(), "; .npz and .safetensors hold several");
  (void)writeNpy(to, tensors.arrays[0]).orFail();
}

// in: path.  out: str, the names in a safetensors file, separated by newlines.
DL_RUNTIME_FUNCTION(saved_names) {
  call.expect(1, 1);
  std::vector<uint8_t> bytes = readFile(path(call)).orFail();
  Result<SafeTensors> file = SafeTensors::parse(bytes);
  if (!file)
    fail(path(call), ": ", file.message());
  std::vector<std::string> names;
  for (const SafeTensors::Entry &entry : file->entries())
    names.push_back(entry.name);
  call.setString(0, joined(names, "\n"));
}

// in: path, names (one a line; a line may have several, separated by tabs, of which one is enough; a `*` stands for the
// number of a row), strict (i64; 1 when left out), when it is 0 the values for names that the file lacks, and how many
// rows each line with a `*` has.  out: one tensor or scalar for each line, of the element type, rank and sizes (-1:
// any) that the result asks for, from a safetensors, .npz or (one name) .npy file. With `strict`, missing names and
// names that nobody asked for are an error; other shapes always are.
DL_RUNTIME_FUNCTION(load) {
  std::string from = path(call);
  std::vector<std::string> wanted = lines(call.string(1));
  bool strict = call.numIn < 3 || call.integer(2);
  if (call.numOut != static_cast<int64_t>(wanted.size()))
    call.failHere(wanted.size(), " names for ", call.numOut, " results");
  std::vector<uint8_t> bytes = readFile(from).orFail();
  auto read = [&](auto &&result) {
    if (!result)
      fail(from, ": ", result.message());
    return *std::move(result);
  };
  if (from.ends_with(".npy")) {
    if (wanted.size() != 1)
      fail(from, ": a .npy file holds one tensor, ", wanted.size(), " are asked for");
    return deliver(call, 0, read(parseNpy(bytes)), from);
  }
  bool archive = from.ends_with(".npz");
  SafeTensors tensors;
  std::vector<std::string> there;
  if (archive) {
    for (const std::string &name : read(zipNames(bytes)))
      there.push_back(name.ends_with(".npy") ? name.substr(0, name.size() - 4) : name);
  } else {
    tensors = read(SafeTensors::parse(bytes));
    for (const SafeTensors::Entry &entry : tensors.entries())
      there.push_back(entry.name);
  }
  auto has = [](const std::vector<std::string> &list, const std::string &name) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  std::vector<std::string> known, missing, unexpected, differing;
  std::vector<Array> arrays;
  // The tensor under the first of these names that is there, else `own` unless it is missed; nothing where it does not
  // fit.
  auto find = [&](const std::vector<std::string> &names, const dl_value &result,
                  const std::function<ArrayView()> &own) -> std::optional<Array> {
    known.insert(known.end(), names.begin(), names.end());
    auto found = std::find_if(names.begin(), names.end(), [&](const std::string &name) { return has(there, name); });
    if (found != names.end()) {
      Array array = read(archive ? parseNpz(bytes, *found) : SafeTensors::array(*tensors.find(*found)));
      std::string problem = mismatch(result, array);
      if (problem.empty())
        return array;
      differing.push_back(concat(*found, ": ", problem));
    } else if (strict) {
      missing.push_back(names[0]);
    } else {
      ArrayView kept = own();
      const uint8_t *data = static_cast<const uint8_t *>(kept.data);
      return Array{kept.dtype, kept.sizes, {data, data + kept.bytes()}};
    }
    return std::nullopt;
  };
  int64_t nextCount = strict ? 3 : 3 + static_cast<int64_t>(wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    std::vector<std::string> names = split(wanted[i], '\t');
    const dl_value &result = call.result(static_cast<int64_t>(i));
    uint64_t storage;
    auto own = [&] { return viewOf(call.argument(static_cast<int64_t>(i) + 3), storage); };
    if (!namesRows(wanted[i])) {
      arrays.push_back(find(names, result, own).value_or(Array{}));
      continue;
    }
    dl_value row = result;
    row.rank = result.rank - 1;
    std::copy(result.sizes + 1, result.sizes + result.rank, row.sizes);
    int64_t count = call.integer(nextCount++);
    Array rows{result.dtype, {}, {}};
    for (int64_t k = 0; k < count; ++k) {
      std::vector<std::string> ofRow;
      for (const std::string &name : names)
        ofRow.push_back(rowName(name, k));
      std::optional<Array> array = find(ofRow, row, [&] { return rowOf(own(), k); });
      if (!array)
        continue;
      std::copy(array->sizes.begin(), array->sizes.end(), row.sizes); // the others have these sizes
      size_t end = rows.bytes.size();
      rows.bytes.resize(end + static_cast<size_t>(array->numel() * dtypeSize(rows.dtype)));
      copyElements(*array, rows.dtype, rows.bytes.data() + end);
    }
    rows.sizes.push_back(count);
    for (int d = 0; d < row.rank; ++d)
      rows.sizes.push_back(std::max<int64_t>(row.sizes[d], 0));
    arrays.push_back(std::move(rows));
  }
  for (const std::string &name : there)
    if (strict && !has(known, name))
      unexpected.push_back(name);
  std::string problem;
  for (const auto &[what, names] : {std::pair("missing ", &missing), {"unexpected ", &unexpected}, {"", &differing}})
    if (!names->empty())
      problem += concat(problem.empty() ? "" : "; ", what, joined(*names, ", "));
  if (!problem.empty())
    fail(from, ": ", problem);
  for (size_t i = 0; i < arrays.size(); ++i)
    deliver(call, static_cast<int64_t>(i), arrays[i], concat(from, ": ", wanted[i]));
}
