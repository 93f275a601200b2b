// Shape, data movement, reductions, products, calls and differentiation. Elementwise ops: DlElementwise.td.
#ifndef DL_OPS_TD
#define DL_OPS_TD

include "compiler/dialect/DlDialect.td"

// Ops that can fail or read out of range where they are not reached are NoMemoryEffect and not Pure: an unused one may
// go, but none is moved before the check or the branch that guards it.
//
// Where an op's result has dynamic sizes that its operands do not determine, `sizes` gives one index per `?` of the
// result type, in order.

// ------------------------------------------------------------------------------------------------- making tensors
def Dl_BroadcastOp : Dl_Op<"broadcast", [Pure]> {
  let summary = "operand dimension k becomes result dimension dims[k]; sizes 1 stretch, the other dimensions are new";
  let description = [{
    A scalar operand has no dims (this is also how tensors are filled). dims increases strictly. C1: an operand size
    equals the result's or is statically 1.
    `%r = dl.broadcast %bias dims = [1] sizes(%n) : tensor<10xf32> -> tensor<?x10xf32>`
  }];
  let arguments = (ins Dl_Value:$input, DenseI64ArrayAttr:$dims, Variadic<Index>:$sizes);
  let results = (outs Dl_Tensor:$result);
  let hasVerifier = 1;
  let assemblyFormat = "$input `dims` `=` $dims (`sizes` `(` $sizes^ `)`)? attr-dict `:` type($input) `->` type($result)";
}
def Dl_IotaOp : Dl_Op<"iota", [Pure]> {
  let summary = "[0, 1, 2, …] of rank 1; i64, i32 or float";
  let arguments = (ins Variadic<Index>:$sizes);
  let results = (outs Dl_Tensor:$result);
  let hasVerifier = 1;
  let assemblyFormat = "(`sizes` `(` $sizes^ `)`)? attr-dict `:` type($result)";
}

// -------------------------------------------------------------------------------------------------- rearranging
def Dl_ReshapeOp : Dl_Op<"reshape", [Pure]> {
  let summary = "the same elements in row-major order under another shape; a scalar counts as one element";
  let arguments = (ins Dl_Value:$input, Variadic<Index>:$sizes);
  let results = (outs Dl_Value:$result);
  let hasVerifier = 1;
  let assemblyFormat = "$input (`sizes` `(` $sizes^ `)`)? attr-dict `:` type($input) `->` type($result)";
}
def Dl_TransposeOp : Dl_Op<"transpose", [Pure]> {
  let summary = "result dimension k is operand dimension perm[k]";
  let arguments = (ins Dl_Tensor:$input, DenseI64ArrayAttr:$perm);
  let results = (outs Dl_Tensor:$result);
  let hasVerifier = 1;
  let assemblyFormat = "$input `perm` `=` $perm attr-dict `:` type($input) `->` type($result)";
}
def Dl_ReverseOp : Dl_Op<"reverse", [Pure]> {
  let summary = "reverses the order along dims";
  let arguments = (ins Dl_Tensor:$input, DenseI64ArrayAttr:$dims);
  let results = (outs Dl_Tensor:$result);
  let hasVerifier = 1;
  let assemblyFormat = "$input `dims` `=` $dims attr-dict `:` type($input) `->` type($result)";
}
def Dl_ConcatOp : Dl_Op<"concat", [Pure]> {
  let summary = "joins tensors along dim";
  let arguments = (ins Variadic<Dl_Tensor>:$inputs, I64Attr:$dim);
  let results = (outs Dl_Tensor:$result);
  let hasVerifier = 1;
  let assemblyFormat = "$inputs `dim` `=` $dim attr-dict `:` type($inputs) `->` type($result)";
}

