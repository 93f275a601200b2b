#!/usr/bin/env python3
"""Writes golden/*.json: small dl programs with PyTorch's results and gradients for them.

Each program is one function of the dl dialect. ops_test.cpp compiles it, its reverse and its forward derivative, and compares
results and gradients with the numbers written here. Run with a Python that has PyTorch; the files are committed.
"""
import json
import math
import pathlib

import torch

torch.manual_seed(0)
# Inputs have few digits, so that the files stay small.
GRID = 256
ELEMENTS = {torch.float64: "f64", torch.float32: "f32", torch.bfloat16: "bf16", torch.int64: "i64", torch.int32: "i32",
            torch.uint8: "u8", torch.bool: "bool"}
MLIR = {"u8": "i8", "bool": "i1"}
families = {}


def element(x):
    name = ELEMENTS[x.dtype]
    return MLIR.get(name, name)


def mlir_type(x, dynamic=()):
    if x.dim() == 0:
        return element(x)
    sizes = ["?" if k in dynamic else str(n) for k, n in enumerate(x.shape)]
    return f"tensor<{'x'.join(sizes)}x{element(x)}>"


def number(v):
    if isinstance(v, float) and not math.isfinite(v):
        return "nan" if math.isnan(v) else "inf" if v > 0 else "-inf"
    return v


def encode(x):
    x = x.detach()
    flat = x.to(torch.float32) if x.dtype == torch.bfloat16 else x
    return {"type": ELEMENTS[x.dtype], "shape": list(x.shape), "data": [number(v) for v in flat.flatten().tolist()]}


def case(family, name, args, body, torch_function, wrt=None, types=None, result_type=None, tolerance=1e-12):
    """One program. `body` ends by defining %r; {t0}, {t1}, … are the argument types, {r} the result type. `wrt`: the arguments
    whose gradients are compared (none: no derivative). `types`: argument types other than static ones."""
    name = f"op_{name}"  # not the name of a function of the C library
    args = [a.detach().clone() for a in args]
    types = types or [mlir_type(a) for a in args]
    for i in wrt or []:
        args[i].requires_grad_(True)
    result = torch_function(*args)
    result_type = result_type or mlir_type(result)
    names = {f"t{i}": t for i, t in enumerate(types)} | {"r": result_type}
    text = body
    for key, value in names.items():
        text = text.replace("{" + key + "}", value)
    parameters = ", ".join(f"%a{i}: {t}" for i, t in enumerate(types))
    arguments = ", ".join(f"%a{i}" for i in range(len(args)))
    lines = [f"func.func @{name}({parameters}) -> {result_type} attributes {{dl.export}} {{", *text.strip().splitlines(),
             f"return %r : {result_type}", "}"]
    entry = {"name": name, "args": [encode(a) for a in args], "result": encode(result), "tolerance": tolerance}
    if wrt:
        cotangent = ((torch.rand(result.shape, dtype=torch.float64) * 8).round() / 8 + 0.5).to(result.dtype)
        gradients = torch.autograd.grad(result, [args[i] for i in wrt], cotangent, allow_unused=True)
        gradients = [torch.zeros_like(args[i]) if g is None else g for i, g in zip(wrt, gradients)]
        tangents = [((torch.rand(args[i].shape, dtype=torch.float64) * 8).round() / 8 - 0.5).to(args[i].dtype) for i in wrt]
        wanted = ", ".join(types[i] for i in wrt)
        count = len(wrt)
        all_types = ", ".join(types)
        lines += [
            f"func.func @{name}_vjp({parameters}, %c: {result_type}) -> ({wanted}) attributes {{dl.export}} {{",
            f"%0:{count + 1} = dl.vjp @{name}({arguments}) cotangents(%c) wrt = {list(wrt)} {{unusedOk}} : ({all_types}), ({result_type}) "
            f"-> {result_type}, {wanted}",
            f"return {', '.join(f'%0#{k + 1}' for k in range(count))} : {wanted}", "}",
            f"func.func @{name}_jvp({parameters}, {', '.join(f'%d{k}: {types[i]}' for k, i in enumerate(wrt))}) -> {result_type} "
            "attributes {dl.export} {",
            f"%0:2 = dl.jvp @{name}({arguments}) tangents({', '.join(f'%d{k}' for k in range(count))}) wrt = {list(wrt)} : "
            f"({all_types}), ({wanted}) -> {result_type}, {result_type}",
            f"return %0#1 : {result_type}", "}"]
        entry |= {"cotangent": encode(cotangent), "gradients": [encode(g) for g in gradients], "tangents": [encode(t) for t in tangents]}
    entry["mlir"] = "\n".join(lines)
    families.setdefault(family, []).append(entry)


def failing(family, name, args, body, result_type, message):
    """A program that stops with `message`."""
    name = f"op_{name}"
    types = [mlir_type(a) for a in args]
    text = body
    for i, t in enumerate(types):
        text = text.replace("{t%d}" % i, t)
    parameters = ", ".join(f"%a{i}: {t}" for i, t in enumerate(types))
    lines = [f"func.func @{name}({parameters}) -> {result_type} attributes {{dl.export}} {{", *text.strip().splitlines(),
             f"return %r : {result_type}", "}"]
    families.setdefault(family, []).append(
        {"name": name, "args": [encode(a) for a in args], "error": message, "mlir": "\n".join(lines)})


def randn(*shape, dtype=torch.float64):
    return ((torch.randn(*shape, dtype=torch.float64) * GRID).round() / GRID).to(dtype)


def tensor(data, dtype=torch.float64):
    return torch.tensor(data, dtype=dtype)


nan, inf = math.nan, math.inf
ROWS = ["tensor<?x3xf64>"]

