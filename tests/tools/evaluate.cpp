#include "tests/tools/evaluate.h"

#include "compiler/dialect/builder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "llvm/ADT/TypeSwitch.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace dl::test {

namespace {

using Arrays = std::vector<Array>;
using Unary = double (*)(double);
using Binary = double (*)(double, double);

double floorMod(double x, double y) { return x - y * std::floor(x / y); }

const std::map<StringRef, Unary> &unaryOps() {
  static const std::map<StringRef, Unary> table = {
      {"dl.neg", [](double x) { return -x; }},
      {"dl.abs", [](double x) { return std::fabs(x); }},
      {"dl.sign", [](double x) { return std::isnan(x) ? x : double((x > 0) - (x < 0)); }},
      {"dl.exp", [](double x) { return std::exp(x); }},
      {"dl.exp2", [](double x) { return std::exp2(x); }},
      {"dl.expm1", [](double x) { return std::expm1(x); }},
      {"dl.log", [](double x) { return std::log(x); }},
      {"dl.log2", [](double x) { return std::log2(x); }},
      {"dl.log10", [](double x) { return std::log10(x); }},
      {"dl.log1p", [](double x) { return std::log1p(x); }},
      {"dl.sqrt", [](double x) { return std::sqrt(x); }},
      {"dl.rsqrt", [](double x) { return 1 / std::sqrt(x); }},
      {"dl.sin", [](double x) { return std::sin(x); }},
      {"dl.cos", [](double x) { return std::cos(x); }},
      {"dl.tan", [](double x) { return std::tan(x); }},
      {"dl.asin", [](double x) { return std::asin(x); }},
      {"dl.acos", [](double x) { return std::acos(x); }},
      {"dl.atan", [](double x) { return std::atan(x); }},
      {"dl.sinh", [](double x) { return std::sinh(x); }},
      {"dl.cosh", [](double x) { return std::cosh(x); }},
      {"dl.tanh", [](double x) { return std::tanh(x); }},
      {"dl.sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }},
      {"dl.erf", [](double x) { return std::erf(x); }},
      {"dl.erfc", [](double x) { return std::erfc(x); }},
      {"dl.relu", [](double x) { return std::isnan(x) || x > 0 ? x : 0.0; }},
      {"dl.floor", [](double x) { return std::floor(x); }},
      {"dl.ceil", [](double x) { return std::ceil(x); }},
      {"dl.round", [](double x) { return std::nearbyint(x); }},
      {"dl.not", [](double x) { return double(x == 0); }},
      {"dl.stop_grad", [](double x) { return x; }},
      {"arith.negf", [](double x) { return -x; }},
      {"arith.index_cast", [](double x) { return x; }},
      {"arith.extf", [](double x) { return x; }},
      {"arith.truncf", [](double x) { return x; }},
      {"arith.extsi", [](double x) { return x; }},
      {"arith.sitofp", [](double x) { return x; }},
      {"arith.extui", [](double x) { return x; }},
      {"arith.uitofp", [](double x) { return x; }},
      {"tensor.cast", [](double x) { return x; }},
  };
  return table;
}

double larger(double x, double y) { return std::isnan(x) || std::isnan(y) ? NAN : std::max(x, y); }
double smaller(double x, double y) { return std::isnan(x) || std::isnan(y) ? NAN : std::min(x, y); }

const std::map<StringRef, Binary> &binaryOps() {
  static const std::map<StringRef, Binary> table = {
      {"dl.add", [](double x, double y) { return x + y; }},
      {"dl.sub", [](double x, double y) { return x - y; }},
      {"dl.mul", [](double x, double y) { return x * y; }},
      {"dl.div", [](double x, double y) { return x / y; }},
      {"dl.floordiv", [](double x, double y) { return std::floor(x / y); }},
      {"dl.mod", floorMod},
      {"dl.pow", [](double x, double y) { return std::pow(x, y); }},
      {"dl.maximum", larger},
      {"dl.minimum", smaller},
      {"dl.atan2", [](double x, double y) { return std::atan2(x, y); }},
      {"dl.and", [](double x, double y) { return double(x != 0 && y != 0); }},
      {"dl.or", [](double x, double y) { return double(x != 0 || y != 0); }},
      {"arith.addf", [](double x, double y) { return x + y; }},
      {"arith.subf", [](double x, double y) { return x - y; }},
      {"arith.mulf", [](double x, double y) { return x * y; }},
      {"arith.divf", [](double x, double y) { return x / y; }},
      {"arith.addi", [](double x, double y) { return x + y; }},
      {"arith.subi", [](double x, double y) { return x - y; }},
      {"arith.muli", [](double x, double y) { return x * y; }},
      {"arith.divsi", [](double x, double y) { return std::trunc(x / y); }},
      {"arith.ceildivsi", [](double x, double y) { return std::ceil(x / y); }},
      {"arith.floordivsi", [](double x, double y) { return std::floor(x / y); }},
      {"arith.remsi", [](double x, double y) { return std::fmod(x, y); }},
      {"arith.maxsi", larger},
      {"arith.minsi", smaller},
      {"arith.andi", [](double x, double y) { return double(int64_t(x) & int64_t(y)); }},
      {"arith.ori", [](double x, double y) { return double(int64_t(x) | int64_t(y)); }},
      {"arith.xori", [](double x, double y) { return double(int64_t(x) ^ int64_t(y)); }},
  };
  return table;
}

bool compare(ir::CmpKind kind, double x, double y) {
  switch (kind) {
  case ir::CmpKind::eq:
    return x == y;
  case ir::CmpKind::ne:
    return x != y;
  case ir::CmpKind::lt:
    return x < y;
  case ir::CmpKind::le:
    return x <= y;
  case ir::CmpKind::gt:
    return x > y;
  case ir::CmpKind::ge:
    return x >= y;
  }
  return false;
}

ir::CmpKind kindOf(arith::CmpIPredicate predicate) {
  using P = arith::CmpIPredicate;
  switch (predicate) {
  case P::eq:
    return ir::CmpKind::eq;
  case P::ne:
    return ir::CmpKind::ne;
  case P::slt:
  case P::ult:
    return ir::CmpKind::lt;
  case P::sle:
  case P::ule:
    return ir::CmpKind::le;
  case P::sgt:
  case P::ugt:
    return ir::CmpKind::gt;
  default:
    return ir::CmpKind::ge;
  }
}

Array constant(arith::ConstantOp op) {
  auto number = [](Attribute attr) -> double {
    if (auto value = dyn_cast<FloatAttr>(attr))
      return value.getValueAsDouble();
    auto value = cast<IntegerAttr>(attr);
    return value.getType().isInteger(1) ? double(value.getValue().getZExtValue())
                                        : double(value.getValue().getSExtValue());
  };
  auto dense = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!dense)
    return number(op.getValue());
  Array result = Array::filled(dense.getType().getShape().vec(), 0);
  size_t at = 0;
  for (Attribute element : dense.getValues<Attribute>())
    result.data[at++] = number(element);
  return result;
}

// Visits the elements of a slice: their place in the whole and in the part.
template <class F>
void forSlice(const Array &whole, ArrayRef<int64_t> partShape, ArrayRef<Array> offsets, ArrayRef<int64_t> steps,
              ArrayRef<int64_t> dropped, F visit) {
  int64_t count = 0;
  forEachIndex(partShape, [&](ArrayRef<int64_t> index) {
    std::vector<int64_t> at;
    size_t next = 0;
    for (size_t k = 0; k < whole.shape.size(); ++k) {
      int64_t i = llvm::is_contained(dropped, static_cast<int64_t>(k)) ? 0 : index[next++];
      at.push_back(static_cast<int64_t>(offsets[k].scalar()) + i * steps[k]);
    }
    visit(flat(whole.shape, at), count++);
  });
}

template <class Op> Array changedSlice(Op op, const Arrays &in, bool add) {
  Array result = in[0];
  forSlice(in[0], in[1].shape, ArrayRef(in).drop_front(2), op.getSteps(), op.getDropped(),
           [&](int64_t at, int64_t from) { result.data[at] = (add ? result.data[at] : 0) + in[1].data[from]; });
  return result;
}

int64_t wrapped(double index, int64_t size) {
  int64_t i = static_cast<int64_t>(index);
  i = i < 0 ? i + size : i;
  if (i < 0 || i >= size)
    throw InterpretError("index out of range");
  return i;
}

// Visits pairs of places: in the tensor, in the gathered tensor.
template <class F> void forGather(const Array &whole, const Array &indices, F visit) {
  int64_t row = 1;
  for (size_t k = 1; k < whole.shape.size(); ++k)
    row *= whole.shape[k];
  for (size_t i = 0; i < indices.data.size(); ++i)
    for (int64_t r = 0, from = wrapped(indices.data[i], whole.shape[0]); r < row; ++r)
      visit(from * row + r, static_cast<int64_t>(i) * row + r);
}
template <class F> void forTake(const Array &whole, const Array &indices, int64_t dim, F visit) {
  int64_t count = 0;
  forEachIndex(indices.shape, [&](ArrayRef<int64_t> index) {
    std::vector<int64_t> at = index.vec();
    at[dim] = wrapped(indices.data[count], whole.shape[dim]);
    visit(flat(whole.shape, at), count++);
  });
}

double startOf(ir::ReduceKind kind) {
  switch (kind) {
  case ir::ReduceKind::prod:
  case ir::ReduceKind::all:
    return 1;
  case ir::ReduceKind::max:
    return -INFINITY;
  case ir::ReduceKind::min:
    return INFINITY;
  default:
    return 0;
  }
}
double combine(ir::ReduceKind kind, double x, double y) {
  switch (kind) {
  case ir::ReduceKind::sum:
    return x + y;
  case ir::ReduceKind::prod:
    return x * y;
  case ir::ReduceKind::max:
    return larger(x, y);
  case ir::ReduceKind::min:
    return smaller(x, y);
  case ir::ReduceKind::any:
    return double(x != 0 || y != 0);
  case ir::ReduceKind::all:
    return double(x != 0 && y != 0);
  }
  return 0;
}

std::vector<int64_t> without(ArrayRef<int64_t> index, ArrayRef<int64_t> dims) {
  std::vector<int64_t> kept;
  for (size_t k = 0; k < index.size(); ++k)
    if (!llvm::is_contained(dims, static_cast<int64_t>(k)))
      kept.push_back(index[k]);
  return kept;
}

Array reduce(const Array &x, ir::ReduceKind kind, ArrayRef<int64_t> dims) {
  Array result = Array::filled(without(x.shape, dims), startOf(kind));
  int64_t from = 0;
  forEachIndex(x.shape, [&](ArrayRef<int64_t> index) {
    double &to = result.data[flat(result.shape, without(index, dims))];
    to = combine(kind, to, x.data[from++]);
  });
  return result;
}

Array argReduce(const Array &x, ir::ReduceKind kind, int64_t dim) {
  Array result = Array::filled(without(x.shape, dim), -1), best = result;
  int64_t from = 0;
  forEachIndex(x.shape, [&](ArrayRef<int64_t> index) {
    int64_t to = flat(result.shape, without(index, dim));
    double value = x.data[from++], &held = best.data[to];
    bool better = kind == ir::ReduceKind::max ? value > held : value < held;
    if (result.data[to] < 0 || (!std::isnan(held) && (std::isnan(value) || better))) {
      result.data[to] = static_cast<double>(index[dim]);
      held = value;
    }
  });
  return result;
}

Array matmul(ir::MatMulOp op, const Array &a, const Array &b) {
  size_t rank = a.shape.size(), first = rank - 2, last = rank - 1;
  int64_t batch = rank == 3 ? a.shape[0] : 1, m = a.shape[op.getTransA() ? last : first],
          k = a.shape[op.getTransA() ? first : last], n = b.shape[op.getTransB() ? first : last];
  if (b.shape[op.getTransB() ? last : first] != k)
    throw InterpretError("inner sizes differ");
  Array result = Array::filled(rank == 3 ? std::vector<int64_t>{batch, m, n} : std::vector<int64_t>{m, n}, 0);
  for (int64_t p = 0; p < batch; ++p)
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j)
        for (int64_t l = 0; l < k; ++l)
          result.data[(p * m + i) * n + j] += a.data[p * m * k + (op.getTransA() ? l * m + i : i * k + l)] *
                                              b.data[p * k * n + (op.getTransB() ? j * k + l : l * n + j)];
  return result;
}

