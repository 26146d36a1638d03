"""Cases of the families distillation, regression_loss, ctc and sequence, and of label smoothing."""

import math

import torch
import torch.nn.functional as F

from ops_cases import FLOATS, W, In, given, rounded, x

INF, NAN = math.inf, math.nan
STATISTICS = (("f64", ("f64",)), ("f32", ("f32", "bf16", "f16")))  # dtypes of a loss, by those of its inputs


def f32_loss(dtypes):
    return "f64" if "f64" in dtypes else "f32"


def stored(logits, dtype):
    """Logits as a product in that dtype leaves them."""
    values = torch.from_numpy(rounded(logits.numpy(force=True), dtype))
    return logits + (values - logits).detach()


def label_smoothing():
    def cross_entropy(o, logits, targets, *weight):
        rows, flat = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1).long()
        loss = F.cross_entropy(
            rows,
            flat,
            *weight,
            ignore_index=o.get("ignore_index", -100),
            reduction=o.get("reduction", "mean"),
            label_smoothing=o["label_smoothing"],
        )
        return loss.reshape(targets.shape) if o.get("reduction") == "none" else loss

    def linear_cross_entropy(o, a, w, targets, *weight):
        return cross_entropy(o, stored(a @ w.T, o["_dtype"]), targets, *weight)

    for turn, opt in enumerate(
        [
            {"label_smoothing": 0.1},
            {"label_smoothing": 0.3, "reduction": "none", "ignore_index": 1},
            {"label_smoothing": 1, "reduction": "sum"},
        ]
    ):
        for weighted in (False, True):
            for kind, dtypes in STATISTICS:
                extra = [In(kind, (3,), 0.1, 2, grad=False)] if weighted else []
                targets = given([[0, 2], [1, 0]], "i64" if turn else "i32")
                dtypes = (dtypes[turn % len(dtypes)],)
                more = {"opt": opt, "out": f32_loss, "dtypes": dtypes, "note": "smoothed", "plan": "one"}
                W.add("cross_entropy", cross_entropy, [x(2, 2, 3), targets] + extra, **more)
                if weighted:
                    W.add("linear_cross_entropy", linear_cross_entropy, [x(2, 2, 2), x(3, 2), targets] + extra, **more)


def term(weight, of, over):
    """weight (of - over), two logarithms; 0 where the weight is 0."""
    none = weight == 0
    return torch.where(none, 0, weight * (torch.where(none, 0, of) - torch.where(none, 0, over)))


def divergence(o, log_q, log_p):
    p, q, beta = log_p.exp(), log_q.exp(), o.get("beta", 0.5)
    kind = o.get("divergence", "forward_kl")
    if kind == "cross_entropy":
        return term(p, torch.zeros(()), log_q).sum(-1)
    if kind == "forward_kl":
        return term(p, log_p, log_q).sum(-1)
    if kind == "reverse_kl":
        return term(q, log_q, log_p).sum(-1)
    m = beta * p + (1 - beta) * q
    log_m = torch.where(m == 0, 1, m).log()
    return (beta * term(p, log_p, log_m) + (1 - beta) * term(q, log_q, log_m)).sum(-1)


def top_k_divergence(o, log_q, ids, log_probs, temperature):
    ids, rest, classes = ids.long(), o.get("rest", "renormalize"), log_q.shape[-1]
    named = torch.zeros(log_q.shape).scatter(-1, ids, 1.0) > 0
    left = 1 - log_probs.exp().sum(-1, keepdim=True)
    if rest == "renormalize":
        everywhere = torch.full(log_q.shape, -INF).to(log_q)
        return divergence(o, log_q, everywhere.scatter(-1, ids, torch.log_softmax(log_probs / temperature, -1)))
    if rest == "spread":
        everywhere = (left / (classes - ids.shape[-1])).log().expand(log_q.shape)
        return divergence(o, log_q, everywhere.scatter(-1, ids, log_probs))
    known = log_q.gather(-1, ids)
    if rest == "ignore":
        return divergence(o, known, log_probs)
    bucket = torch.where(named, -INF, log_q).logsumexp(-1, keepdim=True)
    return divergence(o, torch.cat([known, bucket], -1), torch.cat([log_probs, left.log()], -1))