# ------------------------------------------------------------------------------------------------------------ unary
unary = {
    "neg": (torch.neg, None), "abs": (torch.abs, None), "sign": (torch.sign, None), "exp": (torch.exp, None),
    "expm1": (torch.expm1, None), "log": (torch.log, "positive"), "log1p": (torch.log1p, "positive"),
    "sqrt": (torch.sqrt, "positive"), "rsqrt": (torch.rsqrt, "positive"), "sin": (torch.sin, None),
    "cos": (torch.cos, None), "tan": (torch.tan, None), "asin": (torch.asin, "unit"), "acos": (torch.acos, "unit"),
    "atan": (torch.atan, None), "sinh": (torch.sinh, None), "cosh": (torch.cosh, None), "tanh": (torch.tanh, None),
    "sigmoid": (torch.sigmoid, None), "erf": (torch.erf, None), "relu": (torch.relu, None), "floor": (torch.floor, None),
    "ceil": (torch.ceil, None), "round": (torch.round, None),
}
def unary_cases(op, function, domain):
    x = randn(2, 3) * 1.5
    if domain == "positive":
        x = x.abs() + 0.1
    if domain == "unit":
        x = torch.tanh(x)
    body = f"%r = dl.{op} %a0 : {{t0}}"
    case("unary", op, [x], body, function, wrt=[0], types=ROWS, result_type=ROWS[0])
    case("unary", f"{op}_scalar", [x[1, 1]], body, function, wrt=[0])
    wide = torch.linspace(-3, 3, 33, dtype=torch.float64).to(torch.float32)
    wide = wide.abs() + 0.01 if domain == "positive" else wide / 3.1 if domain == "unit" else wide
    # Compared with the exact value, rounded: PyTorch's own f32 functions are a few ulp off.
    case("unary32", f"{op}_f32", [wide], body, lambda x, f=function: f(x.double()).float(), tolerance=2e-6)
    if op != "rsqrt":
        case("unary32", f"{op}_bf16", [wide.to(torch.bfloat16)], body, lambda x, f=function: f(x.double()).bfloat16(), tolerance=8e-3)


for op, (function, domain) in unary.items():
    unary_cases(op, function, domain)
for op, function, points in [("abs", torch.abs, [0.0, -0.0, -inf]), ("relu", torch.relu, [0.0, -0.0, nan, inf, -inf]),
                             ("sqrt", torch.sqrt, [0.0, inf, -1.0]), ("log", torch.log, [0.0, inf, -1.0]),
                             ("exp", torch.exp, [-inf, 1000.0, nan, -1000.0]), ("sigmoid", torch.sigmoid, [-1000.0, 1000.0, nan]),
                             ("log1p", torch.log1p, [1e-20, -1.0]), ("expm1", torch.expm1, [1e-20, -1e-20]),
                             ("round", torch.round, [0.5, 1.5, 2.5, -0.5, nan]), ("tanh", torch.tanh, [inf, -inf, nan])]:
    case("unary", f"{op}_special", [tensor(points)], f"%r = dl.{op} %a0 : {{t0}}", function, wrt=[0])
case("unary", "sign_special", [tensor([0.0, inf, -inf])], "%r = dl.sign %a0 : {t0}", torch.sign)
case("unary", "neg_i64", [tensor([1, -5, 0], torch.int64)], "%r = dl.neg %a0 : {t0}", torch.neg)
case("unary", "abs_i32", [tensor([1, -5, 0], torch.int32)], "%r = dl.abs %a0 : {t0}", torch.abs)
case("unary", "sign_i64", [tensor([9, -5, 0], torch.int64)], "%r = dl.sign %a0 : {t0}", torch.sign)
case("unary", "sign_u8", [tensor([200, 5, 0], torch.uint8)], "%r = dl.sign %a0 : {t0}", torch.sign)
case("unary", "relu_i64", [tensor([9, -5, 0], torch.int64)], "%r = dl.relu %a0 : {t0}", torch.relu)
case("unary", "not", [tensor([True, False], torch.bool)], "%r = dl.not %a0 : {t0}", torch.logical_not)

# ----------------------------------------------------------------------------------------------------------- binary
binary = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "maximum": torch.maximum,
          "minimum": torch.minimum, "atan2": torch.atan2, "mod": torch.remainder}
for op, function in binary.items():
    x, y = randn(2, 3), randn(2, 3)
    body = f"%r = dl.{op} %a0, %a1 : {{t0}}"
    case("binary", op, [x, y], body, function, wrt=[0, 1], types=ROWS * 2, result_type=ROWS[0])
    case("binary", f"{op}_scalar", [x[0, 0], y[1, 1]], body, function, wrt=[0, 1])
    case("binary", f"{op}_twice", [x], f"%r = dl.{op} %a0, %a0 : {{t0}}", lambda x, f=function: f(x, x), wrt=[0])
case("binary", "floordiv", [randn(2, 3) * 5, randn(2, 3)], "%r = dl.floordiv %a0, %a1 : {t0}", torch.floor_divide)
case("binary", "pow", [randn(2, 3).abs() + 0.1, randn(2, 3)], "%r = dl.pow %a0, %a1 : {t0}", torch.pow, wrt=[0, 1], types=ROWS * 2,
     result_type=ROWS[0])
case("binary", "pow_special", [tensor([0.0, 0.0, -2.0, 2.0, 3.0]), tensor([0.0, 2.0, 2.0, 0.0, -1.0])], "%r = dl.pow %a0, %a1 : {t0}",
     torch.pow, wrt=[0])
case("binary", "pow_zero_base", [tensor([0.0, 0.0, 2.0]), tensor([0.0, 2.0, 3.0])], "%r = dl.pow %a0, %a1 : {t0}", torch.pow, wrt=[1])
for exponent in (0.0, 1.0, 2.0, 3.0, -1.0, 0.5, 2.5):
    case("binary", f"pow_constant_{str(exponent).replace('.', '_').replace('-', 'm')}", [randn(4).abs() + 0.2],
         f"%e = arith.constant {exponent} : f64\n%y = dl.broadcast %e dims = [] : f64 -> {{t0}}\n%r = dl.pow %a0, %y : {{t0}}",
         lambda x, e=exponent: torch.pow(x, e), wrt=[0])
for op, function in (("maximum", torch.maximum), ("minimum", torch.minimum)):
    case("binary", f"{op}_ties", [tensor([1.0, 2.0, nan, 1.0]), tensor([1.0, 1.0, 1.0, nan])], f"%r = dl.{op} %a0, %a1 : {{t0}}",
         function, wrt=[0, 1])
signs = ([7, -7, 7, -7, 6, -1, 0], [2, 2, -2, -2, -3, -1, 5])
for dtype in (torch.int64, torch.int32, torch.float64):
    name = ELEMENTS[dtype]
    x, y = tensor(signs[0], dtype), tensor(signs[1], dtype)
    case("binary", f"floordiv_{name}", [x, y], "%r = dl.floordiv %a0, %a1 : {t0}", lambda a, b: torch.div(a, b, rounding_mode="floor"))
    case("binary", f"mod_{name}", [x, y], "%r = dl.mod %a0, %a1 : {t0}", torch.remainder)
