"""Cases of the families matmul, convolution, normalization, activation, loss and attention."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from ops_cases import FLOATS, SHAPES, W, In, given, integers, rounded, x

INF, NAN = math.inf, math.nan


def products():
    shapes = [
        ((2, 3), (3, 4)),
        ((2, 2, 3), (2, 3, 2)),
        ((3,), (3,)),
        ((3,), (3, 2)),
        ((2, 3), (3,)),
        ((2, 1, 2, 3), (3, 3, 2)),
        ((2, 3), (2, 3, 2)),
        ((2, 0), (0, 3)),
        ((0, 3), (3, 2)),
        ((1, 1), (1, 1)),
        ((0, 2, 3), (0, 3, 2)),
        ((9, 17), (17, 5)),
    ]
    for turn, (a, b) in enumerate(shapes):
        W.add("matmul", lambda o, a, b: torch.matmul(a, b), [x(*a), x(*b)], plan="full" if turn < 2 else "short")
    W.add(
        "matmul",
        lambda o, a, b: a @ b,
        [given([[INF, 1.0], [NAN, 2.0], [0.0, 0.0]]), given([[1.0, 0.0], [2.0, -1.0]])],
        order=1,
        note="special",
        plan="one",
    )
    for turn, (shape, out, bias) in enumerate(
        [
            ((2, 3), 4, True),
            ((2, 2, 3), 2, False),
            ((3,), 2, True),
            ((0, 3), 2, True),
            ((2, 0), 2, True),
            ((1, 1), 1, False),
        ]
    ):
        ins = [x(*shape), x(out, shape[-1])] + ([x(out)] if bias else [])
        W.add("linear", lambda o, *a: F.linear(*a), ins, plan="full" if turn < 2 else "short")
    long = np.where(np.arange(300) % 2 == 0, 16.0, 0.0625)
    W.add(
        "matmul",
        lambda o, a, b: a @ b,
        [given(long.reshape(1, 300)), given(long.reshape(300, 1))],
        order=1,
        note="long",
        plan="one",
    )


def windows(o, a):
    size, stride, dilation = o["size"], o["stride"], o["dilation"]
    padded = F.pad(a, (0, 0, o["before"], o["after"]))
    count = (padded.shape[-2] - dilation * (size - 1) - 1) // stride + 1
    places = torch.arange(count)[:, None] * stride + torch.arange(size) * dilation
    return padded[..., places, :]


def added_up(o, y):
    rows = torch.zeros(*y.shape[:-3], o["length"], y.shape[-1], dtype=y.dtype, requires_grad=True)
    return torch.autograd.grad(windows(o, rows), rows, y, create_graph=True)[0]


def convolutions():
    for turn, (shape, size, stride, dilation, before, after) in enumerate(
        [((3, 2), 2, 1, 1, 0, 0), ((4, 1), 3, 2, 2, 3, 1), ((2, 2, 1), 1, 3, 1, 0, 2), ((0, 2, 1), 2, 1, 1, 1, 0)]
    ):
        plan = "full" if turn == 0 else "short"
        opt = {"size": size, "stride": stride, "dilation": dilation, "before": before, "after": after}
        W.add("unfold", windows, [x(*shape)], opt, plan=plan)
        made = windows(opt, torch.zeros(shape))
        W.add("fold", added_up, [x(*made.shape)], {**opt, "length": shape[-2]}, plan=plan)
    base = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "causal": 0}
    for turn, (shape, weight, bias, change) in enumerate(
        [
            ((1, 2, 3), (2, 2, 2), True, {}),
            ((1, 2, 6), (1, 2, 3), False, {"stride": 2, "padding": 2, "dilation": 2}),
            ((2, 4, 2), (2, 2, 2), True, {"groups": 2, "padding": 1}),
            ((2, 2, 3), (2, 1, 3), True, {"groups": 2, "causal": 1}),
            ((1, 2, 5), (2, 1, 2), False, {"groups": 2, "causal": 1, "dilation": 2, "stride": 2}),
            ((1, 2, 3), (4, 1, 2), True, {"groups": 2}),
            ((0, 2, 3), (2, 2, 1), True, {}),
        ]
    ):

        def convolved(o, a, w, b=None):
            if o["causal"]:
                a = F.pad(a, (o["dilation"] * (w.shape[-1] - 1), 0))
            return F.conv1d(a, w, b, o["stride"], o["padding"], o["dilation"], o["groups"])

        inputs = [x(*shape), x(*weight)] + ([x(weight[0])] if bias else [])
        plan, dtypes = ("full", FLOATS) if turn == 0 else ("one", ("f64", "f32") if turn < 3 else ("f64",))
        W.add("conv1d", convolved, inputs, {**base, **change}, 2 if turn == 0 else 1, plan=plan, dtypes=dtypes)


def norms():
    for turn, (shape, eps) in enumerate(
        [((2, 3, 4), 1e-6), ((2, 5), 1.0), ((4,), 1e-3), ((0, 3), 1e-6), ((2, 1), 0.1), ((1, 1), 0.2), ((3, 33), 1e-5)]
    ):
        plan, d = "full" if turn == 0 else "short", shape[-1]
        W.add(
            "rms_norm", lambda o, a, w: F.rms_norm(a, w.shape, w, o["eps"]), [x(*shape), x(d)], {"eps": eps}, plan=plan
        )
        W.add(
            "layer_norm",
            lambda o, a, w, b: F.layer_norm(a, w.shape, w, b, o["eps"]),
            [x(*shape), x(d), x(d)],
            {"eps": eps},
            plan=plan,
        )
        W.add(
            "layer_norm", lambda o, a, w: F.layer_norm(a, w.shape, w, None, o["eps"]), [x(*shape), x(d)], {"eps": eps}
        )
    for offset in (1e4, 1e6):
        rows = np.round(np.random.default_rng(3).uniform(-2, 2, (3, 4)), 3) * (1 if offset < 1e5 else 100) + offset
        for dtypes in (("f64",), ("f32",)):
            W.add(
                "layer_norm",
                lambda o, a, w: F.layer_norm(a, w.shape, w, None, 1e-5),
                [given(rows), x(4)],
                {"eps": 1e-5},
                1,
                note="offset",
                plan="one",
                dtypes=dtypes,
            )
            W.add(
                "rms_norm",
                lambda o, a, w: F.rms_norm(a, w.shape, w, 1e-5),
                [given(rows), x(4)],
                {"eps": 1e-5},
                1,
                note="offset",
                plan="one",
                dtypes=dtypes,
            )
    rows = [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [NAN, 1.0, 2.0], [1e-20, 0.0, 0.0]]
    W.add(
        "rms_norm",
        lambda o, a, w: F.rms_norm(a, w.shape, w, 1e-6),
        [given(rows), given([1.0, -0.5, 2.0])],
        {"eps": 1e-6},
        1,
        note="special",
        plan="one",
        dtypes=("f64", "f32", "bf16"),
    )
    W.add(
        "layer_norm",
        lambda o, a, w, b: F.layer_norm(a, w.shape, w, b, 1e-5),
        [given(rows), given([1.0, -0.5, 2.0]), given([0.5, 0.0, -1.0])],
        {"eps": 1e-5},
        1,
        note="special",
        plan="one",
        dtypes=("f64", "f32", "bf16"),
    )
    for turn, (shape, groups, affine, eps) in enumerate(
        [((1, 2, 3), 2, 2, 1e-5), ((1, 4), 2, 1, 0.1), ((1, 2, 2, 2), 1, 0, 1e-3), ((0, 2, 2), 2, 2, 1e-5)]
    ):
        W.add(
            "group_norm",
            lambda o, a, *wb: F.group_norm(a, o["groups"], *wb, eps=o["eps"]),
            [x(*shape)] + [x(shape[1])] * affine,
            {"groups": groups, "eps": eps},
            plan="full" if turn == 0 else "one",
            dtypes=FLOATS if turn == 0 else ("f64",),
        )
    for turn, (shape, axis, eps) in enumerate(
        [((2, 2), -1, 1e-12), ((1, 2, 2), 1, 2.0), ((0, 3), 1, 1e-12), ((4,), 0, 0.5)]
    ):
        opt, plan = {"axis": axis, "eps": eps}, {"plan": "full"} if turn == 0 else {"plan": "one", "dtypes": ("f64",)}
        W.add("l2_normalize", lambda o, a: F.normalize(a, dim=o["axis"], eps=o["eps"]), [x(*shape)], opt, **plan)
        # PyTorch differentiates a norm below eps as if it were not raised to it.
        opt = {"axis": axis, "eps": min(eps, 1e-8)}
        W.add(
            "cosine_similarity",
            lambda o, a, b: F.cosine_similarity(a, b, o["axis"], o["eps"]),
            [x(*shape), x(*shape[1:] if turn == 1 else shape)],
            opt,
            **plan,
        )
    zeros = [[0.0, 0.0], [3.0, 4.0]]
    opt = {"axis": -1, "eps": 0.5}
    W.add("l2_normalize", lambda o, a: F.normalize(a, eps=o["eps"]), [given(zeros)], opt, 0, plan="one")
    W.add(
        "cosine_similarity",
        lambda o, a, b: F.cosine_similarity(a, b, o["axis"], o["eps"]),
        [given(zeros), given([[1.0, 2.0], [0.1, 0.2]])],
        opt,
        0,
        plan="one",
    )
    for turn, shape in enumerate(SHAPES):
        W.add(
            "swiglu",
            lambda o, g, u: F.silu(g) * u,
            [x(*shape, low=-6, high=6), x(*shape)],
            plan="full" if turn == 0 else "short",
        )
    W.add(
        "swiglu",
        lambda o, g, u: F.silu(g) * u,
        [given([-100.0, 100.0, -20.0, 0.0, -0.0, 1e4, -1e4]), given([2.0, 2.0, 1e4, 3.0, 3.0, 0.5, 3.0])],
        order=1,
        note="tails",
        plan="one",
    )


def losses():
    def f32_loss(dtypes):
        return "f64" if "f64" in dtypes else "f32"

    def cross_entropy(o, logits, targets, *weight):
        """A row that does not count is not read, and gets no gradient: PyTorch makes NaN of its NaN."""
        rows, flat_targets = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1).long()
        reduction = o.get("reduction", "mean")
        ignore = o.get("ignore_index", -100)
        rows = torch.where((flat_targets == ignore)[:, None], 0, rows)
        loss = F.cross_entropy(rows, flat_targets, *weight, ignore_index=ignore, reduction=reduction)
        return loss.reshape(targets.shape) if reduction == "none" else loss

    def linear_cross_entropy(o, a, w, targets, *weight):
        """The logits have the dtype of x and weight."""
        logits = a @ w.T
        stored = torch.from_numpy(rounded(logits.numpy(force=True), o["_dtype"]))
        return cross_entropy(o, logits + (stored - logits).detach(), targets, *weight)

    variants = [
        ({}, (3,)),
        ({"reduction": "sum"}, (2, 2)),
        ({"reduction": "none"}, (4,)),
        ({"ignore_index": 1}, (6,)),
        ({"ignore_index": 1, "reduction": "none"}, (2, 3)),
        ({"ignore_index": -1, "reduction": "sum", "_set": -1}, (5,)),
        ({"_set": -100}, (4,)),
        ({}, ()),
        ({"reduction": "sum"}, (0,)),
        ({"reduction": "none"}, (0,)),
    ]
    for weighted in (False, True):
        for turn, (opt, shape) in enumerate(variants):
            v = 4
            targets = integers(*shape, high=v, kind="i64" if turn % 2 else "i32")
            if "_set" in opt:
                values = np.random.default_rng(turn).integers(0, v, shape)
                values[::2] = opt["_set"]
                targets = given(values, "i64")
            # Class weights have the loss's dtype: f32 beside bf16 and f16.
            for kind, dtypes in (("f64", ("f64",)), ("f32", ("f32", "bf16", "f16"))) if weighted else ((None, FLOATS),):
                extra = [In(kind, (v,), 0.1, 2, grad=False)] if weighted else []
                plan = "full" if turn == 0 else "short"
                W.add(
                    "cross_entropy",
                    cross_entropy,
                    [x(*shape, v), targets] + extra,
                    opt,
                    out=f32_loss,
                    plan=plan,
                    dtypes=dtypes,
                )
                W.add(
                    "linear_cross_entropy",
                    linear_cross_entropy,
                    [x(*shape, 3), x(v, 3), targets] + extra,
                    opt,
                    out=f32_loss,
                    plan=plan,
                    dtypes=dtypes,
                )
    for offset in (1e4, -1e4, 1e6):
        rows = np.round(np.random.default_rng(5).uniform(-2, 2, (3, 4)), 3) + offset
        for values in (rows, np.full((3, 4), offset)):
            for reduction in ("mean", "none"):
                W.add(
                    "cross_entropy",
                    cross_entropy,
                    [given(values), given([0, 3, 1], "i64")],
                    {"reduction": reduction},
                    1,
                    f32_loss,
                    "offset",
                    "one",
                    ("f64", "f32", "bf16"),
                )
    # All targets ignored.
    for reduction in ("mean", "sum", "none"):
        W.add(
            "cross_entropy",
            cross_entropy,
            [x(3, 4), given([-100] * 3, "i64")],
            {"reduction": reduction},
            1,
            f32_loss,
            "ignored",
            "one",
        )
        W.add(
            "linear_cross_entropy",
            linear_cross_entropy,
            [x(3, 2), x(4, 2), given([-100] * 3, "i64")],
            {"reduction": reduction},
            1,
            f32_loss,
            "ignored",
            "one",
        )
    # Infinite logits; NaN in a row that does not count.
    rows = [[-INF, 1.0, 2.0], [NAN, NAN, NAN], [0.0, -INF, 1.0]]
    W.add(
        "cross_entropy",
        cross_entropy,
        [given(rows), given([1, -100, 2], "i64")],
        {"reduction": "sum"},
        1,
        f32_loss,
        "special",
        "one",
    )
    W.add(
        "cross_entropy",
        cross_entropy,
        [given(rows), given([1, -100, 0], "i64")],
        {"reduction": "mean"},
        1,
        f32_loss,
        "special",
        "one",
    )
    W.add(
        "cross_entropy",
        cross_entropy,
        [given([[0.0, 300.0], [300.0, 0.0]]), given([0, 0], "i32")],
        {"reduction": "none"},
        1,
        f32_loss,
        "peaked",
        "one",
    )
    for first, weights in ((0, [0.0, 1.0, 0.5]), (0, [-0.5, 1.0, 2.0]), (1, [NAN, 1.0, 2.0])):
        for kind, dtypes in (("f64", ("f64",)), ("f32", ("f32", "bf16"))):
            W.add(
                "cross_entropy",
                cross_entropy,
                [x(4, 3), given([first, 1, 2, first], "i64"), given(weights, kind, grad=False)],
                {"reduction": "mean"},
                1,
                f32_loss,
                "weights",
                "one",
                dtypes,
            )


def attention_reference(o, q, k, v, *extra):
    """y and lse, by a mask of all scores."""
    given_names = o.get("extra", "").split() or ["mask" if e.dtype == torch.bool else "bias" for e in extra]
    e = dict(zip(given_names, extra))
    batch, heads, t, s = q.shape[0], q.shape[1], q.shape[2], k.shape[2]
    scale = o.get("scale", 1 / math.sqrt(max(q.shape[-1], 1)))
    k, v = (x.repeat_interleave(heads // k.shape[1], 1) for x in (k, v))
    scores = q @ k.transpose(-1, -2) * scale
    if "softcap" in o:
        scores = o["softcap"] * torch.tanh(scores / o["softcap"])

    def per_query(name, missing):
        value = e.get(name, torch.tensor(missing)).to(torch.int64)
        return value.broadcast_to(batch, t).reshape(batch, 1, t, 1)

    own = per_query("position", 0) if "position" in e else torch.arange(t).reshape(1, 1, t, 1) + s - t
    key = torch.arange(s)
    seen = torch.ones(batch, 1, t, s, dtype=torch.bool)
    if o.get("causal"):
        seen = key <= own
        if o.get("window"):
            seen = seen & (key > own - o["window"])
        seen = seen | (key < per_query("prefix", 0))
    seen = seen & (key >= per_query("begin", 0)) & (key < per_query("end", s))
    seen = seen & e.get("mask", torch.tensor(True))
    plain = not e.keys() & {"bias", "distance_bias"} and "softcap" not in o
    if "bias" in e:
        scores = scores + e["bias"]
    if "distance_bias" in e:
        m = (e["distance_bias"].shape[1] + 1) // 2
        scores = scores + e["distance_bias"][:, (key - own).clamp(1 - m, m - 1)[:, 0] + m - 1].transpose(0, 1)
    scores = scores.masked_fill(~seen, -INF)
    blind = (scores == -INF).all(-1, keepdim=True)
    weights = torch.softmax(scores.masked_fill(blind, 0), -1).masked_fill(blind, 0)
    y = weights @ v
    if not blind.any() and q.numel() and plain:  # PyTorch's own, where it takes the case
        own_y = F.scaled_dot_product_attention(q, k, v, attn_mask=seen, scale=scale)
        assert torch.allclose(own_y, y, rtol=1e-10, atol=1e-12)
    return y, torch.logsumexp(scores, -1)


def attention_rules():
    """Window, prefix, documents, positions and biases by distance: those of attention() that its masks don't say."""
    shapes = ((2, 2, 3, 2), (2, 1, 5, 2), (2, 1, 5, 1))
    qkv = [x(*s) for s in shapes]

    def i32(values):
        return given(values, "i32")

    def rows(o, *tensors):
        return attention_reference(o, *tensors)[0]

    packed = [i32([[0, 0, 2], [1, 1, 4]]), i32([[2, 2, 5], [4, 4, 5]])]
    cases = [
        ({"causal": 1, "window": 2}, []),
        ({"causal": 1, "extra": "prefix"}, [i32([[4], [0]])]),
        ({"extra": "end"}, [i32([[3], [1]])]),
        ({"extra": "begin end"}, packed),
        ({"causal": 1, "extra": "begin", "softcap": 1.5, "scale": 0.9}, packed[:1]),
        ({"causal": 1, "window": 3, "extra": "position"}, [i32([4, 0, 2])]),
        ({"extra": "distance_bias"}, [x(2, 9)]),
        ({"causal": 1, "extra": "distance_bias position"}, [x(2, 9), i32([[4, 9, 2], [3, 1, -7]])]),
        ({"extra": "bias mask", "softcap": 2}, [x(2, 1, 5), given([[1, 0, 1, 1, 0]] * 3, "bool")]),
    ]
    for opt, extra in cases:
        W.add("scaled_dot_product_attention", rows, qkv + extra, opt, note="rule")

    def merged(o, *parts):
        weights = torch.softmax(torch.stack(parts[1::2], -1), -1)
        return sum(y * weights[..., i, None] for i, y in enumerate(parts[::2]))

    for dtype in FLOATS:
        wide = "f64" if dtype == "f64" else "f32"
        for layout, (opt, extra) in enumerate((cases[0], cases[3], cases[7])[: 3 if dtype == "f64" else 1]):
            order = 2 if dtype == "f64" and layout == 0 else 1
            inputs = qkv + extra
            W.case("attention_with_lse", attention_reference, inputs, opt, dtype, 2 * layout, order, [dtype, wide], "")
        for layout in range(6 if dtype == "f64" else 2):
            order = 2 if dtype == "f64" and layout < 2 else 1
            parts = [p for _ in range(2 + layout % 2) for p in (x(1, 2, 3, 2), In(wide, (1, 2, 3)))]
            W.case("merge_attention", merged, parts, {}, dtype, layout, order, dtype, "")
    nothing = given([[[-INF, 0.5, -INF], [1.0, -INF, -2.0]]], "f64", grad=False)
    something = given([[[0.25, 0.5, 1.0], [1.0, 0.0, -2.0]]], "f64", grad=False)
    parts = [x(1, 2, 3, 2), nothing, x(1, 2, 3, 2), something]
    W.case("merge_attention", merged, parts, {}, "f64", 0, 1, "f64", "blind")


