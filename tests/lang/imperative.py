#!/usr/bin/env python3
"""PyTorch's numbers for imperative.dl: prints the lines that follow its `# output:`. Run with a Python that has torch."""
import torch

torch.set_printoptions(precision=4, sci_mode=False)


def leaf(values):
    return torch.tensor(values, requires_grad=True)


def show(*tensors):
    print(" ".join("[" + ", ".join(f"{v:.4f}" for v in t.detach().reshape(-1).tolist()) + "]" for t in tensors))


# Accumulation, and a weight for what is no scalar.
w, b = leaf([[1.0, 2.0], [3.0, 4.0]]), leaf([0.0, 0.0])
x = torch.tensor([[1.0, 0.5], [-1.0, 2.0]])
out = torch.tanh(x @ w * 0.1 + b)
weight = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
out.backward(weight, retain_graph=True)
show(w.grad, b.grad)
out.backward(weight)
show(w.grad, b.grad)
with torch.no_grad():
    w -= 0.1 * w.grad
w.grad = None
b.grad = None
(w * w).sum().backward()
show(w, w.grad, torch.zeros(2))

# A loss that a loop collects; a loop with backward inside; every second step only.
w = leaf([1.0, 2.0, 3.0])
loss = torch.zeros(())
for i in range(4):
    loss = loss + torch.sin(w * i).sum()
loss.backward()
show(w.grad)
for i in range(4):
    y = (w * w * i).sum()
    if i % 2 == 1:
        y.backward()
show(w.grad)

# The gradient in a further backward.
w = leaf([1.0, 2.0, 3.0])
(g,) = torch.autograd.grad((w**3).sum(), w, create_graph=True)
(g * g).sum().backward()
show(w.grad)

# detach, no_grad.
w = leaf([1.0, 2.0, 3.0])
with torch.no_grad():
    frozen = w * 2
((frozen * w).sum() + (w.detach() * w).sum()).backward()
show(w.grad)

# A recurrent network over time.
wx, wh = leaf([[0.5, -0.3], [0.2, 0.8]]), leaf([[0.1, 0.4], [-0.2, 0.3]])
xs = torch.tensor([[1.0, 0.5], [0.3, -0.7], [-0.2, 0.9], [0.6, 0.1]])
h = torch.zeros(2)
total = torch.zeros(())
for t in range(4):
    h = torch.tanh(xs[t] @ wx + h @ wh)
    total = total + (h * h).sum()
total.backward()
show(wx.grad, wh.grad)

# Training a module with SGD, momentum and all.
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)

    def forward(self, x):
        return self.fc2(torch.tanh(self.fc1(x)))


net = Net()
with torch.no_grad():
    for p in net.parameters():
        p.copy_(torch.arange(p.numel()).reshape(p.shape) * 0.1 - 0.2)
inputs = torch.tensor([[0.5, -1.0], [1.0, 2.0], [-0.3, 0.8]])
targets = torch.tensor([[1.0], [-1.0], [0.5]])
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
for _ in range(5):
    opt.zero_grad()
    loss = torch.nn.functional.mse_loss(net(inputs), targets)
    loss.backward()
    opt.step()
    print(f"{loss.item():.4f}")
show(net.fc1.weight, net.fc2.weight.grad)
net.fc1.requires_grad_(False)
opt.zero_grad(set_to_none=False)
torch.nn.functional.mse_loss(net(inputs), targets).backward()
show(net.fc1.weight.grad, net.fc2.bias.grad)
