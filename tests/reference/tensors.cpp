// Elementwise ops, creation, products, gathering.
#include "tests/reference/operations.h"

#include <algorithm>
#include <cmath>

namespace dl::reference {

using sema::Elem;

int64_t countOf(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

Array Array::filled(Elem elem, std::vector<int64_t> shape, Number number) {
  auto count = static_cast<size_t>(countOf(shape));
  return {elem, std::move(shape), std::vector<Number>(count, number)};
}

Array Array::text(const std::string &text) {
  Array array{Elem::U8, {static_cast<int64_t>(text.size())}, {}};
  for (char c : text)
    array.data.push_back({static_cast<long double>(static_cast<unsigned char>(c)), 0});
  return array;
}

std::string Array::text() const {
  std::string text;
  for (const Number &number : data)
    text += static_cast<char>(static_cast<int>(number.value));
  return text;
}

const sema::Attr *Operation::attr(const std::string &key) const {
  for (const auto &[name, value] : attrs)
    if (name == key)
      return &value;
  return nullptr;
}
int64_t Operation::integer(const std::string &key, int64_t otherwise) const {
  const sema::Attr *value = attr(key);
  const int64_t *number = value ? std::get_if<int64_t>(value) : nullptr;
  return number ? *number : otherwise;
}
bool Operation::flag(const std::string &key) const {
  const sema::Attr *value = attr(key);
  const bool *set = value ? std::get_if<bool>(value) : nullptr;
  return set && *set;
}

namespace {

// The shape that the arguments stretch to. Only a size of 1 gives way.
std::vector<int64_t> commonShape(const std::vector<Array> &args) {
  std::vector<int64_t> shape;
  for (const Array &array : args) {
    if (array.shape.size() > shape.size())
      shape.insert(shape.begin(), array.shape.size() - shape.size(), 1);
    for (size_t k = 0, skip = shape.size() - array.shape.size(); k < array.shape.size(); ++k) {
      if (shape[k + skip] != array.shape[k] && shape[k + skip] != 1 && array.shape[k] != 1)
        throw Contradiction("operands of different sizes");
      if (array.shape[k] != 1)
        shape[k + skip] = array.shape[k];
    }
  }
  return shape;
}

template <class F> Array elementwise(const Operation &op, F f) {
  Array result{op.elem, commonShape(op.args), {}};
  result.data.reserve(static_cast<size_t>(countOf(result.shape)));
  forEachIndex(result.shape, [&](const std::vector<int64_t> &index) { result.data.push_back(f(index)); });
  return result;
}

const Number &at(const Array &array, const std::vector<int64_t> &index) {
  return array.data[stretched(array.shape, index)];
}

Array matmul(const Operation &op) {
  Array a = op.args[0], b = op.args[1];
  bool dropRow = a.shape.size() == 1, dropColumn = b.shape.size() == 1;
  if (dropRow)
    a.shape.insert(a.shape.begin(), 1);
  if (dropColumn)
    b.shape.push_back(1);
  std::vector<Array> batches = {{a.elem, {a.shape.begin(), a.shape.end() - 2}, {}},
                                {b.elem, {b.shape.begin(), b.shape.end() - 2}, {}}};
  std::vector<int64_t> shape = commonShape(batches);
  int64_t rows = a.shape[a.shape.size() - 2], inner = a.shape.back(), columns = b.shape.back();
  if (b.shape[b.shape.size() - 2] != inner)
    throw Contradiction("inner sizes of a product differ");
  shape.push_back(rows);
  shape.push_back(columns);
  Array result{op.elem, shape, {}};
  forEachIndex(shape, [&](const std::vector<int64_t> &index) {
    std::vector<std::pair<Number, Number>> pairs;
    for (int64_t k = 0; k < inner; ++k) {
      std::vector<int64_t> left = index, right = index;
      left.back() = k;
      right[right.size() - 2] = k;
      pairs.emplace_back(at(a, left), at(b, right));
    }
    result.data.push_back(dot(op.elem, pairs));
  });
  if (dropColumn)
    result.shape.pop_back();
  if (dropRow)
    result.shape.erase(result.shape.end() - (dropColumn ? 1 : 2));
  return result;
}

int64_t checkedIndex(const Number &number, int64_t size) {
  auto given = static_cast<int64_t>(number.value), index = given < 0 ? given + size : given;
  if (index < 0 || index >= size)
    throw Fault("index " + std::to_string(given) + " is out of range for size " + std::to_string(size));
  return index;
}

Array take(const Operation &op) {
  const Array &x = op.args[0], &rows = op.args[1];
  Array result{op.elem, rows.shape, {}};
  result.shape.insert(result.shape.end(), x.shape.begin() + 1, x.shape.end());
  auto length = static_cast<size_t>(countOf({x.shape.begin() + 1, x.shape.end()}));
  for (const Number &row : rows.data) {
    auto begin = x.data.begin() + static_cast<ptrdiff_t>(static_cast<size_t>(checkedIndex(row, x.shape[0])) * length);
    result.data.insert(result.data.end(), begin, begin + static_cast<ptrdiff_t>(length));
  }
  return result;
}

Number sumOf(const Operation &op, const Number &a, const Number &b) {
  return (*findBinary("add"))(op.elem, a, b, op.trace);
}

Array indexAdd(const Operation &op) {
  Array result = op.args[0];
  const Array &rows = op.args[1], &added = op.args[2];
  size_t length = rows.data.empty() ? 0 : added.data.size() / rows.data.size();
  for (size_t i = 0; i < rows.data.size(); ++i) {
    size_t begin = static_cast<size_t>(checkedIndex(rows.data[i], result.shape[0])) * length;
    for (size_t k = 0; k < length; ++k)
      result.data[begin + k] = sumOf(op, result.data[begin + k], added.data[i * length + k]);
  }
  return result;
}

// gather and scatter_add: the index replaces the position along one dimension.
Array along(const Operation &op, bool scatter) {
  const Array &x = op.args[0], &positions = op.args[1];
  size_t dim = dimension(op.integer("dim"), x.shape.size()), next = 0;
  Array result = scatter ? x : Array{op.elem, positions.shape, {}};
  forEachIndex(positions.shape, [&](std::vector<int64_t> index) {
    index[dim] = checkedIndex(positions.data[next], x.shape[dim]);
    size_t place = 0;
    for (size_t k = 0; k < index.size(); ++k)
      place = place * static_cast<size_t>(x.shape[k]) + static_cast<size_t>(index[k]);
    if (scatter)
      result.data[place] = sumOf(op, result.data[place], op.args[2].data[next]);
    else
      result.data.push_back(x.data[place]);
    ++next;
  });
  return result;
}

Array created(const Operation &op) {
  if (op.name == "zeros" || op.name == "ones")
    return Array::filled(op.elem, op.shape, {op.name == "ones" ? 1.0L : 0.0L, 0});
  if (op.name == "full")
    return Array::filled(op.elem, op.shape, op.args.at(0).data.at(0));
  Array result{op.elem, op.shape, {}};
  for (int64_t i = 0; i < op.shape.at(0); ++i)
    result.data.push_back({static_cast<long double>(i), 0});
  return result;
}

} // namespace

Number dot(Elem elem, const std::vector<std::pair<Number, Number>> &pairs) {
  if (!sema::isFloat(elem)) {
    uint64_t whole = 0;
    for (const auto &[a, b] : pairs)
      whole +=
          static_cast<uint64_t>(static_cast<int64_t>(a.value)) * static_cast<uint64_t>(static_cast<int64_t>(b.value));
    return {wrapped(elem, static_cast<int64_t>(whole)), 0};
  }
  long double value = 0, error = 0, size = 0;
  for (const auto &[a, b] : pairs) {
    value += a.value * b.value;
    error += std::fabs(a.value) * b.error + std::fabs(b.value) * a.error + a.error * b.error;
    size += std::fabs(a.value * b.value);
  }
  error += unitRoundoff(elem) * static_cast<long double>(pairs.size() + 1) * size;
  return pairs.empty() ? Number{} : rounded(elem, {value, error});
}

Array apply(const Operation &op) {
  Array result;
  if (reduction(op, result) || reshaping(op, result) || ordering(op, result) || windowed(op, result))
    return result;
  if (const UnaryFunction *f = findUnary(op.name)) {
    result = {op.elem, op.args[0].shape, {}};
    for (const Number &x : op.args[0].data)
      result.data.push_back((*f)(op.args[0].elem, x, op.trace));
    return result;
  }
  if (const BinaryFunction *f = findBinary(op.name))
    return elementwise(op, [&](const std::vector<int64_t> &index) {
      return (*f)(op.args[0].elem, at(op.args[0], index), at(op.args[1], index), op.trace);
    });
  if (op.name == "where")
    return elementwise(op, [&](const std::vector<int64_t> &index) {
      return at(op.args[isTrue(at(op.args[0], index), op.trace) ? 1 : 2], index);
    });
  if (op.name == "convert") {
    result = {op.elem, op.args[0].shape, {}};
    for (const Number &x : op.args[0].data)
      result.data.push_back(convert(op.args[0].elem, op.elem, x, op.trace));
    return result;
  }
  if (op.name == "zeros" || op.name == "ones" || op.name == "full" || op.name == "arange")
    return created(op);
  if (op.name == "matmul")
    return matmul(op);
  if (op.name == "take")
    return take(op);
  if (op.name == "gather" || op.name == "scatter_add")
    return along(op, op.name == "scatter_add");
  if (op.name == "index_add")
    return indexAdd(op);
  throw Unsupported("the operation `" + op.name + "`");
}

} // namespace dl::reference
