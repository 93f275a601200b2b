#include "runtime/io/npy.h"

#include <algorithm>
#include <charconv>

#include "runtime/io/bytes.h"
#include "runtime/io/file.h"
#include "runtime/io/zip.h"

namespace dl::rt {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

struct Header {
  std::string_view description;
  bool fortran = false;
  std::vector<int64_t> sizes;
};

// Reads the Python dictionary that describes the array: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
class HeaderReader {
public:
  explicit HeaderReader(std::string_view text) : rest(text) {}

  bool read(Header &header) {
    if (!take('{'))
      return false;
    bool description = false, order = false, shape = false;
    while (!take('}')) {
      std::string_view key;
      if (!readString(key) || !take(':'))
        return false;
      if (key == "descr")
        description = readString(header.description);
      else if (key == "fortran_order")
        order = readBool(header.fortran);
      else if (key == "shape")
        shape = readShape(header.sizes);
      else
        return false;
      if (!take(','))
        return take('}') && description && order && shape;
    }
    return description && order && shape;
  }

private:
  void skipBlanks() {
    while (!rest.empty() && (rest[0] == ' ' || rest[0] == '\n'))
      rest.remove_prefix(1);
  }

  bool take(char c) {
    skipBlanks();
    if (rest.empty() || rest[0] != c)
      return false;
    rest.remove_prefix(1);
    return true;
  }

  bool readString(std::string_view &text) {
    skipBlanks();
    if (rest.empty() || (rest[0] != '\'' && rest[0] != '"'))
      return false;
    size_t end = rest.find(rest[0], 1);
    if (end == rest.npos)
      return false;
    text = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    return true;
  }

  bool readBool(bool &value) {
    skipBlanks();
    for (bool candidate : {false, true}) {
      std::string_view word = candidate ? "True" : "False";
      if (rest.starts_with(word)) {
        rest.remove_prefix(word.size());
        value = candidate;
        return true;
      }
    }
    return false;
  }

  bool readShape(std::vector<int64_t> &sizes) {
    sizes.clear();
    if (!take('('))
      return false;
    while (!take(')')) {
      skipBlanks();
      int64_t extent = 0;
      auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), extent);
      if (error != std::errc() || extent < 0 || sizes.size() == DL_MAX_RANK)
        return false;
      rest.remove_prefix(static_cast<size_t>(end - rest.data()));
      sizes.push_back(extent);
      if (!take(','))
        return take(')');
    }
    return true;
  }

  std::string_view rest;
};

// How an element lies in the file and what it becomes.
struct Element {
  char kind; // f, i, u, b
  size_t size;
  int32_t dtype;
};

constexpr Element kElements[] = {{'f', 2, DL_F32}, {'f', 4, DL_F32}, {'f', 8, DL_F64}, {'i', 1, DL_I32},
                                 {'i', 2, DL_I32}, {'i', 4, DL_I32}, {'i', 8, DL_I64}, {'u', 1, DL_U8},
                                 {'u', 2, DL_I32}, {'u', 4, DL_I64}, {'b', 1, DL_BOOL}};

const Element *elementOf(std::string_view description) {
  if (description.size() != 3)
    return nullptr;
  for (const Element &element : kElements)
    if (description[1] == element.kind && static_cast<size_t>(description[2] - '0') == element.size)
      return &element;
  return nullptr;
}

// Writes one element, in this machine's byte order, as its dtype.
void convertElement(const Element &element, const uint8_t *from, uint8_t *to) {
  auto put = [&](auto value) { std::memcpy(to, &value, sizeof value); };
  if (element.kind == 'f' && element.size == 2)
    put(halfToFloat(loadAs<uint16_t>(from)));
  else if (element.kind == 'i' && element.size == 1)
    put(static_cast<int32_t>(loadAs<int8_t>(from)));
  else if (element.kind == 'i' && element.size == 2)
    put(static_cast<int32_t>(loadAs<int16_t>(from)));
  else if (element.kind == 'u' && element.size == 2)
    put(static_cast<int32_t>(loadAs<uint16_t>(from)));
  else if (element.kind == 'u' && element.size == 4)
    put(static_cast<int64_t>(loadAs<uint32_t>(from)));
  else if (element.kind == 'b')
    put(static_cast<uint8_t>(*from != 0));
  else
    std::memcpy(to, from, element.size);
}

// Where in a Fortran-ordered file the elements of a row-major array lie, one after another.
class FortranOrder {
public:
  explicit FortranOrder(const std::vector<int64_t> &sizes) : sizes(sizes), index(sizes.size()), strides(sizes.size()) {
    size_t stride = 1;
    for (size_t d = 0; d < sizes.size(); ++d) {
      strides[d] = stride;
      stride *= static_cast<size_t>(sizes[d]);
    }
  }

  size_t next() {
    size_t here = offset;
    for (size_t d = sizes.size(); d-- > 0;) {
      offset += strides[d];
      if (++index[d] < sizes[d])
        break;
      offset -= strides[d] * static_cast<size_t>(sizes[d]);
      index[d] = 0;
    }
    return here;
  }

private:
  const std::vector<int64_t> &sizes;
  std::vector<int64_t> index;
  std::vector<size_t> strides;
  size_t offset = 0;
};

