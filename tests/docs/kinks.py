#!/usr/bin/env python3
"""Writes the table of kinks in docs/differentiation.md: derivatives where there is none, or nearly, as PyTorch has them.

Run with a Python that has PyTorch. kinks_test.cpp holds dl against the table.
"""
import math
import pathlib

import torch
import torch.nn.functional as F

# What a user writes, where, and whether the second derivative is compared as well.
ROWS = """
relu(x) | 0.0
relu(x) | nan
abs(x) | 0.0
abs(x) | nan
sign(x) | 0.0
floor(x) | 1.0
ceil(x) | 1.0
round(x) | 0.5
sqrt(x) | 0.0
rsqrt(x) | 0.0
log(x) | 0.0
log1p(x) | -1.0
asin(x) | 1.0
acos(x) | -1.0
norm(x) | [0.0, 0.0] | first
std(x) | [2.0, 2.0]
x ** 0.0 | 0.0
x ** 0.5 | 0.0
x ** 1.0 | 0.0
x ** 2.0 | 0.0
x ** 3.0 | 0.0
0.0 ** x | 0.0 | first
0.0 ** x | 2.0 | first
x ** x | 0.0 | first
max(x) | [1.0, 3.0, 3.0]
min(x) | [1.0, 1.0, 3.0]
max(x) | [1.0, nan, 3.0]
max(x, dim=0) | [1.0, 3.0, 3.0]
max(x, dim=1) | [[3.0, 3.0], [1.0, 2.0]]
min(x, dim=0) | [[3.0, 3.0], [3.0, 2.0]]
maximum(x, 1.0) | 1.0
minimum(x, 1.0) | 1.0
maximum(x, 1.0) | nan
clamp(x, min=0.0, max=1.0) | 0.0
clamp(x, min=0.0, max=1.0) | 1.0
clamp(x, min=0.0, max=1.0) | 2.0
prod(x) | [2.0, 3.0, 4.0]
prod(x) | [0.0, 3.0, 4.0]
prod(x, dim=1) | [[0.0, 0.0, 4.0], [2.0, 0.0, 3.0]]
atan2(x, 0.0) | 0.0
atan2(0.0, x) | 0.0
atan2(x, -1.0) | 0.0
x % 2.0 | 4.0
x % 2.0 | -3.0
x / 0.0 | 0.0
1.0 / x | 0.0
where(x > 0.0, x, x * x) | 0.0
softplus(x) | 0.0
softplus(x) | 100.0
leaky_relu(x) | 0.0
gelu(x) | 0.0
silu(x) | 0.0
sigmoid(x) | 1000.0
tanh(x) | 1000.0
"""

torch.set_default_dtype(torch.float64)


def as_tensor(value):
    return value if torch.is_tensor(value) else torch.tensor(value)


def reduction(name):
    def reduce(x, dim=None):
        if dim is None:
            return getattr(x, name)()
        result = getattr(x, name)(dim=dim)
        return result if torch.is_tensor(result) else result.values
    return reduce


NAMES = {name: getattr(torch, name) for name in
         "relu abs sqrt rsqrt log log1p sign floor ceil round asin acos sigmoid tanh std".split()}
NAMES |= {name: reduction(name) for name in ("max", "min", "prod")}
NAMES |= {name: getattr(F, name) for name in ("softplus", "leaky_relu", "gelu", "silu")}
NAMES |= {name: (lambda f: lambda a, b: f(as_tensor(a), as_tensor(b)))(getattr(torch, name))
          for name in ("maximum", "minimum", "atan2")}
NAMES |= {"norm": torch.linalg.norm, "clamp": torch.clamp, "where": lambda c, a, b: torch.where(c, as_tensor(a), as_tensor(b)),
          "nan": math.nan, "inf": math.inf}


def text(value):
    if isinstance(value, list):
        return "[" + ", ".join(text(item) for item in value) + "]"
    return repr(value + 0.0)  # no negative zero


def derivative(y, x):
    """The gradient of sum(y), zeros where y does not depend on x."""
    if not y.requires_grad:
        return torch.zeros_like(x)
    gradient, = torch.autograd.grad(y.sum(), x, create_graph=True, allow_unused=True)
    return torch.zeros_like(x) if gradient is None else gradient + torch.zeros_like(x)


lines = ["| f(x) | x | first derivative | second derivative |", "|---|---|---|---|"]
for row in ROWS.strip().splitlines():
    expression, at, *only = (part.strip() for part in row.split("|"))
    x = torch.tensor(eval(at, NAMES), requires_grad=True)
    first = derivative(eval(expression, NAMES, {"x": x}), x)
    second = "" if only else f"`{text(derivative(first, x).tolist())}`"
    lines.append(f"| `{expression}` | `{at}` | `{text(first.tolist())}` | {second} |")

path = pathlib.Path(__file__).parents[2] / "docs/differentiation.md"
page = path.read_text()
begin, end = "<!-- kinks: written by tests/docs/kinks.py -->\n", "<!-- end of kinks -->"
before, rest = page.split(begin)
_, after = rest.split(end)
path.write_text(before + begin + "\n" + "\n".join(lines) + "\n\n" + end + after)
