// Run-time values of size symbols, and what is known about the indices of loops.
#pragma once

#include "compiler/sema/types.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseMap.h"

#include <optional>
#include <vector>

namespace dl::irgen {

// Size symbols that have an index value at the place where code is being built. A scope is one region.
class SizeTable {
public:
  // Forgets at its end what was bound during its life: values of a region are not visible after it.
  class Scope {
  public:
    explicit Scope(SizeTable &table) : table_(table), mark_(table.order_.size()) {}
    ~Scope() { table_.shrink(mark_); }
    Scope(const Scope &) = delete;

  private:
    SizeTable &table_;
    size_t mark_;
  };

  bool isBound(uint32_t symbol) const { return values_.count(symbol) != 0; }
  bool allBound(const sema::Dim &dim) const;
  void bind(uint32_t symbol, mlir::Value value);
  // The only symbol without a value in `dim`, when there is exactly one and dim = coefficient * symbol + rest.
  struct Linear {
    uint32_t symbol;
    int64_t coefficient;
    sema::Dim rest;
  };
  std::optional<Linear> solvable(const sema::Dim &dim) const;

  // Code for a size whose symbols are all bound.
  mlir::Value emit(const sema::Dim &dim, mlir::OpBuilder &builder, mlir::Location loc) const;

private:
  void shrink(size_t mark);
  llvm::DenseMap<uint32_t, mlir::Value> values_;
  std::vector<uint32_t> order_;
};

// coefficient * symbol + rest, when `dim` is linear in the symbol with a constant coefficient.
std::optional<SizeTable::Linear> splitLinear(const sema::Dim &dim, uint32_t symbol);

// The values that loop variables take, for leaving out bounds checks that cannot fail.
class LoopRanges {
public:
  // The symbol lies in [low, high] whenever the loop's body runs.
  void add(uint32_t symbol, sema::Dim low, sema::Dim high);
  // Whether 0 <= index < size for all values of the loop variables in `index`.
  bool provesInRange(const sema::Dim &index, const sema::Dim &size) const;

private:
  struct Range {
    sema::Dim low, high;
  };
  std::optional<sema::Dim> bound(sema::Dim dim, bool upper) const;
  llvm::DenseMap<uint32_t, Range> ranges_;
};

} // namespace dl::irgen
