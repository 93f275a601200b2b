#!/usr/bin/env python3
"""Writes ../lang/printing_torch.dl: tensors as PyTorch prints them. What differs on purpose: names of element types, `true`, and the
sizes of what is summarised."""
import pathlib

import torch

torch.manual_seed(0)
cases = [
    torch.randn(3), torch.tensor([1.,2.,3.]), torch.tensor([1e-5,1.]), torch.tensor([1e10,1.]), torch.tensor([float('nan'),1.5,float('inf'),-float('inf')]),
 torch.tensor([float('nan'),1.]), torch.tensor([1e9,2e9]), torch.tensor([0.,0.]), torch.zeros(0), torch.zeros(2,0), torch.zeros(3,2,2), torch.randn(2,3,4), torch.tensor([True,False]), torch.tensor([[1,-20],[300,4]]),
 torch.arange(1001.), torch.arange(2000).reshape(40,50), torch.tensor([1e-10,2e-10]), torch.tensor([12345.678, 0.001]), torch.tensor([100000.5]), torch.tensor([0.00001]), torch.arange(30.)/7,
 torch.arange(0, 100), torch.tensor([1e8,1.5]), torch.tensor([123456789.]), torch.randn(2,2,2,2), torch.zeros(1100,2), torch.zeros(2,1100), torch.arange(40)*100000, torch.tensor([-1.5,2.5]).double(), torch.tensor([1,2],dtype=torch.uint8), torch.tensor([1,2],dtype=torch.int32), torch.tensor([1.5]).bfloat16(), torch.zeros(11,10,10), torch.tensor([[]]), torch.tensor([3.4e38, 1.0]), torch.full((5, 300), 0.5), torch.tensor([-0.0, 1.0]), torch.zeros(0, dtype=torch.int64), torch.zeros(0,3,dtype=torch.bool)]


def lit(t):
    if t.dim()==0:
        v=t.item()
        if isinstance(v,bool): return str(v).lower()
        if isinstance(v,float):
            if v!=v: return '(0.0/0.0)'
            if v in (float('inf'),-float('inf')): return '(1.0/0.0)' if v>0 else '(-1.0/0.0)'
            return repr(v)
        return str(v)
    return '['+', '.join(lit(r) for r in t)+']'
names={torch.float32:'f32',torch.float64:'f64',torch.bfloat16:'bf16',torch.int64:'i64',torch.int32:'i32',torch.uint8:'u8',torch.bool:'bool'}
lines = ["# Tensors as PyTorch prints them. Written by tests/ops/golden_printing.py."]
expected = []
for t in cases:
    if t.numel() == 0:
        made = f"zeros({', '.join(map(str, t.shape))}, dtype={names[t.dtype]})"
    elif t.numel() > 100 and bool((t == t.flatten()[0]).all()):
        made = f"full(({', '.join(map(str, t.shape))},), {lit(t.flatten()[0])})"
    elif t.numel() > 100:
        made = f"arange({t.numel()}).reshape({', '.join(map(str, t.shape))}).to({names[t.dtype]})"
    else:
        made = f"({lit(t.reshape(-1))}).reshape({', '.join(map(str, t.shape))}).to({names[t.dtype]})"
    lines.append(f"print({made})")
    text = repr(t)
    for dtype, name in names.items():
        text = text.replace(str(dtype), name)
    if t.dtype == torch.bool:
        text = text.replace(" True", " true").replace("True", "true").replace("False", "false")
    if t.numel() > 1000:
        text = text[:-1] + f", size={tuple(t.shape)})"
    expected += text.split("\n")
lines += ["# output:"] + [f"# {line}".rstrip() for line in expected]
path = pathlib.Path(__file__).parent.parent / "lang" / "printing_torch.dl"
path.write_text("\n".join(lines) + "\n")