def distillation_loss(o, logits, *teacher):
    """The teacher: logits, or ids and log-probabilities; then the mask, if there is one."""
    temperature = o.get("temperature", 1)
    theirs = o.get("teacher_temperature", temperature)
    *teacher, mask = list(teacher) if "masked" in o else [*teacher, None]
    counts = torch.ones(logits.shape[:-1], dtype=torch.bool) if mask is None else mask
    log_q = torch.log_softmax(torch.where(counts[..., None], logits, 0) / temperature, -1)
    if len(teacher) == 1:
        log_p = torch.log_softmax(torch.where(counts[..., None], teacher[0], 0) / theirs, -1)
        losses = divergence(o, log_q, log_p)
    else:
        losses = top_k_divergence(o, log_q, *teacher, theirs)
    losses = torch.where(counts, losses, 0) * (temperature**2 if "squared" in o else 1)
    reduction = o.get("reduction", "mean")
    return losses if reduction == "none" else losses.sum() / (counts.sum() if reduction == "mean" else 1)


def distillation():
    def linear(o, a, w, *teacher):
        logits = stored(a @ w.T, o["_dtype"])
        if "projected" in o:
            teacher = [stored(teacher[0] @ teacher[1].T, o["_dtype"]), *teacher[2:]]
        return distillation_loss(o, logits, *teacher)

    kinds = ("cross_entropy", "forward_kl", "reverse_kl", "jensen_shannon")
    more = {"out": f32_loss}
    for turn, kind in enumerate(kinds):
        opt = {"divergence": kind, "reduction": ("none", "mean", "sum", "none")[turn]}
        unusual = {**opt, "temperature": 2, "teacher_temperature": 0.75, "squared": 1, "beta": 0.25}
        plan = "full" if turn == 1 else "short"
        W.add("distillation_loss", distillation_loss, [x(2, 3), x(2, 3, grad=False)], opt, plan=plan, **more)
        mask = given([[1, 0], [1, 1]], "bool")
        W.add(
            "distillation_loss",
            distillation_loss,
            [x(2, 2, 3), x(2, 2, 3, grad=False), mask],
            {**unusual, "masked": 1},
            plan="one",
            dtypes=("f64",),
            **more,
        )
        known = [given([[4, 1], [0, 3]], "i32" if turn % 2 else "i64"), x(2, 2, low=-3, high=-1.5, grad=False)]
        for rest in ("renormalize", "spread", "bucket", "ignore"):
            if (kind, rest) == ("reverse_kl", "renormalize"):
                continue
            theirs = {} if rest == "renormalize" else {"teacher_temperature": 1}
            W.add(
                "distillation_loss",
                distillation_loss,
                [x(2, 5)] + known,
                {**unusual, **theirs, "rest": rest},
                note="top_k",
                plan="one",
                dtypes=("f64", ("f32", "bf16", "f16")[turn % 3]) if rest == "bucket" else ("f64",),
                **more,
            )
        teacher = [x(2, 2, grad=False), x(3, 2, grad=False)]
        W.add(
            "linear_distillation_loss",
            linear,
            [x(2, 2), x(3, 2)] + teacher,
            {**unusual, "projected": 1},
            plan=plan if turn == 1 else "one",
            dtypes=FLOATS if turn == 1 else ("f64",),
            **more,
        )
        W.add(
            "linear_distillation_loss",
            linear,
            [x(2, 2), x(3, 2), x(2, 3, grad=False), given([1, 0], "bool")],
            {**opt, "masked": 1},
            order=1,
            plan="one",
            dtypes=("f64",),
            **more,
        )
        W.add(
            "linear_distillation_loss",
            linear,
            [x(2, 2), x(5, 2)] + known,
            {**opt, "rest": "bucket"},
            order=1,
            note="top_k",
            plan="one",
            dtypes=("f64",),
            **more,
        )
        # Classes without mass on one side or on both; what does not count may be anything.
        if kind != "reverse_kl":
            rows = [[0.5, -INF, 1.0, 2.0], [NAN, INF, 0.0, 1.0]]
            theirs = [[1.0, -INF, -INF, 0.0], [NAN, NAN, 0.0, 1.0]]
            W.add(
                "distillation_loss",
                distillation_loss,
                [given(rows), given(theirs, grad=False), given([1, 0], "bool")],
                {"divergence": kind, "reduction": "none", "masked": 1},
                1,
                note="special",
                plan="one",
                dtypes=("f64", "bf16"),
                **more,
            )
        W.add(
            "distillation_loss",
            distillation_loss,
            [given([[1e4, 1e4 + 2]]), given([[-1e4, 1 - 1e4]], grad=False)],
            {"divergence": kind, "reduction": "sum"},
            1,
            note="offset",
            plan="one",
            dtypes=("f32",),
            **more,
        )