Array concat(const Arrays &in, int64_t dim) {
  std::vector<int64_t> shape = in[0].shape;
  shape[dim] = 0;
  for (const Array &part : in)
    shape[dim] += part.shape[dim];
  Array result = Array::filled(shape, 0);
  int64_t offset = 0;
  for (const Array &part : in) {
    int64_t from = 0;
    forEachIndex(part.shape, [&](std::vector<int64_t> index) {
      index[dim] += offset;
      result.data[flat(shape, index)] = part.data[from++];
    });
    offset += part.shape[dim];
  }
  return result;
}

double converted(double x, Type from, Type to) {
  if (to.isInteger(1))
    return x != 0;
  if (isa<FloatType>(to))
    return x;
  double whole = isa<FloatType>(from) ? std::trunc(x) : x;
  return to.isInteger(8) ? floorMod(whole, 256) : whole;
}

// result[index] = x[source(index)]
template <class F> Array rearranged(const Array &x, std::vector<int64_t> shape, F source) {
  Array result = Array::filled(std::move(shape), 0);
  int64_t to = 0;
  forEachIndex(result.shape,
               [&](ArrayRef<int64_t> index) { result.data[to++] = x.data[flat(x.shape, source(index))]; });
  return result;
}

} // namespace

std::vector<int64_t> shapeWith(Type type, ArrayRef<Array> sizes) {
  std::vector<int64_t> shape;
  for (int64_t size : ir::shapeOf(type)) {
    if (ShapedType::isDynamic(size)) {
      size = static_cast<int64_t>(sizes.front().scalar());
      sizes = sizes.drop_front();
    }
    shape.push_back(size);
  }
  return shape;
}

