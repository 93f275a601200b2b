#include "runtime/io/csv.h"

#include <charconv>
#include <cstring>

#include "runtime/io/file.h"

namespace dl::rt {
namespace {

bool isBlank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool isSeparator(char c) { return c == ',' || c == ';'; }

// Appends the numbers of one line. On failure `line` begins with the field that is none.
bool parseLine(std::string_view &line, std::vector<double> &out) {
  auto skipBlanks = [&] {
    while (!line.empty() && isBlank(line[0]))
      line.remove_prefix(1);
  };
  skipBlanks();
  while (true) {
    std::string_view number = line;
    if (number.starts_with('+'))
      number.remove_prefix(1);
    double value = 0;
    auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error != std::errc())
      return false;
    if (end != line.data() + line.size() && !isBlank(*end) && !isSeparator(*end))
      return false;
    line.remove_prefix(static_cast<size_t>(end - line.data()));
    out.push_back(value);
    skipBlanks();
    if (line.empty())
      return true;
    if (isSeparator(line[0])) {
      line.remove_prefix(1);
      skipBlanks();
    }
  }
}

} // namespace

Result<Array> parseCsv(std::string_view text, int64_t skipRows) {
  std::vector<double> values;
  int64_t rows = 0, columns = -1, skipped = 0;
  for (int64_t number = 1; !text.empty(); ++number) {
    size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
    if (line.find_first_not_of(" \t\r") == line.npos || line[0] == '#')
      continue;
    if (skipped < skipRows) {
      ++skipped;
      continue;
    }
    size_t before = values.size();
    if (!parseLine(line, values)) {
      std::string_view field = line.substr(0, std::min<size_t>(line.find_first_of(",;\t\r"), 40));
      return error("line ", number, ": \"", field, "\" is no number");
    }
    int64_t width = static_cast<int64_t>(values.size() - before);
    if (columns >= 0 && width != columns)
      return error("line ", number, ": ", width, " columns, the lines before have ", columns);
    columns = width;
    ++rows;
  }
  Array array{DL_F64, {rows, std::max<int64_t>(columns, 0)}, {}};
  array.bytes.resize(values.size() * sizeof(double));
  if (!values.empty())
    std::memcpy(array.bytes.data(), values.data(), array.bytes.size());
  return array;
}

Result<Array> readCsv(const std::string &path, int64_t skipRows) {
  Result<std::vector<uint8_t>> bytes = readFile(path);
  if (!bytes)
    return bytes.failure();
  Result<Array> array = parseCsv(asText(*bytes), skipRows);
  if (!array)
    return error(path, ": ", array.message());
  return array;
}

Result<Done> writeCsv(const std::string &path, const ArrayView &array) {
  if (array.sizes.size() != 1 && array.sizes.size() != 2)
    return error("cannot write ", path, ": a table has rank 1 or 2, not ", array.sizes.size());
  int64_t rows = array.sizes[0], columns = array.sizes.size() == 2 ? array.sizes[1] : 1;
  std::string text;
  dispatch(array.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T *element = static_cast<const T *>(array.data);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c, ++element) {
        char buffer[64];
        char *end;
        if constexpr (std::is_same_v<T, BFloat16>)
          end = std::to_chars(buffer, buffer + sizeof buffer, static_cast<float>(*element)).ptr;
        else
          end = std::to_chars(buffer, buffer + sizeof buffer, *element).ptr;
        text.append(buffer, end);
        text += c + 1 == columns ? '\n' : ',';
      }
  });
  std::string_view parts[] = {text};
  return writeFile(path, parts);
}

} // namespace dl::rt
