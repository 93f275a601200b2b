// What ops cost, as far as passes ask.
#pragma once

namespace mlir {
class Operation;
}

namespace dl::ir {

// An elementwise function like exp or sin, which takes far longer than reading its result from memory.
bool isMath(mlir::Operation *op);

} // namespace dl::ir
