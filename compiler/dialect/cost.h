// What ops cost, as far as passes ask.
#pragma once

namespace mlir {
class Block;
class Operation;
} // namespace mlir

namespace dl::ir {

// An elementwise function like exp or sin, which takes far longer than reading its result from memory.
bool isMath(mlir::Operation *op);

// Whether the program ends in this block, with an error. What it calls to make the message runs once at most: as part
// of the block it would only make the code around larger.
bool alwaysFails(mlir::Block &block);

} // namespace dl::ir