case("binary", "floordiv_rounding", [tensor([1.0, 3.0, -1.0]), tensor([0.1, 0.1, 0.1])], "%r = dl.floordiv %a0, %a1 : {t0}",
     torch.floor_divide)
edges = [1.5, inf, -inf, nan, 0.0, -0.0, -1.0]
for op, function in (("floordiv", lambda a, b: torch.div(a, b, rounding_mode="floor")), ("mod", torch.remainder), ("atan2", torch.atan2)):
    case("binary", f"{op}_edges", [tensor([x for x in edges for _ in edges]), tensor(edges * len(edges))],
         f"%r = dl.{op} %a0, %a1 : {{t0}}", function)
    case("binary", f"{op}_of_zeros", [], f"""
%x = arith.constant 0.0 : f64
%y = arith.constant -0.0 : f64
%r = dl.{op} %x, %y : f64
""", lambda f=function: f(tensor(0.0), tensor(-0.0)))
case("binary", "negative_zeros", [tensor([1.0, 2.0])], """
%z = arith.constant dense<-0.0> : {t0}
%r = dl.div %a0, %z : {t0}
""", lambda x: x / tensor(-0.0))
least = -2**63
case("binary", "floordiv_overflow", [tensor([least, least], torch.int64), tensor([-1, 1], torch.int64)],
     "%r = dl.floordiv %a0, %a1 : {t0}", lambda a, b: tensor([least, least], torch.int64))
case("binary", "mod_overflow", [tensor([least, 5], torch.int64), tensor([-1, -1], torch.int64)], "%r = dl.mod %a0, %a1 : {t0}",
     lambda a, b: tensor([0, 0], torch.int64))
case("binary", "floordiv_u8", [tensor([200, 7], torch.uint8), tensor([3, 255], torch.uint8)], "%r = dl.floordiv %a0, %a1 : {t0}",
     lambda a, b: torch.div(a, b, rounding_mode="floor"))
case("binary", "mod_u8", [tensor([200, 7], torch.uint8), tensor([3, 255], torch.uint8)], "%r = dl.mod %a0, %a1 : {t0}", torch.remainder)
case("binary", "maximum_u8", [tensor([200, 7], torch.uint8), tensor([3, 255], torch.uint8)], "%r = dl.maximum %a0, %a1 : {t0}",
     torch.maximum)
case("binary", "pow_i64", [tensor([2, -3, 0, 7, 1, -1, 2], torch.int64), tensor([10, 3, 0, 1, 4, 3, 62], torch.int64)],
     "%r = dl.pow %a0, %a1 : {t0}", torch.pow)
case("binary", "and", [tensor([True, True, False], torch.bool), tensor([True, False, False], torch.bool)],
     "%r = dl.and %a0, %a1 : {t0}", torch.logical_and)
case("binary", "or", [tensor([True, True, False], torch.bool), tensor([True, False, False], torch.bool)],
     "%r = dl.or %a0, %a1 : {t0}", torch.logical_or)
for dtype in (torch.int64, torch.int32, torch.uint8, torch.bool):
    x, y = ([5, 0, 12, 100, 127], [3, 7, 10, 255, 1]) if dtype == torch.uint8 else ([5, 0, -12, 100, -1], [3, -7, 10, -9, 1])
    x, y = tensor(x, dtype), tensor(y, dtype)
    for op in ("bitwise_and", "bitwise_or", "bitwise_xor"):
        case("binary", f"{op}_{ELEMENTS[dtype]}", [x, y], f"%r = dl.{op} %a0, %a1 : {{t0}}", getattr(torch, op))
    case("unary", f"bitwise_not_{ELEMENTS[dtype]}", [x], "%r = dl.bitwise_not %a0 : {t0}", torch.bitwise_not)
    for op in ("bitwise_left_shift", "bitwise_right_shift") if dtype != torch.bool else ():
        case("binary", f"{op}_{ELEMENTS[dtype]}", [x, tensor([0, 1, 2, 3, 7], dtype)], f"%r = dl.{op} %a0, %a1 : {{t0}}", getattr(torch, op))
zero = "integer division by zero"
failing("binary", "floordiv_by_zero", [tensor([4, 5], torch.int64), tensor([1, 0], torch.int64)], "%r = dl.floordiv %a0, %a1 : {t0}",
        "tensor<2xi64>", zero)
failing("binary", "mod_by_zero_scalar", [tensor(4, torch.int64), tensor(0, torch.int64)], "%r = dl.mod %a0, %a1 : {t0}", "i64", zero)
failing("binary", "mod_by_repeated_zero", [tensor([4, 5], torch.int64), tensor(0, torch.int64)],
        "%z = dl.broadcast %a1 dims = [] : i64 -> tensor<2xi64>\n%r = dl.mod %a0, %z : {t0}", "tensor<2xi64>", zero)

# ----------------------------------------------------------------------------------------------------------- choice
for kind in ("eq", "ne", "lt", "le", "gt", "ge"):
    function = getattr(torch, kind)
    body = f"%r = dl.cmp {kind} %a0, %a1 : {{t0}} -> {{r}}"
    case("choice", f"{kind}_f64", [tensor([1.0, 2.0, nan, nan, -0.0]), tensor([1.0, 1.0, 1.0, nan, 0.0])], body, function)
    case("choice", f"{kind}_i64", [tensor([1, -2, 3], torch.int64), tensor([1, 1, 1], torch.int64)], body, function)
    case("choice", f"{kind}_u8", [tensor([1, 200, 3], torch.uint8), tensor([1, 100, 130], torch.uint8)], body, function)
case("choice", "select", [tensor([True, False, True], torch.bool), randn(3), randn(3)], "%r = dl.select %a0, %a1, %a2 : {t0}, {t1}",
     torch.where, wrt=[1, 2])
case("choice", "select_no_nan", [tensor([-1.0, 2.0, 0.0])], """
%c0 = arith.constant 0.0 : f64
%z = dl.broadcast %c0 dims = [] : f64 -> {t0}
%p = dl.cmp gt %a0, %z : {t0} -> tensor<3xi1>
%one = arith.constant 1.0 : f64
%ones = dl.broadcast %one dims = [] : f64 -> {t0}
%safe = dl.select %p, %a0, %ones : tensor<3xi1>, {t0}
%l = dl.log %safe : {t0}
%r = dl.select %p, %l, %z : tensor<3xi1>, {t0}
""", lambda x: torch.where(x > 0, torch.log(torch.where(x > 0, x, torch.ones_like(x))), torch.zeros_like(x)), wrt=[0])
kinds = {"f64": torch.float64, "f32": torch.float32, "bf16": torch.bfloat16, "i64": torch.int64, "i32": torch.int32, "u8": torch.uint8,
         "bool": torch.bool}
