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
log2(x) | 0.0
log10(x) | 0.0
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
relu6(x) | 0.0
relu6(x) | 6.0
hardtanh(x) | 1.0
hardtanh(x) | -1.0
hardsigmoid(x) | 3.0
hardsigmoid(x) | -3.0
hardswish(x) | 3.0 | first
hardswish(x) | -3.0 | first
elu(x) | 0.0 | first
celu(x) | 0.0 | first
selu(x) | 0.0 | first
softshrink(x) | 0.5
hardshrink(x) | 0.5
hardshrink(x) | -0.5
softsign(x) | 0.0
mish(x) | 0.0
logsigmoid(x) | 0.0
logsigmoid(x) | -1000.0
trunc(x) | 1.0
frac(x) | 1.0
fmod(x, 2.0) | 4.0
fmod(x, 2.0) | -4.0
sqrt(x) | -1.0
log(x) | -1.0
x ** 2.0 | -2.0
x ** 0.5 | -2.0
x ** -1.0 | 0.0
clamp(x, min=1.0, max=0.0) | 0.5
clamp(x, min=[0.0, 0.0, 2.0], max=[1.0, 2.0, 1.0]) | [0.0, 3.0, 1.5]
maximum(x, [1.0, 2.0, 0.0]) | [1.0, 1.0, 1.0]
max(x, dim=(0, 1)) | [[3.0, 3.0], [1.0, 3.0]]
min(x, dim=(0, 1)) | [[3.0, 1.0], [1.0, 3.0]]
max(x) | [inf, inf, 1.0]
norm(x, dim=1) | [[3.0, 4.0], [0.0, 0.0]] | first
variance(x) | [2.0, 2.0]
logsumexp(x) | [-inf, 0.0]
logsumexp(x) | [-inf, -inf] | first
logsumexp(x) | [inf, 0.0] | first
softmax(x)[0] | [0.0, -inf]
log_softmax(x)[0] | [0.0, -inf] | first
softmax(x)[0] | [1000.0, 0.0]
cumsum(x, 0)[1] | [1.0, 2.0, 3.0]
cumprod(x, 0) | [2.0, 3.0, 4.0]
cumprod(x, 0) | [0.0, 3.0, 4.0]
cumprod(x, 0) | [2.0, 0.0, 0.0]
cummax(x, 0) | [1.0, 3.0, 3.0] | first
cummin(x, 0) | [3.0, 1.0, 1.0] | first
logaddexp(x, 0.0) | -inf | first
sort(x)[0][0] | [2.0, 1.0, 1.0]
topk(x, 1)[0] | [1.0, 3.0, 3.0]
kthvalue(x, 2)[0] | [3.0, 1.0, 1.0]
median(x) | [1.0, 3.0, 2.0, 2.0]
median(x) | [1.0, 2.0, 3.0, 4.0]
quantile(x, 0.5) | [1.0, 2.0, 4.0, 4.0]
hypot(x, 0.0) | 3.0
hypot(x, 4.0) | 0.0
xlogy(x, 0.0) | 0.0 | first
xlogy(x, 2.0) | 0.0
take(x, [0, 0, 1]) | [1.0, 2.0]
gather(x, 0, [1, 1, 0]) | [1.0, 2.0]
index_add(x, [0, 0], x) * x | [1.0, 2.0]
scatter_add(x, 0, [1, 1], x) * x | [1.0, 2.0]
masked_fill(x, x > 1.0, 0.0) | [1.0, 2.0]
normalize(x, dim=0)[0] | [3.0, 4.0]
cosine_similarity(x, [1.0, 0.0], dim=0) | [0.0, 0.0] | first
nan_to_num(x) | nan
nan_to_num(x) | inf
huber_loss(x, 0.0) | 1.0
huber_loss(x, 0.0) | 0.0
smooth_l1_loss(x, 0.0) | 1.0
smooth_l1_loss(x, 0.0) | 0.0
l1_loss(x, 0.0) | 0.0
cross_entropy(x, [0]) | [[1000.0, 0.0]]
cross_entropy(x, [1]) | [[1000.0, 0.0]]
binary_cross_entropy_with_logits(x, 1.0) | 0.0
binary_cross_entropy_with_logits(x, 0.0) | 1000.0
binary_cross_entropy_with_logits(x, 1.0) | -1000.0
lgamma(x) | 1.0 | first
expm1(x) | 0.0
atan2(x, 1.0) | 0.0
tan(x) | 0.0
"""

torch.set_default_dtype(torch.float64)


def as_tensor(value):
    return value if torch.is_tensor(value) else torch.tensor(value)


def of_tensors(function):
    """The function, whose arguments may be numbers and lists."""
    return lambda *args, **named: function(*map(as_tensor, args), **named)


def reduction(name):
    def reduce(x, dim=None):
        if dim is None:
            return getattr(x, name)()
        result = getattr(x, {"max": "amax", "min": "amin"}[name] if isinstance(dim, tuple) else name)(dim=dim)
        return result if torch.is_tensor(result) else result.values
    return reduce


NAMES = {name: getattr(torch, name) for name in
         "relu abs sqrt rsqrt log log1p log2 log10 sign floor ceil round asin acos sigmoid tanh std trunc "
         "frac cumsum cumprod median masked_fill nan_to_num lgamma expm1 tan sort topk kthvalue logcumsumexp quantile".split()}
NAMES |= {name: reduction(name) for name in ("max", "min", "prod")}
NAMES |= {name: getattr(F, name) for name in "softplus leaky_relu gelu silu relu6 hardtanh hardsigmoid hardswish elu "
          "celu selu softshrink hardshrink softsign mish logsigmoid normalize".split()}
NAMES |= {name: of_tensors(getattr(torch, name)) for name in "maximum minimum atan2 fmod logaddexp hypot xlogy take".split()}
NAMES |= {name: of_tensors(getattr(F, name)) for name in
          "cosine_similarity huber_loss smooth_l1_loss l1_loss cross_entropy binary_cross_entropy_with_logits".split()}
NAMES |= {"variance": torch.var, "logsumexp": lambda x: torch.logsumexp(x, -1), "softmax": lambda x: torch.softmax(x, -1),
          "log_softmax": lambda x: torch.log_softmax(x, -1), "cummax": lambda x, dim: torch.cummax(x, dim).values,
          "cummin": lambda x, dim: torch.cummin(x, dim).values, "gather": lambda x, dim, i: x.gather(dim, torch.tensor(i)),
          "index_add": lambda x, i, y: x.index_add(0, torch.tensor(i), y),
          "scatter_add": lambda x, dim, i, y: x.scatter_add(dim, torch.tensor(i), y)}
NAMES |= {"norm": torch.linalg.norm, "clamp": lambda x, min=None, max=None: torch.clamp(x, *(torch.tensor(b) if isinstance(b, list) else b for b in (min, max))), "where": lambda c, a, b: torch.where(c, as_tensor(a), as_tensor(b)),
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
    try:
        second = "" if only else f"`{text(derivative(first, x).tolist())}`"
    except RuntimeError as error:  # PyTorch lacks some second derivatives
        if "not implemented" not in str(error):
            raise
        second = ""
    lines.append(f"| `{expression}` | `{at}` | `{text(first.tolist())}` | {second} |")

path = pathlib.Path(__file__).parents[2] / "docs/differentiation.md"
page = path.read_text()
begin, end = "<!-- kinks: written by tests/docs/kinks.py -->\n", "<!-- end of kinks -->"
before, rest = page.split(begin)
_, after = rest.split(end)
path.write_text(before + begin + "\n" + "\n".join(lines) + "\n\n" + end + after)
