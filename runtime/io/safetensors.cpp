#include "runtime/io/safetensors.h"

#include <algorithm>
#include <set>

#include "runtime/io/bytes.h"
#include "runtime/io/file.h"
#include "runtime/io/json.h"

namespace dl::rt {
namespace {

constexpr uint64_t kMaxHeader = uint64_t{100} << 20;

struct TypeName {
  std::string_view name;
  int32_t dtype;
  int64_t size; // in the file
};

constexpr TypeName kTypes[] = {{"F32", DL_F32, 4}, {"F64", DL_F64, 8}, {"BF16", DL_BF16, 2}, {"I32", DL_I32, 4},
                               {"I64", DL_I64, 8}, {"U8", DL_U8, 1},   {"BOOL", DL_BOOL, 1}, {"F16", DL_F32, 2}};

const TypeName *typeOf(std::string_view name) {
  for (const TypeName &type : kTypes)
    if (type.name == name)
      return &type;
  return nullptr;
}

// Reads {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}.
bool readEntry(JsonReader &json, SafeTensors::Entry &entry, std::vector<int64_t> &offsets) {
  bool type = false, shape = false;
  bool good = json.object([&](const std::string &key) {
    if (key == "dtype")
      return type = json.string(entry.type);
    if (key == "shape")
      return shape = json.integers(entry.sizes, DL_MAX_RANK);
    if (key == "data_offsets")
      return json.integers(offsets, 2);
    return json.skip();
  });
  return good && type && shape && offsets.size() == 2;
}

Result<Done> place(SafeTensors::Entry &entry, const std::vector<int64_t> &offsets, std::span<const uint8_t> data) {
  const TypeName *type = typeOf(entry.type);
  if (!type)
    return error("`", entry.name, "` has the element type ", entry.type, ", which is not supported");
  if (offsets[0] < 0 || offsets[1] < offsets[0] || static_cast<uint64_t>(offsets[1]) > data.size())
    return error("`", entry.name, "` lies outside the file, which is truncated or damaged");
  entry.bytes = data.subspan(static_cast<size_t>(offsets[0]), static_cast<size_t>(offsets[1] - offsets[0]));
  int64_t size = declaredBytes(entry.sizes, type->size, entry.bytes.size());
  if (size < 0 || static_cast<size_t>(size) != entry.bytes.size())
    return error("`", entry.name, "` of shape ", sizesText(entry.sizes.data(), static_cast<int>(entry.sizes.size())),
                 " does not fill its ", entry.bytes.size(), " bytes");
  return Done{};
}

} // namespace

Result<SafeTensors> SafeTensors::parse(std::span<const uint8_t> bytes) {
  if (bytes.size() < 8)
    return error("no safetensors file: it has only ", bytes.size(), " bytes");
  uint64_t header = loadAs<uint64_t>(bytes.data());
  if (header > kMaxHeader || header > bytes.size() - 8)
    return error("no safetensors file, or truncated: a header of ", header, " bytes in a file of ", bytes.size());
  std::span<const uint8_t> data = bytes.subspan(8 + header);
  SafeTensors result;
  std::set<std::string> names;
  std::string problem;
  JsonReader json(asText(bytes.subspan(8, header)));
  bool good = json.object([&](const std::string &name) {
    if (name == "__metadata__")
      return json.skip();
    Entry entry{name, {}, {}, {}};
    std::vector<int64_t> offsets;
    if (!readEntry(json, entry, offsets))
      return false;
    Result<Done> placed = place(entry, offsets, data);
    if (!placed)
      problem = placed.message();
    else if (!names.insert(name).second)
      problem = concat("`", name, "` is there twice");
    result.list.push_back(std::move(entry));
    return problem.empty();
  });
  if (!problem.empty())
    return Error{problem};
  if (!good || !json.atEnd())
    return error("the safetensors header is damaged");
  return result;
}

const SafeTensors::Entry *SafeTensors::find(std::string_view name) const {
  auto at = std::find_if(list.begin(), list.end(), [&](const Entry &entry) { return entry.name == name; });
  return at == list.end() ? nullptr : &*at;
}

Result<Array> SafeTensors::array(const Entry &entry) {
  const TypeName *type = typeOf(entry.type);
  if (!type)
    return error("element type ", entry.type, " is not supported");
  Array array{type->dtype, entry.sizes, {}};
  if (entry.type == "F16") {
    array.bytes.resize(entry.bytes.size() * 2);
    for (size_t i = 0; i < entry.bytes.size(); i += 2) {
      float value = halfToFloat(loadAs<uint16_t>(entry.bytes.data() + i));
      std::memcpy(array.bytes.data() + 2 * i, &value, sizeof value);
    }
    return array;
  }
  array.bytes.assign(entry.bytes.begin(), entry.bytes.end());
  if (array.dtype == DL_BOOL)
    for (uint8_t &element : array.bytes)
      element = element != 0;
  return array;
}

Result<Done> writeSafeTensors(const std::string &path, const std::vector<std::string> &names,
                              const std::vector<ArrayView> &arrays) {
  std::string header = "{";
  uint64_t offset = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    const ArrayView &array = arrays[i];
    std::string_view type;
    for (const TypeName &candidate : kTypes)
      if (candidate.dtype == array.dtype && candidate.size == dtypeSize(array.dtype))
        type = candidate.name;
    std::string sizes =
        array.sizes.empty() ? "[]" : sizesText(array.sizes.data(), static_cast<int>(array.sizes.size()));
    header += concat(i ? "," : "", jsonString(names[i]), ":{\"dtype\":\"", type, "\",\"shape\":", sizes,
                     ",\"data_offsets\":[", offset, ",", offset + array.bytes(), "]}");
    offset += array.bytes();
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' '); // the elements begin aligned
  uint64_t length = header.size();
  std::vector<std::string_view> parts{{reinterpret_cast<const char *>(&length), sizeof length}, header};
  for (const ArrayView &array : arrays)
    parts.emplace_back(static_cast<const char *>(array.data), array.bytes());
  return writeFile(path, parts);
}

} // namespace dl::rt
