"""Trajectories of optimizers in f64 where gradients begin late or miss steps, of averages and of schedules.

The references are torch.optim (AdamW, Adam, SGD, RMSprop, Muon in f64 instead of bf16, swa_utils, ExponentialLR),
transformers (Adafactor, inverse square root and polynomial schedules), and formulas of a paper or its code written
anew: the tri-stage schedule of fairseq, online merging in NumPy, and in f32 NumPy AdamW with the block-wise 8-bit
states of bitsandbytes (Dettmers et al. 2022).

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch transformers && /tmp/venv/bin/python optimizer.py
Writes optimizer.h next to this file. Values and gradients are small exact fractions, so that a test can repeat
them.
"""
import math
import os
import unittest.mock

import numpy as np
import torch
import transformers

HERE = os.path.dirname(os.path.abspath(__file__))
STEPS = 20
RECORDED = (1, 2, 5, 9, 20)
# The steps (from 1) at which each parameter has a gradient: a layer that is always trained, one that is
# unfrozen late, an expert that is chosen now and then.
PRESENT = [range(1, STEPS + 1), range(5, STEPS + 1), (2, 3, 7, 9, 15)]
VECTORS, MATRICES, MIXED = ((3,),) * 3, ((3, 4), (4, 2), (2, 2)), ((3, 4), (5,), (2, 3, 2))


def initial(parameter, element):
    return ((5 * element + 3 * parameter) % 7 - 3) / 4 + 0.125


def gradient(step, parameter, element):
    return ((7 * step + 3 * element + 5 * parameter) % 11 - 5) / 8


def filled(shape, value):
    return torch.tensor([value(e) for e in range(math.prod(shape))], dtype=torch.float64).reshape(shape)


def trajectory(make, shapes=VECTORS, before_step=lambda params: None):
    params = [filled(s, lambda e: initial(p, e)).requires_grad_() for p, s in enumerate(shapes)]
    optimizer = make(params)
    rows = []
    for step in range(1, STEPS + 1):
        for i, param in enumerate(params):
            param.grad = filled(shapes[i], lambda e: gradient(step, i, e)) if step in PRESENT[i] else None
        before_step(params)
        optimizer.step()
        if step in RECORDED:
            rows.append([v for param in params for v in param.detach().flatten().tolist()])
    return rows


def clip_and_mask(params):
    torch.nn.utils.clip_grad_norm_(params, 0.5)
    for param in params:
        if param.grad is not None:
            param.grad *= torch.tensor([1.0, 0.0, 1.0])


def muon(**options):
    """torch.optim.Muon, whose iteration in bf16 is one in f64 here."""
    with unittest.mock.patch.object(torch, "bfloat16", torch.float64):
        return trajectory(lambda p: torch.optim.Muon(p, **options), MATRICES)


def task(parameter, element):
    return ((11 * element + 2 * parameter) % 9 - 4) / 3


def online_merging(ties, keep, rescale, alpha=0.25, lr=0.05, decay=0.1, beta1=0.9, beta2=0.95, eps=0.01):
    """The formulas of Lu et al. 2024 in NumPy: AdamW's update d and the task vector, each dropped to its larger part,
    and of TIES the larger alone of two elements, with their weights, that have opposite signs (equation 7)."""

    def drop(x):
        size = np.abs(x)
        kept = np.where(size >= np.sort(size)[::-1][math.ceil(keep * len(x)) - 1], x, 0.0)
        left = np.abs(kept).sum()
        return kept * size.sum() / left if rescale and left > 0 else kept

    counts = [math.prod(s) for s in MATRICES]
    params = [np.array([initial(p, e) for e in range(n)]) for p, n in enumerate(counts)]
    tasks = [drop(np.clip([task(p, e) for e in range(n)], -1, 1)) for p, n in enumerate(counts)]
    mean, square, steps = [np.zeros(n) for n in counts], [np.zeros(n) for n in counts], [0] * 3
    rows = []
    for step in range(1, STEPS + 1):
        for i, n in enumerate(counts):
            if step not in PRESENT[i]:
                continue
            g = np.array([gradient(step, i, e) for e in range(n)])
            steps[i] += 1
            mean[i] = beta1 * mean[i] + (1 - beta1) * g
            square[i] = beta2 * square[i] + (1 - beta2) * g * g
            root = np.sqrt(square[i] / (1 - beta2 ** steps[i])) + eps
            d = drop(-lr * mean[i] / (1 - beta1 ** steps[i]) / root)
            t = tasks[i]
            if ties:
                elected = np.sign(alpha * t + (1 - alpha) * d)
                t, d = np.where(np.sign(t) == elected, t, 0), np.where(np.sign(d) == elected, d, 0)
            params[i] = (params[i] + alpha * t + (1 - alpha) * d) * (1 - lr * decay)
        if step in RECORDED:
            rows.append([v for param in params for v in param.tolist()])
    return rows