for a, source in kinds.items():
    for b, target in kinds.items():
        values = [0, 1, 2, 250, 3] if a == "u8" else [0, 1] if a == "bool" else [0, 1, -2, 100, 3]
        x = tensor(values, torch.float64)
        if source.is_floating_point and a != "bf16":
            x = x + tensor([0.0, 0.25, -0.75, 0.5, 0.99])
        x = x.to(source)
        if source.is_floating_point and b == "u8":
            x = x.abs()
        case("choice", f"convert_{a}_{b}", [x], "%r = dl.convert %a0 : {t0} -> {r}", lambda x, t=target: x.to(t))
case("choice", "convert_gradient", [randn(4)], "%0 = dl.convert %a0 : {t0} -> tensor<4xf32>\n%r = dl.convert %0 : tensor<4xf32> -> {r}",
     lambda x: x.float().double(), wrt=[0], tolerance=1e-6)
case("choice", "stop_grad", [randn(4)], "%s = dl.stop_grad %a0 : {t0}\n%r = dl.mul %s, %a0 : {t0}", lambda x: x.detach() * x, wrt=[0])

# --------------------------------------------------------------------------------------------------------- creation
case("creation", "broadcast_scalar", [randn(())], "%r = dl.broadcast %a0 dims = [] : f64 -> {r}", lambda x: x.expand(2, 3), wrt=[0])
case("creation", "broadcast_row", [randn(3)], "%r = dl.broadcast %a0 dims = [1] : {t0} -> {r}", lambda x: x.expand(2, 3), wrt=[0])
case("creation", "broadcast_column", [randn(2)], "%r = dl.broadcast %a0 dims = [0] : {t0} -> {r}",
     lambda x: x.unsqueeze(1).expand(2, 3), wrt=[0])
case("creation", "broadcast_stretch", [randn(2, 1)], "%r = dl.broadcast %a0 dims = [0, 1] : {t0} -> {r}", lambda x: x.expand(2, 3), wrt=[0])
case("creation", "broadcast_unit", [randn(1, 1)], "%r = dl.broadcast %a0 dims = [0, 1] : {t0} -> {r}", lambda x: x.expand(2, 3), wrt=[0])
case("creation", "broadcast_mixed", [randn(1, 3, 1)], "%r = dl.broadcast %a0 dims = [1, 2, 3] : {t0} -> {r}",
     lambda x: x.expand(2, 4, 3, 2), wrt=[0])
case("creation", "broadcast_dynamic", [randn(3), randn(4, 3)], """
%c0 = arith.constant 0 : index
%n = tensor.dim %a1, %c0 : {t1}
%b = dl.broadcast %a0 dims = [1] sizes(%n) : {t0} -> {t1}
%r = dl.mul %b, %a1 : {t1}
""", lambda x, y: x * y, wrt=[0, 1], types=["tensor<3xf64>", "tensor<?x3xf64>"], result_type="tensor<?x3xf64>")
case("creation", "iota_i64", [], "%r = dl.iota : {r}", lambda: torch.arange(5))
case("creation", "iota_i32", [], "%r = dl.iota : {r}", lambda: torch.arange(5, dtype=torch.int32))
case("creation", "iota_f32", [], "%r = dl.iota : {r}", lambda: torch.arange(5, dtype=torch.float32))

# --------------------------------------------------------------------------------------------------------- movement
for name, shape, to in [("merge", (2, 3, 4), (6, 4)), ("split", (6, 4), (2, 3, 4)), ("mix", (2, 6), (3, 4)), ("flat", (2, 3), (6,)),
                        ("units", (2, 3), (1, 2, 1, 3, 1)), ("no_units", (1, 2, 1, 3), (2, 3)), ("scalar", (1, 1), ()), ("tensor", (), (1, 1))]:
    case("movement", f"reshape_{name}", [randn(*shape) if shape else randn(())], "%r = dl.reshape %a0 : {t0} -> {r}",
         lambda x, to=to: x.reshape(to), wrt=[0])
case("movement", "reshape_dynamic_merge", [randn(2, 3, 4)], """
%c0 = arith.constant 0 : index
%c3 = arith.constant 3 : index
%n = tensor.dim %a0, %c0 : {t0}
%m = arith.muli %n, %c3 : index
%r = dl.reshape %a0 sizes(%m) : {t0} -> {r}
""", lambda x: x.reshape(6, 4), wrt=[0], types=["tensor<?x3x4xf64>"], result_type="tensor<?x4xf64>")
case("movement", "reshape_dynamic_split", [randn(6, 4)], """
%c2 = arith.constant 2 : index
%c3 = arith.constant 3 : index
%r = dl.reshape %a0 sizes(%c2, %c3) : {t0} -> {r}
""", lambda x: x.reshape(2, 3, 4), wrt=[0], types=["tensor<?x4xf64>"], result_type="tensor<?x?x4xf64>")
case("movement", "reshape_dynamic_swap", [randn(2, 6)], """
%c4 = arith.constant 4 : index
%c3 = arith.constant 3 : index
%r = dl.reshape %a0 sizes(%c4, %c3) : {t0} -> {r}
""", lambda x: x.reshape(4, 3), wrt=[0], types=["tensor<?x?xf64>"], result_type="tensor<?x?xf64>")
case("movement", "transpose", [randn(2, 3)], "%r = dl.transpose %a0 perm = [1, 0] : {t0} -> {r}", lambda x: x.T, wrt=[0])
case("movement", "permute", [randn(2, 3, 4)], "%r = dl.transpose %a0 perm = [2, 0, 1] : {t0} -> {r}", lambda x: x.permute(2, 0, 1), wrt=[0])
case("movement", "permute_dynamic", [randn(2, 3, 4)], "%r = dl.transpose %a0 perm = [1, 2, 0] : {t0} -> {r}",
     lambda x: x.permute(1, 2, 0), wrt=[0], types=["tensor<?x3x?xf64>"], result_type="tensor<3x?x?xf64>")
case("movement", "reverse", [randn(2, 3)], "%r = dl.reverse %a0 dims = [1] : {t0} -> {r}", lambda x: x.flip(1), wrt=[0])
case("movement", "reverse_both", [randn(2, 3)], "%r = dl.reverse %a0 dims = [0, 1] : {t0} -> {r}", lambda x: x.flip(0, 1), wrt=[0])
case("movement", "concat", [randn(2, 3), randn(2, 1), randn(2, 2)], "%r = dl.concat %a0, %a1, %a2 dim = 1 : {t0}, {t1}, {t2} -> {r}",
     lambda *x: torch.cat(x, 1), wrt=[0, 2])
