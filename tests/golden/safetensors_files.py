"""A file of the Python package safetensors, for tensor/io/safetensors_test.cc, and the check that it reads ours.

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy safetensors ml_dtypes
      /tmp/venv/bin/python safetensors_files.py             writes safetensors/python.safetensors next to this file
      /tmp/venv/bin/python safetensors_files.py check FILE  reads a file that Roux wrote: safetensors_test writes one to
                                                            $TEST_TMPDIR/all_dtypes.safetensors
Made with safetensors 0.8.0, ml_dtypes 0.6.0, numpy 2.4.6.
"""
import os
import sys

import ml_dtypes
import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

HERE = os.path.dirname(os.path.abspath(__file__))
METADATA = {"format": "np", "text": 'quote " and Grüße'}


def tensors():
    """The values that safetensors_test.cc expects: small closed forms in every dtype."""
    i = np.arange(6).reshape(2, 3)
    return {
        "f32": (i / 4 - 0.5).astype(np.float32),
        "f64": i / 3,
        "bf16": (i * 1.5 - 2).astype(ml_dtypes.bfloat16),
        "f16": (i * 0.125).astype(np.float16),
        "i32": (i * -1000).astype(np.int32),
        "i64": i * 2**40 - 1,
        "u8": (i * 51).astype(np.uint8),
        "bool": i % 2 == 1,
        "scalar": np.array(2.5, np.float32),
        "no_rows": np.zeros((0, 3), np.float32),
        'layers.0.weight "quoted" ä': np.float32([1, -0.0, np.inf]),
    }


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "check":
        got, want = load_file(sys.argv[2]), tensors()
        assert got.keys() == want.keys(), (got.keys(), want.keys())
        for name, x in want.items():
            assert got[name].dtype == x.dtype and got[name].shape == x.shape, name
            assert got[name].tobytes() == x.tobytes(), name
        with safe_open(sys.argv[2], "np") as file:
            assert file.metadata() == METADATA, file.metadata()
        print("read", len(got), "tensors as expected")
        return
    path = os.path.join(HERE, "safetensors", "python.safetensors")
    save_file(tensors(), path, metadata=METADATA)


main()
