"""The PyTorch side of the benchmarks: `torch_peer.py NAME THREADS` prints one line "ms X" per repetition."""
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(int(sys.argv[2]))
torch.manual_seed(0)


def timed(step, warmup, repeat):
    for _ in range(warmup):
        step()
    for _ in range(repeat):
        start = time.perf_counter()
        step()
        print("ms", 1e3 * (time.perf_counter() - start))


def training(model, x, y, warmup, repeat):
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step():
        optimiser.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimiser.step()

    timed(step, warmup, repeat)


def mlp_step():
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    training(model, torch.rand(64, 784), torch.randint(0, 10, (64,)), 50, 200)


def cnn_step():
    model = nn.Sequential(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1),
                          nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 10))
    training(model, torch.rand(64, 1, 28, 28), torch.randint(0, 10, (64,)), 5, 25)


def gelu_softmax():
    x = torch.randn(512, 1024, requires_grad=True)
    bias = torch.randn(1024, requires_grad=True)
    w = torch.randn(512, 1024)

    def step():
        loss = (torch.softmax(F.gelu(x + bias, approximate="tanh"), dim=1) * w).sum()
        torch.autograd.grad(loss, (x, bias))

    timed(step, 20, 100)


def policy_step():
    model = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2))
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-4)
    x = torch.randn(16, 4)

    def steps():
        for _ in range(100):
            optimiser.zero_grad()
            model(x).square().mean().backward()
            optimiser.step()

    timed(steps, 2, 10)


{"mlp_step": mlp_step, "cnn_step": cnn_step, "gelu_softmax": gelu_softmax, "policy_step": policy_step}[sys.argv[1]]()
