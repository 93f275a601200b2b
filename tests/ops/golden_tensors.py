#!/usr/bin/env python3
"""Writes ../lang/tensors_torch.dl: the library's functions of tensors with PyTorch's results, and their gradients against differences."""
import pathlib
import re

import torch
import torch.nn.functional as F

torch.manual_seed(2)


def grid(*shape):
    return (torch.randn(*shape, dtype=torch.float64) * 64).round() / 64


# Without equal elements, which sorting has no derivative at.
def distinct(*shape):
    n = torch.Size(shape).numel()
    return ((torch.randperm(n) - n / 2 + 0.375) / 8).reshape(shape)


INPUTS = {
    "x": distinct(2, 3, 4).double(), "m": distinct(3, 4).double(), "n": grid(4, 2), "v": grid(4), "w": grid(4), "p": grid(2, 3).abs() + 0.125, "r": grid(2, 3), "c": grid(2, 3),
    "i": torch.tensor([2, 0, 2]), "k": torch.tensor([3, 1, 1, 5, 0, 1]), "along": torch.tensor([[0, 3], [1, 2], [2, 0]]),
    "mask": torch.tensor([[True, False, True], [False, False, True]]), "edge": torch.tensor([1.5, float("inf"), -float("inf"), float("nan"), 0.0], dtype=torch.float64),
    "one": torch.full((5,), 1.5, dtype=torch.float64), "zero": torch.zeros(5, dtype=torch.float64),
}
# What a user writes, PyTorch's words, and the input by which it is differentiated (or none).
CASES = [(f"{f}(m)", f"torch.{f}(m)", "m") for f in "trunc frac deg2rad rad2deg reciprocal exp2 erfc".split()]
CASES += [(f"{f}(p)", f"torch.{f}(p)", "p") for f in "log2 log10".split()]
CASES += [(f"{f}(m)", f"F.{f}(m)", "m") for f in "relu6 hardtanh hardsigmoid hardswish elu celu selu mish softsign logsigmoid tanhshrink softshrink hardshrink glu".split()]
CASES += [
    ("fmod(edge, 1.0)", "torch.fmod(edge, 1.0)", None), ("fmod(one, edge)", "torch.fmod(one, edge)", None), ("fmod(k - 3, 2)", "torch.fmod(k - 3, 2)", None),
    ("hypot(edge, one)", "torch.hypot(edge, one)", None), ("hypot(one * 1e300, one * 1e300)", "torch.hypot(one * 1e300, one * 1e300)", None),
    ("xlogy(zero, edge)", "torch.xlogy(zero, edge)", None), ("isclose(edge, edge)", "torch.isclose(edge, edge)", None), ("isclose(one, edge)", "torch.isclose(one, edge)", None),
    ("isinf(k)", "k.isinf()", None), ("isfinite(k)", "k.isfinite()", None), ("nan_to_num(k)", "k.nan_to_num()", None), ("trunc(k)", "k.trunc()", None),
    ("exp2(f64([0.0, 3.0, 10.0, -1.0]))", "torch.tensor([1.0, 8.0, 1024.0, 0.5], dtype=torch.float64)", None),
    ("median(edge)", "edge.median()", None), ("median(f64([2.0, 1.0, 2.0, 5.0]))", "torch.tensor(2.0, dtype=torch.float64)", None), ("cummax(edge, 0)", "edge.cummax(0).values", None), ("cummin(edge, 0)", "edge.cummin(0).values", None),
    ("logsumexp(edge[2:3])", "edge[2:3].logsumexp(0)", None), ("logsumexp(edge[0:2])", "edge[0:2].logsumexp(0)", None), ("sum(mean(zeros(0, 3), dim=1))", "torch.zeros(0, 3).mean(1).sum()", None),
    ("hardtanh(edge)", "F.hardtanh(edge)", None), ("relu6(edge)", "F.relu6(edge)", None), ("hardswish(edge)", "F.hardswish(edge)", None), ("hardsigmoid(edge)", "F.hardsigmoid(edge)", None),
    ("nn.huber_loss(v, w)", "F.huber_loss(v, w)", "v"), ("nn.huber_loss(v * 3.0, w, delta=0.5)", "F.huber_loss(v * 3.0, w, delta=0.5)", "v"),
    ("nn.smooth_l1_loss(v * 3.0, w, beta=0.5)", "F.smooth_l1_loss(v * 3.0, w, beta=0.5)", "v"), ("nn.smooth_l1_loss(v, w, reduction=\"sum\")", "F.smooth_l1_loss(v, w, reduction='sum')", "v"),
    ("isnan(edge)", "torch.isnan(edge)", None), ("isinf(edge)", "torch.isinf(edge)", None), ("isfinite(edge)", "torch.isfinite(edge)", None),
    ("nan_to_num(edge)", "torch.nan_to_num(edge)", None), ("nan_to_num(edge, 1.0, 2.0, -2.0)", "torch.nan_to_num(edge, 1.0, 2.0, -2.0)", None),
    ("lerp(v, w, 0.25)", "torch.lerp(v, w, 0.25)", "v"), ("fmod(r, p)", "torch.fmod(r, p)", "r"), ("hypot(r, p)", "torch.hypot(r, p)", "r"),
    ("erfinv(tanh(v))", "torch.erfinv(torch.tanh(v))", "v"), ("erfinv(edge)", "torch.erfinv(edge)", None), ("erfinv(f32(r * 0.9))", "torch.erfinv(r * 0.9)", None),
    ("logaddexp(v, w)", "torch.logaddexp(v, w)", "v"), ("xlogy(r, p)", "torch.xlogy(r, p)", "p"), ("polygamma(1, p)", "torch.polygamma(1, p)", "p"),
    ("polygamma(3, p)", "torch.polygamma(3, p)", "p"), ("isclose(v, v + 1e-7)", "torch.isclose(v, v + 1e-7)", None),
    ("sort(x)[0]", "x.sort().values", "x"), ("sort(x, dim=1, descending=true)[1]", "x.sort(dim=1, descending=True).indices", None),
    ("topk(x, 2)[0]", "x.topk(2).values", "x"), ("topk(x, 2, dim=1, largest=false)[0]", "x.topk(2, dim=1, largest=False).values", "x"),
    ("kthvalue(m, 2)[0]", "m.kthvalue(2).values", "m"), ("kthvalue(m, 2)[1]", "m.kthvalue(2).indices", None), ("median(v)", "v.median()", "v"),
    ("median(p)", "p.median()", None), ("quantile(v, [0.0, 0.3, 1.0])", "v.quantile(torch.tensor([0.0, 0.3, 1.0], dtype=torch.float32).double())", "v"),
    ("quantile(v, 0.25)", "v.quantile(0.25)", "v"), ("unique(k)", "k.unique()", None), ("unique_counts(k)[1]", "k.unique(return_counts=True)[1]", None),
    ("bincount(k)", "k.bincount()", None), ("bincount(k, minlength=8)", "k.bincount(minlength=8)", None), ("bincount(i, weights=v[0:3])", "i.bincount(v[0:3])", None),
    ("histc(x, 5)", "x.histc(5)", None), ("histc(x, bins=4, low=-1.0, high=1.0)", "x.histc(4, -1.0, 1.0)", None), ("count_nonzero(k)", "k.count_nonzero()", None),
    ("nonzero(k)", "k.nonzero()", None), ("nonzero(mask)", "mask.nonzero()", None), ("nonzero(mask.unsqueeze(1))", "mask.unsqueeze(1).nonzero()", None),
    ("masked_select(p, mask)", "p.masked_select(mask)", "p"), ("masked_fill(p, mask, 7.0)", "p.masked_fill(mask, 7.0)", "p"),
    ("cumsum(x, 1)", "x.cumsum(1)", "x"), ("cumprod(x, 2)", "x.cumprod(2)", "x"), ("cumprod(x, 0)", "x.cumprod(0)", "x"),
    ("logcumsumexp(x, 1)", "x.logcumsumexp(1)", "x"), ("cummax(x, 2)", "x.cummax(2).values", "x"), ("cummin(v, 0)", "v.cummin(0).values", "v"), ("diff(m)", "m.diff()", "m"),
    ("mv(m, v)", "m.mv(v)", "m"), ("mm(m, n)", "m.mm(n)", "m"), ("outer(v, w)", "v.outer(w)", "v"), ("cross(r, c)", "r.cross(c, dim=-1)", "r"),
    ("tril(x)", "x.tril()", "x"), ("triu(m, 1)", "m.triu(1)", "m"), ("tril(m, -1)", "m.tril(-1)", "m"), ("diag(v)", "v.diag()", "v"), ("diag(m)", "m.diag()", "m"),
    ("trace(m @ m.T)", "(m @ m.T).trace()", "m"), ("kron(m, n)", "torch.kron(m, n)", "m"), ("cdist(m, m * 2.0)", "torch.cdist(m, m * 2.0)", "m"),
    ("normalize(m)", "F.normalize(m)", "m"), ("cosine_similarity(r, c)", "F.cosine_similarity(r, c)", "r"), ("cosine_similarity(v, w, dim=0)", "F.cosine_similarity(v, w, dim=0)", "v"),
    ("index_select(x, 1, i)", "x.index_select(1, i)", "x"), ("index_select(m, 0, i)", "m.index_select(0, i)", "m"), ("narrow(x, 1, 1, 2)", "x.narrow(1, 1, 2)", "x"),
    ("narrow(x, 2, 1, 2)", "x.narrow(2, 1, 2)", "x"), ("take_along_dim(m, along, 1)", "m.take_along_dim(along, 1)", "m"),
    ("scatter(m, 1, along, n[0:3] * 2.0)", "m.scatter(1, along, n[0:3] * 2)", "m"), ("scatter(m, 1, along, n[0:3] * 2.0)", "m.scatter(1, along, n[0:3] * 2)", "n"),
    ("roll(x, 1)", "x.roll(1, 0)", "x"), ("roll(x, -1, dim=2)", "x.roll(-1, 2)", "x"), ("tile(m, 2, 3)", "m.repeat(2, 3)", "m"), ("tile(v, 2)", "v.repeat(2)", "v"),
    ("repeat_interleave(m, 2)", "m.repeat_interleave(2, 0)", "m"), ("repeat_interleave(m, 2, dim=1)", "m.repeat_interleave(2, 1)", "m"),
    ("meshgrid(v, p[:, 0])[0]", "torch.meshgrid(v, p[:, 0], indexing='ij')[0]", "v"), ("meshgrid(v, p[:, 0])[1]", "torch.meshgrid(v, p[:, 0], indexing='ij')[1]", "p"),
    ("hstack((m, m))", "torch.hstack((m, m))", "m"), ("vstack((m, m))", "torch.vstack((m, m))", "m"), ("searchsorted(sort(v)[0], w)", "torch.searchsorted(v.sort().values, w)", None),
]


