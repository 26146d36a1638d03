"""The training step of tests/benchmarks/step_benchmark.cc in PyTorch, and the two side by side.

    python3 tests/peers/step.py --model gpt --binary bazel-bin/tests/benchmarks/step_benchmark [--dtype bf16] [--rounds 5] [--compile]

Runs Roux, PyTorch eager (and compiled) and the step's matrix products alone (T_gemm) in turn, a few steps each, on the
same number of threads, and prints medians and ratios. bf16: PyTorch under autocast, weights and optimizer state of f32
as in Roux. Needs the packages torch and numpy.
"""
import argparse
import os
import resource
import statistics
import subprocess
import time

parser = argparse.ArgumentParser()
parser.add_argument("--model", choices=["gpt", "tiny", "llama", "gpt2"], default="gpt")
parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
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
L, D, H, T, V, B = {
    "gpt": (4, 256, 4, 256, 8192, 16), "tiny": (2, 64, 2, 64, 256, 16),
    "llama": (4, 256, 4, 256, 8192, 16), "gpt2": (12, 768, 12, 64, 50257, 4),
}[args.model]
llama = args.model == "llama"
UNITS = 688 if llama else 4 * D
bf16 = args.dtype == "bf16"
steps = args.steps or (30 if args.model == "tiny" else 3)


class Attention(nn.Module):
    """q, k and v as one product, which PyTorch runs faster than three."""

    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(D, 3 * D, bias=not llama), nn.Linear(D, D, bias=not llama)

    def forward(self, x, rotary):
        q, k, v = self.qkv(x).view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
        if rotary is not None:
            q, k = rotate(q, *rotary), rotate(k, *rotary)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(B, T, D))


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat((-b, a), -1) * sin


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate_up = nn.Linear(D, 2 * UNITS, bias=False) if llama else nn.Linear(D, UNITS)
        self.down = nn.Linear(UNITS, D, bias=not llama)

    def forward(self, x):
        if llama:
            gate, up = self.gate_up(x).chunk(2, -1)
            return self.down(F.silu(gate) * up)
        return self.down(F.gelu(self.gate_up(x), approximate="tanh"))


class RmsNorm(nn.Module):
    """nn.RMSNorm with the weight in the dtype of x, without which PyTorch does not fuse it."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(D))

    def forward(self, x):
        return F.rms_norm(x, (D,), self.weight.to(x.dtype), 1e-6)


def norm():
    return RmsNorm() if llama else nn.LayerNorm(D)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm_1, self.attention, self.norm_2, self.mlp = norm(), Attention(), norm(), Mlp()

    def forward(self, x, rotary):
        x = x + self.attention(self.norm_1(x), rotary)
        return x + self.mlp(self.norm_2(x))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte = nn.Embedding(V, D)
        self.wpe = None if llama else nn.Embedding(T, D)
        self.h = nn.ModuleList(Block() for _ in range(L))
        self.norm = norm()
        angles = torch.outer(torch.arange(T), 10000.0 ** (-torch.arange(0, D // H, 2) / (D // H))).repeat(1, 2)
        dtype = torch.bfloat16 if bf16 else torch.float32
        self.rotary = (angles.cos().to(dtype), angles.sin().to(dtype)) if llama else None

    def forward(self, ids, targets):
        x = self.wte(ids)
        if self.wpe is not None:
            x = x + self.wpe(torch.arange(T))
        if bf16:
            x = x.bfloat16()  # the residual stream too, as in Roux
        for block in self.h:
            x = block(x, self.rotary)
        return F.cross_entropy(F.linear(self.norm(x), self.wte.weight).view(-1, V), targets.view(-1))


def torch_stepper(compiled):
    torch.manual_seed(0)
    model = Model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    ids = torch.randint(V, (B, T))
    targets = torch.randint(V, (B, T))
    loss_of = torch.compile(model) if compiled else model

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = loss_of(ids, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


def gemm_stepper():
    """All matrix products of one step but those of attention: forward, and both gradients of each."""
    n = B * T
    shapes = [(n, D, 3 * D), (n, D, D), (n, D, 2 * UNITS if llama else UNITS), (n, UNITS, D)] * L + [(n, D, V)]
    dtype = torch.bfloat16 if bf16 else torch.float32

    def random(*shape):
        return torch.randn(shape).to(dtype)

    data = {s: (random(s[0], s[1]), random(s[2], s[1]), random(s[0], s[2])) for s in set(shapes)}

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
    text = subprocess.run([args.binary, args.model, str(steps), args.dtype], capture_output=True, text=True, check=True).stdout
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
print(f"torch {torch.__version__}, {args.threads} threads, {args.model}, {args.dtype}: medians of {args.rounds} rounds of {steps} steps")
for name, value in median.items():
    print(f"  {name:9s} {value:9.2f} ms   best {min(times[name]):9.2f} ms")
bound = min(v for k, v in median.items() if k in ("eager", "compiled")) / median["gemm"]
print(f"  T_torch / T_gemm (bound) {bound:.3f};  aim {min(1.3, 0.85 * bound):.3f}")
for name in ("eager", "compiled"):
    if name in median:
        print(f"  speed against {name}: {median[name] / median['roux']:.3f}")
products = 6 * (L * (4 * D * D + (3 if llama else 2) * D * UNITS) + V * D) * B * T
flops = products + 12 * L * B * T * T * D // 2
print(f"  roux: {flops / median['roux'] / 1e6:.1f} GFLOP/s; pure products: {products / median['gemm'] / 1e6:.1f}")
print("  memory MiB:", {k: round(v, 2) for k, v in memory.items()})
