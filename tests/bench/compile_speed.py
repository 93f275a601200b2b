"""How fast the compiler itself is: the checker, a deep network, a session; and what writing one element costs.

Times of the compiler are processor time, which other work on the machine disturbs least. bench.py prints them.
"""
import collections
import os
import statistics
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def deep_network(layers):
    """An MLP of so many equal layers, members of their own, trained three steps with Adam."""
    members = "\n".join(f"  let fc{i} = nn.Linear(64, 64)" for i in range(layers))
    steps = "\n".join(f"    h = relu(fc{i}(h))" for i in range(layers))
    return f"""import nn
import optim
module Net() {{
{members}
  fn forward(x: f32[B, 64]) -> f32[B, 64] {{
    var h = x
{steps}
    h
  }}
}}
fn loss(model, x: f32[B, 64], y: f32[B, 64]) -> f32 = nn.mse_loss(model(x), y)
seed(0)
var model = Net()
var opt = optim.Adam(model, lr=1e-3)
let x = randn(32, 64)
let y = randn(32, 64)
for i in 0..3 {{
  let (l, g) = value_and_grad(loss)(model, x, y)
  opt.step(&model, g)
  print(l)
}}
"""


def long_program(lines):
    """Modules, losses, searches and their uses, no two of the same name, until there are so many lines."""
    text = ["import nn", ""]
    number = 0
    while len(text) < lines:
        number += 1
        n = 8 + number % 5
        text += f"""## Layer {number}: an affine map, a norm and a gate.
module Block{number}(n: int, m: int) {{
  let up = nn.Linear(n, m)
  let norm = nn.LayerNorm(m)
  param gate = ones(m)
  fn forward(x: f32[B, n]) -> f32[B, m] {{
    let h = up(x) |> norm
    let g = sigmoid(h * gate)
    h * g + relu(h)
  }}
}}

fn loss{number}(net, x: f32[B, {n}], y: f32[B, {n + 1}]) -> f32 {{
  let p = net(x)
  let d = p - y
  var total = mean(d * d)
  for j in 0..3 {{
    total += 0.01 * sum(abs(p[:, j]))
  }}
  total
}}

fn search{number}(xs: f32[N], limit: f32 = {number}.5) -> (int, f32) {{
  var best = 0
  var value = xs[0]
  var k = 1
  while k < N {{
    if xs[k] > value and xs[k] < limit {{
      value = xs[k]
      best = k
    }}
    k += 1
  }}
  (best, value)
}}

let net{number} = Block{number}({n}, {n + 1})
let x{number} = rand(4, {n})
let g{number} = grad(loss{number})(net{number}, x{number}, rand(4, {n + 1}))
let (at{number}, top{number}) = search{number}(x{number}[0])
print("block {number}: {{at{number}}} {{top{number}:.3f}} {{sum(g{number}.gate):.3f}}")
""".split("\n")
    return "\n".join(text)


# Entries of a session: those that need no new kernel, and those that do.
PLAIN = ["let a = 3", "a + 4", "var b = 2.5", "b += 1.0", "b * 2.0", 'let s = "hi {a}"', "s", "x.shape", "x",
         "fn f(v: f32[N]) -> f32 = sum(v * v)", "a * a + 1", "print(b)", "x[0, 1]", "let (p, q) = (1, 2.0)", "p + 1",
         'if a > 2 { print("yes") }', "for i in 0..3 { print(i) }", "import nn", "fn h(i: int) -> int { i * 2 + 1 }",
         "h(4)", "h(a)", "a == 3", "let n = x.shape[0]", "n + 1"]
KERNELS = ["x + 1.0", "let y = x @ x.T", "f(x[0])", "grad(f)(x[0])", "let z = x * 2.0", "var m = nn.Linear(4, 2)", "m(x)",
           "sum(x)", "max(x)", "softmax(x, dim=1)", "let g = grad(fn(k, t) = mean(square(k(t))))(m, x)", "g.weight"]


def processor_ms(command):
    """The processor time of a run, in ms."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(command)}: {errors.decode()}")
    return 1e3 * (usage.ru_utime + usage.ru_stime)


def script(text):
    file = tempfile.NamedTemporaryFile("w", suffix=".dl", delete=False)
    file.write(text)
    file.close()
    return file.name


def checker_lines_per_second(dl, lines=20000):
    path = script(long_program(lines))
    wall = {}
    out = subprocess.run([dl, "--time-passes", "check", path], check=True, capture_output=True, text=True).stderr
    for line in out.splitlines():
        time, _, step = line.split(maxsplit=2)
        wall[step] = float(time)
    total = processor_ms([dl, "check", path])
    os.unlink(path)
    share = (wall["parse"] + wall["check"]) / sum(wall.values())
    return lines / (1e-3 * total * share)


def deep_network_ms(dl, layers=100):
    path = script(deep_network(layers))
    times = [processor_ms([dl, "run", "--no-cache", "--threads", "1", path]) for _ in range(3)]
    os.unlink(path)
    return statistics.median(times)


class Repl:
    """A session; ask() gives the processor time of an entry."""

    def __init__(self, dl):
        self.process = subprocess.Popen([dl, "repl"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.mark = 0.0
        self.mark = statistics.median(self.ask("") for _ in range(9))

    def used(self):
        folder = f"/proc/{self.process.pid}/task"
        return sum(int(open(f"{folder}/{task}/schedstat").read().split()[0]) for task in os.listdir(folder)) / 1e6

    def ask(self, entry):
        before = self.used()
        self.process.stdin.write(entry + '\nprint("<end>")\n')
        self.process.stdin.flush()
        while line := self.process.stdout.readline():
            if line == "<end>\n":
                return self.used() - before - self.mark
        raise RuntimeError(f"the session ended at `{entry}`")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def session_ms(dl):
    """Medians of the entries that need no new kernel, of those that do, and of the first again after 300 more."""
    repl = Repl(dl)
    repl.ask("let x = rand(3, 4)")
    plain = statistics.median(repl.ask(entry) for entry in PLAIN)
    kernels = statistics.median(repl.ask(entry) for entry in KERNELS)
    for i in range(150):
        repl.ask(f"let v{i} = rand(3, 4)\nfn f{i}(x: f32[N, 4]) -> f32 = sum(x * {i}.0)")
    late = statistics.median(repl.ask(entry) for entry in PLAIN)
    repl.close()
    return plain, kernels, late


def element_ns(dl, script):
    """{(kind, elements): median ns for one element}, of writes.dl and appends.dl"""
    times = collections.defaultdict(list)
    out = subprocess.run([dl, "run", "--threads", "1", os.path.join(HERE, script)], check=True, capture_output=True,
                         text=True).stdout
    for line in out.splitlines():
        words = line.split()
        times[" ".join(words[1:-2]), int(words[-2])].append(float(words[-1]))
    return {key: statistics.median(values) for key, values in times.items()}
