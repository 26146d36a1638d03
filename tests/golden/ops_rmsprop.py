"""Cases of rmsprop_, by torch.optim.RMSprop."""

import torch

from ops_cases import W, x


def rmsprop(o, *tensors):
    results = []
    for p, g, *states in zip(*(tensors[k::5] for k in range(5))):
        p = p.clone().requires_grad_()
        p.grad = g * o["factor"]
        rate = o["lr"] * o["lr_scale"]
        centered = bool(o["centered"])
        step = torch.optim.RMSprop([p], rate, o["alpha"], o["eps"], o["weight_decay"], o["momentum"], centered)
        states = {k: s.clone() for k, s in zip(("square_avg", "grad_avg", "momentum_buffer"), states)}
        unused = {"grad_avg": not centered, "momentum_buffer": o["momentum"] == 0}
        step.state[p] = {"step": torch.tensor(2.0), **{k: s for k, s in states.items() if not unused.get(k)}}
        if o["finite"]:
            step.step()
        results += [p.detach(), *states.values()]
    return results


def add():
    base = {"lr": 0.1, "step": 3, "factor": 1.0, "finite": 1, "lr_scale": 1.0}
    base |= {"alpha": 0.9, "eps": 1e-8, "weight_decay": 0.0, "momentum": 0.0, "centered": 0}
    for dtype in ("f64", "f32"):
        for change in (
            {},
            {"momentum": 0.9},
            {"centered": 1},
            {"momentum": 0.5, "centered": 1, "weight_decay": 0.1, "eps": 0.1, "lr_scale": 0.5},
            {"alpha": 0.0},
            {"factor": 0.25},
            {"momentum": 0.9, "centered": 1, "finite": 0},
        ):
            ins = []
            for shape in ((2, 3), (1,)):
                # The average of squares above the squared average, as it is of any gradients.
                for low, high in ((-2, 2), (-2, 2), (1.1, 2), (-1, 1), (-2, 2)):
                    ins.append(x(*shape, low=low, high=high, grad=False))
            W.case("rmsprop_", rmsprop, ins, base | change, dtype, 0, 0, dtype, "")