// Slices. One offset per dimension of the input (in range: bounds are checked before), static steps >= 1; dimensions in
// `dropped` have size 1 and are absent from the result; all dropped gives a scalar. `sizes`: the result's dynamic sizes.
def Dl_SliceOp : Dl_Op<"slice", [NoMemoryEffect, AttrSizedOperandSegments]> {
  let summary = "a strided part of a tensor";
  let arguments = (ins Dl_Tensor:$input, Variadic<Index>:$offsets, Variadic<Index>:$sizes,
                       DenseI64ArrayAttr:$steps, DenseI64ArrayAttr:$dropped);
  let results = (outs Dl_Value:$result);
  let hasVerifier = 1;
  let assemblyFormat = "$input `[` $offsets `]` (`sizes` `(` $sizes^ `)`)? `steps` `=` $steps `dropped` `=` $dropped attr-dict `:` type($input) `->` type($result)";
}
def Dl_UpdateSliceOp : Dl_Op<"update_slice", [NoMemoryEffect, AllTypesMatch<["input", "result"]>]> {
  let summary = "the input with the slice replaced by value (shaped as dl.slice would give it)";
  let arguments = (ins Dl_Tensor:$input, Dl_Value:$value, Variadic<Index>:$offsets,
                       DenseI64ArrayAttr:$steps, DenseI64ArrayAttr:$dropped);
  let results = (outs Dl_Tensor:$result);
  let hasVerifier = 1;
  let assemblyFormat = "$value `into` $input `[` $offsets `]` `steps` `=` $steps `dropped` `=` $dropped attr-dict `:` type($value) `,` type($input)";
}
def Dl_AddSliceOp : Dl_Op<"add_slice", [NoMemoryEffect, AllTypesMatch<["input", "result"]>]> {
  let summary = "the input with value added to the slice: the derivative of dl.slice, in place when the input is dead";
  let arguments = (ins Dl_Tensor:$input, Dl_Value:$value, Variadic<Index>:$offsets,
                       DenseI64ArrayAttr:$steps, DenseI64ArrayAttr:$dropped);
  let results = (outs Dl_Tensor:$result);
  let hasVerifier = 1;
  let assemblyFormat = "$value `into` $input `[` $offsets `]` `steps` `=` $steps `dropped` `=` $dropped attr-dict `:` type($value) `,` type($input)";
}

// Gather along dimension 0 and its transpose. Indices are i64 of any rank, checked against the size when run;
// negative ones count from the end.
def Dl_GatherOp : Dl_Op<"gather", [NoMemoryEffect]> {
  let summary = "result[i…, r…] = input[indices[i…], r…]";
  let arguments = (ins Dl_Tensor:$input, Dl_Tensor:$indices);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$input `at` $indices attr-dict `:` type($input) `,` type($indices) `->` type($result)";
}
def Dl_ScatterAddOp : Dl_Op<"scatter_add", [NoMemoryEffect, AllTypesMatch<["input", "result"]>]> {
  let summary = "input with input[indices[i…], r…] += value[i…, r…]";
  let arguments = (ins Dl_Tensor:$input, Dl_Tensor:$indices, Dl_Tensor:$value);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$value `into` $input `at` $indices attr-dict `:` type($value) `,` type($input) `,` type($indices)";
}
// PyTorch's gather/scatter_add along any dim: indices have the input's rank.
def Dl_TakeAlongOp : Dl_Op<"take_along", [NoMemoryEffect]> {
  let summary = "result[i, j, …] = input[i, indices[i, j, …], …] with the index at dim";
  let arguments = (ins Dl_Tensor:$input, Dl_Tensor:$indices, I64Attr:$dim);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$input `at` $indices `dim` `=` $dim attr-dict `:` type($input) `,` type($indices) `->` type($result)";
}
def Dl_PutAlongAddOp : Dl_Op<"put_along_add", [NoMemoryEffect, AllTypesMatch<["input", "result"]>]> {
  let summary = "the transpose of take_along: adds value into input at the indices along dim";
  let arguments = (ins Dl_Tensor:$input, Dl_Tensor:$indices, Dl_Tensor:$value, I64Attr:$dim);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$value `into` $input `at` $indices `dim` `=` $dim attr-dict `:` type($value) `,` type($input) `,` type($indices)";
}

// --------------------------------------------------------------------------------------------------- reductions
def Dl_ReduceKind : I32EnumAttr<"ReduceKind", "reduction", [
  I32EnumAttrCase<"sum", 0>, I32EnumAttrCase<"prod", 1>, I32EnumAttrCase<"max", 2>, I32EnumAttrCase<"min", 3>,
  I32EnumAttrCase<"any", 4>, I32EnumAttrCase<"all", 5>]> {
  let cppNamespace = "::dl::ir";
}
def Dl_ReduceOp : Dl_Op<"reduce", [Pure]> {
  let summary = "reduces over dims, which are absent from the result; all dims give a scalar. An extreme of nothing is an "
                "error, or infinity for `total`";
  let arguments = (ins Dl_Tensor:$input, Dl_ReduceKind:$kind, DenseI64ArrayAttr:$dims, UnitAttr:$total);
  let results = (outs Dl_Value:$result);
  let hasVerifier = 1;
  let assemblyFormat = "$kind $input `dims` `=` $dims attr-dict `:` type($input) `->` type($result)";
}
def Dl_ArgReduceOp : Dl_Op<"arg_reduce", [Pure]> {
  let summary = "i64 index of the first max (or min) along dim; NaN counts as the extreme";
  let arguments = (ins Dl_Tensor:$input, Dl_ReduceKind:$kind, I64Attr:$dim);
  let results = (outs Dl_Value:$result);
  let hasVerifier = 1;
  let assemblyFormat = "$kind $input `dim` `=` $dim attr-dict `:` type($input) `->` type($result)";
}

