"""Blocks of the gguf package and of bitsandbytes, for quantize_test.cc: what they make of values, and values of blocks.

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install gguf bitsandbytes torch safetensors numpy
      /tmp/venv/bin/python quantize.py      writes quantize.safetensors next to this file
Made with gguf 0.19.0, bitsandbytes 0.50.2 (CPU), torch 2.15.0, safetensors 0.8.0, numpy 2.4.6.

  <format>.bytes, <format>.values   blocks of random bytes, some with extreme f16 numbers, and what they stand for
  <format>.x, <format>.blocks       values and what the quantiser makes of them
  nf4.values, nf4.scales            what nf4.blocks stand for; their scales by double quantisation
"""

import os

import gguf
import numpy as np
import torch
from bitsandbytes import functional
from gguf import GGMLQuantizationType as Q
from safetensors.numpy import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
# Where the f16 numbers of a block stand.
HALVES = {
    Q.Q4_0: [0],
    Q.Q4_1: [0, 2],
    Q.Q5_0: [0],
    Q.Q5_1: [0, 2],
    Q.Q8_0: [0],
    Q.Q4_K: [0, 2],
    Q.Q5_K: [0, 2],
    Q.Q6_K: [208],
}
# 1, subnormals, the largest, zeros, infinities, NaN, 0.05.
SCALES = np.array(
    [0x3C00, 0x0001, 0x8003, 0x03FF, 0x7BFF, 0xFBFF, 0x0000, 0x8000, 0x7C00, 0xFC00, 0x7E00, 0x2A66], np.uint16
)


def blocks_of_bytes(rng, kind):
    _, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (len(SCALES), size), dtype=np.uint8)
    for turn, at in enumerate(HALVES[kind]):
        blocks[:, at : at + 2] = np.roll(SCALES, -5 * turn).view(np.uint8).reshape(-1, 2)
    return blocks


def values(rng, width, codes):
    normal = rng.standard_normal((4, width))
    grid = rng.integers(-codes, codes + 1, (2, width)) * [[0.5], [0.25]]  # ties
    grid[:, 0] = -codes * np.array([0.5, 0.25])
    rows = [
        normal * 0.02,
        grid,
        np.zeros((1, width)),
        np.full((1, width), -0.375),
        normal[:1] * 1e-6,
        normal[:1] * 1e-7,  # f16 subnormals
        normal[:1] * 1e4,
        np.abs(normal[:1]),
        np.where(np.arange(width) == 3, 7.0, 0.0)[None],
    ]
    return np.concatenate(rows).astype(np.float32)


def main():
    out = {}
    rng = np.random.default_rng(7)
    with np.errstate(all="ignore"):
        for kind in HALVES:
            name = kind.name.lower()
            blocks = blocks_of_bytes(rng, kind)
            out[f"{name}.bytes"] = blocks
            out[f"{name}.values"] = gguf.dequantize(blocks, kind)
        for kind, codes in ((Q.Q4_0, 8), (Q.Q4_1, 7), (Q.Q5_0, 16), (Q.Q5_1, 15), (Q.Q8_0, 127)):
            name = kind.name.lower()
            out[f"{name}.x"] = values(rng, 64, codes)
            out[f"{name}.blocks"] = gguf.quantize(out[f"{name}.x"], kind)

    x = rng.standard_normal((300, 64)).astype(np.float32) * np.exp(rng.standard_normal((300, 1))).astype(np.float32)
    x[5] = 0
    codes, state = functional.quantize_4bit(torch.from_numpy(x), blocksize=64, quant_type="nf4")
    absmax = state.absmax.numpy().astype(np.float32).reshape(-1, 1)
    out["nf4.x"] = x
    out["nf4.blocks"] = np.concatenate([codes.numpy().reshape(-1, 32), absmax.view(np.uint8)], axis=1)
    out["nf4.values"] = functional.dequantize_4bit(codes, state).numpy()
    codes, state = functional.quantize_4bit(
        torch.from_numpy(x), blocksize=64, quant_type="nf4", compress_statistics=True
    )
    out["nf4.scales"] = (functional.dequantize_blockwise(state.absmax, state.state2) + state.offset).numpy()
    save_file({k: np.ascontiguousarray(v) for k, v in out.items()}, os.path.join(HERE, "quantize.safetensors"))


if __name__ == "__main__":
    main()