def ema():
    module = torch.nn.Linear(1, 3, bias=False).double()
    decayed = torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
    average = torch.optim.swa_utils.AveragedModel(module, multi_avg_fn=decayed)
    for step in range(1, STEPS + 1):
        module.weight.data[:] = filled((3, 1), lambda e: gradient(step, 0, e))
        average.update_parameters(module)
    return average.module.weight.flatten().tolist()


def rates(make, lr=0.5):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr)
    scheduler = make(optimizer)
    values = []
    for _ in range(STEPS):
        values.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return values


def tri_stage(step, peak=0.5, initial_scale=0.01, final_scale=0.05, warmup=4, hold=6, decay=8):
    if step < warmup:
        return peak * (initial_scale + (1 - initial_scale) * step / warmup)
    if step < warmup + hold:
        return peak
    if step <= warmup + hold + decay:
        return peak * math.exp(math.log(final_scale) / decay * (step - warmup - hold))
    return final_scale * peak


def dynamic_map(signed):
    values = [0.0, 1.0]
    for decade in range(7):
        edges = torch.linspace(0.1, 1, 2 ** (decade if signed else decade + 1) + 1, dtype=torch.float32)
        means = (10.0 ** (decade - 6) * ((edges[:-1] + edges[1:]) / 2)).tolist()
        values += means + ([-v for v in means] if signed else [])
    return np.sort(np.array(values, np.float32))


