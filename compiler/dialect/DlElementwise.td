// Elementwise ops: operands and result have one shape and, unless said, one element type.
#ifndef DL_ELEMENTWISE_TD
#define DL_ELEMENTWISE_TD

include "compiler/dialect/DlDialect.td"

class Dl_Unary<string mnemonic, string text> : Dl_Op<mnemonic, [Pure, Elementwise, AllTypesMatch<["x", "result"]>]> {
  let summary = text;
  let arguments = (ins Dl_Value:$x);
  let results = (outs Dl_Value:$result);
  let assemblyFormat = "$x attr-dict `:` type($x)";
}
class Dl_Binary<string mnemonic, string text, list<Trait> traits = [Pure]>
    : Dl_Op<mnemonic, [Elementwise, AllTypesMatch<["x", "y", "result"]>] # traits> {
  let summary = text;
  let arguments = (ins Dl_Value:$x, Dl_Value:$y);
  let results = (outs Dl_Value:$result);
  let assemblyFormat = "$x `,` $y attr-dict `:` type($x)";
}

def Dl_NegOp : Dl_Unary<"neg", "-x">;
def Dl_AbsOp : Dl_Unary<"abs", "|x|; derivative 0 at 0">;
def Dl_SignOp : Dl_Unary<"sign", "-1, 0 or 1; NaN stays">;
def Dl_ExpOp : Dl_Unary<"exp", "e**x">;
def Dl_Exp2Op : Dl_Unary<"exp2", "2**x">;
def Dl_Expm1Op : Dl_Unary<"expm1", "e**x - 1, exact near 0">;
def Dl_LogOp : Dl_Unary<"log", "natural logarithm">;
def Dl_Log2Op : Dl_Unary<"log2", "logarithm to base 2">;
def Dl_Log10Op : Dl_Unary<"log10", "logarithm to base 10">;
def Dl_Log1pOp : Dl_Unary<"log1p", "log(1 + x), exact near 0">;
def Dl_SqrtOp : Dl_Unary<"sqrt", "square root">;
def Dl_RsqrtOp : Dl_Unary<"rsqrt", "1 / sqrt(x)">;
def Dl_SinOp : Dl_Unary<"sin", "sine">;
def Dl_CosOp : Dl_Unary<"cos", "cosine">;
def Dl_TanOp : Dl_Unary<"tan", "tangent">;
def Dl_AsinOp : Dl_Unary<"asin", "arc sine">;
def Dl_AcosOp : Dl_Unary<"acos", "arc cosine">;
def Dl_AtanOp : Dl_Unary<"atan", "arc tangent">;
def Dl_SinhOp : Dl_Unary<"sinh", "hyperbolic sine">;
def Dl_CoshOp : Dl_Unary<"cosh", "hyperbolic cosine">;
def Dl_TanhOp : Dl_Unary<"tanh", "hyperbolic tangent">;
def Dl_SigmoidOp : Dl_Unary<"sigmoid", "1 / (1 + e**-x)">;
def Dl_ErfOp : Dl_Unary<"erf", "error function">;
def Dl_ErfcOp : Dl_Unary<"erfc", "1 - erf(x), exact for large x">;
def Dl_LgammaOp : Dl_Unary<"lgamma", "log |Gamma(x)|">;
def Dl_DigammaOp : Dl_Unary<"digamma", "derivative of lgamma">;
def Dl_ReluOp : Dl_Unary<"relu", "max(x, 0); derivative 0 at 0; NaN stays">;
def Dl_FloorOp : Dl_Unary<"floor", "largest integer <= x; derivative 0">;
def Dl_CeilOp : Dl_Unary<"ceil", "smallest integer >= x; derivative 0">;
def Dl_RoundOp : Dl_Unary<"round", "nearest integer, halves to even; derivative 0">;
def Dl_NotOp : Dl_Unary<"not", "logical not of bools">;
def Dl_BitwiseNotOp : Dl_Unary<"bitwise_not", "of the bits of integers or bools">;