case("movement", "concat_dynamic", [randn(2, 3), randn(4, 3)], "%r = dl.concat %a0, %a1 dim = 0 : {t0}, {t1} -> {r}",
     lambda *x: torch.cat(x, 0), wrt=[0, 1], types=["tensor<?x3xf64>"] * 2, result_type="tensor<?x3xf64>")

# ------------------------------------------------------------------------------------------------------------ slice
INDICES = "".join(f"%c{n} = arith.constant {n} : index\n" for n in range(5))
case("slice", "one", [randn(3, 4)], INDICES + "%r = dl.slice %a0[%c1, %c2] steps = [1, 1] dropped = [0, 1] : {t0} -> {r}",
     lambda x: x[1, 2], wrt=[0])
case("slice", "row", [randn(3, 4)], INDICES + "%r = dl.slice %a0[%c1, %c0] steps = [1, 1] dropped = [0] : {t0} -> {r}",
     lambda x: x[1], wrt=[0])
case("slice", "column", [randn(3, 4)], INDICES + "%r = dl.slice %a0[%c0, %c3] steps = [1, 1] dropped = [1] : {t0} -> {r}",
     lambda x: x[:, 3], wrt=[0])
case("slice", "stepped", [randn(5, 4)], INDICES + "%r = dl.slice %a0[%c1, %c0] steps = [2, 3] dropped = [] : {t0} -> {r}",
     lambda x: x[1::2, ::3], wrt=[0])
case("slice", "dynamic", [randn(5, 4)], INDICES + "%r = dl.slice %a0[%c1, %c0] sizes(%c3) steps = [1, 1] dropped = [] : {t0} -> {r}",
     lambda x: x[1:4], wrt=[0], types=["tensor<?x4xf64>"], result_type="tensor<?x4xf64>")


def updated(x, v, index, add=False):
    y = x.clone()
    y[index] = y[index] + v if add else v
    return y


for op, add in (("update_slice", False), ("add_slice", True)):
    case("slice", f"{op}_one", [randn(3, 4), randn(())],
         INDICES + f"%r = dl.{op} %a1 into %a0[%c1, %c2] steps = [1, 1] dropped = [0, 1] : {{t1}}, {{t0}}",
         lambda x, v, add=add: updated(x, v, (1, 2), add), wrt=[0, 1])
    case("slice", f"{op}_column", [randn(3, 4), randn(3)],
         INDICES + f"%r = dl.{op} %a1 into %a0[%c0, %c2] steps = [1, 1] dropped = [1] : {{t1}}, {{t0}}",
         lambda x, v, add=add: updated(x, v, (slice(None), 2), add), wrt=[0, 1])
    case("slice", f"{op}_stepped", [randn(5, 4), randn(2, 4)],
         INDICES + f"%r = dl.{op} %a1 into %a0[%c1, %c0] steps = [2, 1] dropped = [] : {{t1}}, {{t0}}",
         lambda x, v, add=add: updated(x, v, slice(1, None, 2), add), wrt=[0, 1])

# ----------------------------------------------------------------------------------------------------------- gather
rows = tensor([2, 0, -1, 0], torch.int64)
grid = tensor([[0, 1], [-3, 2]], torch.int64)
case("gather", "rows", [randn(3, 4), rows], "%r = dl.gather %a0 at %a1 : {t0}, {t1} -> {r}", lambda x, i: x[i], wrt=[0])
case("gather", "elements", [randn(3), grid], "%r = dl.gather %a0 at %a1 : {t0}, {t1} -> {r}", lambda x, i: x[i], wrt=[0])
case("gather", "grid_of_rows", [randn(3, 2), grid], "%r = dl.gather %a0 at %a1 : {t0}, {t1} -> {r}", lambda x, i: x[i], wrt=[0])
case("gather", "dynamic", [randn(3, 4), rows], "%r = dl.gather %a0 at %a1 : {t0}, {t1} -> {r}", lambda x, i: x[i], wrt=[0],
     types=["tensor<?x?xf64>", "tensor<?xi64>"], result_type="tensor<?x?xf64>")
case("gather", "none", [randn(3, 4), tensor([], torch.int64)], "%r = dl.gather %a0 at %a1 : {t0}, {t1} -> {r}", lambda x, i: x[i])
case("gather", "scatter_rows", [randn(3, 4), rows, randn(4, 4)], "%r = dl.scatter_add %a2 into %a0 at %a1 : {t2}, {t0}, {t1}",
     lambda x, i, v: x.index_add(0, i % 3, v), wrt=[0, 2])
case("gather", "scatter_elements", [randn(3), grid, randn(2, 2)], "%r = dl.scatter_add %a2 into %a0 at %a1 : {t2}, {t0}, {t1}",
     lambda x, i, v: x.index_add(0, (i % 3).flatten(), v.flatten()), wrt=[0, 2])
along = tensor([[0, 2], [1, 1], [3, 0]], torch.int64)
case("gather", "take_along", [randn(3, 4), along], "%r = dl.take_along %a0 at %a1 dim = 1 : {t0}, {t1} -> {r}",
     lambda x, i: x.gather(1, i), wrt=[0])
case("gather", "take_along_0", [randn(4, 2), along], "%r = dl.take_along %a0 at %a1 dim = 0 : {t0}, {t1} -> {r}",
     lambda x, i: x.gather(0, i), wrt=[0])
case("gather", "put_along_add", [randn(3, 4), along, randn(3, 2)], "%r = dl.put_along_add %a2 into %a0 at %a1 dim = 1 : {t2}, {t0}, {t1}",
     lambda x, i, v: x.scatter_add(1, i, v), wrt=[0, 2])
failing("gather", "above", [randn(3, 4), tensor([0, 3], torch.int64)], "%r = dl.gather %a0 at %a1 : {t0}, {t1} -> tensor<2x4xf64>",
        "tensor<2x4xf64>", "index 3 is out of range for size 3")
failing("gather", "below", [randn(3, 4), tensor([0, -4], torch.int64)], "%r = dl.gather %a0 at %a1 : {t0}, {t1} -> tensor<2x4xf64>",
        "tensor<2x4xf64>", "index -4 is out of range for size 3")
