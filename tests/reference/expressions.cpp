#include "tests/reference/evaluator.h"
#include "tests/reference/operations.h"

#include "runtime/text/format.h"

#include <algorithm>
#include <cstring>

namespace dl::reference {

using sema::Elem;
using sema::Expr;
using sema::ExprKind;
using sema::SliceItem;
using sema::TypeKind;

Value Evaluator::eval(Frame &frame, const Expr &e) {
  Value value = evaluate(frame, e);
  work(value);
  if (e.type && e.kind != ExprKind::Unreachable) {
    learn(frame, e.type, value);
    if (e.dim && value.size() == 1)
      learn(frame, *e.dim, value[0].integer());
  }
  return value;
}

Array Evaluator::single(Frame &frame, const Expr &e) {
  Value value = eval(frame, e);
  if (value.size() != 1)
    throw Contradiction("one value is needed, there are " + std::to_string(value.size()));
  return std::move(value[0]);
}

Value Evaluator::arguments(Frame &frame, const std::vector<Expr *> &args) {
  Value values;
  for (const Expr *arg : args) {
    Value value = eval(frame, *arg);
    values.insert(values.end(), std::make_move_iterator(value.begin()), std::make_move_iterator(value.end()));
  }
  return values;
}

Value Evaluator::evaluate(Frame &frame, const Expr &e) {
  switch (e.kind) {
  case ExprKind::Constant:
    return constant(frame, e);
  case ExprKind::TensorConst: {
    Array result{e.type->elem, shapeOf(frame, e.type), {}};
    for (double number : e.numbers)
      result.data.push_back({nearest(result.elem, number), 0});
    return {result};
  }
  case ExprKind::DimValue:
    return {Array::scalar(Elem::I64, static_cast<long double>(knownSize(frame, *e.dim)))};
  case ExprKind::Var: {
    auto found = frame.variables.find(e.variable);
    if (found == frame.variables.end())
      throw Contradiction("`" + e.variable->name + "` is read before it has a value");
    return found->second;
  }
  case ExprKind::Op:
    return builtin(frame, e);
  case ExprKind::Extern:
    return runtimeCall(frame, e);
  case ExprKind::Call:
    return callExpr(frame, e);
  case ExprKind::Tuple:
    return arguments(frame, e.args);
  case ExprKind::Get: {
    Value whole = eval(frame, *e.args[0]);
    auto [offset, count] = partRange(e.args[0]->type, e.index);
    auto begin = whole.begin() + static_cast<ptrdiff_t>(offset);
    return Value(begin, begin + static_cast<ptrdiff_t>(count));
  }
  case ExprKind::With: {
    Value whole = eval(frame, *e.args[0]), part = eval(frame, *e.args[1]);
    auto [offset, count] = partRange(e.args[0]->type, e.index);
    auto begin = whole.begin() + static_cast<ptrdiff_t>(offset);
    whole.insert(whole.erase(begin, begin + static_cast<ptrdiff_t>(count)), part.begin(), part.end());
    return whole;
  }
  case ExprKind::If:
    return body(frame, condition(frame, *e.args[0]) ? e.thenBody : e.elseBody);
  case ExprKind::Block:
    return body(frame, e.thenBody);
  case ExprKind::Slice:
    return slice(frame, e);
  case ExprKind::UpdateSlice:
    return updateSlice(frame, e);
  case ExprKind::Grad:
    return derivative(frame, e);
  case ExprKind::Unreachable:
    throw Contradiction("what follows an error was reached");
  }
  return {};
}

Value Evaluator::constant(Frame &frame, const Expr &e) {
  if (e.type->kind == TypeKind::Str)
    return {Array::text(std::get<std::string>(e.literal.value))};
  long double number = 0;
  std::visit(
      [&](const auto &literal) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(literal)>, std::string>)
          number = static_cast<long double>(literal);
      },
      e.literal.value);
  if (!sema::isFloat(e.type->elem))
    number = wrapped(e.type->elem, static_cast<int64_t>(number));
  return {Array::filled(e.type->elem, shapeOf(frame, e.type), {nearest(e.type->elem, number), 0})};
}

Value Evaluator::builtin(Frame &frame, const Expr &e) {
  Value args = arguments(frame, e.args);
  if (e.name == "stop_grad")
    return stopGrad(constants_.size(), args);
  std::vector<int64_t> shape = shapeOf(frame, e.type);
  return {apply({e.name, args, e.attrs, e.type->elem, shape, trace_})};
}

Value Evaluator::callExpr(Frame &frame, const Expr &e) {
  Value results = call(*e.function, arguments(frame, e.args));
  size_t own = countLeaves(e.function->result), next = own, written = 0;
  for (size_t i = 0; i < e.function->params.size() && i < e.function->isMut.size(); ++i) {
    if (!e.function->isMut[i])
      continue;
    size_t count = countLeaves(e.function->params[i]->type);
    auto begin = results.begin() + static_cast<ptrdiff_t>(next);
    if (written < e.mutArgs.size() && e.mutArgs[written])
      frame.variables[e.mutArgs[written]] = Value(begin, begin + static_cast<ptrdiff_t>(count));
    next += count;
    ++written;
  }
  results.resize(own);
  return results;
}