Arrays evaluate(Operation *op, const Arrays &in) {
  StringRef name = op->getName().getStringRef();
  if (auto found = unaryOps().find(name); found != unaryOps().end()) {
    Array result = in[0];
    for (double &x : result.data)
      x = found->second(x);
    return {result};
  }
  if (auto found = binaryOps().find(name); found != binaryOps().end()) {
    if (in[0].shape != in[1].shape)
      throw InterpretError("shapes differ in " + name.str());
    bool integer = !ir::isFloat(op->getOperand(1).getType());
    Array result = in[0];
    for (size_t i = 0; i < result.data.size(); ++i) {
      if (integer && in[1].data[i] == 0 && (name == "dl.floordiv" || name == "dl.mod"))
        throw InterpretError("division by zero");
      result.data[i] = found->second(in[0].data[i], in[1].data[i]);
    }
    return {result};
  }
  ArrayRef<Array> all(in);
  return llvm::TypeSwitch<Operation *, Arrays>(op)
      .Case([&](arith::ConstantOp c) { return Arrays{constant(c)}; })
      .Case([&](arith::SelectOp) { return Arrays{in[0].scalar() != 0 ? in[1] : in[2]}; })
      .Case([&](arith::CmpIOp cmp) {
        double x = in[0].scalar(), y = in[1].scalar();
        if (cmp.getPredicate() >= arith::CmpIPredicate::ult) // unsigned: what is negative is larger than any other
          for (double *number : {&x, &y})
            *number += *number < 0 ? std::ldexp(1.0, 64) : 0;
        return Arrays{Array(compare(kindOf(cmp.getPredicate()), x, y))};
      })
      .Case([&](tensor::DimOp) { return Arrays{Array(double(in[0].shape.at(size_t(in[1].scalar()))))}; })
      .Case([&](tensor::FromElementsOp e) {
        Array out = Array::filled(e.getType().getShape().vec(), 0);
        for (auto [element, scalar] : llvm::zip_equal(out.data, in))
          element = scalar.scalar();
        return Arrays{out};
      })
      .Case([&](tensor::ExtractOp) {
        size_t at = 0;
        for (auto [d, size] : llvm::enumerate(in[0].shape))
          at = at * size_t(size) + size_t(in[d + 1].scalar());
        return Arrays{Array(in[0].data.at(at))};
      })
      .Case([&](tensor::EmptyOp e) { return Arrays{Array::filled(shapeWith(e.getType(), in), NAN)}; })
      .Case([&](ir::CmpOp cmp) {
        Array result = in[0];
        for (size_t i = 0; i < result.data.size(); ++i)
          result.data[i] = compare(cmp.getKind(), in[0].data[i], in[1].data[i]);
        return Arrays{result};
      })
      .Case([&](ir::SelectOp) {
        Array result = in[1];
        for (size_t i = 0; i < result.data.size(); ++i)
          result.data[i] = in[0].data[i] != 0 ? in[1].data[i] : in[2].data[i];
        return Arrays{result};
      })
      .Case([&](ir::ConvertOp convert) {
        Array result = in[0];
        for (double &x : result.data)
          x = converted(x, ir::elementOf(convert.getX().getType()), ir::elementOf(convert.getResult().getType()));
        return Arrays{result};
      })
      .Case([&](ir::BroadcastOp b) {
        return Arrays{rearranged(in[0], shapeWith(b.getResult().getType(), all.drop_front()), [&](ArrayRef<int64_t> i) {
          std::vector<int64_t> from;
          for (auto [k, dim] : llvm::enumerate(b.getDims()))
            from.push_back(in[0].shape[k] == 1 ? 0 : i[dim]);
          return from;
        })};
      })
      .Case([&](ir::IotaOp iota) {
        Array result = Array::filled(shapeWith(iota.getResult().getType(), in), 0);
        for (size_t i = 0; i < result.data.size(); ++i)
          result.data[i] = static_cast<double>(i);
        return Arrays{result};
      })
      .Case([&](ir::ReshapeOp r) {
        Array result(shapeWith(r.getResult().getType(), all.drop_front()), in[0].data);
        if (Array::filled(result.shape, 0).data.size() != result.data.size())
          throw InterpretError("reshape changes the number of elements");
        return Arrays{result};
      })
      .Case([&](ir::TransposeOp t) {
        std::vector<int64_t> shape;
        for (int64_t dim : t.getPerm())
          shape.push_back(in[0].shape[dim]);
        return Arrays{rearranged(in[0], shape, [&](ArrayRef<int64_t> i) {
          std::vector<int64_t> from(i.size());
          for (auto [k, dim] : llvm::enumerate(t.getPerm()))
            from[dim] = i[k];
          return from;
        })};
      })
      .Case([&](ir::ReverseOp r) {
        return Arrays{rearranged(in[0], in[0].shape, [&](ArrayRef<int64_t> i) {
          std::vector<int64_t> from = i.vec();
          for (int64_t dim : r.getDims())
            from[dim] = in[0].shape[dim] - 1 - i[dim];
          return from;
        })};
      })
      .Case([&](ir::ConcatOp c) { return Arrays{concat(in, c.getDim())}; })
      .Case([&](ir::SliceOp s) {
        size_t rank = in[0].shape.size();
        Array result = Array::filled(shapeWith(s.getResult().getType(), all.drop_front(1 + rank)), 0);
        forSlice(in[0], result.shape, all.slice(1, rank), s.getSteps(), s.getDropped(),
                 [&](int64_t from, int64_t to) { result.data[to] = in[0].data[from]; });
        return Arrays{result};
      })
      .Case([&](ir::UpdateSliceOp u) { return Arrays{changedSlice(u, in, false)}; })
      .Case([&](ir::AddSliceOp a) { return Arrays{changedSlice(a, in, true)}; })
      .Case([&](ir::GatherOp) {
        std::vector<int64_t> shape = in[1].shape;
        shape.insert(shape.end(), in[0].shape.begin() + 1, in[0].shape.end());
        Array result = Array::filled(shape, 0);
        forGather(in[0], in[1], [&](int64_t from, int64_t to) { result.data[to] = in[0].data[from]; });
        return Arrays{result};
      })
      .Case([&](ir::ScatterAddOp) {
        Array result = in[0];
        forGather(in[0], in[1], [&](int64_t to, int64_t from) { result.data[to] += in[2].data[from]; });
        return Arrays{result};
      })
      .Case([&](ir::TakeAlongOp t) {
        Array result = in[1];
        forTake(in[0], in[1], t.getDim(), [&](int64_t from, int64_t to) { result.data[to] = in[0].data[from]; });
        return Arrays{result};
      })
      .Case([&](ir::PutAlongAddOp p) {
        Array result = in[0];
        forTake(in[0], in[1], p.getDim(), [&](int64_t to, int64_t from) { result.data[to] += in[2].data[from]; });
        return Arrays{result};
      })
      .Case([&](ir::ReduceOp r) { return Arrays{reduce(in[0], r.getKind(), r.getDims())}; })
      .Case([&](ir::ArgReduceOp r) { return Arrays{argReduce(in[0], r.getKind(), r.getDim())}; })
      .Case([&](ir::MatMulOp m) { return Arrays{matmul(m, in[0], in[1])}; })
      .Default([&](Operation *op) { return evaluateWindow(op, in); });
}

} // namespace dl::test
