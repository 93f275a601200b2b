#!/usr/bin/python3
"""PyTorch's times for the ADBench objectives: a line `NAME<tab>ms` each, the least of many runs, in f64 with one thread.

    OPENBLAS_CORETYPE=SKYLAKEX OMP_NUM_THREADS=1 /usr/bin/python3 tests/bench/torch_adbench.py

The functions are those of examples/adbench, vectorised as a PyTorch user would; the numbers do not matter for the time. Gradients
are by backward(), the Jacobian of bundle adjustment by one backward() for each of an error's two rows, that of the hand by
forward mode, a column at a time.
"""
import math
import time

import torch
from torch.autograd import forward_ad

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
torch.manual_seed(0)


def least_ms(run):
    run()
    start = time.perf_counter()
    run()
    repeat = min(100, max(1, int(1.5 / (time.perf_counter() - start))))
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    return min(times)


def report(name, run):
    print(f"{name}\t{least_ms(run):.3f}", flush=True)


def gradient_of(objective, inputs):
    def run():
        for x in inputs:
            x.grad = None
        objective().backward()

    return run


def gmm(d, k, n=1000):
    alphas = torch.randn(k, requires_grad=True)
    means = torch.randn(k, d, requires_grad=True)
    icf = (0.3 * torch.randn(k, d * (d + 1) // 2)).requires_grad_()
    x = torch.randn(n, d)
    rows, columns = torch.tril_indices(d, d, -1)

    def objective():
        diagonal = torch.exp(icf[:, :d])
        q = torch.zeros(k, d, d).index_put((torch.arange(k).unsqueeze(1), rows, columns), icf[:, d:]) + torch.diag_embed(diagonal)
        y = torch.einsum("kij,knj->kni", q, x - means.unsqueeze(1))
        logs = alphas + icf[:, :d].sum(1) - 0.5 * y.square().sum(2).T
        prior = 0.5 * (diagonal.square().sum() + icf[:, d:].square().sum())
        return torch.logsumexp(logs, 1).sum() - n * torch.logsumexp(alphas, 0) + prior - 0.5 * n * d * math.log(2 * math.pi)

    name = f"gmm d={d} k={k}: "
    with torch.no_grad():
        report(name + "objective", objective)
    report(name + "gradient", gradient_of(objective, (alphas, means, icf)))


def lstm(layers, steps, b=14):
    main = (0.5 * torch.randn(layers, 2, 4, b)).requires_grad_()
    extra = (0.5 * torch.randn(3, b)).requires_grad_()
    state = torch.randn(layers, 2, b)
    sequence = torch.bernoulli(torch.full((steps, b), 0.3))

    def objective():
        hidden, cell = list(state[:, 0]), list(state[:, 1])
        total = 0
        for t in range(steps - 1):
            x = sequence[t] * extra[0]
            for l in range(layers):
                w, c = main[l, 0], main[l, 1]
                forget, out = torch.sigmoid(x * w[0] + c[0]), torch.sigmoid(x * w[2] + c[2])
                gate, change = torch.sigmoid(hidden[l] * w[1] + c[1]), torch.tanh(hidden[l] * w[3] + c[3])
                cell[l] = cell[l] * forget + gate * change
                hidden[l] = x = out * torch.tanh(cell[l])
            y = x * extra[1] + extra[2]
            total = total + (sequence[t + 1] * (y - torch.log(torch.exp(y).sum() + 2))).sum()
        return -total / ((steps - 1) * b)

    name = f"lstm l={layers} c={steps}: "
    with torch.no_grad():
        report(name + "objective", objective)
    report(name + "gradient", gradient_of(objective, (main, extra)))


def ba(c, m, p):
    cameras, points = 0.3 * torch.randn(c, 11), 0.5 * torch.randn(m, 3) + 6
    w, features = torch.randn(p), torch.randn(p, 2)
    which, what = torch.randint(0, c, (p,)), torch.randint(0, m, (p,))

    def errors(cams, pts, w):
        r, x = cams[:, :3], pts - cams[:, 3:6]
        square = r.square().sum(1, keepdim=True)
        angle = torch.sqrt(square)
        s, cosine = torch.sin(angle) / angle, torch.cos(angle)
        along = (r * x).sum(1, keepdim=True) * (1 - cosine) / square
        turned = x * cosine + torch.cross(r, x, dim=1) * s + r * along
        flat = turned[:, :2] / turned[:, 2:]
        rr = flat.square().sum(1, keepdim=True)
        distortion = 1 + cams[:, 9:10] * rr + cams[:, 10:11] * rr * rr
        return w.unsqueeze(1) * (flat * distortion * cams[:, 6:7] + cams[:, 7:9] - features)

    def objective():
        return errors(cameras[which], points[what], w), 1 - w * w

    def jacobian():
        cams, pts, v = cameras[which].requires_grad_(), points[what].requires_grad_(), w.clone().requires_grad_()
        e = errors(cams, pts, v)
        rows = [torch.autograd.grad(e[:, i].sum(), (cams, pts, v), retain_graph=True) for i in range(2)]
        return torch.stack([torch.cat((a, b, d.unsqueeze(1)), 1) for a, b, d in rows], 1)

    with torch.no_grad():
        report(f"ba {p} observations: objective", objective)
    report(f"ba {p} observations: jacobian", jacobian)


def hand(v, n, complicated):
    theta, u = 0.5 * torch.randn(26), 0.2 * torch.rand(n, 2)
    relatives, inverses = torch.eye(4) + 0.2 * torch.randn(22, 4, 4), torch.eye(4) + 0.2 * torch.randn(22, 4, 4)
    parents = [b - 1 if b < 2 else 1 if (b - 2) % 4 == 0 else b - 1 for b in range(22)]
    vertices, weights = torch.randn(v, 4), 0.1 * torch.randn(22, v)
    points = torch.randn(n, 3)
    corners = torch.randint(0, v, (n, 3))
    index = torch.tensor([[[6 + 4 * f, 7 + 4 * f, 26], [8 + 4 * f, 26, 26], [9 + 4 * f, 26, 26], [26, 26, 26]] for f in range(5)]).reshape(20, 3)
    index = torch.cat((torch.full((2, 3), 26), index))

    def posed(theta, chosen):
        angles = torch.cat((theta, torch.zeros(1)))[index]
        sx, sz, sy = torch.sin(angles).unbind(1)
        cx, cz, cy = torch.cos(angles).unbind(1)
        zero, one = torch.zeros(22), torch.ones(22)
        turns = torch.stack((cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx, zero,
                             sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx, zero,
                             -sy, cy * sx, cy * cx, zero, zero, zero, zero, one), 1).reshape(22, 4, 4)
        relative = relatives @ turns
        absolute = []
        for b in range(22):
            absolute.append(relative[b] if parents[b] < 0 else absolute[parents[b]] @ relative[b])
        bones = (torch.stack(absolute) @ inverses)[:, :3]
        local = torch.einsum("bn,bij,nj->ni", weights[:, chosen], bones, vertices[chosen])
        r = theta[:3]
        angle = torch.sqrt(r.square().sum())
        x, y, z = (r / angle).unbind()
        o = torch.zeros(())
        cross = torch.stack((o, -z, y, z, o, -x, -y, x, o)).reshape(3, 3)
        rotation = torch.eye(3) + torch.sin(angle) * cross + (1 - torch.cos(angle)) * cross @ cross
        return local @ rotation.T + theta[3:6]

    def errors(theta, u):
        if not complicated:
            return points - posed(theta, corners[:, 0])
        at = posed(theta, corners.reshape(-1)).reshape(n, 3, 3)
        return points - (u[:, :1] * at[:, 0] + u[:, 1:] * at[:, 1] + (1 - u.sum(1, keepdim=True)) * at[:, 2])

    def jacobian():
        columns = []
        for i in range(28 if complicated else 26):
            d, du = torch.zeros(26), torch.zeros(n, 2)
            (d if i < 26 else du)[..., i if i < 26 else i - 26] = 1
            with forward_ad.dual_level():
                e = errors(forward_ad.make_dual(theta, d), forward_ad.make_dual(u, du))
                columns.append(forward_ad.unpack_dual(e).tangent)
        return torch.stack(columns)

    name = f"hand {'complicated' if complicated else 'simple'} {n} points: "
    with torch.no_grad():
        report(name + "objective", lambda: errors(theta, u))
    report(name + "jacobian", jacobian)


for d, k in ((10, 25), (64, 50), (128, 25)):
    gmm(d, k)
lstm(2, 1024)
lstm(4, 4096)
ba(49, 7776, 31843)
hand(544, 192, False)
hand(544, 192, True)
