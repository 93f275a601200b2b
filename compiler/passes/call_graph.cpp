#include "compiler/passes/call_graph.h"

#include "mlir/IR/SymbolTable.h"

#include <functional>

using namespace mlir;

namespace dl::passes {

// Tarjan's strongly connected components, which come out callees first.
CallGraph::CallGraph(ModuleOp module) {
  SymbolTable symbols(module);
  llvm::DenseMap<func::FuncOp, SmallVector<func::CallOp>> calls;
  for (auto func : module.getOps<func::FuncOp>()) {
    func.walk([&](func::CallOp call) {
      auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
      if (!callee)
        return;
      callees[call] = callee;
      calls[func].push_back(call);
      callers[callee].push_back(call);
    });
  }

  llvm::DenseMap<func::FuncOp, int> index, low, component;
  SmallVector<func::FuncOp> stack;
  int next = 0, components = 0;
  std::function<void(func::FuncOp)> visit = [&](func::FuncOp func) {
    index[func] = low[func] = next++;
    stack.push_back(func);
    // A copy: the map may grow, and move, below.
    for (func::CallOp call : calls.lookup(func)) {
      func::FuncOp callee = callees[call];
      if (!index.count(callee)) {
        visit(callee);
        low[func] = std::min(low[func], low[callee]);
      } else if (!component.count(callee)) {
        low[func] = std::min(low[func], index[callee]);
      }
    }
    if (low[func] != index[func])
      return;
    func::FuncOp member;
    do {
      member = stack.pop_back_val();
      component[member] = components;
      order.push_back(member);
    } while (member != func);
    ++components;
  };
  for (auto func : module.getOps<func::FuncOp>())
    if (!index.count(func))
      visit(func);

  for (auto &[func, list] : calls)
    for (func::CallOp call : list)
      if (component[func] == component[callees[call]]) {
        cyclic.push_back(call);
        recursive.insert(func);
      }
}

} // namespace dl::passes