def attention():
    def reference(o, *tensors):
        return attention_reference(o, *tensors)[0]

    for turn, (opt, shapes) in enumerate(
        [
            ({}, ((1, 2, 3, 4), (1, 2, 5, 4), (1, 2, 5, 3))),
            ({"causal": 1}, ((1, 2, 3, 4), (1, 1, 3, 4), (1, 1, 3, 4))),
            ({"scale": 1}, ((1, 1, 2, 3), (1, 1, 3, 3), (1, 1, 3, 2))),
            ({"scale": 0.3, "causal": 1}, ((2, 2, 2, 2), (2, 2, 4, 2), (2, 2, 4, 2))),
            ({"causal": 1}, ((1, 1, 4, 2), (1, 1, 2, 2), (1, 1, 2, 2))),
            ({}, ((1, 4, 2, 2), (1, 2, 3, 2), (1, 2, 3, 2))),
            ({}, ((1, 1, 2, 1), (1, 1, 3, 1), (1, 1, 3, 1))),
            ({}, ((1, 2, 0, 2), (1, 2, 3, 2), (1, 2, 3, 2))),
            ({}, ((1, 2, 2, 2), (1, 2, 0, 2), (1, 2, 0, 2))),
            ({}, ((1, 1, 1, 1),) * 3),
            ({"scale": 1, "causal": 1}, ((1, 1, 3, 1), (1, 1, 3, 1), (1, 1, 3, 1))),
        ]
    ):
        W.add(
            "scaled_dot_product_attention",
            reference,
            [x(*s) for s in shapes],
            opt,
            plan="full" if turn < 2 else "short",
        )
        heads, t, s = shapes[0][1], shapes[0][2], shapes[1][2]
        if 0 in (t, s):
            continue
        seen = np.random.default_rng(turn).random((t, s)) < 0.6
        W.add(
            "scaled_dot_product_attention", reference, [x(*s) for s in shapes] + [given(seen, "bool")], opt, note="mask"
        )
        W.add(
            "scaled_dot_product_attention",
            reference,
            [x(*s) for s in shapes] + [x(heads, t, s, grad=turn % 2 == 0)],
            opt,
            note="bias",
        )
    ones = [given(np.ones((1, 1, 1, 1))), given(np.ones((1, 1, 2, 1))), given(np.array([1.0, 3.0]).reshape(1, 1, 2, 1))]
    for scale in (0, 1, 2):
        W.add(
            "scaled_dot_product_attention",
            reference,
            ones + [given([[True, False]], "bool")],
            {"scale": scale},
            note="one_seen",
            plan="one",
        )
    for mask in ((2, 1, 2, 3), (1, 2, 1, 3), (2, 1), (3,)):  # what broadcasts to the scores
        qkv = [x(2, 2, 2, 2), x(2, 1, 3, 2), x(2, 1, 3, 2)]
        W.add("scaled_dot_product_attention", reference, qkv + [x(*mask)], {}, note="bias")
        seen = np.random.default_rng(len(mask)).random(mask) < 0.7
        W.add("scaled_dot_product_attention", reference, qkv + [given(seen, "bool")], {"causal": 1}, note="mask")
    blind = given([[True, False, True], [False, False, False]], "bool")
    W.add(
        "scaled_dot_product_attention",
        reference,
        [x(1, 1, 2, 2), x(1, 1, 3, 2), x(1, 1, 3, 2), blind],
        {},
        note="blind",
        plan="one",
    )
    bias = given([[0.0, -INF, 0.5], [-INF, -INF, -INF]], grad=False)
    W.add(
        "scaled_dot_product_attention",
        reference,
        [x(1, 1, 2, 2), x(1, 1, 3, 2), x(1, 1, 3, 2), bias],
        {},
        order=1,
        note="blind",
        plan="one",
    )
    # Large scores, and large masks on small ones: all exact, so that only their sums are rounded.
    large = [given(np.full((1, 1, 2, 2), 1000.0)), given(1000 + np.arange(6.0).reshape(1, 1, 3, 2) * 8), x(1, 1, 3, 2)]
    W.add(
        "scaled_dot_product_attention",
        reference,
        large,
        {"scale": 2.0**-10},
        order=1,
        note="offset",
        plan="one",
        dtypes=("f64", "f32", "bf16"),
    )
    rng = np.random.default_rng(9)
    small = [given(rng.integers(-3, 4, shape) / 2) for shape in ((1, 1, 2, 2), (1, 1, 3, 2))]
    mask = given(8192.0 + rng.integers(-2, 3, (2, 3)), grad=True)
    for order, dtypes in ((2, ("f64", "f32")), (1, ("f16",))):
        W.add(
            "scaled_dot_product_attention",
            reference,
            small + [x(1, 1, 3, 2), mask],
            {"scale": 0.5},
            order=order,
            note="offset",
            plan="one",
            dtypes=dtypes,
        )


def add():
    products()
    convolutions()
    norms()
    losses()
    attention()
    attention_rules()
