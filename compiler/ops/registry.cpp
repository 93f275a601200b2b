#include "compiler/ops/registry.h"

#include "compiler/dialect/builder.h"
#include "compiler/ops/rows.h"

using namespace mlir;

namespace dl::ops {

namespace {

int64_t wrapDim(int64_t dim, int64_t rank) { return dim < 0 ? dim + rank : dim; }

// A number or a tuple of numbers.
SmallVector<int64_t> ints(const Attr &attr) {
  if (auto *list = std::get_if<std::vector<int64_t>>(&attr))
    return SmallVector<int64_t>(list->begin(), list->end());
  return {std::get<int64_t>(attr)};
}

} // namespace

const std::vector<Row> &table() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> all;
    for (auto family : {unaryRows, binaryRows, bitwiseRows, choiceRows, creationRows, movementRows, joinRows,
                        gatherRows, reduceRows, matmulRows, convolutionRows, poolRows, specialRows, orderRows})
      for (const Row &row : family())
        all.push_back(row);
    return all;
  }();
  return rows;
}

BuildFn findBuilder(llvm::StringRef name) {
  static const llvm::StringMap<BuildFn> byName = [] {
    llvm::StringMap<BuildFn> map;
    for (const Row &row : table())
      map[row.builtin.signature.substr(0, row.builtin.signature.find('('))] = row.build;
    return map;
  }();
  return byName.lookup(name);
}

sema::Builtins builtins() {
  static const std::vector<sema::Builtin> all = [] {
    std::vector<sema::Builtin> list;
    for (const Row &row : table())
      list.push_back(row.builtin);
    return list;
  }();
  return all;
}

int64_t intAttr(const BuildContext &c, StringRef name, int64_t fallback) {
  const Attr *attr = c.attr(name);
  return attr ? std::get<int64_t>(*attr) : fallback;
}

bool boolAttr(const BuildContext &c, StringRef name, bool fallback) {
  const Attr *attr = c.attr(name);
  return attr ? std::get<bool>(*attr) : fallback;
}

int64_t dimAttr(const BuildContext &c, StringRef name, int64_t rank, int64_t fallback) {
  return wrapDim(intAttr(c, name, fallback), rank);
}

SmallVector<int64_t> orderedDimsAttr(const BuildContext &c, StringRef name, int64_t rank) {
  SmallVector<int64_t> dims;
  if (const Attr *attr = c.attr(name))
    for (int64_t dim : ints(*attr))
      dims.push_back(wrapDim(dim, rank));
  return dims;
}

SmallVector<int64_t> dimsAttr(const BuildContext &c, StringRef name, int64_t rank) {
  if (!c.attr(name))
    return llvm::to_vector(llvm::seq<int64_t>(0, rank));
  SmallVector<int64_t> dims = orderedDimsAttr(c, name, rank);
  llvm::sort(dims);
  return dims;
}

SmallVector<int64_t> pairAttr(const BuildContext &c, StringRef name, ArrayRef<int64_t> fallback) {
  const Attr *attr = c.attr(name);
  SmallVector<int64_t> pair = attr ? ints(*attr) : SmallVector<int64_t>(fallback);
  if (pair.size() == 1)
    pair.push_back(pair.front());
  return pair;
}

Value asResult(BuildContext &c, Value value) {
  return ir::reshapeTo(c.builder, c.loc, value, c.resultTypes[0], c.resultSizes[0]);
}

} // namespace dl::ops