// ------------------------------------------------------------------------------------------------- runtime calls
namespace {

// The text of a value moved by its error into one direction.
std::string formatted(const Array &array, const rt::FormatSpec &spec, long double direction) {
  dl_value value = {};
  value.rank = static_cast<int32_t>(array.shape.size());
  std::copy(array.shape.begin(), array.shape.end(), value.sizes);
  std::vector<char> bytes(array.data.size() * 8 + 8);
  value.dtype = static_cast<int32_t>(array.elem); // in the same order
  for (size_t i = 0; i < array.data.size(); ++i) {
    long double number = array.data[i].value + direction * array.data[i].error;
    auto put = [&](auto element) {
      std::memcpy(bytes.data() + i * sizeof element, &element, sizeof element);
      if (sema::isFloat(array.elem))
        value.f = static_cast<double>(element);
      else
        value.i = static_cast<int64_t>(element);
    };
    switch (array.elem) {
    case Elem::F32:
      put(static_cast<float>(number));
      break;
    case Elem::F64:
      put(static_cast<double>(number));
      break;
    case Elem::I64:
      put(static_cast<int64_t>(number));
      break;
    case Elem::I32:
      put(static_cast<int32_t>(number));
      break;
    case Elem::U8:
      put(static_cast<uint8_t>(number));
      break;
    case Elem::Bool:
      put(static_cast<uint8_t>(number));
      break;
    default:
      throw Unsupported("the text of a bf16 number");
    }
  }
  value.data = bytes.data();
  return rt::formatValue(value, spec);
}

} // namespace

Value Evaluator::runtimeCall(Frame &frame, const Expr &e) {
  Value args = arguments(frame, e.args);
  if (e.name == "dl_rt_concat_str") {
    std::string text;
    for (const Array &part : args)
      text += part.text();
    return {Array::text(text)};
  }
  if (e.name == "dl_rt_format") {
    rt::FormatSpec spec = rt::parseFormatSpec(args.at(1).text());
    std::string text = formatted(args[0], spec, 0);
    if (formatted(args[0], spec, 2) != text || formatted(args[0], spec, -2) != text)
      throw Unstable("digits of a number within rounding");
    return {Array::text(text)};
  }
  if (e.name == "dl_rt_format_str")
    return {Array::text(rt::formatString(args.at(0).text(), rt::parseFormatSpec(args.at(1).text())))};
  if (e.name == "dl_rt_str_eq")
    return {Array::scalar(Elem::Bool, args.at(0).text() == args.at(1).text())};
  if (e.name == "dl_rt_print") {
    output += args.at(0).text() + "\n";
    return {};
  }
  if (e.name == "dl_rt_error")
    throw Fault(args.at(0).text());
  if (e.name == "dl_rt_nonzero") {
    Array places{Elem::I64, {0}, {}};
    for (size_t i = 0; i < args.at(0).data.size(); ++i)
      if (isTrue(args[0].data[i], trace_))
        places.data.push_back({static_cast<long double>(i), 0});
    places.shape[0] = static_cast<int64_t>(places.data.size());
    return {places};
  }
  throw Unsupported("the runtime function " + e.name);
}

// -------------------------------------------------------------------------------------------------------- slices
std::vector<size_t> Evaluator::picked(Frame &frame, const Expr &e, const std::vector<int64_t> &whole,
                                      std::vector<int64_t> &shape) {
  // Per dimension of the whole: where it begins, how far it steps, how often, and whether it stays.
  std::vector<int64_t> begins, steps, counts;
  size_t d = 0;
  auto full = [&] {
    begins.push_back(0);
    steps.push_back(1);
    counts.push_back(whole.at(d));
    shape.push_back(whole[d++]);
  };
  for (const SliceItem &item : e.slices) {
    switch (item.kind) {
    case SliceItem::New:
      shape.push_back(1);
      break;
    case SliceItem::Full:
      full();
      break;
    case SliceItem::Single: {
      int64_t given = integer(frame, *item.index), index = given < 0 ? given + whole.at(d) : given;
      if (index < 0 || index >= whole[d])
        throw Fault("index " + std::to_string(given) + " is out of range for size " + std::to_string(whole[d]));
      begins.push_back(index);
      steps.push_back(1);
      counts.push_back(1);
      ++d;
      break;
    }
    case SliceItem::Range:
      begins.push_back(item.begin ? integer(frame, *item.begin) : 0);
      steps.push_back(item.step);
      counts.push_back(knownSize(frame, item.length));
      shape.push_back(counts.back());
      if (counts.back() > 0) {
        int64_t last = begins.back() + (counts.back() - 1) * item.step;
        if (std::min(begins.back(), last) < 0 || std::max(begins.back(), last) >= whole.at(d))
          throw Contradiction("a range that leaves its tensor");
      }
      ++d;
      break;
    }
  }
  while (d < whole.size())
    full();
  std::vector<size_t> places;
  forEachIndex(counts, [&](const std::vector<int64_t> &index) {
    int64_t at = 0;
    for (size_t k = 0; k < index.size(); ++k)
      at = at * whole[k] + begins[k] + index[k] * steps[k];
    places.push_back(static_cast<size_t>(at));
  });
  return places;
}

Value Evaluator::slice(Frame &frame, const Expr &e) {
  Array whole = single(frame, *e.args[0]);
  Array result{whole.elem, {}, {}};
  for (size_t place : picked(frame, e, whole.shape, result.shape))
    result.data.push_back(whole.data.at(place));
  return {result};
}

Value Evaluator::updateSlice(Frame &frame, const Expr &e) {
  Array whole = single(frame, *e.args[0]), part = single(frame, *e.args[1]);
  std::vector<int64_t> shape;
  std::vector<size_t> places = picked(frame, e, whole.shape, shape);
  size_t next = 0;
  forEachIndex(shape, [&](std::vector<int64_t> index) {
    // A part of more dimensions than the slice has ones in front.
    std::vector<int64_t> partShape = part.shape;
    while (partShape.size() > index.size() && partShape[0] == 1)
      partShape.erase(partShape.begin());
    if (partShape.size() > index.size())
      throw Contradiction("an assigned part of too many dimensions");
    whole.data.at(places.at(next++)) = part.data.at(stretched(partShape, index));
  });
  return {whole};
}

} // namespace dl::reference
