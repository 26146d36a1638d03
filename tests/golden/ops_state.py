"""Cases of the families creation, optimizer and random."""

import math

import numpy as np
import torch

import ops_random
from ops_cases import FLOATS, INTEGERS, W, In, given, integers, x
from ops_random import categorical, dropout, normal, uniform

INF, NAN = math.inf, math.nan


def creation():
    for kind in list(FLOATS) + list(INTEGERS):
        anything = In(kind, (2, 3), 0, 2, grad=False)
        values = (0.1, -3, 65519.999999) if kind in FLOATS else (1,) if kind == "bool" else (7,)
        for value in values:
            W.case(
                "full",
                lambda o, a: torch.full((2, 3), float(o["value"]), dtype=torch.float64),
                [anything],
                {"value": value},
                kind,
                0,
                0,
                kind,
                "",
            )
        for op, value in (("zeros", 0), ("ones", 1), ("zeros_like", 0), ("ones_like", 1)):
            for shape in ((2, 3), (), (0, 2)):
                W.case(
                    op,
                    lambda o, a: torch.full_like(a, value),
                    [In(kind, shape, 0, 2, grad=False)],
                    {},
                    kind,
                    2,
                    0,
                    kind,
                    "",
                )
        if kind != "bool":
            for begin, end, step in ((0, 5, 1), (5, 0, -2), (2, 2, 1)) + (((0.5, 2.1, 0.4),) if kind in FLOATS else ()):
                if kind != "u8" or step > 0:
                    W.case(
                        "arange",
                        lambda o, a: torch.from_numpy(
                            begin + step * np.arange(max(0, math.ceil((end - begin) / step)))
                        ),
                        [anything],
                        {"begin": begin, "end": end, "step": step},
                        kind,
                        0,
                        0,
                        kind,
                        "",
                    )
    for turn, shape in enumerate(((2, 3), (), (0, 2))):
        W.add("to_device", lambda o, a: a * 1, [x(*shape)], plan="full" if turn == 0 else "short")
    W.add_integers("to_device", lambda o, a: a, lambda k: [integers(2, 3, high=2, kind=k)], kinds=INTEGERS)


def optimizers():
    def adamw(o, *tensors):
        results = []
        for p, g, m, v in zip(*(tensors[k::4] for k in range(4))):
            p = p.clone().requires_grad_()
            p.grad = g * o["factor"]
            step = torch.optim.AdamW(
                [p], o["lr"] * o["lr_scale"], (o["beta1"], o["beta2"]), o["eps"], o["weight_decay"]
            )
            step.state[p] = {"step": torch.tensor(float(o["step"] - 1)), "exp_avg": m.clone(), "exp_avg_sq": v.clone()}
            if o["finite"]:
                step.step()
            results += [
                p.detach(),
                *(step.state[p][k] for k in ("exp_avg", "exp_avg_sq")),
                step.state[p]["step"].reshape(1),
            ]
        return results

    def sgd(o, *tensors):
        results = []
        for p, g, b in zip(*(tensors[k::3] for k in range(3))):
            p = p.clone().requires_grad_()
            p.grad = g * o["factor"]
            step = torch.optim.SGD([p], o["lr"] * o["lr_scale"], o["momentum"], 0, o["weight_decay"], o["nesterov"])
            if o["step"] > 1:
                step.state[p]["momentum_buffer"] = b.clone()
            if o["finite"]:
                step.step()
            results += [p.detach(), step.state[p].get("momentum_buffer", b) if o["finite"] else b]
        return results

    base = {"lr": 0.1, "step": 3, "factor": 1.0, "finite": 1, "lr_scale": 1.0}
    for dtype in ("f64", "f32"):
        for change in (
            {},
            {"beta1": 0.5, "beta2": 0.9},
            {"eps": 0.1},
            {"weight_decay": 0.0},
            {"weight_decay": 0.5, "lr_scale": 0.5},
            {"step": 1},
            {"step": 1000},
            {"factor": 0.25},
            {"finite": 0},
            {"lr": 0.0},
        ):
            opt = {**base, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01, **change}
            ins = [x(*s, low=low, grad=False) for s in ((2, 3), (1,)) for low in (-2, -2, -1, 0.1)]
            W.case("adamw_", adamw, ins, opt, dtype, 0, 0, [dtype, dtype, dtype, "f64"] * 2, "")
        for change in (
            {},
            {"momentum": 0.9},
            {"momentum": 0.9, "nesterov": 1},
            {"weight_decay": 0.5},
            {"momentum": 0.5, "weight_decay": 0.1, "nesterov": 1, "lr_scale": 0.5},
            {"momentum": 0.9, "step": 1},
            {"factor": 0.25},
            {"momentum": 0.9, "finite": 0},
        ):
            opt = {**base, "momentum": 0.0, "weight_decay": 0.0, "nesterov": 0, **change}
            ins = []
            for shape in ((2, 3), (1,)):
                fresh = given(np.zeros(shape), grad=False)  # the buffer of a first step
                ins += [x(*shape, grad=False)] * 2 + [fresh if opt["step"] == 1 else x(*shape, grad=False)]
            W.case("sgd_", sgd, ins, opt, dtype, 0, 0, dtype, "")
        for shapes in (((2, 3), (4,)), ((0,), (1,)), ((300,),)):
            W.case(
                "grad_norm",
                lambda o, *a: torch.nn.utils.get_total_norm(list(a)).reshape(1),
                [x(*s, grad=False) for s in shapes],
                {},
                dtype,
                0,
                0,
                "f64",
                "",
            )
        for value in (INF, NAN, 1e200 if dtype == "f64" else 1e30, 1e-200 if dtype == "f64" else 1e-30):
            W.case(
                "grad_norm",
                lambda o, a: torch.from_numpy(np.array([np.hypot.reduce(a.numpy())])),
                [given([1.0 if abs(value) >= 1 else 0.0, value, 2 * value], grad=False)],
                {},
                dtype,
                0,
                0,
                "f64",
                "special",
            )
    for norm, limit, factor in (
        (2.0, 1.0, 1.0),
        (0.5, 1.0, 1.0),
        (8.0, 1.0, 0.25),
        (2.0, 0.0, 0.5),
        (INF, 1.0, 1.0),
        (NAN, 1.0, 1.0),
        (0.0, 1.0, 1.0),
    ):

        def clip(o, n, scalars):
            norm, finite = float(n), math.isfinite(float(n))
            coefficient = min(1.0, o["max_norm"] / (o["factor"] * norm + 1e-6)) if o["max_norm"] > 0 else 1.0
            kept = scalars.clone()
            kept[1] += finite
            kept[2] = o["factor"] * coefficient
            kept[3] = finite
            return kept[[1, 3]] if not finite else kept

        W.case(
            "clip_factor_",
            clip,
            [given([norm], "f64", grad=False), given([0.1, 4.0, 1.0, 1.0], "f64", grad=False)],
            {"max_norm": limit, "factor": factor},
            "f64",
            0,
            0,
            "f64",
            "",
        )