// --------------------------------------------------------------------------------------------- along one dimension
def Dl_CumsumOp : Dl_Op<"cumsum", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "the sum of the elements up to each one along dim; from each one on when reverse";
  let arguments = (ins Dl_Tensor:$input, I64Attr:$dim, BoolAttr:$reverse);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$input `dim` `=` $dim `reverse` `=` $reverse attr-dict `:` type($input)";
}
def Dl_ArgsortOp : Dl_Op<"argsort", [Pure]> {
  let summary = "i64 positions along dim in sorted order; equal elements keep theirs, NaN is the largest";
  let arguments = (ins Dl_Tensor:$input, I64Attr:$dim, BoolAttr:$descending);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$input `dim` `=` $dim `descending` `=` $descending attr-dict `:` type($input) `->` type($result)";
}
def Dl_SearchsortedOp : Dl_Op<"searchsorted", [NoMemoryEffect]> {
  let summary = "i64 positions of values in sorted (rank 1, or with the values' leading dimensions): before equal elements, or after them when right";
  let arguments = (ins Dl_Tensor:$sorted, Dl_Tensor:$values, BoolAttr:$right);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$sorted `values` $values `right` `=` $right attr-dict `:` type($sorted) `,` type($values) `->` type($result)";
}

// ----------------------------------------------------------------------------------------------------- products
def Dl_MatMulOp : Dl_Op<"matmul", [Pure]> {
  let summary = "a @ b for rank 2, or batched for rank 3 with equal batch sizes; transA/transB swap the last two dims first";
  let arguments = (ins Dl_Tensor:$a, Dl_Tensor:$b, DefaultValuedAttr<BoolAttr, "false">:$transA, DefaultValuedAttr<BoolAttr, "false">:$transB);
  let results = (outs Dl_Tensor:$result);
  let hasVerifier = 1;
  let assemblyFormat = "$a `,` $b attr-dict `:` type($a) `,` type($b) `->` type($result)";
}
// stride, padding, dilation: two numbers each (height, width).
// (PyTorch's semantics; x, w, dy are f32 or f64.)
def Dl_Conv2dOp : Dl_Op<"conv2d", [Pure]> {
  let summary = "cross-correlation, x[N, C, H, W] with w[O, C/groups, kh, kw]";
  let arguments = (ins Dl_Tensor:$x, Dl_Tensor:$w, DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$padding, DenseI64ArrayAttr:$dilation, I64Attr:$groups);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$x `,` $w attr-dict `:` type($x) `,` type($w) `->` type($result)";
}
def Dl_Conv2dGradInputOp : Dl_Op<"conv2d_grad_input", [Pure]> {
  let summary = "gradient of conv2d by x, linear in dy and w; sizes: the dynamic sizes of x";
  let arguments = (ins Dl_Tensor:$dy, Dl_Tensor:$w, Variadic<Index>:$sizes, DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$padding, DenseI64ArrayAttr:$dilation, I64Attr:$groups);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$dy `,` $w (`sizes` `(` $sizes^ `)`)? attr-dict `:` type($dy) `,` type($w) `->` type($result)";
}
def Dl_Conv2dGradWeightOp : Dl_Op<"conv2d_grad_weight", [Pure]> {
  let summary = "gradient of conv2d by w, linear in dy and x; sizes: the dynamic sizes of w";
  let arguments = (ins Dl_Tensor:$dy, Dl_Tensor:$x, Variadic<Index>:$sizes, DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$padding, DenseI64ArrayAttr:$dilation, I64Attr:$groups);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$dy `,` $x (`sizes` `(` $sizes^ `)`)? attr-dict `:` type($dy) `,` type($x) `->` type($result)";
}
def Dl_MaxPool2dOp : Dl_Op<"max_pool2d", [Pure]> {
  let summary = "maxima of windows of x[N, C, H, W] and their flat positions in H*W (i64), first in scan order";
  let arguments = (ins Dl_Tensor:$x, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$padding, DenseI64ArrayAttr:$dilation, DefaultValuedAttr<BoolAttr, "false">:$ceilMode);
  let results = (outs Dl_Tensor:$result, Dl_Tensor:$indices);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result) `,` type($indices)";
}
def Dl_PoolScatterOp : Dl_Op<"pool_scatter", [Pure]> {
  let summary = "dx[n, c, indices[n, c, i, j]] += dy[n, c, i, j]: gradient of max_pool2d; sizes: dynamic sizes of dx";
  let arguments = (ins Dl_Tensor:$dy, Dl_Tensor:$indices, Variadic<Index>:$sizes);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$dy `at` $indices (`sizes` `(` $sizes^ `)`)? attr-dict `:` type($dy) `,` type($indices) `->` type($result)";
}
def Dl_PoolGatherOp : Dl_Op<"pool_gather", [Pure]> {
  let summary = "y[n, c, i, j] = x[n, c, indices[n, c, i, j]]: transpose of pool_scatter";
  let arguments = (ins Dl_Tensor:$x, Dl_Tensor:$indices);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$x `at` $indices attr-dict `:` type($x) `,` type($indices) `->` type($result)";
}
def Dl_AvgPool2dOp : Dl_Op<"avg_pool2d", [Pure]> {
  let summary = "means of windows of x[N, C, H, W]";
  let arguments = (ins Dl_Tensor:$x, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$padding, DefaultValuedAttr<BoolAttr, "true">:$countIncludePad);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result)";
}
def Dl_AvgPool2dGradOp : Dl_Op<"avg_pool2d_grad", [Pure]> {
  let summary = "transpose of avg_pool2d; sizes: dynamic sizes of x";
  let arguments = (ins Dl_Tensor:$dy, Variadic<Index>:$sizes, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$padding, DefaultValuedAttr<BoolAttr, "true">:$countIncludePad);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$dy (`sizes` `(` $sizes^ `)`)? attr-dict `:` type($dy) `->` type($result)";
}

