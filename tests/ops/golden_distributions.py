#!/usr/bin/env python3
"""Writes ../lang/distributions_torch.dl: the library's distributions with PyTorch's log-probabilities, entropies, moments,
divergences and gradients of gamma samples."""
import pathlib

import torch
import torch.distributions as D

torch.set_default_dtype(torch.float64)


def t(*values):
    return torch.tensor(values)


def literal(x):
    if x.dim() == 0:
        value = x.item()
        text = repr(value)
        return {"inf": "(1.0f64 / 0.0)", "-inf": "(-1.0f64 / 0.0)"}.get(text, text + "f64")
    return "[" + ", ".join(literal(row) for row in x) + "]"


def declared(x):
    return f"f64({literal(x)})" if x.dim() == 0 else literal(x)


A, B = t(0.5, 2.0, 7.25), t(1.5, 0.75, 3.0)
P, Q = t(0.125, 0.5, 0.875), t(0.25, 0.75, 0.5)
L = torch.tensor([[1.5, 0.0, 0.0], [0.5, 2.0, 0.0], [-0.25, 0.75, 0.5]])
M = torch.tensor([[1.0, 0.0, 0.0], [-0.5, 1.0, 0.0], [0.5, 0.25, 2.0]])
inner = t(0.125, 0.5, 0.9)
shares = t(0.25, 0.25, 0.5)
# The library's words, PyTorch's distribution, another of the family (or None), values, and what is not compared.
CASES = [
    ("Normal({0}, {1})", lambda a, b: D.Normal(a, b), (A, B), (B, A), t(-1.0, 0.5, 9.0), ""),
    ("LogNormal({0}, {1})", lambda a, b: D.LogNormal(a, b), (A, t(0.5, 0.25, 1.0)), (B, t(1.0, 2.0, 0.5)), t(0.5, 2.0, 30.0), ""),
    ("Laplace({0}, {1})", lambda a, b: D.Laplace(a, b), (A, B), (B, A), t(-1.0, 2.5, 9.0), ""),
    ("Cauchy({0}, {1})", lambda a, b: D.Cauchy(a, b), (A, B), None, t(-1.0, 2.0, 9.0), "moments"),
    ("Gumbel({0}, {1})", lambda a, b: D.Gumbel(a, b), (A, B), None, t(-1.0, 2.0, 9.0), ""),
    ("StudentT({0}, {1}, {2})", lambda d, a, b: D.StudentT(d, a, b), (t(1.5, 3.0, 12.0), A, B), None, t(-1.0, 2.0, 9.0), ""),
    ("MultivariateNormal({0}, {1})", lambda a, l: D.MultivariateNormal(a, scale_tril=l), (A, L), (B, M), t(-1.0, 2.0, 9.0), ""),
    ("Uniform({0}, {1})", lambda a, b: D.Uniform(a, b), (A, A + B), (A - 1.0, A + B + 1.0), A + t(0.5, -1.0, 2.0), "outside"),
    ("Exponential({0})", lambda a: D.Exponential(a), (A,), (B,), t(0.5, 2.0, 0.25), ""),
    ("Gamma({0}, {1})", lambda a, b: D.Gamma(a, b), (A, B), (B, A), t(0.5, 2.0, 0.25), ""),
    ("Chi2({0})", lambda a: D.Chi2(a), (A,), None, t(0.5, 2.0, 0.25), ""),
    ("Beta({0}, {1})", lambda a, b: D.Beta(a, b), (A, B), (B, A), inner, ""),
    ("Dirichlet({0})", lambda a: D.Dirichlet(a), (A,), (B,), shares, ""),
    ("Bernoulli({0})", lambda p: D.Bernoulli(p), (P,), (Q,), t(0.0, 1.0, 1.0), ""),
    ("Bernoulli(logits={0})", lambda l: D.Bernoulli(logits=l), (t(-1.5, 0.0, 3.0),), (t(0.5, 2.0, -1.0),), t(0.0, 1.0, 1.0), ""),
    ("Binomial({0}, {1})", lambda n, p: D.Binomial(n, p), (t(5.0, 10.0, 3.0), P), (t(5.0, 10.0, 3.0), Q), t(0.0, 4.0, 3.0), "entropy"),
    ("Geometric({0})", lambda p: D.Geometric(p), (P,), (Q,), t(0.0, 4.0, 3.0), ""),
    ("Poisson({0})", lambda r: D.Poisson(r), (A,), (B,), t(0.0, 4.0, 3.0), "entropy"),
    ("Categorical({0})", lambda p: D.Categorical(p), (t(0.5, 1.5, 2.0),), (t(2.0, 1.0, 1.0),), torch.tensor([0, 2, 1]), "moments"),
    ("Categorical(logits={0})", lambda l: D.Categorical(logits=l), (t(0.5, 1.5, 2.0),), (t(2.0, 1.0, 1.0),), torch.tensor([0, 2, 1]), "moments"),
    ("Multinomial(6, {0})", lambda p: D.Multinomial(6, p), (shares,), None, t(1.0, 2.0, 3.0), "entropy"),
    ("Independent(dist.Normal({0}, {1}))", lambda a, b: D.Independent(D.Normal(a, b), 1), (A, B), (B, A), t(-1.0, 0.5, 9.0), "moments"),
]

