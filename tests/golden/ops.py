#!/usr/bin/env python3
"""Writes ops.jsonl: small cases of every op of tensor/ops and what PyTorch makes of them in f64.

    python3 -m venv venv && venv/bin/pip install torch==2.15.0 numpy==2.4.6 scipy==1.17.1
    venv/bin/python tests/golden/ops.py

Values of an input are exact in its dtype; expected values are computed in f64 and rounded once to the dtype of the
result. NumPy stands in where PyTorch has no such op. Each case is seeded by its own name, so that a new one changes no
other. `weight` is the grad_output of each result, `weight2` that of each first gradient, `grad2` the gradient of
<weight2, grad> to the inputs of `wrt` and then to `weight`.
"""

import os

import torch

import ops_arrange
import ops_data
import ops_elementwise
import ops_folds
import ops_layers
import ops_linalg
import ops_loss
import ops_order
import ops_pointwise
import ops_reduce
import ops_state
from ops_cases import W


def main():
    torch.set_num_threads(1)
    for family in (
        ops_pointwise,
        ops_reduce,
        ops_layers,
        ops_data,
        ops_state,
        ops_elementwise,
        ops_folds,
        ops_arrange,
        ops_order,
        ops_loss,
        ops_linalg,
    ):
        family.add()
    assert len({line.split('"')[3] for line in W.lines}) == len(W.lines)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ops.jsonl")
    with open(path, "w") as out:
        out.write("\n".join(W.lines) + "\n")
    print(
        f"{len(W.lines)} cases of {len(W.counts)} ops, {W.second} of second order, {os.path.getsize(path) / 1e6:.1f} MB"
    )


if __name__ == "__main__":
    main()