// -------------------------------------------------------------------------------------- effects and the runtime
def Dl_ExternOp : Dl_StructuralOp<"extern", [DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "calls a runtime function (dl_function) that allocates its tensor results";
  let description = [{
    Operands: scalars and tensors, read only. Results: scalars and fresh tensors; a `?` in a result type is a size that the
    callee chooses, a number is one that it must meet. `pure`: no effect but failing; may be removed when unused.
    Before bufferisation on tensors, afterwards on memrefs (identity layout); results then are owned by the caller.
  }];
  let arguments = (ins StrAttr:$callee, Variadic<AnyType>:$inputs, UnitAttr:$pure);
  let results = (outs Variadic<AnyType>:$results);
  let assemblyFormat = "$callee `(` $inputs `)` attr-dict `:` functional-type($inputs, $results)";
}
def Dl_KernelOp : Dl_StructuralOp<"kernel", [AttrSizedOperandSegments, DestinationStyleOpInterface, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "calls a runtime kernel (dl_function) that writes into its destinations";
  let description = [{
    `inputs`: scalars and tensors (or memrefs after bufferisation), read only. `dests`: destinations, tensors tied to the results.
    A destination is overwritten without being read, unless `accumulates` is set. `effect`: has an effect of its own (random numbers).
  }];
  let arguments = (ins StrAttr:$callee, Variadic<AnyType>:$inputs, Variadic<AnyType>:$dests, UnitAttr:$accumulates, UnitAttr:$effect);
  let results = (outs Variadic<Dl_Tensor>:$results);
  let extraClassDeclaration = "::mlir::MutableOperandRange getDpsInitsMutable() { return getDestsMutable(); }";
  let assemblyFormat = "$callee `ins` `(` $inputs `)` `outs` `(` $dests `)` attr-dict `:` (`(` type($inputs)^ `)`)? `outs` (`(` type($dests)^ `)`)? (`->` type($results)^)?";
}
def Dl_AssertOp : Dl_StructuralOp<"assert", [MemoryEffects<[MemWrite]>]> {
  let summary = "fails with the message at the op's location unless the condition holds; {0}, {1} stand for the i64 or f64 values";
  let arguments = (ins I1:$condition, StrAttr:$message, Variadic<AnyType>:$values);
  let assemblyFormat = "$condition `,` $message (`(` $values^ `:` type($values) `)`)? attr-dict";
}
def Dl_PollOp : Dl_StructuralOp<"poll", [MemoryEffects<[MemWrite]>]> {
  let summary = "stops with \"interrupted\" when asked to; once per iteration of a user's loop";
  let assemblyFormat = "attr-dict";
}
def Dl_StopGradOp : Dl_Op<"stop_grad", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "the input, a constant to differentiation";
  let arguments = (ins Dl_Value:$input);
  let results = (outs Dl_Value:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}

