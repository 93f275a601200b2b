#!/usr/bin/env python3
"""Writes ../lang/ops_builtins.dl: every builtin called as a user calls it, with PyTorch's results."""
import pathlib

import torch
import torch.nn.functional as F

torch.manual_seed(1)


def grid(*shape):
    return (torch.randn(*shape, dtype=torch.float64) * 64).round() / 64


INPUTS = {
    "x": grid(2, 3, 4), "m": grid(3, 4), "n": grid(4, 2), "v": grid(4), "u": grid(3), "p": grid(2, 3).abs() + 0.125, "q": torch.tanh(grid(2, 3)).mul(64).round() / 64,
    "b": grid(2, 4, 5), "one": grid(1, 4), "image": grid(1, 2, 5, 4), "weight": grid(2, 2, 3, 2), "depth": grid(2, 1, 2, 2),
    "i": torch.tensor([2, 0, -1, 2]), "along": torch.tensor([[0, 3], [1, 1], [2, 0]]), "whole": torch.tensor([[7, -7, 3], [-4, 5, 0]]),
    "divisor": torch.tensor([[2, 2, -2], [3, -3, 5]]), "flags": torch.tensor([[True, False], [True, True]]), "s": torch.tensor(1.75, dtype=torch.float64),
}
# What a user writes, and PyTorch's words for it where they differ.
CASES = [(f"{f}(m)", f"torch.{f}(m)") for f in
         "exp expm1 sin cos tan atan sinh cosh tanh sigmoid erf floor ceil round abs sign relu".split()]
CASES += [(f"{f}(p)", f"torch.{f}(p)") for f in "log log1p sqrt rsqrt".split()]
CASES += [(f"{f}(q)", f"torch.{f}(q)") for f in "asin acos".split()]
CASES += [(e, e) for e in (
    "-m", "m + v", "v - m", "m * u.unsqueeze(1)", "m / one", "p ** q", "p ** 2.0", "m + 1.0", "2.0 * m", "1.0 / p", "m % one", "m + s", "s * s",
    "whole // divisor", "whole % divisor", "whole ** 2", "whole + 1", "m < v", "m <= 0.25", "m > v", "m >= v", "m == m", "m != v",
    "m @ n", "n.T @ m.T", "m @ v", "u @ m", "v @ v", "x @ n", "x @ v", "x @ b", "m @ b", "x @ n @ n.T",
    "x.sum()", "x.sum(dim=1)", "x.sum(dim=(0, 2))", "x.sum(dim=-1, keepdim=True)", "x.prod(dim=2)", "x.max()", "x.min()", "x.argmax()", "x.argmin()",
    "x.argmax(dim=1)", "x.argmin(dim=-1, keepdim=True)", "flags.any()", "flags.all()", "flags.any(dim=0)", "flags.all(dim=1)",
    "x.reshape(6, 4)", "x.reshape(2, -1)", "x.reshape(-1)", "x.transpose(0, 2)", "x.permute(2, 0, 1)", "x.flatten()", "x.flatten(start_dim=1)",
    "x.unsqueeze(1)", "x.unsqueeze(-1)", "one.squeeze(0)", "one.expand(3, 4)", "one.expand(2, -1, 4)", "x.flip((0, 2))",
    "m[i]", "v[i]", "m[1]", "m[1, 2]", "m[-1, :]", "m[:, 1]", "m[0:2, 1:4:2]", "x[..., 2]",
)]
CASES += [
    ("x.prod()", "x.prod()"), ("x.max(dim=1)", "x.max(dim=1).values"), ("x.min(dim=-1, keepdim=true)", "x.min(dim=-1, keepdim=True).values"),
    ("maximum(m, v)", "torch.maximum(m, v)"), ("minimum(m, one)", "torch.minimum(m, one)"), ("atan2(m, one)", "torch.atan2(m, one)"),
    ("where(m > 0.0, m, v)", "torch.where(m > 0, m, v)"), ("i64(m)", "m.long()"), ("m.to(f32)", "m.float()"), ("bool(whole)", "whole.bool()"),
    ("f64(flags)", "flags.double()"), ("not flags", "~flags"), ("flags and (not flags)", "flags & ~flags"), ("flags or (not flags)", "flags | ~flags"),
    ("cat((m, one))", "torch.cat((m, one))"), ("cat((m, m), dim=1)", "torch.cat((m, m), 1)"), ("stack((v, v * 2.0))", "torch.stack((v, v * 2))"),
    ("stack((v, v), dim=-1)", "torch.stack((v, v), -1)"), ("take(m, i)", "m[i]"), ("gather(m, 1, along)", "m.gather(1, along)"),
    ("scatter_add(m, 1, along, gather(m, 1, along))", "m.scatter_add(1, along, m.gather(1, along))"),
    ("conv2d(image, weight)", "F.conv2d(image, weight)"), ("conv2d(image, weight, stride=2, padding=1)", "F.conv2d(image, weight, None, 2, 1)"),
    ("conv2d(image, weight, stride=(1, 2), padding=(2, 0), dilation=(2, 1))", "F.conv2d(image, weight, None, (1, 2), (2, 0), (2, 1))"),
    ("conv2d(image, depth, groups=2)", "F.conv2d(image, depth, groups=2)"), ("max_pool2d(image, 2)", "F.max_pool2d(image, 2)"),
    ("max_pool2d(image, 3, stride=1, padding=1)", "F.max_pool2d(image, 3, 1, 1)"),
    ("max_pool2d(image, 2, stride=2, ceil_mode=true)", "F.max_pool2d(image, 2, 2, ceil_mode=True)"),
    ("avg_pool2d(image, 2)", "F.avg_pool2d(image, 2)"),
    ("avg_pool2d(image, (3, 2), stride=(2, 1), padding=1, count_include_pad=false)", "F.avg_pool2d(image, (3, 2), (2, 1), 1, False, False)"),
    ("zeros(2, 3)", "torch.zeros(2, 3)"), ("ones((3,), dtype=i64)", "torch.ones(3, dtype=torch.int64)"), ("full((2, 2), 7.5)", "torch.full((2, 2), 7.5)"),
    ("arange(4)", "torch.arange(4)"), ("stop_grad(m)", "m"),
]
# Scalar functions of one argument whose gradients are compared with differences.
GRADIENTS = [
    ("sum(tanh(a @ n) ** 2.0)", "m"), ("sum(max(a, dim=1))", "x"), ("max(a)", "x"), ("sum(min(a, dim=(0, 2)) * u)", "x"), ("prod(a)", "p"),
    ("sum(prod(a, dim=1))", "x"), ("sum(a[i] * m[i])", "m"), ("sum(gather(a, 1, along) ** 3.0)", "m"), ("sum(scatter_add(m, 1, along, a) ** 2.0)", "gather(m, 1, along)"),
    ("sum(conv2d(a, weight, stride=2, padding=1) ** 2.0)", "image"), ("sum(conv2d(image, a, padding=1) ** 2.0)", "weight"),
    ("sum(max_pool2d(a, 2) ** 2.0)", "image"), ("sum(avg_pool2d(a, 2) ** 2.0)", "image"), ("sum(cat((a, a * a), dim=1) ** 2.0)", "m"),
    ("sum(stack((a, sin(a)), dim=1)[:, 1])", "v"), ("sum(a.permute(2, 0, 1).reshape(4, 6)[1] ** 2.0)", "x"), ("sum((a @ b) ** 2.0)", "x"), ("sum((x @ a) ** 2.0)", "b"),
    ("sum((m @ a) ** 2.0)", "v"), ("a @ a", "v"), ("sum((one.expand(3, 4) * a) ** 2.0)", "m"), ("sum((a.expand(3, 4) * m) ** 2.0)", "one"),
    ("sum(where(a > 0.0, sqrt(abs(a)), a * a))", "m"), ("sum(a ** p)", "p"), ("sum(atan2(a, one))", "m"), ("sum(a.flip((0, 2)) * x)", "x"),
]


