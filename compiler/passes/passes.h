// The passes that are this project's own. Their order, and what comes from MLIR, is in compiler/backend/pipeline.cpp.
#pragma once

#include "mlir/Pass/Pass.h"

#include <functional>
#include <memory>
#include <string>

namespace mlir {
class DialectRegistry;
}

namespace dl::passes {

using PassPtr = std::unique_ptr<mlir::Pass>;
// The text of a source line (from 1), for carets under errors; empty where it is not known.
using LineText = std::function<std::string(const std::string &file, int32_t line)>;
// Whether a file belongs to the library: an error inside it is shown where the user's code called it.
using IsLibrary = std::function<bool(const std::string &file)>;

// --- on the dl dialect -----------------------------------------------------------------------------------------------
// Inlines calls of functions that are small or called once; a function that takes part in recursion stays.
PassPtr createInlinePass();
// Turns the calls that close a cycle of the call graph into packed calls, which own what they return.
PassPtr createBreakRecursionPass();
// Loops that fill rows: what the iterations share once, the rest for many of them at a time.
PassPtr createBatchLoopsPass();
// matmul or conv2d, plus a bias, plus relu: one kernel.
PassPtr createFuseLinearPass();
// dl ops to linalg, tensor, arith, math, scf and kernel calls.
PassPtr createLowerOpsPass();

// --- on linalg and tensors -------------------------------------------------------------------------------------------
// What follows an assertion that is known to fail is never reached.
PassPtr createCutFailuresPass();
// Common subexpressions among scalars only: equal tensors must stay apart until bufferisation.
PassPtr createScalarCsePass();
// The reduction of a whole tensor: of its rows, then of their results.
PassPtr createSplitReductionsPass();
// Elementwise producers go into their consumers, a shared producer becomes a further result of its first consumer.
PassPtr createFuseElementwisePass();
// Results are written into operands that die, loop-carried values into the old value.
PassPtr createReuseOperandsPass();

// --- on buffers ------------------------------------------------------------------------------------------------------
// How dl.extern and dl.kernel are bufferised.
void registerBufferizationModels(mlir::DialectRegistry &registry);
// One-shot bufferisation with function boundaries.
PassPtr createBufferizePass();
// A private function does not return a buffer that it was given.
PassPtr createDropReturnedArgumentsPass();
// A function does not return one buffer twice.
PassPtr createOwnResultsPass();
// A buffer that is copied into the front of a larger one and dies there may lend it its block: calls of functions
// with the attributes kGrowSizes and kGrow. Whether it may, the pass behind the deallocation says.
PassPtr createGrowBuffersPass();
PassPtr createOwnGrownPass();
// Moves each dealloc up to directly after the last use of its buffer.
PassPtr createEarlyDeallocPass();
// Small buffers of known size go to the stack of the function's entry.
PassPtr createStackBuffersPass();

// --- on loops --------------------------------------------------------------------------------------------------------
// linalg ops to loops: reductions in registers, contiguous accesses innermost.
PassPtr createKernelsToLoopsPass();
// Neighbouring parallel loops over one range become one when each iteration needs only its own part.
PassPtr createFuseParallelPass();
// Values that an iteration has stored are not loaded again; buffers that no one reads are gone.
PassPtr createForwardStoresPass();
// Parallel loops with enough work go through dl_parallel_for, the others (without `threads` all) become sequential.
PassPtr createParallelPass(bool threads);
// Equal loop nests become calls of one function, equal parallel bodies one body.
PassPtr createShareLoopsPass();

// --- to LLVM ---------------------------------------------------------------------------------------------------------
// `dl_fn_<name>` for every exported function, in the convention of dl/abi.h.
PassPtr createEntryPointsPass();
// Views and affine index arithmetic to arithmetic on offsets and strides.
PassPtr createAddressingPass();
// scf to branches between blocks.
PassPtr createControlFlowPass();
// math ops without an instruction become calls of libm.
PassPtr createMathCallsPass();
// Innermost loops without dependences get a marker that code generation turns into metadata.
PassPtr createMarkLoopsPass();
// dl.extern, dl.kernel, dl.assert and dl.poll to calls of the runtime.
PassPtr createRuntimeCallsPass(LineText lineText, IsLibrary isLibrary);
// A bf16 crosses calls as its bits.
PassPtr createBf16SignaturesPass();
// Everything that is left to the LLVM dialect; unrealised casts between the parts remain.
PassPtr createToLlvmPass();

// The attributes that passes leave for one another.
inline constexpr llvm::StringLiteral kExport = "dl.export";           // on a function: has a packed entry point
inline constexpr llvm::StringLiteral kCheckpoint = "dl.checkpoint";   // on a function: stays a function
inline constexpr llvm::StringLiteral kEntryName = "dl.entry";         // on a function: the symbol of that entry point
inline constexpr llvm::StringLiteral kIndependent = "dl.independent"; // on scf.for: no dependence between iterations
inline constexpr llvm::StringLiteral kLoopBody = "dl.loop_body"; // on a function: dl_parallel_for calls it with a range
inline constexpr llvm::StringLiteral kIndependentMarker = "dl.independent_loop"; // the marker's symbol
inline constexpr llvm::StringLiteral kGrowSizes = "dl.grow_sizes"; // on a function: (may the buffer be taken, sizes…)
// On a function: buffer -> larger buffer, called behind the other one.
inline constexpr llvm::StringLiteral kGrow = "dl.grow";
mlir::Operation *growSizesOf(mlir::Operation *grow);
inline constexpr llvm::StringLiteral kEntryPrefix = "dl_fn_";
// The global with what the user calls a function that has an entry point.
inline std::string titleGlobal(llvm::StringRef function) { return ("dl.entry." + function + ".name").str(); }

} // namespace dl::passes