def regression():
    pair = [x(2, 2), x(2, 2)]
    for turn, reduction in enumerate(("mean", "sum", "none")):
        opt, more = {"reduction": reduction}, {"out": f32_loss}
        more.update({"plan": "full"} if turn == 2 else {"plan": "one", "dtypes": ("f64",), "order": 1})
        W.add("mse_loss", lambda o, a, b: F.mse_loss(a, b, reduction=o["reduction"]), pair, opt, **more)
        W.add("l1_loss", lambda o, a, b: F.l1_loss(a, b, reduction=o["reduction"]), pair, opt, **more)
        W.add(
            "huber_loss",
            lambda o, a, b: F.huber_loss(a, b, delta=o["delta"], reduction=o["reduction"]),
            pair,
            {**opt, "delta": (1, 0.3, 2.5)[turn]},
            **more,
        )
        W.add(
            "smooth_l1_loss",
            lambda o, a, b: F.smooth_l1_loss(a, b, beta=o["beta"], reduction=o["reduction"]),
            pair,
            {**opt, "beta": (1, 0, 2.5)[turn]},
            **more,
        )
        W.add(
            "gaussian_nll_loss",
            lambda o, a, b, v: F.gaussian_nll_loss(
                a, b, v.expand(a.shape), full="full" in o, eps=o["eps"], reduction=o["reduction"]
            ),
            pair + [x(2, 1 if turn == 1 else 2, low=0.2, high=2)],
            {**opt, "eps": 0.01, **({"full": 1} if turn else {})},
            **more,
        )
        for kind, dtypes in STATISTICS if turn == 2 else STATISTICS[:1]:
            W.add(
                "binary_cross_entropy_with_logits",
                lambda o, a, b, *w: F.binary_cross_entropy_with_logits(
                    a, b, pos_weight=w[0] if w else None, reduction=o["reduction"]
                ),
                [x(2, 2, low=-4, high=4), x(2, 2, low=0, high=1)]
                + ([In(kind, (2,), 0.2, 3, grad=False)] if turn else []),
                opt,
                **{**more, "dtypes": dtypes},
            )
    # On the border of the two parts, beyond it by far, variances below eps, logits that overflow an exponential.
    for op, fn, opt in (
        ("huber_loss", lambda o, a, b: F.huber_loss(a, b, delta=0.5, reduction="none"), {"delta": 0.5}),
        ("smooth_l1_loss", lambda o, a, b: F.smooth_l1_loss(a, b, beta=0.5, reduction="none"), {"beta": 0.5}),
    ):
        ins = [given([0.5, -0.5, 100.0, 0.0]), given([0.0, 0.0, 0.0, 0.0])]
        W.add(op, fn, ins, {**opt, "reduction": "none"}, 1, f32_loss, "special", "one", ("f64", "f16"))
    W.add(
        "gaussian_nll_loss",
        lambda o, a, b, v: F.gaussian_nll_loss(a, b, v, eps=0.5, reduction="none"),
        [given([1.0, 2.0]), given([0.5, 4.0]), given([0.25, 0.0])],
        {"eps": 0.5, "reduction": "none"},
        1,
        f32_loss,
        "special",
        "one",
        ("f64", "bf16"),
    )
    W.add(
        "binary_cross_entropy_with_logits",
        lambda o, a, b: F.binary_cross_entropy_with_logits(a, b, reduction="none"),
        [given([1000.0, -1000.0, 0.0]), given([0.0, 0.0, 1.0])],
        {"reduction": "none"},
        1,
        f32_loss,
        "special",
        "one",
        ("f64", "bf16"),
    )


