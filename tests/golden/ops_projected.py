"""Cases of losses fused with a projection that has a bias, a softcap or both."""

import torch

from ops_cases import FLOATS, W, given, x
from ops_loss import distillation_loss, f32_loss, stored
from torch.nn import functional as F


def project(o, a, w, bias, softcap):
    logits = stored(a @ w.T if bias is None else a @ w.T + bias, o["_dtype"])
    return logits if softcap is None else softcap * torch.tanh(logits / softcap)


def linear_cross_entropy(o, a, w, targets, bias=None):
    logits = project(o, a, w, bias, o.get("softcap"))
    loss = F.cross_entropy(
        logits.reshape(-1, logits.shape[-1]),
        targets.reshape(-1).long(),
        ignore_index=o.get("ignore_index", -100),
        reduction=o.get("reduction", "mean"),
        label_smoothing=o.get("label_smoothing", 0),
    )
    return loss.reshape(targets.shape) if o.get("reduction") == "none" else loss


def linear_distillation_loss(o, a, w, bias, their_a, their_w, their_bias):
    theirs = project(o, their_a, their_w, their_bias, o.get("teacher_softcap"))
    return distillation_loss(o, project(o, a, w, bias, o.get("softcap")), theirs)


def add():
    more = {"out": f32_loss, "note": "projected", "plan": "one"}
    for opt in ({}, {"reduction": "none", "ignore_index": 1}, {"reduction": "sum", "label_smoothing": 0.2}):
        targets = given([[0, 2], [1, 3]], "i64")
        W.add(
            "linear_cross_entropy",
            linear_cross_entropy,
            [x(2, 2, 3), x(4, 3), targets, x(4)],
            {**opt, "bias": 1},
            dtypes=FLOATS,
            **more,
        )
        W.add(
            "linear_cross_entropy",
            linear_cross_entropy,
            [x(2, 2, 3), x(4, 3), targets],
            {**opt, "softcap": 2.5},
            dtypes=("f64", "f32"),
            **more,
        )
        W.add(
            "linear_cross_entropy",
            linear_cross_entropy,
            [x(2, 2, 3), x(4, 3), targets, x(4)],
            {**opt, "bias": 1, "softcap": 30},
            dtypes=("f64",),
            **more,
        )
    for divergence in ("forward_kl", "jensen_shannon"):
        W.add(
            "linear_distillation_loss",
            linear_distillation_loss,
            [x(2, 3), x(4, 3), x(4), x(2, 2, grad=False), x(4, 2, grad=False), x(4, grad=False)],
            {
                "divergence": divergence,
                "reduction": "sum",
                "projected": 1,
                "bias": 1,
                "softcap": 2,
                "teacher_softcap": 3,
            },
            dtypes=("f64", "f32"),
            **more,
        )
