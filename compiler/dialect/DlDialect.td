// The dl dialect: what a dl program says, on values. Scalars are builtin scalars (f32, i64, i1, …; u8 is i8, always
// unsigned), tensors are ranked builtin tensors of rank >= 1 with static or dynamic (`?`) sizes. Control flow is scf,
// functions are func, sizes are `index` values. Every op here implements DlOp: derivative, tangent and lowering.
#ifndef DL_DIALECT_TD
#define DL_DIALECT_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"

def Dl_Dialect : Dialect {
  let name = "dl";
  let cppNamespace = "::dl::ir";
  let summary = "Differentiable tensor programs on values";
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
  let hasConstantMaterializer = 1;
  let hasCanonicalizer = 1;
}

// Differentiation and lowering, without defaults: an op that lacks a method does not compile.
def DlOp : OpInterface<"DlOp"> {
  let cppNamespace = "::dl::ir";
  let methods = [
    InterfaceMethod<"Adds to the adjoints of the operands what the adjoints of the results contribute. An op without a "
                    "derivative returns adjoints.notDifferentiable(reason).",
      "::mlir::LogicalResult", "vjp", (ins "::dl::ir::AdjointBuilder &":$adjoints)>,
    InterfaceMethod<"The tangents of the results (null: zero) from those of the operands (null: zero).",
      "::mlir::LogicalResult", "jvp", (ins "::dl::ir::TangentBuilder &":$tangents)>,
    InterfaceMethod<"Replaces the op by linalg, tensor, arith, math, scf or a call of a kernel.",
      "::mlir::LogicalResult", "lower", (ins "::mlir::RewriterBase &":$rewriter)>,
  ];
}

class Dl_Op<string mnemonic, list<Trait> traits = []>
    : Op<Dl_Dialect, mnemonic, traits # [DeclareOpInterfaceMethods<DlOp>]>;
// Structural ops that autodiff and the backend know by name; they are no DlOp.
class Dl_StructuralOp<string mnemonic, list<Trait> traits = []> : Op<Dl_Dialect, mnemonic, traits>;

def Dl_Scalar : AnyTypeOf<[F32, F64, BF16, I32, I64, I8, I1], "scalar">;
def Dl_Tensor : RankedTensorOf<[AnyType]>;
def Dl_Value : AnyTypeOf<[F32, F64, BF16, I32, I64, I8, I1, Dl_Tensor], "scalar or tensor">;

#endif