def ctc():
    def ctc_loss(o, outputs, targets, input_lengths, target_lengths):
        """Of outputs, through log_softmax: PyTorch's gradient to log_probs is right only there."""
        return F.ctc_loss(
            torch.log_softmax(outputs, -1),
            targets.long(),
            input_lengths.long(),
            target_lengths.long(),
            blank=o.get("blank", 0),
            reduction=o.get("reduction", "mean"),
            zero_infinity="zero_infinity" in o,
        )

    targets, lengths = [[1, 2], [2, 2]], [[4, 4], [2, 1]]
    for turn, (opt, more_targets, more_lengths) in enumerate(
        [
            ({}, targets, lengths),
            ({"reduction": "none"}, targets, [[4, 3], [1, 2]]),
            ({"reduction": "sum", "blank": 2}, [[0, 1], [1, 0]], [[4, 2], [2, 0]]),
            ({"zero_infinity": 1, "reduction": "none"}, targets, [[4, 2], [2, 2]]),
            ({"zero_infinity": 1}, targets, [[1, 3], [2, 2]]),
        ]
    ):
        integers_of = [given(more_targets, "i64"), given(more_lengths[0], "i32"), given(more_lengths[1], "i64")]
        plan = {"plan": "full"} if turn == 0 else {"plan": "one", "dtypes": ("f64",)}
        W.add("ctc_loss", ctc_loss, [x(4, 2, 3)] + integers_of, opt, 1, f32_loss, **plan)


def sequences():
    for length in (3, 0):
        W.add_integers(
            "sequence_mask",
            lambda o, n: torch.arange(o["length"]) < n[..., None],
            lambda kind: [given([[0, 2], [5, 3]], kind)],
            {"length": length},
            out="bool",
            kinds=("i32", "i64"),
        )

    def total(a, mask, axis):
        return torch.where(mask, a, 0).sum(axis), mask.expand(a.shape).sum(axis)

    def masked_sum(o, a, mask):
        return total(a, mask, o["axis"])[0]

    def masked_mean(o, a, mask):
        values, count = total(a, mask, o["axis"])
        return values / count

    for turn, axis in enumerate((-1, 0)):
        plan = "full" if turn == 0 else "one"
        for op, fn in (("masked_sum", masked_sum), ("masked_mean", masked_mean)):
            mask = given([[1, 0, 1], [0, 1, 1]], "bool")
            W.add(op, fn, [x(2, 3), mask], {"axis": axis}, plan=plan)
            few = {"plan": "one", "dtypes": ("f64",)}
            W.add(op, fn, [x(2, 2, 3), given([[1], [0]], "bool")], {"axis": axis - 1}, **few)
            W.add(
                op,
                fn,
                [given([[1.0, NAN], [INF, NAN]]), given([[1, 0], [0, 0]], "bool")],
                {"axis": axis},
                1,
                note="special",
                plan="one",
                dtypes=("f64", "bf16"),
            )


def add():
    label_smoothing()
    distillation()
    regression()
    ctc()
    sequences()