failing("gather", "scatter_above", [randn(3), tensor([0, 7], torch.int64), randn(2)],
        "%r = dl.scatter_add %a2 into %a0 at %a1 : {t2}, {t0}, {t1}", "tensor<3xf64>", "index 7 is out of range for size 3")
failing("gather", "along_above", [randn(3, 4), tensor([[4]], torch.int64)],
        "%r = dl.take_along %a0 at %a1 dim = 1 : {t0}, {t1} -> tensor<1x1xf64>", "tensor<1x1xf64>", "index 4 is out of range for size 4")

# ----------------------------------------------------------------------------------------------------------- reduce
for op, whole, some in [("sum", torch.sum, torch.sum), ("max", torch.amax, torch.amax), ("min", torch.amin, torch.amin)]:
    for dims in ([0], [1], [2], [0, 2], [1, 2], [0, 1, 2]):
        function = lambda x, f=some, d=tuple(dims): f(x, d)
        case("reduce", f"{op}_{''.join(map(str, dims))}", [randn(2, 3, 4)], f"%r = dl.reduce {op} %a0 dims = {dims} : {{t0}} -> {{r}}",
             function, wrt=[0])
    case("reduce", f"{op}_dynamic", [randn(5, 4)], f"%r = dl.reduce {op} %a0 dims = [0] : {{t0}} -> {{r}}", lambda x, f=some: f(x, 0),
         wrt=[0], types=["tensor<?x4xf64>"])
    case("reduce", f"{op}_i64", [tensor([[3, -7, 5], [1, 2, 2]], torch.int64)], f"%r = dl.reduce {op} %a0 dims = [0] : {{t0}} -> {{r}}",
         lambda x, f=some: f(x, 0))