def draws():
    for dtype in FLOATS:
        for seed, offset, shape in ((7, 0, (2, 3)), (2**40 + 5, 3, (9,)), (0, 2**33, (1,)), (1, 1, (0, 2))):
            state = {"seed": seed, "offset": offset}
            anything = In(dtype, shape, grad=False)
            for low, high in ((-1.0, 3.0), (0.0, 1.0), (100.0, 101.0)):
                W.case(
                    "uniform",
                    uniform,
                    [anything],
                    {**state, "low": low, "high": high},
                    dtype,
                    0,
                    0,
                    dtype,
                    "",
                )
            for mean, std in ((0.0, 1.0), (0.5, 2.0)):
                W.case("normal", normal, [anything], {**state, "mean": mean, "std": std}, dtype, 0, 0, dtype, "")
            W.case(
                "categorical",
                categorical,
                [In(dtype, shape + (4,), grad=False)],
                state,
                dtype,
                len(W.lines) % 6,
                0,
                "i64",
                "",
            )
            for p in (0.0, 0.3, 0.75):
                W.case(
                    "dropout",
                    dropout,
                    [In(dtype, shape)],
                    {**state, "p": p},
                    dtype,
                    len(W.lines) % 6,
                    2 if dtype in ("f64", "f32") else 1,
                    dtype,
                    "",
                )


def more_draws():
    """One case each; those of a floating input in every dtype and, over the shapes, every layout."""

    def case(op, dtype, inputs, opt=None, out=None, order=0):
        W.case(op, getattr(ops_random, op), inputs, opt, dtype, len(W.lines) % 6, order, out, "")

    for dtype in FLOATS:
        for seed, offset, shape in ((7, 0, (2, 3)), (2**40 + 5, 2**33, (5,)), (1, 1, (2, 0))):
            state = {"seed": seed, "offset": offset}
            anything, positive = In(dtype, shape, grad=False), In(dtype, shape, 0.2, 6, grad=False)
            case("exponential", dtype, [anything], {**state, "rate": 2.5}, dtype)
            case("gumbel", dtype, [anything], state, dtype)
            case("bernoulli", dtype, [In(dtype, shape, 0, 1, grad=False)], state, dtype)
            for op in ("gamma", "log_gamma", "dirichlet"):
                case(op, dtype, [positive], state, dtype)
            case("beta", dtype, [positive, positive], state, dtype)
            case("categorical_without_replacement", dtype, [anything], {**state, "k": shape[-1] // 2}, "i64")
            for hard, axis in ((0, -1), (1, 0)):
                order = 2 if dtype == "f64" and shape == (2, 3) else 1
                opt = {**state, "temperature": 0.7, "hard": hard, "axis": axis}
                case("gumbel_softmax", dtype, [In(dtype, shape)], opt, dtype, order)
            if dtype == "f32":
                case("randint", dtype, [anything], {**state, "low": -3, "high": 2**40}, "i64")
                case("randperm", dtype, [In(dtype, (shape[-1],), grad=False)], state, "i64")


def add():
    creation()
    optimizers()
    draws()
    more_draws()