class State8bit:
    """A moment in blocks of 256, signed or not."""

    def __init__(self, count, signed):
        self.map, self.signed = dynamic_map(signed), signed
        self.midpoints = (self.map[:-1] + self.map[1:]) * np.float32(0.5)
        self.codes, self.absmax = np.zeros(count, np.uint8), np.zeros(-(-count // 256), np.float32)
        self.block = np.arange(count) // 256

    def get(self):
        return self.map[self.codes] * self.absmax[self.block]

    def set(self, values):
        self.absmax[:] = 0
        np.maximum.at(self.absmax, self.block, np.abs(values))
        self.codes = np.searchsorted(self.midpoints, values / self.absmax[self.block], "left")
        if self.signed:  # a negative value keeps its sign
            self.codes -= (values < 0) & (self.map[self.codes] == 0)


def adamw_8bit(count=5000, lr=0.05, beta1=0.9, beta2=0.95, eps=1e-8, decay=0.1):
    f32 = np.float32
    param = np.array([initial(0, e) for e in range(count)], f32)
    exp_avg, exp_avg_sq = State8bit(count, True), State8bit(count, False)
    for step in range(1, STEPS + 1):
        grad = np.array([gradient(step, 0, e) / (1 + e % 37) for e in range(count)], f32)
        m = f32(beta1) * exp_avg.get() + f32(1 - beta1) * grad
        v = f32(beta2) * exp_avg_sq.get() + f32(1 - beta2) * grad * grad
        rate, inverse = f32(lr / (1 - beta1**step)), f32(1 / math.sqrt(1 - beta2**step))
        param = param * f32(1 - lr * decay) - rate * m / (np.sqrt(v) * inverse + f32(eps))
        exp_avg.set(m), exp_avg_sq.set(v)
    at = slice(0, count, 97)
    return [[float(x) for x in row[at]] for row in (param, exp_avg.codes, exp_avg_sq.codes)]


def array(name, comment, rows):
    text = ",\n".join("    {" + ", ".join(repr(v) for v in row) + "}" for row in rows)
    return f"// {comment}\ninline constexpr double {name}[{len(rows)}][{len(rows[0])}] = {{\n{text}}};\n"


def vector(name, comment, values):
    text = ", ".join(repr(v) for v in values)
    return f"// {comment}\ninline constexpr double {name}[] = {{{text}}};\n"


def main():
    optim, adafactor = torch.optim, transformers.optimization.Adafactor
    adamw = {"lr": 0.05, "betas": (0.9, 0.95), "eps": 1e-8, "weight_decay": 0.1}
    parts = [
        array("kAdamW", "lr 0.05, betas 0.9 and 0.95, eps 1e-8, weight_decay 0.1",
              trajectory(lambda p: optim.AdamW(p, **adamw))),
        array("kMaskedAdamW", "the same; norm clipped to 0.5, then gradients masked by 1 0 1",
              trajectory(lambda p: optim.AdamW(p, **adamw), before_step=clip_and_mask)),
        array("kAdam", "the same with weight_decay in the gradient, clipped to 0.5",
              trajectory(lambda p: optim.Adam(p, **adamw), before_step=lambda p: torch.nn.utils.clip_grad_norm_(p, 0.5))),
        array("kSgd", "lr 0.05, momentum 0.9 (Nesterov), weight_decay 0.01",
              trajectory(lambda p: optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.01, nesterov=True))),
        array("kRmsprop", "lr 0.05, alpha 0.9", trajectory(lambda p: optim.RMSprop(p, lr=0.05, alpha=0.9))),
        array("kRmspropAll", "lr 0.01, alpha 0.8, eps 0.01, weight_decay 0.1, momentum 0.7, centered",
              trajectory(lambda p: optim.RMSprop(p, lr=0.01, alpha=0.8, eps=0.01, weight_decay=0.1, momentum=0.7,
                                                 centered=True))),
        array("kAdafactor", "the defaults", trajectory(adafactor, MIXED)),
        array("kAdafactorWarmup", "warmup_init, weight_decay 0.5",
              trajectory(lambda p: adafactor(p, warmup_init=True, weight_decay=0.5), MIXED)),
        array("kAdafactorFixed", "lr 0.05, no relative_step nor scale_parameter, eps 1e-3, clip_threshold 0.5, decay_rate "
              "-0.6, beta1 0.9, weight_decay 0.1",
              trajectory(lambda p: adafactor(p, lr=0.05, relative_step=False, scale_parameter=False, eps=(1e-3, 1e-3),
                                             clip_threshold=0.5, decay_rate=-0.6, beta1=0.9, weight_decay=0.1), MIXED)),
        array("kMuon", "lr 0.02, momentum 0.95 (Nesterov), weight_decay 0.1",
              muon(lr=0.02, momentum=0.95, weight_decay=0.1)),
        array("kMuonPlain", "lr 0.05, momentum 0.8, weight_decay 0, scale 0.2 sqrt(max(rows, columns))",
              muon(lr=0.05, momentum=0.8, weight_decay=0, nesterov=False, adjust_lr_fn="match_rms_adamw")),
        array("kOnDare", "of matrices: lr 0.05, betas 0.9 and 0.95, eps 0.01, weight_decay 0.1, merge_weight 0.25, "
              "nothing dropped", online_merging(False, 1, False)),
        array("kOnTies", "the same, merge_weight 0.05, the larger of opposite ones", online_merging(True, 1, False, 0.05)),
        array("kOnTiesHalf", "the same, half of the elements kept", online_merging(True, 0.5, False, 0.05)),
        array("kOnTiesRescaled", "the same, rescaled", online_merging(True, 0.5, True, 0.05)),
        array("kAdamW8bit", "every 97th of 5000 elements, f32, gradients of parameter 0 over 1 + element % 37; row 1: codes "
              "of exp_avg, row 2: of exp_avg_sq", adamw_8bit()),
        vector("kEma", "of the gradients of parameter 0, decay 0.9", ema()),
        vector("kInverseSqrt", "peak 0.5, warm-up 4",
               rates(lambda o: transformers.get_inverse_sqrt_schedule(o, 4))),
        vector("kInverseSqrtTimescale", "peak 0.5, warm-up 4, timescale 9",
               rates(lambda o: transformers.get_inverse_sqrt_schedule(o, 4, 9))),
        vector("kPolynomial", "peak 0.5, warm-up 4, floor 0.01 at step 18, power 2.5",
               rates(lambda o: transformers.get_polynomial_decay_schedule_with_warmup(o, 4, 18, 0.01, 2.5))),
        vector("kExponential", "peak 0.5, factor 0.9 a step", rates(lambda o: optim.lr_scheduler.ExponentialLR(o, 0.9))),
        vector("kTriStage", "peak 0.5, from 0.005, 4 steps of warm-up, 6 at the peak, 8 of decay to 0.025",
               [tri_stage(s) for s in range(STEPS)]),
    ]
    version = torch.__version__.split("+")[0]
    with open(os.path.join(HERE, "optimizer.h"), "w") as out:
        out.write(f"""// Generated by optimizer.py (PyTorch {version}, transformers {transformers.__version__}); do not edit.
#ifndef ROUX_TESTS_GOLDEN_OPTIMIZER_H_
#define ROUX_TESTS_GOLDEN_OPTIMIZER_H_

namespace roux::golden {{

// clang-format off
// After the steps (from 1)
inline constexpr int kRecorded[] = {{{", ".join(map(str, RECORDED))}}};
// a row has the parameters' elements one after the other: three vectors of three elements,
inline constexpr int kVectors[3][3] = {{{{3}}, {{3}}, {{3}}}};
// for Muon matrices, and for Adafactor tensors of rank 2, 1 and 3.
inline constexpr int kMatrices[3][3] = {{{{3, 4}}, {{4, 2}}, {{2, 2}}}};
inline constexpr int kMixed[3][3] = {{{{3, 4}}, {{5}}, {{2, 3, 2}}}};

""" + "\n".join(parts) + """// clang-format on

}  // namespace roux::golden

#endif  // ROUX_TESTS_GOLDEN_OPTIMIZER_H_
""")


if __name__ == "__main__":
    main()