def Dl_AddOp : Dl_Binary<"add", "x + y", [Pure, Commutative]>;
def Dl_SubOp : Dl_Binary<"sub", "x - y">;
def Dl_MulOp : Dl_Binary<"mul", "x * y", [Pure, Commutative]>;
def Dl_DivOp : Dl_Binary<"div", "x / y of floats">;
def Dl_FloorDivOp : Dl_Binary<"floordiv", "floor(x / y); integers: fails when y is 0", [NoMemoryEffect]>;
def Dl_ModOp : Dl_Binary<"mod", "x - y * floor(x / y), the sign of y; integers: fails when y is 0", [NoMemoryEffect]>;
def Dl_PowOp : Dl_Binary<"pow", "x ** y">;
def Dl_MaximumOp : Dl_Binary<"maximum", "the larger; NaN wins; at a tie each operand gets half of the derivative">;
def Dl_MinimumOp : Dl_Binary<"minimum", "the smaller; NaN wins; at a tie each operand gets half of the derivative">;
def Dl_Atan2Op : Dl_Binary<"atan2", "angle of the point (y, x)">;
def Dl_ZetaOp : Dl_Binary<"zeta", "Hurwitz's zeta: the sum over k >= 0 of (k + y)**-x; no derivative by x">;
def Dl_AndOp : Dl_Binary<"and", "of bools", [Pure, Commutative]>;
def Dl_OrOp : Dl_Binary<"or", "of bools", [Pure, Commutative]>;
def Dl_BitwiseAndOp : Dl_Binary<"bitwise_and", "of the bits of integers or bools", [Pure, Commutative]>;
def Dl_BitwiseOrOp : Dl_Binary<"bitwise_or", "of the bits of integers or bools", [Pure, Commutative]>;
def Dl_BitwiseXorOp : Dl_Binary<"bitwise_xor", "of the bits of integers or bools", [Pure, Commutative]>;
def Dl_BitwiseLeftShiftOp : Dl_Binary<"bitwise_left_shift", "x * 2**y of integers; 0 for y outside of their bits">;
def Dl_BitwiseRightShiftOp
    : Dl_Binary<"bitwise_right_shift", "floor(x / 2**y) of integers; all bits are the sign's for y outside of them">;

def Dl_CmpKind : I32EnumAttr<"CmpKind", "comparison", [
  I32EnumAttrCase<"eq", 0>, I32EnumAttrCase<"ne", 1>, I32EnumAttrCase<"lt", 2>, I32EnumAttrCase<"le", 3>,
  I32EnumAttrCase<"gt", 4>, I32EnumAttrCase<"ge", 5>]> {
  let cppNamespace = "::dl::ir";
}
def Dl_CmpOp : Dl_Op<"cmp", [Pure, Elementwise, AllTypesMatch<["x", "y"]>]> {
  let summary = "elementwise comparison; the result is bool of the same shape; u8 compares unsigned";
  let arguments = (ins Dl_CmpKind:$kind, Dl_Value:$x, Dl_Value:$y);
  let results = (outs Dl_Value:$result);
  let hasVerifier = 1;
  let assemblyFormat = "$kind $x `,` $y attr-dict `:` type($x) `->` type($result)";
}
def Dl_SelectOp : Dl_Op<"select", [Pure, Elementwise, AllTypesMatch<["x", "y", "result"]>]> {
  let summary = "x where condition, else y; the untaken side contributes no derivative, not even NaN";
  let arguments = (ins Dl_Value:$condition, Dl_Value:$x, Dl_Value:$y);
  let results = (outs Dl_Value:$result);
  let hasVerifier = 1;
  let assemblyFormat = "$condition `,` $x `,` $y attr-dict `:` type($condition) `,` type($x)";
}
def Dl_ConvertOp : Dl_Op<"convert", [Pure, Elementwise]> {
  let summary = "to another element type: float to integer truncates and keeps to its bounds, to bool is != 0";
  let arguments = (ins Dl_Value:$x);
  let results = (outs Dl_Value:$result);
  let hasVerifier = 1;
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result)";
}

#endif
