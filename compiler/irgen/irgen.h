// Typed tree to dl dialect.
//
// Every function instance becomes one func.func with flattened parameters and results (see sema/typed.h); the final
// values of its `mut` parameters follow its results. `var`, stores and `mut` are SSA values here, control flow is scf.
// Attributes that later stages read:
//   on functions   dl.export (unit), dl.test (the test's name), dl.derivative and dl.forward_derivative (symbols of the
//                  user's own rules), dl.derivative_by (the parameters that these are about), dl.title (what the user
//                  calls it), dl.parameters (the names of all that it declares), dl.arguments and dl.pattern (how it is
//                  called: see call_text.h)
//   on parameters  dl.name (`model.fc1.weight`), dl.type (`f32[N, 784]`), dl.state (unit: of a module, but none of its
//                  params that are trained); on results dl.type
//   on operations  dl.var: the name that the user gave to the result; on loops dl.vars: the variables that they carry,
//   and
//                  dl.index: the loop variable
#pragma once

#include "compiler/sema/typed.h"
#include "compiler/syntax/diagnostics.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

namespace dl::irgen {

// The module for a checked program, verified; null after an InternalError in `diagnostics`. Loads the dialects it
// needs.
mlir::OwningOpRef<mlir::ModuleOp> generate(const sema::Program &program, const SourceManager &sources,
                                           mlir::MLIRContext &context, Diagnostics &diagnostics);

} // namespace dl::irgen
