// Functions, statements, sizes.
#include "tests/reference/evaluator.h"

#include <algorithm>
#include <unordered_map>

namespace dl::reference {

using sema::Dim;
using sema::Stmt;
using sema::StmtKind;
using sema::Type;
using sema::TypeKind;

namespace {

// A program that takes longer does not end.
constexpr int64_t maxSteps = 2'000'000;     // statements
constexpr size_t maxElements = 100'000'000; // of all results of expressions: some seconds
constexpr int maxDepth = 500;

struct Leaf {
  Type type;
  std::optional<Dim> dim;
};

void addLeaves(const Type &type, const std::optional<Dim> &dim, std::vector<Leaf> &leaves) {
  if (!type)
    return;
  if (type->kind == TypeKind::Tensor || type->kind == TypeKind::Str)
    leaves.push_back({type, dim});
  else
    for (const sema::Part &part : sema::storedParts(type))
      addLeaves(part.type, part.dim, leaves);
}

// How a value of a type is stored. Every expression asks each time it is evaluated, so it is worked out once.
struct Layout {
  Type type; // keeps what the table is looked up by
  std::vector<Leaf> leaves;
  std::vector<size_t> begins; // of the parts among the leaves, and the end
};

const Layout &layoutOf(const Type &type) {
  static std::unordered_map<const sema::TypeNode *, Layout> known;
  auto [it, fresh] = known.try_emplace(type.get());
  Layout &layout = it->second;
  if (!fresh)
    return layout;
  layout.type = type;
  addLeaves(type, std::nullopt, layout.leaves);
  layout.begins.push_back(0);
  if (type && type->kind != TypeKind::Tensor && type->kind != TypeKind::Str)
    for (const sema::Part &part : sema::storedParts(type)) {
      std::vector<Leaf> leaves;
      addLeaves(part.type, part.dim, leaves);
      layout.begins.push_back(layout.begins.back() + leaves.size());
    }
  return layout;
}

} // namespace

size_t countLeaves(const Type &type) { return layoutOf(type).leaves.size(); }

std::pair<size_t, size_t> partRange(const Type &type, uint32_t index) {
  const std::vector<size_t> &begins = layoutOf(type).begins;
  if (index + 1 >= begins.size())
    throw Contradiction("part " + std::to_string(index) + " of a value that has no such part");
  return {begins[index], begins[index + 1] - begins[index]};
}

Value Evaluator::call(const sema::Function &function, Value arguments) {
  if (++depth_ > maxDepth) {
    depth_ = 0;
    throw Unstable("too deep a recursion");
  }
  Frame frame{&function, {}, {}};
  size_t next = 0;
  for (const sema::Variable *param : function.params) {
    size_t count = countLeaves(param->type);
    if (next + count > arguments.size())
      throw Contradiction("a call of " + function.name + " with too few values");
    auto begin = arguments.begin() + static_cast<ptrdiff_t>(next);
    frame.variables[param] = Value(begin, begin + static_cast<ptrdiff_t>(count));
    next += count;
  }
  // Plain symbols of all parameters first, then sizes that can be solved for what is left.
  for (int round = 0; round < 2; ++round)
    for (const sema::Variable *param : function.params) {
      const Value &value = frame.variables[param];
      if (param->dim && value.size() == 1 && (round || param->dim->isSymbol()))
        learn(frame, *param->dim, value[0].integer());
      if (round)
        learn(frame, param->type, value);
      else
        for (size_t i = 0; i < value.size(); ++i) {
          const Type &leaf = layoutOf(param->type).leaves[i].type;
          for (size_t d = 0; leaf->kind == TypeKind::Tensor && d < leaf->dims.size(); ++d)
            if (leaf->dims[d].isSymbol())
              learn(frame, leaf->dims[d], value[i].shape.at(d));
        }
    }
  Value result;
  try {
    result = body(frame, function.body);
  } catch (Return &returned) {
    result = std::move(returned.value);
  }
  learn(frame, function.result, result);
  for (size_t i = 0; i < function.params.size() && i < function.isMut.size(); ++i)
    if (function.isMut[i]) {
      const Value &final = frame.variables[function.params[i]];
      result.insert(result.end(), final.begin(), final.end());
    }
  --depth_;
  return result;
}

// ---------------------------------------------------------------------------------------------------- statements
Value Evaluator::body(Frame &frame, const sema::Body *body) {
  if (!body)
    return {};
  for (const Stmt *stmt : body->stmts)
    statement(frame, *stmt);
  return body->value ? eval(frame, *body->value) : Value{};
}

void Evaluator::work(const Value &value) {
  for (const Array &array : value)
    elements_ += array.data.size();
  if (elements_ > maxElements)
    throw Unstable("too many steps");
}

void Evaluator::statement(Frame &frame, const Stmt &stmt) {
  if (++steps_ > maxSteps)
    throw Unstable("too many steps");
  switch (stmt.kind) {
  case StmtKind::Let:
  case StmtKind::Assign: {
    Value value = eval(frame, *stmt.value);
    learn(frame, stmt.variable->type, value);
    if (stmt.kind == StmtKind::Let && stmt.variable->dim && value.size() == 1)
      learn(frame, *stmt.variable->dim, value[0].integer());
    frame.variables[stmt.variable] = std::move(value);
    break;
  }
  case StmtKind::Eval:
    eval(frame, *stmt.value);
    break;
  case StmtKind::While:
  case StmtKind::For:
    loop(frame, stmt);
    break;
  case StmtKind::Break:
    throw Break{};
  case StmtKind::Continue:
    throw Continue{};
  case StmtKind::Return:
    throw Return{stmt.value ? eval(frame, *stmt.value) : Value{}};
  case StmtKind::Assert:
    if (!condition(frame, *stmt.condition))
      throw Fault(stmt.message ? single(frame, *stmt.message).text() : "assertion failed");
    break;
  case StmtKind::CheckEqual:
    checkEqual(frame, stmt);
    break;
  }
}

bool Evaluator::iterate(Frame &frame, const Stmt &stmt) {
  try {
    body(frame, stmt.body);
  } catch (Continue &) {
  } catch (Break &) {
    return false;
  }
  return true;
}

void Evaluator::loop(Frame &frame, const Stmt &stmt) {
  // Sizes that are learnt in the loop hold for one iteration.
  const std::map<uint32_t, int64_t> outside = frame.sizes;
  if (stmt.kind == StmtKind::While) {
    while (condition(frame, *stmt.condition)) {
      if (++steps_ > maxSteps)
        throw Unstable("too many steps");
      bool goesOn = iterate(frame, stmt);
      frame.sizes = outside;
      if (!goesOn)
        return;
    }
    frame.sizes = outside;
    return;
  }
  int64_t begin = integer(frame, *stmt.begin), end = integer(frame, *stmt.end);
  int64_t step = stmt.step ? integer(frame, *stmt.step) : 1;
  if (step == 0)
    throw Fault("the step of a loop cannot be 0");
  for (int64_t i = begin; step > 0 ? i < end : i > end; i += step) {
    if (++steps_ > maxSteps)
      throw Unstable("too many steps");
    if (stmt.variable) {
      frame.variables[stmt.variable] = {Array::scalar(sema::Elem::I64, static_cast<long double>(i))};
      if (stmt.variable->dim)
        learn(frame, *stmt.variable->dim, i);
    }
    bool goesOn = iterate(frame, stmt);
    frame.sizes = outside;
    if (!goesOn)
      return;
  }
}

void Evaluator::checkEqual(Frame &frame, const Stmt &stmt) {
  std::optional<int64_t> lhs = size(frame, stmt.lhs), rhs = size(frame, stmt.rhs);
  if (!lhs && rhs)
    learn(frame, stmt.lhs, *rhs);
  else if (!rhs && lhs)
    learn(frame, stmt.rhs, *lhs);
  lhs = knownSize(frame, stmt.lhs);
  rhs = knownSize(frame, stmt.rhs);
  if (*lhs == *rhs)
    return;
  std::string text = stmt.text;
  for (auto [mark, value] : {std::pair("{0}", *lhs), std::pair("{1}", *rhs)})
    for (size_t at; (at = text.find(mark)) != std::string::npos;)
      text.replace(at, 3, std::to_string(value));
  throw Fault(text);
}

// --------------------------------------------------------------------------------------------------------- sizes
namespace {

int64_t floorDivide(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a % b < 0) != (b < 0)); }

