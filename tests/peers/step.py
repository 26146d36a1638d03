"""The training step of tests/benchmarks/step_benchmark.cc in PyTorch, and the two side by side.

    python3 tests/peers/step.py --model gpt --binary bazel-bin/tests/benchmarks/step_benchmark [--rounds 5] [--compile]

Runs Roux, PyTorch eager (and compiled) and the step's matrix products alone (T_gemm) in turn, a few steps each, on the
same number of threads, and prints medians and ratios. Needs the packages torch and numpy.
"""
import argparse
import os
import resource
import statistics
import subprocess
import time

parser = argparse.ArgumentParser()
parser.add_argument("--model", choices=["gpt", "tiny"], default="gpt")
parser.add_argument("--binary", required=True)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--steps", type=int, default=0)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--compile", action="store_true")
args = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(args.threads)

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

torch.set_num_threads(args.threads)
gpt = args.model == "gpt"
L, D, H, T, V, B = (4, 256, 4, 256, 8192, 16) if gpt else (2, 64, 2, 64, 256, 16)
steps = args.steps or (3 if gpt else 30)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.c_attn, self.c_proj = nn.Linear(D, 3 * D), nn.Linear(D, D)
        self.c_fc, self.c_out = nn.Linear(D, 4 * D), nn.Linear(4 * D, D)

    def forward(self, x):
        q, k, v = self.c_attn(self.ln_1(x)).view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.c_proj(y.transpose(1, 2).reshape(B, T, D))
        return x + self.c_out(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(V, D), nn.Embedding(T, D)
        self.h = nn.ModuleList(Block() for _ in range(L))
        self.ln_f = nn.LayerNorm(D)

    def forward(self, ids, targets):
        x = self.wte(ids) + self.wpe(torch.arange(T))
        for block in self.h:
            x = block(x)
        return F.cross_entropy((self.ln_f(x) @ self.wte.weight.T).view(-1, V), targets.view(-1))


def torch_stepper(compiled):
    torch.manual_seed(0)
    model = Model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    ids = torch.randint(V, (B, T))
    targets = torch.randint(V, (B, T))
    loss_of = torch.compile(model) if compiled else model

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss_of(ids, targets).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


def gemm_stepper():
    """All matrix products of one step but those of attention: forward, and both gradients of each."""
    n = B * T
    shapes = [(n, D, 3 * D), (n, D, D), (n, D, 4 * D), (n, 4 * D, D)] * L + [(n, D, V)]
    data = {s: (torch.randn(s[0], s[1]), torch.randn(s[2], s[1]), torch.randn(s[0], s[2])) for s in set(shapes)}

    def step():
        for s in shapes:
            x, w, g = data[s]
            torch.mm(x, w.T)
            torch.mm(g, w)
            torch.mm(g.T, x)

    return step


def timed(step):
    out = []
    for _ in range(steps):
        begin = time.perf_counter()
        step()
        out.append((time.perf_counter() - begin) * 1e3)
    return out


def roux():
    text = subprocess.run([args.binary, args.model, str(steps)], capture_output=True, text=True, check=True).stdout
    words = [line.split() for line in text.splitlines()]
    memory.update({w[0]: int(w[1]) / 2**20 for w in words if w[0].endswith("_bytes")})
    return [float(w[1]) for w in words if w[0] == "step_ms"]


memory = {}
baseline = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
runs = {"roux": roux, "eager": torch_stepper(False), "gemm": gemm_stepper()}
runs["eager"]()
runs["eager"]()
memory["torch_rss_growth"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - baseline
if args.compile:
    runs["compiled"] = torch_stepper(True)
    runs["compiled"]()
times = {name: [] for name in runs}
for _ in range(args.rounds):
    for name, run in runs.items():
        times[name] += run() if name == "roux" else timed(run)
median = {name: statistics.median(values) for name, values in times.items()}
print(f"torch {torch.__version__}, {args.threads} threads, {args.model}: medians of {args.rounds} rounds of {steps} steps")
for name, value in median.items():
    print(f"  {name:9s} {value:9.2f} ms   best {min(times[name]):9.2f} ms")
bound = min(v for k, v in median.items() if k in ("eager", "compiled")) / median["gemm"]
print(f"  T_torch / T_gemm (bound) {bound:.3f};  aim {min(1.3, 0.85 * bound):.3f}")
for name in ("eager", "compiled"):
    if name in median:
        print(f"  speed against {name}: {median[name] / median['roux']:.3f}")
flops = 6 * (L * 12 * D * D + V * D) * B * T + 12 * L * B * T * T * D // 2
print(f"  roux: {flops / median['roux'] / 1e6:.1f} GFLOP/s; pure products: {6 * (L * 12 * D * D + V * D) * B * T / median['gemm'] / 1e6:.1f}")
print("  memory MiB:", {k: round(v, 2) for k, v in memory.items()})
