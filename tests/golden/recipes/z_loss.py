"""Reference values of examples/z_loss, from the formula: mean of (log sum exp logits)^2, with its gradient by PyTorch's
autograd, in f64.

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy torch && /tmp/venv/bin/python z_loss.py
"""
import numpy
import recipe_values
import torch

random = numpy.random.default_rng(1)
cases = []
for shape, scale, offset in (((1, 1), 1, 0), ((3, 7), 1, 0), ((2, 129), 5, 0), ((4, 5), 1, 1000), ((1, 6), 300, -50)):
    logits = torch.tensor(scale * random.standard_normal(shape) + offset, requires_grad=True)
    loss = torch.logsumexp(logits, -1).square().mean()
    loss.backward()
    cases.append({"shape": shape, "logits": logits.detach().flatten(), "loss": loss.detach(),
                  "gradient": logits.grad.flatten()})

recipe_values.write(__file__, {"squared_log_z": cases}, numpy, torch)