// ------------------------------------------------------------------------------------------------ differentiation
// The imperative form: a param has a token, every read of it is a leaf under that token, and backward differentiates by
// tokens what lies between the leaves and a value.
def Dl_ParamTokenOp : Dl_Op<"param_token", [AttrSizedOperandSegments]> {
  let summary = "the identity of a param; one that is frozen requires no gradient";
  let description = [{
    A tensor of tokens has one for each element of a list. `original`: of a copy, which is frozen as the original is.
    `place`: the token of the place that takes the copy. Its params stay what they are, unless one of the two is frozen.
    Without an original: the place's, which requires a gradient from here on.
    `computed`: what the param began with, where that was computed; if it depends on params, this is none of its own.
  }];
  let arguments = (ins Optional<Dl_Value>:$original, Optional<Dl_Value>:$place, Optional<Dl_Value>:$computed, UnitAttr:$frozen);
  let results = (outs Res<Dl_Value, "", [MemAlloc]>:$result);
  let assemblyFormat = "(`of` `copy` $original^ `:` type($original))? (`in` `place` `of` $place^ `:` type($place))? (`computed` $computed^ `:` type($computed))? attr-dict `:` type($result)";
}
def Dl_LeafOp : Dl_Op<"leaf", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "the input, read as the param of a token";
  let description = [{
    `mark` is the token, or, while a backward is expanded, a value of the input's type to which the derivative goes too.
    `cut`: the derivative goes to the mark only, so that a param is a leaf whatever its value was computed from.
  }];
  let arguments = (ins Dl_Value:$input, Dl_Value:$mark, UnitAttr:$cut);
  let results = (outs Dl_Value:$result);
  let assemblyFormat = "$input `by` $mark attr-dict `:` type($input) `,` type($mark)";
}
def Dl_BackwardOp : Dl_StructuralOp<"backward", [Pure, AttrSizedOperandSegments, AllTypesMatch<["grads", "results"]>]> {
  let summary = "the gradients so far, and added to them those of y (times weight; 1 when absent) by the params of the tokens";
  let description = [{
    Expanded by the autodiff pass, in the order of the program. A tensor of tokens stands for the param of each element
    of a list: these lie in one tensor, with the number of the element in front.
  }];
  let arguments = (ins Dl_Value:$y, Optional<Dl_Value>:$weight, Variadic<Dl_Value>:$tokens, Variadic<Dl_Value>:$grads);
  let results = (outs Variadic<Dl_Value>:$results);
  let assemblyFormat = "$y (`weight` $weight^ `:` type($weight))? `tokens` `(` $tokens `:` type($tokens) `)` `grads` `(` $grads `)` attr-dict `:` type($y) `,` `(` type($grads) `)`";
}
def Dl_GraphInfoOp : Dl_StructuralOp<"graph_info", [Pure]> {
  let summary = "what is known when compiled of how a value comes from params: requires_grad and is_leaf (i1), grad_fn (text)";
  let arguments = (ins Dl_Value:$value, StrAttr:$what);
  let results = (outs AnyType:$result);
  let assemblyFormat = "$what `of` $value attr-dict `:` type($value) `->` type($result)";
}

def Dl_VjpOp : Dl_StructuralOp<"vjp", [AttrSizedOperandSegments]> {
  let summary = "calls a function and gives its results and the gradients of the arguments listed in wrt";
  let description = [{
    `cotangents`: one per float result of the callee, in order. Results: the callee's results, then one gradient per entry of
    wrt (typed as the argument). `unusedOk`: an argument on which nothing depends gives zeros instead of an error.
    Expanded innermost first by the autodiff pass.
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<AnyType>:$args, Variadic<AnyType>:$cotangents, DenseI64ArrayAttr:$wrt, UnitAttr:$unusedOk);
  let results = (outs Variadic<AnyType>:$results);
  let assemblyFormat = "$callee `(` $args `)` `cotangents` `(` $cotangents `)` `wrt` `=` $wrt attr-dict `:` (`(` type($args)^ `)`)? (`,` `(` type($cotangents)^ `)`)? `->` type($results)";
}
def Dl_JvpOp : Dl_StructuralOp<"jvp", [AttrSizedOperandSegments]> {
  let summary = "calls a function with tangents for the arguments listed in wrt; gives its results, then the tangents of its float results";
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<AnyType>:$args, Variadic<AnyType>:$tangents, DenseI64ArrayAttr:$wrt);
  let results = (outs Variadic<AnyType>:$results);
  let assemblyFormat = "$callee `(` $args `)` `tangents` `(` $tangents `)` `wrt` `=` $wrt attr-dict `:` (`(` type($args)^ `)`)? (`,` `(` type($tangents)^ `)`)? `->` type($results)";
}

#endif
