#include "compiler/sema/shape_functions.h"

#include <algorithm>

namespace dl::sema {

std::string str(const Shape &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + shape[i].str();
  return text + "]";
}

namespace {

bool isOne(const Dim &d) { return d.isConst() && d.constant() == 1; }

std::optional<Shape> fail(ShapeContext &c, Code code, std::string message, std::string help = "") {
  c.code = code;
  c.message = std::move(message);
  c.help = std::move(help);
  return std::nullopt;
}

const Attr *attr(const ShapeContext &c, const std::string &name) {
  auto it = c.attrs.find(name);
  return it == c.attrs.end() ? nullptr : &it->second;
}

// An integer or a pair of integers; an integer stands for both. False when it is neither.
bool pair(ShapeContext &c, const std::string &name, int64_t fallback, int64_t out[2]) {
  const Attr *a = attr(c, name);
  out[0] = out[1] = fallback;
  if (!a)
    return true;
  if (auto *i = std::get_if<int64_t>(a)) {
    out[0] = out[1] = *i;
    return true;
  }
  if (auto *v = std::get_if<std::vector<int64_t>>(a); v && v->size() == 2) {
    out[0] = (*v)[0];
    out[1] = (*v)[1];
    return true;
  }
  fail(c, Code::TypeMismatch, c.op + ": " + name + " is an int or a pair of ints");
  return false;
}

// A dimension number of a tensor of `rank`, counted from the end when negative.
bool dimension(ShapeContext &c, int64_t d, int64_t rank, int64_t &out) {
  out = d < 0 ? d + rank : d;
  if (out >= 0 && out < rank)
    return true;
  if (rank == 0)
    fail(c, Code::BadDimension, c.op + ": a scalar has no dimension " + std::to_string(d));
  else
    fail(c, Code::BadDimension,
         c.op + ": dimension " + std::to_string(d) + " is out of range for a tensor of rank " + std::to_string(rank),
         "the dimensions are 0 to " + std::to_string(rank - 1) + ", or -1 to -" + std::to_string(rank) +
             " from the end");
  return false;
}

bool dimensions(ShapeContext &c, const Attr &a, int64_t rank, std::vector<int64_t> &out) {
  const auto *one = std::get_if<int64_t>(&a);
  for (int64_t d : one ? std::vector<int64_t>{*one} : std::get<std::vector<int64_t>>(a)) {
    int64_t n;
    if (!dimension(c, d, rank, n))
      return false;
    if (std::find(out.begin(), out.end(), n) != out.end()) {
      fail(c, Code::BadDimension, c.op + ": dimension " + std::to_string(d) + " is given twice");
      return false;
    }
    out.push_back(n);
  }
  return true;
}

int64_t integer(const ShapeContext &c, const std::string &name, int64_t fallback) {
  const Attr *a = attr(c, name);
  return a ? std::get<int64_t>(*a) : fallback;
}

bool boolean(const ShapeContext &c, const std::string &name) {
  const Attr *a = attr(c, name);
  const bool *b = a ? std::get_if<bool>(a) : nullptr;
  return b && *b;
}

std::optional<Shape> reduce(const Shape &s, const std::string &dimName, const std::string &keepName, ShapeContext &c) {
  std::vector<int64_t> dims;
  if (const Attr *a = attr(c, dimName)) {
    if (!dimensions(c, *a, int64_t(s.size()), dims))
      return std::nullopt;
  } else {
    for (size_t i = 0; i < s.size(); ++i)
      dims.push_back(int64_t(i));
  }
  bool keep = boolean(c, keepName);
  Shape out;
  for (size_t i = 0; i < s.size(); ++i) {
    bool reduced = std::find(dims.begin(), dims.end(), int64_t(i)) != dims.end();
    if (!reduced)
      out.push_back(s[i]);
    else if (keep)
      out.push_back(Dim(int64_t(1)));
  }
  return out;
}

std::optional<Shape> matmul(const Shape &a, const Shape &b, ShapeContext &c) {
  if (a.empty() || b.empty())
    return fail(c, Code::RankMismatch, c.op + ": a scalar is no matrix", "use `*` to multiply by a scalar");
  const Dim &inner = a.back();
  const Dim &other = b.size() == 1 ? b[0] : b[b.size() - 2];
  if (!c.equal(inner, other))
    return fail(c, Code::ShapeMismatch, c.op + ": inner dimensions differ, " + inner.str() + " and " + other.str());
  Shape batchA(a.begin(), a.end() - std::min<size_t>(a.size(), 2)),
      batchB(b.begin(), b.end() - std::min<size_t>(b.size(), 2));
  std::optional<Shape> out = broadcastShapes(batchA, batchB, c);
  if (!out)
    return std::nullopt;
  if (a.size() > 1)
    out->push_back(a[a.size() - 2]);
  if (b.size() > 1)
    out->push_back(b.back());
  return out;
}

Dim product(const Shape &s) {
  Dim p(int64_t(1));
  for (const Dim &d : s)
    p = p * d;
  return p;
}

std::optional<Shape> reshape(const Shape &from, Shape to, ShapeContext &c) {
  int hole = -1;
  Dim known(int64_t(1));
  for (size_t i = 0; i < to.size(); ++i) {
    if (to[i].isConst() && to[i].constant() == -1) {
      if (hole >= 0)
        return fail(c, Code::BadDimension, c.op + ": only one size may be -1");
      hole = int(i);
    } else if (to[i].isConst() && to[i].constant() < 0) {
      return fail(c, Code::BadDimension, c.op + ": a size cannot be " + to[i].str());
    } else {
      known = known * to[i];
    }
  }
  Dim total = product(from);
  if (hole < 0) {
    if (!c.equal(total, known))
      return fail(c, Code::ShapeMismatch,
                  c.op + ": " + str(from) + " has " + total.str() + " elements, " + str(to) + " has " + known.str());
    return to;
  }
  if (known.isConst() && known.constant() == 0)
    return fail(c, Code::ShapeMismatch, c.op + ": the size -1 is not determined, the others have no elements");
  Dim rest = Dim::floorDiv(total, known);
  if (!c.equal(rest * known, total))
    return fail(c, Code::ShapeMismatch, c.op + ": " + total.str() + " elements cannot be divided into " + str(to));
  to[size_t(hole)] = rest;
  return to;
}

std::optional<Shape> expand(const Shape &from, Shape to, ShapeContext &c) {
  if (to.size() < from.size())
    return fail(c, Code::RankMismatch, c.op + ": " + str(from) + " has more dimensions than " + str(to));
  size_t offset = to.size() - from.size();
  for (size_t i = 0; i < to.size(); ++i) {
    bool keep = to[i].isConst() && to[i].constant() == -1;
    if (i < offset) {
      if (keep)
        return fail(c, Code::BadDimension, c.op + ": a new dimension cannot have size -1");
      continue;
    }
    const Dim &d = from[i - offset];
    if (keep)
      to[i] = d;
    else if (!isOne(d) && !c.equal(d, to[i]))
      return fail(c, Code::BadBroadcast, c.op + ": size " + d.str() + " cannot stretch to " + to[i].str());
  }
  return to;
}

// Everything but dimension `dim` must agree; returns false after a failure.
std::optional<Shape> concat(ShapeContext &c, const std::string &dimName) {
  if (c.list.empty())
    return fail(c, Code::WrongArguments, c.op + ": needs at least one tensor");
  int64_t dim;
  if (!dimension(c, integer(c, dimName, 0), int64_t(c.list[0].size()), dim))
    return std::nullopt;
  Shape out = c.list[0];
  for (size_t k = 1; k < c.list.size(); ++k) {
    const Shape &s = c.list[k];
    if (s.size() != out.size())
      return fail(c, Code::RankMismatch,
                  c.op + ": the tensors have different numbers of dimensions, " + str(c.list[0]) + " and " + str(s));
    for (size_t i = 0; i < s.size(); ++i) {
      if (int64_t(i) == dim)
        out[i] = out[i] + s[i];
      else if (!c.equal(out[i], s[i]))
        return fail(c, Code::ShapeMismatch,
                    c.op + ": sizes " + out[i].str() + " and " + s[i].str() + " of dimension " + std::to_string(i) +
                        " differ");
    }
  }
  return out;
}

std::optional<Shape> stack(ShapeContext &c, const std::string &dimName) {
  if (c.list.empty())
    return fail(c, Code::WrongArguments, c.op + ": needs at least one tensor");
  int64_t dim;
  if (!dimension(c, integer(c, dimName, 0), int64_t(c.list[0].size()) + 1, dim))
    return std::nullopt;
  Shape out = c.list[0];
  for (const Shape &s : c.list) {
    if (s.size() != out.size())
      return fail(c, Code::RankMismatch,
                  c.op + ": the tensors have different numbers of dimensions, " + str(out) + " and " + str(s));
    for (size_t i = 0; i < s.size(); ++i)
      if (!c.equal(out[i], s[i]))
        return fail(c, Code::ShapeMismatch, c.op + ": shapes " + str(out) + " and " + str(s) + " differ");
  }
  out.insert(out.begin() + dim, Dim(int64_t(c.list.size())));
  return out;
}

// (size + 2 padding - dilation (kernel - 1) - 1) // stride + 1, or its ceiling where the last window starts inside.
std::optional<Dim> windows(ShapeContext &c, const Dim &size, const Dim &kernel, int64_t stride, int64_t padding,
                           int64_t dilation, bool ceil) {
  if (stride < 1 || dilation < 1 || padding < 0) {
    fail(c, Code::BadDimension, c.op + ": stride and dilation are at least 1, padding at least 0");
    return std::nullopt;
  }
  Dim span = size + Dim(2 * padding) - Dim(dilation) * (kernel - Dim(int64_t(1))) - Dim(int64_t(1));
  if (span.isConst() && span.constant() < 0) {
    fail(c, Code::ShapeMismatch, c.op + ": a window of " + kernel.str() + " does not fit into size " + size.str());
    return std::nullopt;
  }
  if (!ceil)
    return Dim::floorDiv(span, Dim(stride)) + Dim(int64_t(1));
  Dim count = Dim::floorDiv(span + Dim(stride - 1), Dim(stride)) + Dim(int64_t(1));
  if (count.isConst() && size.isConst())
    return (count.constant() - 1) * stride >= size.constant() + padding ? count - Dim(int64_t(1)) : count;
  // The last window must start inside the input or its left padding.
  return Dim::min(count, Dim::floorDiv(size + Dim(padding) - Dim(int64_t(1)), Dim(stride)) + Dim(int64_t(1)));
}

std::optional<Shape> conv(const Shape &x, const Shape &w, const std::vector<std::string> &args, ShapeContext &c) {
  if (x.size() != 4)
    return fail(c, Code::RankMismatch, c.op + ": the input is [batch, channels, height, width], not " + str(x));
  if (w.size() != 4)
    return fail(c, Code::RankMismatch, c.op + ": the weight is [out, in / groups, height, width], not " + str(w));
  int64_t stride[2], padding[2], dilation[2], groups = integer(c, args[5], 1);
  if (!pair(c, args[2], 1, stride) || !pair(c, args[3], 0, padding) || !pair(c, args[4], 1, dilation))
    return std::nullopt;
  if (groups < 1)
    return fail(c, Code::BadDimension, c.op + ": groups is at least 1");
  if (!c.equal(x[1], w[1] * Dim(groups)))
    return fail(c, Code::ShapeMismatch,
                c.op + ": the input has " + x[1].str() + " channels, the weight takes " + (w[1] * Dim(groups)).str());
  if (w[0].isConst() && w[0].constant() % groups != 0)
    return fail(c, Code::ShapeMismatch,
                c.op + ": " + w[0].str() + " output channels cannot be divided into " + std::to_string(groups) +
                    " groups");
  Shape out{x[0], w[0]};
  for (int i = 0; i < 2; ++i) {
    std::optional<Dim> d = windows(c, x[size_t(2 + i)], w[size_t(2 + i)], stride[i], padding[i], dilation[i], false);
    if (!d)
      return std::nullopt;
    out.push_back(*d);
  }
  return out;
}

std::optional<Shape> pool(const Shape &x, const std::vector<std::string> &args, ShapeContext &c) {
  if (x.size() != 4)
    return fail(c, Code::RankMismatch, c.op + ": the input is [batch, channels, height, width], not " + str(x));
  auto name = [&](size_t i) { return i < args.size() ? args[i] : std::string(); };
  int64_t kernel[2], stride[2], padding[2], dilation[2];
  if (!pair(c, name(1), 1, kernel) || !pair(c, name(2), 0, stride) || !pair(c, name(3), 0, padding) ||
      !pair(c, name(4), 1, dilation))
    return std::nullopt;
  Shape out{x[0], x[1]};
  for (int i = 0; i < 2; ++i) {
    if (kernel[i] < 1)
      return fail(c, Code::BadDimension, c.op + ": the window is at least 1");
    if (2 * padding[i] > kernel[i])
      return fail(c, Code::BadDimension, c.op + ": padding is at most half of the window");
    std::optional<Dim> d = windows(c, x[size_t(2 + i)], Dim(kernel[i]), attr(c, name(2)) ? stride[i] : kernel[i],
                                   padding[i], dilation[i], boolean(c, name(5)));
    if (!d)
      return std::nullopt;
    out.push_back(*d);
  }
  return out;
}

std::optional<Shape> permute(const Shape &s, const std::string &dimsName, ShapeContext &c) {
  const Attr *a = attr(c, dimsName);
  std::vector<int64_t> dims;
  if (!a || !dimensions(c, *a, int64_t(s.size()), dims))
    return a ? std::nullopt : fail(c, Code::WrongArguments, c.op + ": needs the order of the dimensions");
  if (dims.size() != s.size())
    return fail(c, Code::RankMismatch,
                c.op + ": names " + std::to_string(dims.size()) + " of " + std::to_string(s.size()) + " dimensions");
  Shape out;
  for (int64_t d : dims)
    out.push_back(s[size_t(d)]);
  return out;
}

// The shape itself, for ops that need dimensions that exist.
std::optional<Shape> along(const Shape &s, const std::string &dimsName, ShapeContext &c) {
  const Attr *a = attr(c, dimsName);
  std::vector<int64_t> dims;
  if (!a)
    return fail(c, Code::WrongArguments, c.op + ": needs dimensions");
  return dimensions(c, *a, int64_t(s.size()), dims) ? std::optional<Shape>(s) : std::nullopt;
}

// The shape of indices that stand along one dimension of `s`: of the same rank, and elsewhere no larger.
std::optional<Shape> pointed(const Shape &s, const std::string &dimName, const Shape &indices, ShapeContext &c) {
  int64_t at;
  if (!dimension(c, integer(c, dimName, 0), int64_t(s.size()), at))
    return std::nullopt;
  if (indices.size() != s.size())
    return fail(c, Code::RankMismatch,
                c.op + ": the indices have " + std::to_string(indices.size()) + " dimensions, the tensor has " +
                    std::to_string(s.size()));
  for (size_t d = 0; d < s.size(); ++d)
    if (d != size_t(at) && !c.equal(Dim::min(indices[d], s[d]), indices[d]))
      return fail(c, Code::ShapeMismatch,
                  c.op + ": dimension " + std::to_string(d) + " of the indices has size " + indices[d].str() +
                      ", that of the tensor " + s[d].str());
  return indices;
}

// The shape of what has one row of `s` (along dimension 0) for each index.
std::optional<Shape> rowsAt(const Shape &s, const Shape &indices, ShapeContext &c) {
  if (s.empty())
    return fail(c, Code::RankMismatch, c.op + ": a scalar cannot be indexed");
  Shape out = indices;
  out.insert(out.end(), s.begin() + 1, s.end());
  return out;
}

// The shape of places in sorted numbers: one row of those for all values, or a row for each row of values.
std::optional<Shape> searched(const Shape &sorted, const Shape &values, ShapeContext &c) {
  if (sorted.empty())
    return fail(c, Code::RankMismatch, c.op + ": the sorted numbers are a tensor, not a scalar");
  bool fits = sorted.size() == 1 || sorted.size() == values.size();
  for (size_t d = 0; fits && d + 1 < sorted.size(); ++d)
    fits = c.equal(sorted[d], values[d]);
  return fits ? std::optional<Shape>(values)
              : fail(c, Code::ShapeMismatch,
                     c.op + ": there are sorted numbers of the shape " + str(sorted) + " for values of the shape " +
                         str(values),
                     "sorted numbers of one dimension serve for all values; else all dimensions but the last agree");
}

// The shape of a tensor to whose rows others are added: those must have the rows' shape.
std::optional<Shape> withRows(const Shape &s, const Shape &indices, const Shape &added, ShapeContext &c) {
  if (indices.empty())
    return fail(c, Code::RankMismatch, c.op + ": the indices are a tensor, not a scalar", "`[i]` is a tensor of one");
  std::optional<Shape> rows = rowsAt(s, indices, c);
  if (!rows)
    return rows;
  bool fits = rows->size() == added.size();
  for (size_t d = 0; fits && d < added.size(); ++d)
    fits = c.equal(added[d], (*rows)[d]);
  return fits ? std::optional<Shape>(s)
              : fail(c, Code::ShapeMismatch,
                     c.op + ": what is added has the shape " + str(added) + ", the rows have " + str(*rows));
}

std::optional<Shape> squeeze(const Shape &s, const std::string &dimName, ShapeContext &c) {
  const Attr *a = attr(c, dimName);
  std::vector<int64_t> dims;
  if (!a) {
    for (size_t i = 0; i < s.size(); ++i)
      if (isOne(s[i]))
        dims.push_back(int64_t(i));
  } else if (!dimensions(c, *a, int64_t(s.size()), dims)) {
    return std::nullopt;
  }
  Shape out;
  for (size_t i = 0; i < s.size(); ++i) {
    if (std::find(dims.begin(), dims.end(), int64_t(i)) == dims.end())
      out.push_back(s[i]);
    else if (!c.equal(s[i], Dim(int64_t(1))))
      return fail(c, Code::ShapeMismatch,
                  c.op + ": dimension " + std::to_string(i) + " has size " + s[i].str() + ", not 1");
  }
  return out;
}

std::optional<Shape> flatten(const Shape &s, const std::string &startName, const std::string &endName,
                             ShapeContext &c) {
  int64_t first, last;
  if (s.empty())
    return Shape{Dim(int64_t(1))};
  int64_t rank = int64_t(s.size());
  if (!dimension(c, integer(c, startName, 0), rank, first) || !dimension(c, integer(c, endName, -1), rank, last))
    return std::nullopt;
  if (first > last)
    return fail(c, Code::BadDimension, c.op + ": start_dim comes after end_dim");
  Shape out(s.begin(), s.begin() + first);
  out.push_back(product(Shape(s.begin() + first, s.begin() + last + 1)));
  out.insert(out.end(), s.begin() + last + 1, s.end());
  return out;
}

// What makes `part` a shape that stretches to `whole`, where one dimension of size 1 does.
std::string stretchHelp(const Shape &whole, const Shape &part) {
  if (whole.size() != part.size() + 1)
    return "";
  for (size_t d = whole.size(); d-- > 0;) {
    bool fits = true;
    for (size_t k = 0; k < part.size(); ++k) {
      const Dim &place = whole[k < d ? k : k + 1];
      fits &= isOne(part[k]) || isOne(place) || part[k] == place;
    }
    if (!fits)
      continue;
    Shape stretched = part;
    stretched.insert(stretched.begin() + static_cast<ptrdiff_t>(d), Dim(int64_t(1)));
    return "`keepdim=true` in the reduction, or `.unsqueeze(" + std::to_string(d) + ")`, would make " + str(part) +
           " a " + str(stretched);
  }
  return "";
}

} // namespace

std::optional<Shape> broadcastShapes(const Shape &a, const Shape &b, ShapeContext &c) {
  size_t rank = std::max(a.size(), b.size());
  Shape out(rank);
  for (size_t k = 0; k < rank; ++k) {
    size_t fromEnd = rank - k;
    const Dim *x = fromEnd <= a.size() ? &a[a.size() - fromEnd] : nullptr;
    const Dim *y = fromEnd <= b.size() ? &b[b.size() - fromEnd] : nullptr;
    if (!x || !y) {
      out[k] = x ? *x : *y;
    } else if (isOne(*x)) {
      out[k] = *y;
    } else if (isOne(*y)) {
      out[k] = *x;
    } else if (c.equal(*x, *y)) {
      out[k] = x->isConst() || !y->isConst() ? *x : *y;
    } else {
      const std::string help = a.size() > b.size() ? stretchHelp(a, b) : stretchHelp(b, a);
      return fail(c, Code::BadBroadcast,
                  c.op + ": shapes " + str(a) + " and " + str(b) + " do not broadcast, " + x->str() + " and " +
                      y->str() + " differ",
                  help.empty() ? "only a size that is literally 1 is stretched" : help);
    }
  }
  return out;
}

bool isShapeFunction(const std::string &name) {
  static const char *const names[] = {"broadcast", "reduce",   "matmul",  "permute",   "swap",    "reshape",
                                      "expand",    "concat",   "stack",   "conv",      "pool",    "avgpool",
                                      "gather",    "along",    "squeeze", "unsqueeze", "flatten", "pointed",
                                      "around",    "withrows", "searched"};
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

std::optional<Shape> applyShapeFunction(const std::string &name, const std::vector<std::string> &args,
                                        ShapeContext &c) {
  auto shape = [&](size_t i) -> const Shape & {
    static const Shape none;
    auto it = i < args.size() ? c.shapes.find(args[i]) : c.shapes.end();
    return it == c.shapes.end() ? none : it->second;
  };
  auto arg = [&](size_t i) { return i < args.size() ? args[i] : std::string(); };
  if (name == "broadcast") {
    std::optional<Shape> out = shape(0);
    for (size_t i = 1; out && i < args.size(); ++i)
      out = broadcastShapes(*out, shape(i), c);
    return out;
  }
  if (name == "reduce")
    return reduce(shape(0), arg(1), arg(2), c);
  if (name == "matmul")
    return matmul(shape(0), shape(1), c);
  if (name == "permute")
    return permute(shape(0), arg(1), c);
  if (name == "along")
    return along(shape(0), arg(1), c);
  if (name == "pointed")
    return pointed(shape(0), arg(1), shape(2), c);
  if (name == "around")
    return pointed(shape(0), arg(1), shape(2), c) ? std::optional<Shape>(shape(0)) : std::nullopt;
  if (name == "withrows")
    return withRows(shape(0), shape(1), shape(2), c);
  if (name == "searched")
    return searched(shape(0), shape(1), c);
  if (name == "gather")
    return rowsAt(shape(0), shape(1), c);
  if (name == "swap") {
    int64_t first, second, rank = int64_t(shape(0).size());
    if (!dimension(c, integer(c, arg(1), 0), rank, first) || !dimension(c, integer(c, arg(2), 1), rank, second))
      return std::nullopt;
    Shape out = shape(0);
    std::swap(out[size_t(first)], out[size_t(second)]);
    return out;
  }
  if (name == "reshape")
    return reshape(shape(0), shape(1), c);
  if (name == "expand")
    return expand(shape(0), shape(1), c);
  if (name == "concat")
    return concat(c, arg(1));
  if (name == "stack")
    return stack(c, arg(1));
  if (name == "conv")
    return conv(shape(0), shape(1), args, c);
  if (name == "pool")
    return pool(shape(0), args, c);
  if (name == "avgpool")
    return pool(shape(0), args, c);
  if (name == "squeeze")
    return squeeze(shape(0), arg(1), c);
  if (name == "unsqueeze") {
    int64_t at;
    if (!dimension(c, integer(c, arg(1), 0), int64_t(shape(0).size()) + 1, at))
      return std::nullopt;
    Shape out = shape(0);
    out.insert(out.begin() + at, Dim(int64_t(1)));
    return out;
  }
  if (name == "flatten")
    return flatten(shape(0), arg(1), arg(2), c);
  return fail(c, Code::InternalError, "no shape function " + name);
}

} // namespace dl::sema
