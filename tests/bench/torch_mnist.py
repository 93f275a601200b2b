"""examples/mnist.dl in PyTorch: `torch_mnist.py DIR [SEED]`."""
import gzip
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def idx(path, header):
    with gzip.open(path) as f:
        return np.frombuffer(f.read(), dtype=np.uint8, offset=header)


def load(split):
    images = torch.from_numpy(idx(f"{sys.argv[1]}/{split}-images-idx3-ubyte.gz", 16).reshape(-1, 784).astype(np.float32) / 255)
    return images, torch.from_numpy(idx(f"{sys.argv[1]}/{split}-labels-idx1-ubyte.gz", 8).astype(np.int64))


(xs, ys), (xt, yt) = load("train"), load("t10k")
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(5):
    order = torch.randperm(len(xs))
    for i in range(0, len(xs), 64):
        rows = order[i:i + 64]
        optimiser.zero_grad()
        F.cross_entropy(model(xs[rows]), ys[rows]).backward()
        optimiser.step()
    with torch.no_grad():
        print(f"epoch {epoch + 1}: test accuracy {(model(xt).argmax(1) == yt).float().mean().item():.4f}")