std::optional<int64_t> valueOf(const Dim &dim, const std::map<uint32_t, int64_t> &sizes) {
  int64_t sum = 0;
  for (const Dim::Term &term : dim.terms()) {
    int64_t product = term.coefficient;
    for (const Dim::Atom &atom : term.atoms) {
      if (atom.kind == Dim::AtomKind::Symbol) {
        auto known = sizes.find(atom.symbol);
        if (known == sizes.end())
          return std::nullopt;
        product *= known->second;
        continue;
      }
      std::optional<int64_t> a = valueOf(*atom.lhs, sizes), b = valueOf(*atom.rhs, sizes);
      if (!a || !b)
        return std::nullopt;
      bool divides = atom.kind == Dim::AtomKind::FloorDiv || atom.kind == Dim::AtomKind::Mod;
      if (divides && *b == 0)
        throw Fault("integer division by zero");
      switch (atom.kind) {
      case Dim::AtomKind::FloorDiv:
        product *= floorDivide(*a, *b);
        break;
      case Dim::AtomKind::Mod:
        product *= *a - *b * floorDivide(*a, *b);
        break;
      case Dim::AtomKind::Min:
        product *= std::min(*a, *b);
        break;
      default:
        product *= std::max(*a, *b);
        break;
      }
    }
    sum += product;
  }
  return sum;
}

} // namespace

