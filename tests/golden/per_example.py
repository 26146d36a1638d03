"""Gradients of each example's loss, by a loop over the examples and by torch.func (vmap of grad), for
autograd/per_example_test.cc: a small classifier of sequences in f64.

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch safetensors numpy
      /tmp/venv/bin/python per_example.py      writes per_example.safetensors next to this file
Made with torch 2.15.0 (CPU), safetensors 0.8.0.
"""

import os

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
B, T, V, D, H, CLASSES = 4, 3, 6, 3, 5, 3


def loss(p, ids, target):
    """Of one example: ids [T], target []. Mean of the embeddings, a hidden layer, cross-entropy."""
    x = F.embedding(ids, p["embedding"]).mean(0)
    hidden = torch.tanh(F.linear(x, p["weight_1"], p["bias_1"]))
    return F.cross_entropy(F.linear(hidden, p["weight_2"], p["bias_2"]), target)


def main():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(5)
    shapes = {"embedding": (V, D), "weight_1": (H, D), "bias_1": (H,), "weight_2": (CLASSES, H), "bias_2": (CLASSES,)}
    parameters = {name: torch.randn(shape) for name, shape in shapes.items()}
    ids, targets = torch.randint(0, V, (B, T)), torch.randint(0, CLASSES, (B,))

    rows = []
    for b in range(B):
        leaves = {name: p.clone().requires_grad_() for name, p in parameters.items()}
        grads = torch.autograd.grad(loss(leaves, ids[b], targets[b]), list(leaves.values()))
        rows.append(dict(zip(leaves, grads)))
    looped = {name: torch.stack([row[name] for row in rows]) for name in parameters}
    mapped = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(parameters, ids, targets)
    for name in parameters:
        assert (looped[name] - mapped[name]).abs().max() < 1e-14, name

    out = {"ids": ids, "targets": targets}
    out.update({f"parameter.{name}": p for name, p in parameters.items()})
    out.update({f"gradient.{name}": g for name, g in looped.items()})
    save_file(out, os.path.join(HERE, "per_example.safetensors"))


main()