lines = ["# The library's distributions against PyTorch's. Written by tests/ops/golden_distributions.py.", "import distributions as dist",
         "import random", "", "fn same(a, b) { assert_close(a, b, rtol=1e-9, atol=1e-10) }", ""]
for text, torch_distribution, parameters, others, x, skipped in CASES:
    d = torch_distribution(*parameters)
    made = "dist." + text.format(*map(declared, parameters))
    value = repr(x.tolist()) if not x.is_floating_point() else declared(x)
    if skipped == "outside":
        lines.append(f"print({made[:-1]}, validate_args=false).log_prob({value}))")
        x = torch.where(d.support.check(x), x, d.mean)
        value = declared(x)
    log_prob = d.log_prob(x)
    lines.append(f"same({made}.log_prob({value}), {declared(log_prob)})")
    if type(d).icdf is not D.Distribution.icdf:
        lines.append(f"same({made}.cdf({value}), {declared(d.cdf(x))})")
        lines.append(f"same({made}.icdf({declared(inner)}), {declared(d.icdf(inner))})")
    if skipped != "entropy":
        lines.append(f"same({made}.entropy(), {declared(d.entropy())})")
    if skipped != "moments":
        finite = d.mean.isfinite() & d.variance.isfinite()
        if bool(finite.all()):
            lines.append(f"same({made}.mean, {declared(d.mean)})")
            lines.append(f"same({made}.variance, {declared(d.variance)})")
            lines.append(f"same({made}.stddev, {declared(d.stddev)})")
        else:
            lines.append(f"print({made}.mean, {made}.variance)")
    if others:
        q = torch_distribution(*others)
        other = "dist." + text.format(*map(declared, others))
        lines.append(f"same(dist.kl_divergence({made}, {other}), {declared(D.kl_divergence(d, q))})")
    names = ["a", "b", "c"][:len(parameters)]
    for i, parameter in enumerate(parameters):
        if "Uniform" in text or ("Binomial" in text and i == 0) or (text.startswith("MultivariateNormal") and i == 1):
            continue
        arguments = [names[i] if k == i else declared(p) for k, p in enumerate(parameters)]
        lines.append(f"check_grad(fn({names[i]}) = sum(dist.{text.format(*arguments)}.log_prob({value})), {declared(parameter)})")
lines.append("")
concentrations = t(0.01, 0.1, 0.5, 1.0, 2.5, 7.0, 20.0, 150.0, 3000.0)
for factor in (0.05, 0.5, 0.9, 1.0, 1.1, 2.0, 5.0):
    samples = concentrations * factor
    expected = torch._standard_gamma_grad(concentrations, samples)
    # Far in the tails, and for large concentrations, PyTorch's approximation has fewer digits.
    lines.append(f"assert_close(random.gamma_sample_gradient({declared(concentrations)}, {declared(samples)}), {declared(expected)}, rtol=2e-3)")
lines += ['print("ok")', '# output:', '# tensor([0.5000, 2.0000, 7.2500], dtype=f64) tensor([    inf,  1.6875, 10.8000], dtype=f64)',
          '# tensor([-0.4055,    -inf, -1.0986], dtype=f64)', '# ok']
path = pathlib.Path(__file__).parent.parent / "lang" / "distributions_torch.dl"
path.write_text("\n".join(lines) + "\n")