def literal(t):
    if t.dim() == 0:
        value = t.item()
        return str(value).lower() if isinstance(value, bool) else repr(value)
    return "[" + ", ".join(literal(row) for row in t) + "]"


def declared(t):
    return f"f64({literal(t)})" if t.dtype == torch.float64 and t.dim() else f"{literal(t)}f64" if t.dtype == torch.float64 else literal(t)


lines = ["# Every builtin as a user calls it, with PyTorch's results. Written by tests/ops/golden_lang.py.",
         "fn same(a, b) { assert_close(a, b, rtol=1e-6, atol=1e-9) }", ""]
lines += [f"let {name} = {declared(t)}" for name, t in INPUTS.items()]
lines.append("")
for text, python in CASES:
    result = eval(python, {"torch": torch, "F": F, **INPUTS})
    text = text.replace("True", "true")
    shape = tuple(result.shape)
    if shape:
        lines.append(f"assert ({text}).shape == {shape}, \"shape of {text}\"")
    if result.dtype == torch.bool:
        lines.append(f"assert {'all' if shape else ''}(({text}) == {literal(result)}), \"{text}\"")
    else:
        lines.append(f"same({text}, {declared(result.double() if result.is_floating_point() else result)})")
lines.append("")
for text, argument in GRADIENTS:
    lines.append(f"check_grad(fn(a) = {text}, {argument})")
    lines.append(f"check_grad(fn(b0) = sum(grad(fn(a) = {text})(b0) * b0), {argument}, rtol=1e-4)")
lines += ['print("ok")', '# output:', '# ok']
path = pathlib.Path(__file__).parent.parent / "lang" / "ops_builtins.dl"
path.write_text("\n".join(lines) + "\n")
