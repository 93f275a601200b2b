#!/usr/bin/python3
"""Measures dl beside PyTorch in one run and prints a table of medians and ratios.

    /usr/bin/python3 tests/bench/bench.py --dl build/bin/dl [--threads N] [--only NAME] [--data DIR]

The last part measures the compiler alone; see compile_speed.py.

Each case is a pair: NAME.dl, which prints one line "ms X" per timed repetition, and a function here that gives the
same list from PyTorch. Times are medians; threads are the same on both sides and are stated. PyTorch's OpenBLAS is told
the CPU (OPENBLAS_CORETYPE), since Debian's build does not know recent ones and would be handicapped.
"""
import argparse
import os
import statistics
import subprocess
import sys
import time

import compile_speed

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SCRATCH = os.environ.get("TMPDIR", "/tmp")


def dl_times(dl, name, threads):
    out = subprocess.run([dl, "run", "--threads", str(threads), os.path.join(HERE, name + ".dl")],
                         check=True, capture_output=True, text=True).stdout
    return [float(line.split()[1]) for line in out.splitlines() if line.startswith("ms ")]


def torch_times(name, threads):
    env = dict(os.environ, OPENBLAS_CORETYPE="SKYLAKEX", OMP_NUM_THREADS=str(threads))
    out = subprocess.run(["/usr/bin/python3", os.path.join(HERE, "torch_peer.py"), name, str(threads)],
                         check=True, capture_output=True, text=True, env=env).stdout
    return [float(line.split()[1]) for line in out.splitlines() if line.startswith("ms ")]


def process_times(command, repeat, env=None):
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=env, cwd=SCRATCH)
        times.append(1e3 * (time.perf_counter() - start))
    return times


def row(name, ours, peer, threads, bound):
    ratio = f"{ours / peer:8.2f}" if peer else "        "
    print(f"{name:44s} {threads:7d} {ours:10.2f} {peer or 0:10.2f} {ratio}   {bound}", flush=True)


def named_times(command, columns, env):
    """The lines NAME<tab>ms… that a program prints, as {NAME: [ms…]}."""
    out = subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout
    return {f[0]: [float(x) for x in f[1:]] for f in (line.split("\t") for line in out.splitlines()) if len(f) == columns + 1}


def adbench(dl):
    """The ADBench objectives and their derivatives beside the same in C++ (-O3 -march=native) and PyTorch, one thread."""
    env = dict(os.environ, OPENBLAS_CORETYPE="SKYLAKEX", OMP_NUM_THREADS="1", DL_NUM_THREADS="1",
               DL_STDLIB=os.path.join(ROOT, "stdlib"))
    program = os.path.join(os.path.dirname(dl), "adbench_bench")
    ours = named_times([program, os.path.join(ROOT, "examples/adbench")], 2, env)
    peer = named_times(["/usr/bin/python3", os.path.join(HERE, "torch_adbench.py")], 1, env)
    print(f"\n{'ADBench, f64, 1 thread':44s} {'dl ms':>10s} {'C++ ms':>10s} {'torch ms':>10s} {'dl/C++':>8s}")
    for name, (dl_ms, cpp_ms) in ours.items():
        print(f"{name:44s} {dl_ms:10.3f} {cpp_ms:10.3f} {peer.get(name, [0])[0]:10.3f} {dl_ms / cpp_ms:8.2f}", flush=True)


def compiler_rows(dl):
    print(f"\n{'compiler, processor time':44s} {'':7s} {'measured':>10s} {'unit':>10s} {'':8s}   wanted")

    def line(name, value, unit, bound):
        print(f"{name:44s} {'':7s} {value:10.1f} {unit:>10s} {'':8s}   {bound}", flush=True)

    line("checker, 20000 lines", compile_speed.checker_lines_per_second(dl), "lines/s", "at least 10000 lines/s")
    line("100 equal layers, three steps with Adam, cold", compile_speed.deep_network_ms(dl), "ms", "under 2000 ms")
    plain, kernels, late = compile_speed.session_ms(dl)
    line("session: an entry without new kernels", plain, "ms", "under 40 ms")
    line("session: an entry with new kernels", kernels, "ms", "under 120 ms")
    line("session: the first after 300 more entries", late, "ms", "under 40 ms")
    for script, what in (("writes.dl", "one element through"), ("appends.dl", "one append in")):
        times = compile_speed.element_ns(dl, script)
        for kind in dict.fromkeys(kind for kind, _ in times):
            small, *_, large = sorted(n for k, n in times if k == kind)
            line(f"{what} {kind}, n = {small:.0e}", times[kind, small], "ns", "")
            line(f"{what} {kind}, n = {large:.0e}", times[kind, large], "ns", f"as for n = {small:.0e}")


# name, what it is, the bound
STEPS = [
    ("mlp_step", "training step 784-256-10, batch 64, Adam", "at most 0.50"),
    ("cnn_step", "training step CNN, batch 64, Adam", "at most 0.60"),
    ("gelu_softmax", "bias + tanh-GELU + softmax and gradient", "at most 0.35"),
    ("policy_step", "100 steps of a network 4-64-64-2, batch 16", ""),
]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--dl", default=os.path.join(ROOT, "build/bin/dl"))
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--only", default="")
    p.add_argument("--data", default="")
    a = p.parse_args()
    print(f"{'case':44s} {'threads':>7s} {'dl ms':>10s} {'torch ms':>10s} {'ratio':>8s}   wanted")
    for name, what, bound in STEPS:
        if a.only in name:
            # In turn, so that a slow phase of a shared machine meets both.
            ours, peer = [], []
            for _ in range(3):
                ours += dl_times(a.dl, name, a.threads)
                peer += torch_times(name, a.threads)
            row(what, statistics.median(ours), statistics.median(peer), a.threads, bound)
    if a.only in "adbench":
        adbench(a.dl)
    if a.only in "process":
        hello = os.path.join(SCRATCH, "dl_bench_hello.dl")
        with open(hello, "w") as f:
            f.write("print(1)\n")
        process_times([a.dl, "run", hello], 1)
        row("whole process: print(1), warm cache", statistics.median(process_times([a.dl, "run", hello], 15)), None, 1, "under 60 ms")
        if a.data:
            threads = ["--threads", str(a.threads)]
            script = [os.path.join(ROOT, "examples/mnist.dl"), "--data", os.path.abspath(a.data)]
            env = dict(os.environ, OPENBLAS_CORETYPE="SKYLAKEX", OMP_NUM_THREADS=str(a.threads))
            peer = statistics.median(process_times(["/usr/bin/python3", os.path.join(HERE, "torch_mnist.py"), os.path.abspath(a.data)], 3, env))
            cold = statistics.median(process_times([a.dl, "run", "--no-cache", *threads, *script], 3))
            row("whole process: mnist.dl, compile included", cold, peer, a.threads, "under 1600 ms")
            process_times([a.dl, "run", *threads, *script], 1)
            warm = statistics.median(process_times([a.dl, "run", *threads, *script], 3))
            row("whole process: mnist.dl, warm cache", warm, peer, a.threads, "under 1300 ms")
    if a.only in "compiler":
        compiler_rows(a.dl)
    return 0


if __name__ == "__main__":
    sys.exit(main())