for op in ("max", "min"):
    ties = tensor([[1.0, 2.0, 2.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    case("reduce", f"{op}_ties_all", [ties], f"%r = dl.reduce {op} %a0 dims = [0, 1] : {{t0}} -> {{r}}", getattr(torch, op), wrt=[0])
    case("reduce", f"{op}_ties_dim", [ties], f"%r = dl.reduce {op} %a0 dims = [1] : {{t0}} -> {{r}}",
         lambda x, op=op: getattr(torch, op)(x, dim=1).values, wrt=[0])
    case("reduce", f"{op}_nan", [tensor([[1.0, nan, 2.0], [inf, -inf, 0.0]])], f"%r = dl.reduce {op} %a0 dims = [1] : {{t0}} -> {{r}}",
         lambda x, op=op: getattr(torch, "a" + op)(x, 1))
    case("reduce", f"{op}_u8", [tensor([3, 200, 5], torch.uint8)], f"%r = dl.reduce {op} %a0 dims = [0] : {{t0}} -> {{r}}",
         lambda x, op=op: getattr(torch, "a" + op)(x, 0))
    failing("reduce", f"{op}_of_nothing", [randn(0, 3)], f"%r = dl.reduce {op} %a0 dims = [0] : {{t0}} -> tensor<3xf64>", "tensor<3xf64>",
            f"{op} over a dimension of size 0")
for name, x in [("prod", randn(3, 4)), ("prod_zero", tensor([[1.0, 0.0, 3.0], [2.0, 3.0, 4.0]])),
                ("prod_zeros", tensor([[0.0, 0.0, 3.0], [0.0, 2.0, 5.0]]))]:
    case("reduce", f"{name}_1", [x], "%r = dl.reduce prod %a0 dims = [1] : {t0} -> {r}", lambda x: torch.prod(x, 1), wrt=[0])
    case("reduce", f"{name}_all", [x], "%r = dl.reduce prod %a0 dims = [0, 1] : {t0} -> {r}", torch.prod, wrt=[0])
flags = tensor([[True, True], [True, False], [False, False]], torch.bool)
for op in ("any", "all"):
    case("reduce", f"{op}_1", [flags], f"%r = dl.reduce {op} %a0 dims = [1] : {{t0}} -> {{r}}", lambda x, op=op: getattr(torch, op)(x, 1))
    case("reduce", f"{op}_everything", [flags], f"%r = dl.reduce {op} %a0 dims = [0, 1] : {{t0}} -> {{r}}", getattr(torch, op))
for op in ("max", "min"):
    function = lambda x, d, op=op: getattr(torch, "arg" + op)(x, d)
    for name, x in [("f64", randn(3, 4)), ("i64", tensor([[3, -7, 5], [1, 2, 2]], torch.int64)), ("u8", tensor([[3, 200, 5]], torch.uint8)),
                    ("nan", tensor([[1.0, nan, 2.0], [inf, -inf, 0.0], [nan, nan, 0.0]]))]:
        for dim in (0, 1):
            case("reduce", f"arg{op}_{name}_{dim}", [x], f"%r = dl.arg_reduce {op} %a0 dim = {dim} : {{t0}} -> {{r}}",
                 lambda x, f=function, d=dim: f(x, d))
case("reduce", "argmax_ties", [tensor([1.0, 3.0, 3.0])], "%r = dl.arg_reduce max %a0 dim = 0 : {t0} -> {r}", lambda x: tensor(1, torch.int64))
case("reduce", "sum_f32_long", [randn(1500, dtype=torch.float32)], "%r = dl.reduce sum %a0 dims = [0] : {t0} -> {r}",
     lambda x: x.double().sum().float(), tolerance=2e-6)
case("reduce", "sum_bf16", [torch.full((300,), 0.1).bfloat16()], "%r = dl.reduce sum %a0 dims = [0] : {t0} -> {r}",
     lambda x: x.float().sum().bfloat16(), tolerance=8e-3)

# ---------------------------------------------------------------------------------------------------------- products
for ta in (False, True):
    for tb in (False, True):
        for batch in ((), (3,)):
            a = randn(*batch, *((4, 2) if ta else (2, 4)))
            b = randn(*batch, *((5, 4) if tb else (4, 5)))
            name = f"matmul_{'t' if ta else 'n'}{'t' if tb else 'n'}{'_batched' if batch else ''}"
            flags_text = f"{{transA = {str(ta).lower()}, transB = {str(tb).lower()}}}"
            function = lambda a, b, ta=ta, tb=tb: (a.mT if ta else a) @ (b.mT if tb else b)
            body = f"%r = dl.matmul %a0, %a1 {flags_text} : {{t0}}, {{t1}} -> {{r}}"
            case("products", name, [a, b], body, function, wrt=[0, 1])
            rank = len(batch) + 2
            unknown = "tensor<" + "x".join("?" * rank) + "xf64>"
            case("products", name + "_kernel", [a, b], body, function, wrt=[0, 1], types=[unknown] * 2, result_type=unknown)
case("products", "matmul_f32", [randn(8, 5, dtype=torch.float32), randn(5, 7, dtype=torch.float32)],
     "%r = dl.matmul %a0, %a1 : {t0}, {t1} -> {r}", lambda a, b: (a.double() @ b.double()).float(), tolerance=2e-6)
case("products", "matmul_of_nothing", [randn(2, 0), randn(0, 3)], "%r = dl.matmul %a0, %a1 : {t0}, {t1} -> {r}", torch.matmul)
case("products", "transposed_operands", [randn(4, 2), randn(5, 4)], """
%0 = dl.transpose %a0 perm = [1, 0] : {t0} -> tensor<2x4xf64>
%1 = dl.transpose %a1 perm = [1, 0] : {t1} -> tensor<4x5xf64>
%2 = dl.matmul %0, %1 : tensor<2x4xf64>, tensor<4x5xf64> -> tensor<2x5xf64>
%r = dl.transpose %2 perm = [1, 0] : tensor<2x5xf64> -> {r}
""", lambda a, b: (a.T @ b.T).T, wrt=[0, 1])

# ------------------------------------------------------------------------------------------------------ convolution
for name, (c, o, size, kernel, stride, padding, dilation, groups) in {
        "plain": (2, 3, (5, 5), (3, 3), (1, 1), (0, 0), (1, 1), 1), "strided": (2, 3, (6, 7), (3, 2), (2, 1), (1, 0), (1, 1), 1),
        "dilated": (2, 2, (7, 7), (3, 3), (1, 2), (2, 2), (2, 2), 1), "grouped": (4, 6, (5, 5), (3, 3), (1, 1), (1, 1), (1, 1), 2),
        "depthwise": (3, 3, (5, 4), (2, 2), (2, 2), (0, 1), (1, 1), 3)}.items():
    attrs = (f"{{stride = array<i64: {stride[0]}, {stride[1]}>, padding = array<i64: {padding[0]}, {padding[1]}>, "
             f"dilation = array<i64: {dilation[0]}, {dilation[1]}>, groups = {groups} : i64}}")
    x, w = randn(2, c, *size), randn(o, c // groups, *kernel)
    function = lambda x, w, s=stride, p=padding, d=dilation, g=groups: torch.nn.functional.conv2d(x, w, None, s, p, d, g)
    body = f"%r = dl.conv2d %a0, %a1 {attrs} : {{t0}}, {{t1}} -> {{r}}"
    case("convolution", name, [x, w], body, function, wrt=[0, 1], tolerance=1e-11)
    y = function(x, w)
    case("convolution", f"{name}_dynamic", [x, w], body, function, wrt=[0, 1], tolerance=1e-11,
         types=[f"tensor<?x{c}x?x?xf64>", mlir_type(w)], result_type=f"tensor<?x{o}x?x?xf64>")
    case("convolution", f"{name}_f32", [x.float(), w.float()], body, lambda x, w, f=function: f(x.double(), w.double()).float(), tolerance=5e-6)
    # The gradients are ops too: PyTorch's double backward is their reference.
    case("convolution", f"{name}_grad_input", [randn(*y.shape), w], f"%r = dl.conv2d_grad_input %a0, %a1 {attrs} : {{t0}}, {{t1}} -> {{r}}",
         lambda dy, w, x=x:
         torch.nn.grad.conv2d_input(x.shape, w, dy, stride, padding, dilation, groups), wrt=[0, 1], tolerance=1e-11)
    case("convolution", f"{name}_grad_weight", [randn(*y.shape), x], f"%r = dl.conv2d_grad_weight %a0, %a1 {attrs} : {{t0}}, {{t1}} -> {{r}}",
         lambda dy, x, w=w: torch.nn.grad.conv2d_weight(x, w.shape, dy, stride, padding, dilation, groups), wrt=[0, 1], tolerance=1e-11)

# ------------------------------------------------------------------------------------------------------------- pool
for name, (size, kernel, stride, padding, dilation, ceil) in {
        "halves": ((4, 6), (2, 2), (2, 2), (0, 0), (1, 1), False), "overlapping": ((5, 5), (3, 3), (1, 2), (1, 1), (1, 1), False),
        "dilated": ((7, 7), (2, 3), (2, 1), (0, 1), (2, 2), False), "ceil": ((5, 6), (2, 2), (2, 4), (0, 0), (1, 1), True)}.items():
    x = randn(2, 2, *size)
    arrays = {"kernel": kernel, "stride": stride, "padding": padding}
    text = ", ".join(f"{k} = array<i64: {v[0]}, {v[1]}>" for k, v in (arrays | {"dilation": dilation}).items())
    function = lambda x, k=kernel, s=stride, p=padding, d=dilation, c=ceil: torch.nn.functional.max_pool2d(x, k, s, p, d, c)
    body = f"%r, %i = dl.max_pool2d %a0 {{{text}, ceilMode = {str(ceil).lower()}}} : {{t0}} -> {{r}}, "
    where = "tensor<" + "x".join(map(str, function(x).shape)) + "xi64>"
    case("pool", f"max_{name}", [x], body + where, function, wrt=[0])
    case("pool", f"max_{name}_dynamic", [x], body + "tensor<?x2x?x?xi64>", function, wrt=[0], types=["tensor<?x2x?x?xf64>"],
         result_type="tensor<?x2x?x?xf64>")
    if dilation != (1, 1) or ceil:
        continue
    for count in (True, False):
        text = ", ".join(f"{k} = array<i64: {v[0]}, {v[1]}>" for k, v in arrays.items())
        case("pool", f"avg_{name}_{'padded' if count else 'inside'}", [x],
             f"%r = dl.avg_pool2d %a0 {{{text}, countIncludePad = {str(count).lower()}}} : {{t0}} -> {{r}}",
             lambda x, k=kernel, s=stride, p=padding, n=count: torch.nn.functional.avg_pool2d(x, k, s, p, False, n), wrt=[0])

# ---------------------------------------------------------------------------------------------------------- special
positive = tensor([0.125, 0.75, 1.4375, 2.0, 5.5, 9.9375, 30.25, 1000.5])
negative = tensor([-0.5, -1.25, -3.75, -10.125])
for name, x in {"positive": positive, "negative": negative, "scalar": tensor(2.5)}.items():
    case("special", f"lgamma_{name}", [x], "%r = dl.lgamma %a0 : {t0}", torch.lgamma, wrt=[0], tolerance=1e-12)
    case("special", f"digamma_{name}", [x], "%r = dl.digamma %a0 : {t0}", torch.digamma, tolerance=1e-12)
    # PyTorch's derivative of digamma has eight digits.
    case("special", f"digamma_{name}_derivative", [x], "%r = dl.digamma %a0 : {t0}", torch.digamma, wrt=[0], tolerance=1e-8)
case("special", "lgamma_edges", [tensor([0.0, -1.0, inf, nan])], "%r = dl.lgamma %a0 : {t0}", torch.lgamma)
case("special", "digamma_edges", [tensor([0.0, -1.0, inf, nan])], "%r = dl.digamma %a0 : {t0}", torch.digamma)
case("special", "lgamma_f32", [positive.float()], "%r = dl.lgamma %a0 : {t0}", torch.lgamma, tolerance=1e-6)
case("special", "lgamma_bf16", [positive.bfloat16()], "%r = dl.lgamma %a0 : {t0}", torch.lgamma, tolerance=1e-2)
case("special", "lgamma_dynamic", [positive], "%r = dl.lgamma %a0 : {t0}", torch.lgamma, wrt=[0], types=["tensor<?xf64>"],
     result_type="tensor<?xf64>")
for order in (2, 3, 7):
    # torch.polygamma(n, x) is (-1)^(n + 1) n! zeta(n + 1, x) and knows its derivative.
    case("special", f"zeta_{order}", [torch.full_like(positive, order), positive], "%r = dl.zeta %a0, %a1 : {t0}",
         lambda s, x, n=order: torch.polygamma(n - 1, x) * ((-1) ** n / math.factorial(n - 1)), wrt=[1],
         tolerance=1e-8 if order == 2 else 1e-12)
case("special", "zeta_plain", [tensor([1.5, 2.5, 1.0, 0.5, 3.0]), tensor([0.5, 7.0, 2.0, 2.0, -1.0])], "%r = dl.zeta %a0, %a1 : {t0}",
     torch.special.zeta)

# ------------------------------------------------------------------------------------------------------------ order
x = randn(3, 4, 2)
for dim in range(3):
    for reverse in (False, True):
        case("order", f"cumsum_{dim}_{'down' if reverse else 'up'}", [x], f"%r = dl.cumsum %a0 dim = {dim} reverse = {str(reverse).lower()} : {{t0}}",
             lambda x, d=dim, r=reverse: x.flip(d).cumsum(d).flip(d) if r else x.cumsum(d), wrt=[0])
    for descending in (False, True):
        case("order", f"argsort_{dim}_{'down' if descending else 'up'}", [x],
             f"%r = dl.argsort %a0 dim = {dim} descending = {str(descending).lower()} : {{t0}} -> {{r}}",
             lambda x, d=dim, r=descending: x.sort(dim=d, descending=r, stable=True).indices)
case("order", "cumsum_dynamic", [x], "%r = dl.cumsum %a0 dim = 0 reverse = false : {t0}", lambda x: x.cumsum(0), wrt=[0],
     types=["tensor<?x4x2xf64>"], result_type="tensor<?x4x2xf64>")
case("order", "cumsum_bytes", [tensor([1, 2, 3], torch.uint8)], "%r = dl.cumsum %a0 dim = 0 reverse = false : {t0}",
     lambda x: x.cumsum(0).to(torch.uint8))
case("order", "argsort_ties", [tensor([2.0, nan, 1.0, 2.0, -inf, 1.0, nan])], "%r = dl.argsort %a0 dim = 0 descending = false : {t0} -> {r}",
     lambda x: x.sort(stable=True).indices)
case("order", "argsort_ties_down", [tensor([2, 1, 2, 3, 1])], "%r = dl.argsort %a0 dim = 0 descending = true : {t0} -> {r}",
     lambda x: x.sort(stable=True, descending=True).indices)
rows, wanted = randn(3, 5).sort().values, randn(3, 4)
wanted[:, 0] = rows[:, 2]
for right in (False, True):
    side = "right" if right else "left"
    case("order", f"searchsorted_{side}", [rows, wanted], f"%r = dl.searchsorted %a0 values %a1 right = {str(right).lower()} : {{t0}}, {{t1}} -> {{r}}",
         lambda s, v, r=right: torch.searchsorted(s, v, right=r))
    case("order", f"searchsorted_shared_{side}", [rows[0], wanted], f"%r = dl.searchsorted %a0 values %a1 right = {str(right).lower()} : {{t0}}, {{t1}} -> {{r}}",
         lambda s, v, r=right: torch.searchsorted(s, v, right=r))

# Behind all others, whose random numbers would be different ones.
for op, function, domain in [("exp2", torch.exp2, None), ("log2", torch.log2, "positive"), ("log10", torch.log10, "positive")]:
    unary_cases(op, function, domain)
for op, function, points in [("log2", torch.log2, [0.0, inf, -1.0, 8.0, 0.25]), ("log10", torch.log10, [0.0, inf, -1.0, 1000.0, 1e-3]),
                             ("exp2", torch.exp2, [-inf, 2000.0, nan, -2000.0, 10.0])]:
    case("unary", f"{op}_special", [tensor(points)], f"%r = dl.{op} %a0 : {{t0}}", function, wrt=[0])
for dtype in (torch.uint8, torch.int32, torch.int64):
    highest = torch.iinfo(dtype).max
    for ta, tb, batch in [(False, False, ()), (True, False, (2,)), (False, True, ())]:
        a, b = (torch.randint(highest // 2, highest, (*batch, *sizes), dtype=dtype)
                for sizes in [(4, 2) if ta else (2, 4), (3, 4) if tb else (4, 3)])
        case("products", f"matmul_{ELEMENTS[dtype]}_{'t' if ta else 'n'}{'t' if tb else 'n'}", [a, b],
             f"%r = dl.matmul %a0, %a1 {{transA = {str(ta).lower()}, transB = {str(tb).lower()}}} : {{t0}}, {{t1}} -> {{r}}",
             lambda a, b, ta=ta, tb=tb: (a.mT if ta else a) @ (b.mT if tb else b))

folder = pathlib.Path(__file__).parent / "golden"
folder.mkdir(exist_ok=True)
for family, cases in families.items():
    lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
    (folder / f"{family}.json").write_text(f"[\n{lines}\n]\n")
    print(f"{family}: {len(cases)} cases")