std::string_view descriptionOf(int32_t dtype) {
  switch (dtype) {
  case DL_F32:
    return "<f4";
  case DL_F64:
    return "<f8";
  case DL_I32:
    return "<i4";
  case DL_I64:
    return "<i8";
  case DL_U8:
    return "|u1";
  case DL_BOOL:
    return "|b1";
  default:
    return "";
  }
}

// Everything before the elements.
Result<std::string> headerOf(const ArrayView &array) {
  std::string_view description = descriptionOf(array.dtype);
  if (description.empty())
    return error("NumPy has no element type for ", dtypeName(array.dtype));
  std::string shape;
  for (int64_t extent : array.sizes)
    shape += concat(extent, ", ");
  if (array.sizes.size() > 1)
    shape.resize(shape.size() - 2);
  std::string text = concat("{'descr': '", description, "', 'fortran_order': False, 'shape': (", shape, "), }");
  size_t before = kMagic.size() + 4;
  text += std::string(63 - (before + text.size()) % 64, ' ') + '\n';
  std::string header = concat(kMagic, '\x01');
  header += '\0';
  header += static_cast<char>(text.size() & 255);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

} // namespace

Result<Array> parseNpy(std::span<const uint8_t> bytes) {
  if (!asText(bytes).starts_with(kMagic))
    return error("no .npy file: it does not begin with \\x93NUMPY");
  if (bytes.size() < 12)
    return error("truncated in the .npy header");
  bool wide = bytes[6] >= 2;
  size_t start = wide ? 12 : 10;
  size_t length = wide ? loadAs<uint32_t>(bytes.data() + 8) : loadAs<uint16_t>(bytes.data() + 8);
  if (length > bytes.size() - start)
    return error("truncated in the .npy header");
  Header header;
  if (!HeaderReader(asText(bytes.subspan(start, length))).read(header))
    return error("the .npy header is damaged");
  const Element *element = elementOf(header.description);
  if (!element)
    return error(".npy element type '", header.description, "' is not supported");
  std::span<const uint8_t> data = bytes.subspan(start + length);
  int64_t fileBytes = declaredBytes(header.sizes, static_cast<int64_t>(element->size), data.size());
  if (fileBytes < 0)
    return error("truncated: ", arrayText(element->dtype, header.sizes), " does not fit the ", data.size(),
                 " bytes after the header");
  Array array{element->dtype, header.sizes, {}};
  size_t width = static_cast<size_t>(dtypeSize(element->dtype));
  size_t count = static_cast<size_t>(fileBytes) / element->size;
  array.bytes.resize(count * width);
  bool swapped = header.description[0] == '>' && element->size > 1;
  FortranOrder order(header.sizes);
  for (size_t i = 0; i < count; ++i) {
    uint8_t native[8];
    std::memcpy(native, data.data() + (header.fortran ? order.next() : i) * element->size, element->size);
    if (swapped)
      std::reverse(native, native + element->size);
    convertElement(*element, native, array.bytes.data() + i * width);
  }
  return array;
}

Result<Array> readNpy(const std::string &path) {
  Result<std::vector<uint8_t>> bytes = readFile(path);
  if (!bytes)
    return bytes.failure();
  Result<Array> array = parseNpy(*bytes);
  if (!array)
    return error(path, ": ", array.message());
  return array;
}

Result<Done> writeNpy(const std::string &path, const ArrayView &array) {
  Result<std::string> header = headerOf(array);
  if (!header)
    return error("cannot write ", path, ": ", header.message());
  std::string_view parts[] = {*header, {static_cast<const char *>(array.data), array.bytes()}};
  return writeFile(path, parts);
}

Result<Array> parseNpz(std::span<const uint8_t> bytes, const std::string &name) {
  Result<std::vector<uint8_t>> member = zipMember(bytes, name + ".npy");
  if (!member)
    return member.failure();
  return parseNpy(*member);
}

Result<Array> readNpz(const std::string &path, const std::string &name) {
  Result<std::vector<uint8_t>> bytes = readFile(path);
  if (!bytes)
    return bytes.failure();
  Result<Array> array = parseNpz(*bytes, name);
  if (!array)
    return error(path, ": ", array.message());
  return array;
}

Result<Done> writeNpz(const std::string &path, const std::vector<std::string> &names,
                      const std::vector<ArrayView> &arrays) {
  std::vector<ZipFile> files;
  for (size_t i = 0; i < names.size(); ++i) {
    Result<std::string> header = headerOf(arrays[i]);
    if (!header)
      return error("cannot write ", path, ": ", header.message());
    files.push_back({names[i] + ".npy", *header});
    files.back().bytes.append(static_cast<const char *>(arrays[i].data), arrays[i].bytes());
  }
  return writeZip(path, files);
}

} // namespace dl::rt