std::optional<int64_t> Evaluator::size(const Frame &frame, const Dim &dim) const { return valueOf(dim, frame.sizes); }

int64_t Evaluator::knownSize(const Frame &frame, const Dim &dim) const {
  if (dim.isConst())
    return dim.constant();
  std::optional<int64_t> value = size(frame, dim);
  if (!value)
    throw Contradiction("the size " + dim.str() + " has no value in " + frame.function->name);
  return *value;
}

void Evaluator::learn(Frame &frame, const Dim &dim, int64_t size) {
  if (dim.isConst() && dim.constant() == size)
    return;
  if (dim.isOpen())
    return; // another in each value
  if (dim.isSymbol())
    if (auto [known, fresh] = frame.sizes.try_emplace(dim.symbolId(), size); fresh || known->second == size)
      return;
  std::optional<uint32_t> open;
  for (uint32_t symbol : dim.symbols())
    if (!frame.sizes.count(symbol)) {
      if (open)
        return; // two unknowns
      open = symbol;
    }
  if (open) {
    // A size that is linear in what is unknown has a value there that follows from those at 0 and 1.
    std::map<uint32_t, int64_t> sizes = frame.sizes;
    auto at = [&](int64_t x) {
      sizes[*open] = x;
      return *valueOf(dim, sizes);
    };
    try {
      int64_t base = at(0), slope = at(1) - base;
      if (slope == 0 || (size - base) % slope != 0 || at((size - base) / slope) != size)
        return;
    } catch (Fault &) {
      return;
    }
    frame.sizes[*open] = sizes[*open];
    return;
  }
  if (int64_t known = knownSize(frame, dim); known != size)
    throw Contradiction("in " + frame.function->name + " a size of type " + dim.str() + " should be " +
                        std::to_string(known) + " and is " + std::to_string(size));
}

void Evaluator::learn(Frame &frame, const Type &type, const Value &value) {
  const std::vector<Leaf> &leaves = layoutOf(type).leaves;
  if (leaves.size() != value.size())
    throw Contradiction("a value of type " + sema::str(type) + " with " + std::to_string(value.size()) + " parts");
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (leaves[i].dim)
      learn(frame, *leaves[i].dim, value[i].integer());
    if (leaves[i].type->kind == TypeKind::Str)
      continue;
    if (value[i].shape.size() != leaves[i].type->dims.size() || value[i].elem != leaves[i].type->elem)
      throw Contradiction("a value of rank " + std::to_string(value[i].shape.size()) + " where the type is " +
                          sema::str(leaves[i].type));
    for (size_t d = 0; d < value[i].shape.size(); ++d)
      learn(frame, leaves[i].type->dims[d], value[i].shape[d]);
  }
}

std::vector<int64_t> Evaluator::shapeOf(const Frame &frame, const Type &type) const {
  std::vector<int64_t> shape;
  for (const Dim &dim : type->dims)
    shape.push_back(knownSize(frame, dim));
  return shape;
}

} // namespace dl::reference
