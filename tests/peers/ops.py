"""The rows of tests/benchmarks/op_benchmark.cc in PyTorch, and the two side by side.

    bazel build //tests/benchmarks:op_benchmark
    python3 tests/peers/ops.py --binary bazel-bin/tests/benchmarks/op_benchmark [--device cuda] [--filter softmax]

Runs all rows in Roux, then all in PyTorch, --rounds times in turn, on the same number of threads, and prints the medians
and their ratio (above 1: Roux is faster). `copy` is the limit of rows that move memory: GB/s are given as a share of it.

On the CPU PyTorch takes the memory of large results from the system each time and gives it back. To leave that out of its
times: MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=17179869184 MALLOC_TOP_PAD_=1073741824 python3 tests/peers/ops.py ...
Needs the package torch.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time

parser = argparse.ArgumentParser()
parser.add_argument("--binary", required=True)
parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
parser.add_argument("--filter", default="", help="regular expression on the rows' names")
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--min_time", type=float, default=0.3, help="seconds a row and round")
parser.add_argument("--json", help="also write all times to this file")
args = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(args.threads)

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

torch.set_num_threads(args.threads)
torch.manual_seed(0)
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


def work(op, dtype, s):
    """The inputs that get gradients, and the function of them that is timed."""
    def random(*shape):
        return torch.randn(shape, device=args.device).to(dtype)

    def indices(n, below):
        return (torch.arange(n, device=args.device) * 7919) % below

    if op in ("rms_norm", "layer_norm"):
        x, w = random(s[0], s[1]), random(s[1])
        if op == "rms_norm":
            return [x, w], lambda x, w: F.rms_norm(x, (s[1],), w, 1e-6)
        return [x, w, random(s[1])], lambda x, w, b: F.layer_norm(x, (s[1],), w, b)
    if op == "cross_entropy":
        targets = indices(s[0], s[1])
        return [random(s[0], s[1])], lambda x: F.cross_entropy(x, targets)
    if op == "embedding":
        ids = indices(s[2], s[0])
        return [random(s[0], s[1])], lambda w: F.embedding(ids, w)
    if op == "linear":
        return [random(s[0], s[2]), random(s[1], s[2])], F.linear
    if op == "conv1d":
        batch, channels, length, out, taps, groups = s
        inputs = [random(batch, channels, length), random(out, channels // groups, taps)]
        return inputs, lambda x, w: F.conv1d(x, w, groups=groups)
    if op == "attention":
        return [random(*s) for _ in range(3)], lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True)
    if op == "normal":
        return [], lambda: torch.randn(s[0], s[1], device=args.device, dtype=dtype)
    if op == "add":
        return [random(s[0], s[1]), random(s[0], s[1])], torch.add
    if op == "adamw":
        p = random(s[0], s[1])
        p.grad = random(s[0], s[1])
        optimizer = torch.optim.AdamW([p], lr=1e-3, fused=True)
        return [], optimizer.step
    return [random(s[0], s[1])], {
        "copy": lambda x: x.clone(),
        "exp": torch.exp,
        "gelu": lambda x: F.gelu(x, approximate="tanh"),
        "gelu_erf": F.gelu,
        "silu": F.silu,
        "transpose": lambda x: x.T.contiguous(),
        "sum_rows": lambda x: x.sum(-1),
        "sum_columns": lambda x: x.sum(0),
        "softmax": lambda x: F.softmax(x, -1),
        "dropout": lambda x: F.dropout(x, 0.1),
    }[op]


def wait():
    if args.device == "cuda":
        torch.cuda.synchronize()


class Row:
    def __init__(self, name):
        self.op, dtype, sizes, direction = name.split("/")
        self.inputs, self.run = work(self.op, DTYPES[dtype], [int(n) for n in sizes.split("x")])
        self.gradient = direction == "gradient"
        for x in self.inputs:
            x.requires_grad_(self.gradient)
        self.grad = None
        self.step()
        self.step()
        wait()

    def step(self):
        y = self.run(*self.inputs)
        if self.gradient:
            if self.grad is None:
                self.grad = torch.ones_like(y)
            y.backward(self.grad)
            for x in self.inputs:
                x.grad = None

    def milliseconds(self):
        """Like the benchmark: batches of eight, then a wait, until the time is up; the mean of one step."""
        steps, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < args.min_time:
            for _ in range(8):
                self.step()
            wait()
            steps += 8
        return (time.perf_counter() - begin) / steps * 1e3


def roux_round(names=None):
    only = "|".join("^" + re.escape(n) for n in names) if names else args.filter
    command = [args.binary, f"--device={args.device}", "--benchmark_format=json", f"--benchmark_min_time={args.min_time}"]
    if only:
        command.append(f"--benchmark_filter={only}")
    out = subprocess.run(command, capture_output=True, text=True)
    if out.returncode or not out.stdout:
        sys.exit(f"{args.binary} failed: {out.stderr.strip()}")
    return {b["name"].replace("/real_time", ""): b for b in json.loads(out.stdout)["benchmarks"]}


first = roux_round()
broken = {name: b["error_message"] for name, b in first.items() if b.get("error_occurred")}
names = [name for name in first if name not in broken]
ours = {name: [first[name]["real_time"]] for name in names}
rates = {name: [first[name].get("bytes/s", 0), first[name].get("FLOP/s", 0)] for name in names}
theirs = {name: [] for name in names}
for r in range(args.rounds):
    if r:
        for name, b in roux_round(names).items():
            ours[name].append(b["real_time"])
    for name in names:
        with torch.set_grad_enabled(name.endswith("gradient")):
            theirs[name].append(Row(name).milliseconds())

where = torch.cuda.get_device_name() if args.device == "cuda" else f"{args.threads} threads"
print(f"torch {torch.__version__}, {where}, medians of {args.rounds} rounds, {time.strftime('%Y-%m-%d')}\n")
print("| row | Roux ms | PyTorch ms | ratio | Roux |\n|---|---|---|---|---|")
copy = {n.split("/")[1]: rates[n][0] * statistics.median(ours[n][:1]) / statistics.median(ours[n]) for n in names if n.startswith("copy/")}
for name in names:
    a, b = statistics.median(ours[name]), statistics.median(theirs[name])
    bandwidth, flops = (rate * ours[name][0] / a for rate in rates[name])
    note = f"{flops / 1e12:.3f} TFLOP/s" if flops else ""
    if bandwidth and not flops:
        share = copy.get(name.split("/")[1])
        note = f"{bandwidth / 1e9:.1f} GB/s" + (f", {bandwidth / share:.0%} of copy" if share else "")
    print(f"| {name} | {a:.3f} | {b:.3f} | {b / a:.2f} | {note} |")
for name, why in broken.items():
    print(f"| {name} | - | | | {why} |")
if args.json:
    with open(args.json, "w") as out:
        json.dump({"torch": torch.__version__, "where": where, "roux_ms": ours, "torch_ms": theirs, "broken": broken}, out, indent=1)
