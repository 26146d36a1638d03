"""Recurrent networks of torch.nn in f64, for nn/rnn_test.cc: weights, inputs, outputs, states and the gradient of each.

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch safetensors numpy
      /tmp/venv/bin/python rnn.py      writes rnn.safetensors next to this file
Made with torch 2.15.0 (CPU), safetensors 0.8.0.
"""

import os

import torch
from safetensors.torch import save_file
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

HERE = os.path.dirname(os.path.abspath(__file__))
B, T, INPUTS, HIDDEN = 3, 4, 3, 2
LENGTHS = [2, 4, 1]

# name: module, options, whether rows have lengths, whether an initial state is given
CASES = {
    "tanh": (torch.nn.RNN, dict(), False, False),
    "relu": (torch.nn.RNN, dict(nonlinearity="relu", num_layers=2, bidirectional=True), True, True),
    "gru": (torch.nn.GRU, dict(), False, True),
    "gru_deep": (torch.nn.GRU, dict(num_layers=2, bidirectional=True), True, True),
    "lstm": (torch.nn.LSTM, dict(bias=False), True, False),
    "lstm_deep": (torch.nn.LSTM, dict(num_layers=2, bidirectional=True), True, True),
    "lstm_full": (torch.nn.LSTM, dict(num_layers=2, bidirectional=True), False, False),
}


def main():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(3)
    out = {"lengths": torch.tensor(LENGTHS)}
    for name, (kind, options, packed, given) in CASES.items():
        module = kind(INPUTS, HIDDEN, batch_first=True, **options)
        with torch.no_grad():
            for p in module.parameters():
                p.copy_(torch.randn(p.shape))
        directions = 2 if module.bidirectional else 1
        lstm = kind is torch.nn.LSTM
        x = torch.randn(B, T, INPUTS, requires_grad=True)
        state = [torch.randn(module.num_layers * directions, B, HIDDEN, requires_grad=True) for _ in range(1 + lstm)]
        start = (tuple(state) if lstm else state[0]) if given else None
        if packed:
            rows = pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
            y, end = module(rows, start)
            y, _ = pad_packed_sequence(y, batch_first=True)
        else:
            y, end = module(x, start)
        end = list(end) if lstm else [end]
        results = dict(zip(["y", "h", "c"], [y] + end))
        # One number to differentiate: each result times a weight for each of its elements.
        loss = 0
        for key, value in results.items():
            weight = torch.randn(value.shape)
            out[f"{name}.{key}"] = value.detach()
            out[f"{name}.weight_of.{key}"] = weight
            loss = loss + (value * weight).sum()
        loss.backward()
        out[f"{name}.x"], out[f"{name}.grad.x"] = x.detach(), x.grad
        if given:
            for key, value in zip(["h0", "c0"], state):
                out[f"{name}.{key}"], out[f"{name}.grad.{key}"] = value.detach(), value.grad
        for key, p in module.named_parameters():
            out[f"{name}.state_dict.{key}"], out[f"{name}.grad.{key}"] = p.detach(), p.grad
    save_file({key: value.contiguous() for key, value in out.items()}, os.path.join(HERE, "rnn.safetensors"))


main()