def literal(t):
    if t.dim() == 0:
        value = t.item()
        if isinstance(value, bool):
            return str(value).lower()
        return {"inf": "(1.0 / 0.0)", "-inf": "(-1.0 / 0.0)", "nan": "(0.0 / 0.0)"}.get(repr(value), repr(value))
    return "[" + ", ".join(literal(row) for row in t) + "]"


def declared(t):
    return f"f64({literal(t)})" if t.is_floating_point() else literal(t)


lines = ["# The library's functions of tensors with PyTorch's results. Written by tests/ops/golden_tensors.py.",
         "import nn",
         "fn same(a, b) {", "  let both = isnan(a) and isnan(b)", "  assert_close(where(both, 0, a), where(both, 0, b), rtol=1e-6, atol=1e-9)", "}", ""]
lines += [f"let {name} = {declared(t)}" for name, t in INPUTS.items()]
lines.append("")
for text, python, argument in CASES:
    result = eval(python, {"torch": torch, "F": F, **INPUTS})
    shape = tuple(result.shape)
    if shape:
        lines.append(f"assert ({text}).shape == {shape}, \"shape of {text}\"")
    if result.dtype == torch.bool:
        lines.append(f"assert {'all' if shape else ''}(({text}) == {literal(result)}), \"{text}\"")
    else:
        lines.append(f"same({text}, {declared(result)})")
    if argument:
        weights = declared(((torch.rand(shape, dtype=torch.float64) * 8).round() / 8 + 0.5)) if shape else "1.0"
        body = re.sub(rf"\b{argument}\b(?!=)", "a", text)
        lines.append(f"check_grad(fn(a) = sum({body} * {weights}), {argument})" if shape else f"check_grad(fn(a) = {body}, {argument})")
lines += ["# Kinks: lengths of 0 have the derivative 0, not NaN.", "print(grad(fn(a) = sum(cdist(a, a)))(m[0:1]), grad(fn(a) = sum(normalize(a)))(zeros(1, 2)))",
          "print(grad(fn(a) = hypot(a, a))(0.0), allclose(m, m + 1e-9), unique(v[v > 100.0]).shape, dot([1.0, 2.0], [3.0, 4.0]))", 'print("ok")',
          "# output:", "# tensor([[0., 0., 0., 0.]], dtype=f64) tensor([[1.0000e+12, 1.0000e+12]])", "# 0.0 true (0,) 11.0", "# ok"]
path = pathlib.Path(__file__).parent.parent / "lang" / "tensors_torch.dl"
path.write_text("\n".join(lines) + "\n")
