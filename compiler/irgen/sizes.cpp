#include "compiler/irgen/sizes.h"

#include "compiler/dialect/Dl.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace dl::irgen {

using sema::Dim;

bool SizeTable::allBound(const Dim &dim) const {
  for (uint32_t symbol : dim.symbols())
    if (!isBound(symbol))
      return false;
  return true;
}

void SizeTable::bind(uint32_t symbol, mlir::Value value) {
  if (values_.try_emplace(symbol, value).second)
    order_.push_back(symbol);
}

void SizeTable::shrink(size_t mark) {
  while (order_.size() > mark) {
    values_.erase(order_.back());
    order_.pop_back();
  }
}

std::optional<SizeTable::Linear> splitLinear(const Dim &dim, uint32_t symbol) {
  for (const Dim::Term &term : dim.terms()) {
    if (term.atoms.size() != 1 || term.atoms[0].kind != Dim::AtomKind::Symbol || term.atoms[0].symbol != symbol)
      continue;
    // A marker in the symbol's place can be taken away as a size of its own.
    Dim marker = Dim::fresh(term.atoms[0].name);
    Dim marked = dim.substitute([&](uint32_t id) { return id == symbol ? std::optional<Dim>(marker) : std::nullopt; });
    Dim rest = marked - Dim(term.coefficient) * marker;
    for (uint32_t inside : rest.symbols())
      if (inside == marker.symbolId())
        return std::nullopt;
    return SizeTable::Linear{symbol, term.coefficient, rest};
  }
  return std::nullopt;
}

std::optional<SizeTable::Linear> SizeTable::solvable(const Dim &dim) const {
  std::optional<uint32_t> open;
  for (uint32_t symbol : dim.symbols()) {
    if (isBound(symbol))
      continue;
    if (open)
      return std::nullopt;
    open = symbol;
  }
  return open ? splitLinear(dim, *open) : std::nullopt;
}

mlir::Value SizeTable::emit(const Dim &dim, mlir::OpBuilder &builder, mlir::Location loc) const {
  using namespace mlir::arith;
  auto constant = [&](int64_t value) -> mlir::Value { return builder.create<ConstantIndexOp>(loc, value); };
  auto atomValue = [&](const Dim::Atom &atom) -> mlir::Value {
    if (atom.kind == Dim::AtomKind::Symbol)
      return values_.lookup(atom.symbol);
    mlir::Value a = emit(*atom.lhs, builder, loc), b = emit(*atom.rhs, builder, loc);
    bool divides = atom.kind == Dim::AtomKind::FloorDiv || atom.kind == Dim::AtomKind::Mod;
    if (divides && !atom.rhs->isConst()) {
      mlir::Value fine = builder.createOrFold<CmpIOp>(loc, CmpIPredicate::ne, b, constant(0));
      builder.create<ir::AssertOp>(loc, fine, "integer division by zero", mlir::ValueRange());
    }
    // The processor cannot divide the smallest number by -1, which is a negation.
    auto floorDivide = [&]() -> mlir::Value {
      if (atom.rhs->isConst() && atom.rhs->constant() != -1)
        return builder.createOrFold<FloorDivSIOp>(loc, a, b);
      mlir::Value negates = builder.createOrFold<CmpIOp>(loc, CmpIPredicate::eq, b, constant(-1));
      mlir::Value divisor = builder.createOrFold<SelectOp>(loc, negates, constant(1), b);
      mlir::Value quotient = builder.createOrFold<FloorDivSIOp>(loc, a, divisor);
      return builder.createOrFold<SelectOp>(loc, negates, builder.createOrFold<SubIOp>(loc, constant(0), a), quotient);
    };
    switch (atom.kind) {
    case Dim::AtomKind::FloorDiv:
      return floorDivide();
    case Dim::AtomKind::Mod: { // a - b * floor(a / b)
      mlir::Value quotient = floorDivide();
      return builder.createOrFold<SubIOp>(loc, a, builder.createOrFold<MulIOp>(loc, b, quotient));
    }
    case Dim::AtomKind::Min:
      return builder.createOrFold<MinSIOp>(loc, a, b);
    default:
      return builder.createOrFold<MaxSIOp>(loc, a, b);
    }
  };
  mlir::Value sum;
  for (const Dim::Term &term : dim.terms()) {
    mlir::Value product;
    for (const Dim::Atom &atom : term.atoms) {
      mlir::Value factor = atomValue(atom);
      product = product ? builder.createOrFold<MulIOp>(loc, product, factor) : factor;
    }
    if (!product)
      product = constant(term.coefficient);
    else if (term.coefficient != 1)
      product = builder.createOrFold<MulIOp>(loc, product, constant(term.coefficient));
    sum = sum ? builder.createOrFold<AddIOp>(loc, sum, product) : product;
  }
  return sum ? sum : constant(0);
}

void LoopRanges::add(uint32_t symbol, Dim low, Dim high) { ranges_[symbol] = {std::move(low), std::move(high)}; }

std::optional<Dim> LoopRanges::bound(Dim dim, bool upper) const {
  constexpr int maxSubstitutions = 16; // more nested loops than that keep their checks
  for (int i = 0; i < maxSubstitutions; ++i) {
    const Range *range = nullptr;
    uint32_t symbol = 0;
    // The innermost loop first: symbols are numbered in the order of their creation, and a range may mention outer
    // ones.
    for (uint32_t candidate : dim.symbols())
      if (auto it = ranges_.find(candidate); it != ranges_.end() && (!range || candidate > symbol)) {
        range = &it->second;
        symbol = candidate;
      }
    if (!range)
      return dim;
    std::optional<SizeTable::Linear> parts = splitLinear(dim, symbol);
    if (!parts)
      return std::nullopt;
    bool takeHigh = (parts->coefficient > 0) == upper;
    dim = parts->rest + Dim(parts->coefficient) * (takeHigh ? range->high : range->low);
  }
  return std::nullopt;
}

bool LoopRanges::provesInRange(const Dim &index, const Dim &size) const {
  std::optional<Dim> low = bound(index, false);
  if (!low || !low->nonNegative())
    return false;
  std::optional<Dim> room = bound(size - Dim(int64_t(1)) - index, false);
  if (room && room->nonNegative())
    return true;
  // max(a, b) has room where a or b has: the size of a comprehension over a range that may be empty.
  bool isMax = size.terms().size() == 1 && size.terms()[0].coefficient == 1 && size.terms()[0].atoms.size() == 1 &&
               size.terms()[0].atoms[0].kind == Dim::AtomKind::Max;
  return isMax &&
         (provesInRange(index, *size.terms()[0].atoms[0].lhs) || provesInRange(index, *size.terms()[0].atoms[0].rhs));
}

} // namespace dl::irgen
